//! The smallest case that still fails in the same way: whatever can be left out is left out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::case::Case;
use super::check::{Failure, check};

/// Tries this many smaller cases at most.
const MOST: usize = 4000;

/// Makes `case` smaller for as long as it fails as `failure` did.
pub fn shrink(case: &Case, failure: &Failure) -> Case {
    let mut best = case.clone();
    let mut left = MOST;
    let mut fails = |case: &Case| {
        left = left.saturating_sub(1);
        left > 0 && check(case).is_err_and(|found| found.kind == failure.kind)
    };
    loop {
        let smaller = candidates(&best).into_iter().find(|candidate| fails(candidate));
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Every case with one thing less, the larger things first.
fn candidates(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    if !case.files.is_empty() {
        all.push(Case { files: BTreeMap::new(), ..case.clone() });
    }
    for path in case.files.keys() {
        let mut files = case.files.clone();
        files.remove(path);
        all.push(Case { files, ..case.clone() });
    }
    if !case.refs.is_empty() {
        all.push(Case { refs: BTreeMap::new(), ..case.clone() });
    }
    all.extend(
        smaller(&Value::String(case.text.clone()))
            .into_iter()
            .filter_map(|text| text.as_str().map(|text| Case { text: text.to_owned(), ..case.clone() })),
    );
    for index in 0..case.secrets.len() {
        let mut less = case.clone();
        less.secrets.remove(index);
        all.push(less);
    }
    for (index, secret) in case.secrets.iter().enumerate() {
        for key in secret.data.keys() {
            let mut less = case.clone();
            less.secrets[index].data.remove(key);
            all.push(less);
        }
    }
    if !case.policies.is_empty() {
        all.push(Case { policies: Vec::new(), ..case.clone() });
    }
    let smaller = smaller(&case.application);
    all.extend(smaller.into_iter().map(|application| Case { application, ..case.clone() }));
    all
}

fn smaller(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Object(map) => {
            for key in map.keys() {
                let mut less = map.clone();
                less.remove(key);
                all.push(Value::Object(less));
            }
            for (key, item) in map {
                for item in smaller(item) {
                    let mut less = map.clone();
                    less.insert(key.clone(), item);
                    all.push(Value::Object(less));
                }
            }
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                let mut less = items.clone();
                less.remove(index);
                all.push(Value::Array(less));
            }
            for (index, item) in items.iter().enumerate() {
                for item in smaller(item) {
                    let mut less = items.clone();
                    if let Some(place) = less.get_mut(index) {
                        *place = item;
                    }
                    all.push(Value::Array(less));
                }
            }
        }
        Value::String(text) if !text.is_empty() => {
            let letters: Vec<char> = text.chars().collect();
            let half = letters.len() / 2;
            all.push(Value::String(letters[..half].iter().collect()));
            all.push(Value::String(letters[half.max(1)..].iter().collect()));
            all.push(Value::String(letters[..letters.len() - 1].iter().collect()));
        }
        _ => {}
    }
    all
}
