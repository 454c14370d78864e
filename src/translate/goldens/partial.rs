//! Whatever answers are missing for a moment: a workload object that was delivered stays as it is.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Known, answered, cases, read};
use crate::argo::Application;
use crate::flux::Manifest;
use crate::translate::{Context, Translation, translate};

/// Without the answer of that number; `None` when there are fewer.
fn without(context: &Context, number: usize) -> Option<Context> {
    let mut context = context.clone();
    let mut left = number;
    macro_rules! forget {
        ($($answers:expr),*) => {$(
            if let Some(key) = $answers.keys().nth(left).cloned() {
                $answers.remove(&key);
                return Some(context);
            }
            left -= $answers.len();
        )*};
    }
    forget!(
        context.objects,
        context.contents,
        context.rendered,
        context.refs,
        context.revisions,
        context.addresses
    );
    for files in context.files.values_mut() {
        if let Some(pattern) = files.keys().nth(left).cloned() {
            files.remove(&pattern);
            return Some(context);
        }
        left -= files.len();
    }
    None
}

fn workloads(translation: &Translation) -> Vec<&Manifest> {
    translation.objects.iter().filter(|object| object.key.kind.is_workload()).collect()
}

/// Nothing is said of workload objects while something is wanted, and what was not asked for changes nothing.
fn assert_stable(case: &str, whole: &Translation, context: &Context) {
    let partial = translate_case(case, context);
    if partial.wants.is_empty() {
        assert_eq!(partial.objects, whole.objects, "{case}");
    } else {
        assert_eq!(workloads(&partial), Vec::<&Manifest>::new(), "{case}: {:?}", partial.wants);
    }
}

fn application(case: &str) -> Application {
    read(&std::path::Path::new(case).join("application.yaml"))
}

fn translate_case(case: &str, context: &Context) -> Translation {
    translate(&application(case), context)
}

fn known(case: &str) -> Known {
    let file = std::path::Path::new(case).join("known.yaml");
    if file.exists() { read(&file) } else { Known::default() }
}

#[test]
fn one_answer_that_is_missing_changes_nothing_that_was_delivered() {
    let mut tried = 0;
    for case in cases() {
        let case = case.display().to_string();
        let (context, whole) = answered(&application(&case), &known(&case));
        for number in 0.. {
            let Some(partial) = without(&context, number) else { break };
            assert_stable(&case, &whole, &partial);
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} answers");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nor_do_several(case in any::<Index>(), missing in proptest::collection::vec(any::<Index>(), 2..6)) {
        let cases = cases();
        let case = case.get(&cases).display().to_string();
        let (mut context, whole) = answered(&application(&case), &known(&case));
        for number in missing {
            let count = (0..1_000).take_while(|number| without(&context, *number).is_some()).count();
            if count > 0 {
                context = without(&context, number.index(count)).unwrap();
            }
        }
        assert_stable(&case, &whole, &context);
    }
}
