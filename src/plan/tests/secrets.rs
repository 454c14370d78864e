//! The Secrets that sources read: before them, with them, after them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Step, plan};
use super::words;
use crate::credentials::{LiveSecret, Repositories, SecretData};
use crate::mirror::Observed;
use crate::mirror::fixtures::{App, app, git_repository};
use crate::names;
use crate::translate::translate;

pub(super) const URL: &str = "https://git.example.org/demo.git";

fn private() -> App {
    app("demo").git().automated()
}

/// What Argo CD knows: a password for the repository.
pub(super) fn known(url: &str, password: &str) -> Repositories {
    let values = [("url", url), ("username", "me"), ("password", password)];
    let data: SecretData =
        values.into_iter().map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).collect();
    let labels = [(names::LABEL_ARGO_SECRET_TYPE.to_owned(), "repository".to_owned())].into();
    let secret = LiveSecret { name: "repo".into(), labels, data, ..LiveSecret::default() };
    Repositories::new([secret], String::new(), BTreeMap::new())
}

fn observed(app: &App, password: &str) -> Observed {
    let mut observed = app.observed();
    observed.context.repositories = Some(Arc::new(known(URL, password)));
    observed.translation = translate(&observed.app, &observed.context);
    assert_eq!(observed.translation.secrets.len(), 1, "{:?}", observed.translation.problems);
    observed
}

/// The wanted Secret as it stands in the cluster.
fn stored(observed: &Observed) -> LiveSecret {
    let manifest = &observed.translation.secrets[0];
    LiveSecret {
        name: manifest.name.clone(),
        uid: "secret".into(),
        resource_version: "7".into(),
        labels: manifest.labels.clone(),
        annotations: manifest.annotations.clone(),
        is_deleting: false,
        data: manifest.data.clone(),
    }
}

#[test]
fn a_secret_is_there_before_what_reads_it() {
    let words = words(&plan(&observed(&private(), "p")));
    let at = |word: &str| words.iter().position(|found| found == word);
    let (secret, source) = (at("ApplySecret"), at("ApplyObject GitRepository"));
    assert!(secret.is_some() && secret < source, "{words:?}");
}

#[test]
fn a_secret_that_is_as_wanted_is_left_alone_and_another_one_brought_up_to_date() {
    let mut same = observed(&private(), "p");
    same.secrets = vec![Arc::new(stored(&same))];
    assert!(!words(&plan(&same)).contains(&"ApplySecret".to_owned()));

    let mut rotated = observed(&private(), "new");
    let old = stored(&observed(&private(), "p"));
    let old = LiveSecret { data: old.data.with("surplus", "x"), ..old };
    rotated.secrets = vec![Arc::new(old)];
    let plan = plan(&rotated);
    let over = plan.steps.iter().find_map(|step| match step {
        Step::ApplySecret { over, .. } => over.clone(),
        _ => None,
    });
    let over = over.expect("a Secret over the one that is there");
    assert_eq!((over.uid.as_str(), over.surplus), ("secret", vec!["surplus".to_owned()]));
}

/// The source beside its Secret, unfetched.
fn failing(version: &str) -> Observed {
    let mut failing = observed(&private(), "p");
    let (key, object) = git_repository()
        .unfetched("GitOperationFailed", "authentication required")
        .build(&failing.translation.objects);
    assert_eq!(key.namespace, "argocd");
    failing.objects.insert(key, Arc::new(object));
    let secret = LiveSecret { resource_version: version.into(), ..stored(&failing) };
    failing.secrets = vec![Arc::new(secret)];
    failing
}

#[test]
fn what_failed_is_fetched_anew_once_with_each_version() {
    let request = |observed: &Observed| {
        plan(observed).steps.into_iter().find_map(|step| match step {
            Step::PatchObject { key, patch } if key.kind.is_source() => Some(patch),
            _ => None,
        })
    };
    let first = failing("7");
    let patch = request(&first).expect("a request");
    let version = patch["metadata"]["annotations"][names::ANNOTATION_CREDENTIALS].clone();
    let asked = |secret: &str| {
        let mut asked = failing(secret);
        for object in asked.objects.values_mut() {
            let annotations = Arc::make_mut(object).metadata.annotations.get_or_insert_default();
            annotations.insert(names::ANNOTATION_CREDENTIALS.into(), version.as_str().unwrap().into());
        }
        asked
    };
    assert_eq!(request(&asked("7")), None);
    assert!(request(&asked("8")).is_some());
}

#[test]
fn secrets_go_after_what_reads_them() {
    let app = private().cascading().deleting();
    let mut deleting = observed(&app, "p");
    deleting.secrets = vec![Arc::new(stored(&deleting))];
    let last = words(&plan(&deleting));
    assert!(last.contains(&"DeleteSecret".to_owned()), "{last:?}");
    assert!(!last.contains(&"PatchApplication".to_owned()), "the finalizer waits: {last:?}");

    let (key, object) = git_repository().build(&deleting.translation.objects);
    deleting.objects.insert(key, Arc::new(object));
    let before = words(&plan(&deleting));
    assert!(before.contains(&"DeleteObject GitRepository".to_owned()), "{before:?}");
    assert!(!before.contains(&"DeleteSecret".to_owned()), "{before:?}");
}
