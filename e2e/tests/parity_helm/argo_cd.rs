//! What Argo CD would run (argo-cd `util/helm/cmd.go`, `template`; `reposerver/repository/repository.go`), written anew.

use std::fs;
use std::path::Path;

use crate::case::{CHART, CONTENTS, Case, NAMED, REVISION};

/// The arguments of `helm` in the chart's folder, or why Argo CD would not run it.
pub(crate) fn arguments(case: &Case, repository: &Path) -> Result<Vec<String>, String> {
    let mut arguments: Vec<String> =
        ["template", ".", "--name-template", "shop", "--namespace", "prod"].map(str::to_owned).into();
    // In Go a map, whose last entry of a name stays.
    let last =
        |names: &[&String], index: usize| names[index + 1..].iter().all(|later| *later != names[index]);
    for (flag, is_text) in [("--set", false), ("--set-string", true)] {
        let chosen: Vec<_> = case.parameters.iter().filter(|(_, _, force)| *force == is_text).collect();
        let names: Vec<&String> = chosen.iter().map(|(name, ..)| name).collect();
        for (index, (name, value, _)) in chosen.iter().enumerate() {
            if last(&names, index) {
                arguments.extend([flag.to_owned(), format!("{name}={}", clean(&substitute(value)))]);
            }
        }
    }
    let names: Vec<&String> = case.file_parameters.iter().map(|(name, _)| name).collect();
    for (index, (name, path)) in case.file_parameters.iter().enumerate() {
        if last(&names, index) {
            let (_, path, _) = CONTENTS.iter().find(|(text, ..)| text == path).unwrap();
            let path = repository.join(path);
            arguments.extend(["--set-file".to_owned(), format!("{name}={}", clean(&path.to_string_lossy()))]);
        }
    }
    for path in value_files(case)? {
        arguments.extend(["--values".to_owned(), repository.join(path).to_string_lossy().into_owned()]);
    }
    let extra = match (&case.values_object, &case.values) {
        (Some(object), _) => Some(object.to_string()),
        (None, Some(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    if let Some(extra) = extra {
        let path = repository.join("extra-values");
        fs::write(&path, extra).unwrap();
        arguments.extend(["--values".to_owned(), path.to_string_lossy().into_owned()]);
    }
    arguments.push("--include-crds".to_owned());
    Ok(arguments)
}

fn value_files(case: &Case) -> Result<Vec<&'static str>, String> {
    let stands_for = |text: &str| NAMED.iter().find(|(named, _)| *named == text).unwrap().1;
    let is_pattern = |text: &str| text.contains(['*', '[']);
    let explicit: Vec<&str> = case
        .value_files
        .iter()
        .filter(|text| !is_pattern(text))
        .flat_map(|text| stands_for(text))
        .copied()
        .collect();
    let mut files: Vec<&'static str> = Vec::new();
    for text in &case.value_files {
        let meant = stands_for(text);
        if meant.is_empty() {
            return Err(format!("{text} is outside"));
        }
        let found: Vec<&'static str> = meant.iter().copied().filter(|path| case.exists(path)).collect();
        if found.is_empty() && !case.ignores_missing {
            return Err(format!("{text} matches nothing"));
        }
        for path in found {
            if !(files.contains(&path) || is_pattern(text) && explicit.contains(&path)) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

fn clean(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let letters: Vec<char> = value.chars().collect();
    let mut cleaned = String::new();
    for (index, letter) in letters.iter().enumerate() {
        if *letter == ',' && (index == 0 || letters[index - 1] != '\\') {
            cleaned.push('\\');
        }
        cleaned.push(*letter);
    }
    cleaned
}

/// Go's `os.Expand` with Argo CD's variables.
fn substitute(text: &str) -> String {
    let variable = |name: &str| match name {
        "ARGOCD_APP_NAME" => "shop",
        "ARGOCD_APP_NAMESPACE" => "prod",
        "ARGOCD_APP_PROJECT_NAME" => "default",
        "ARGOCD_APP_REVISION" => REVISION,
        "ARGOCD_APP_REVISION_SHORT" => &REVISION[..7],
        "ARGOCD_APP_SOURCE_PATH" => CHART,
        "$" => "$",
        _ => "",
    };
    let bytes: Vec<char> = text.chars().collect();
    let (mut result, mut at) = (String::new(), 0);
    while at < bytes.len() {
        if bytes[at] != '$' || at + 1 == bytes.len() {
            result.push(bytes[at]);
            at += 1;
            continue;
        }
        let rest = &bytes[at + 1..];
        let special = |c: char| "*#$@!?-0123456789".contains(c);
        if rest[0] == '{' {
            match rest.iter().position(|c| *c == '}') {
                Some(1) => at += 3,
                Some(end) => {
                    result.push_str(variable(&rest[1..end].iter().collect::<String>()));
                    at += end + 2;
                }
                None => at += 2,
            }
        } else if special(rest[0]) {
            result.push_str(variable(&rest[0].to_string()));
            at += 2;
        } else {
            let end =
                rest.iter().position(|c| !(c.is_ascii_alphanumeric() || *c == '_')).unwrap_or(rest.len());
            if end == 0 {
                result.push('$');
            } else {
                result.push_str(variable(&rest[..end].iter().collect::<String>()));
            }
            at += end + 1;
        }
    }
    result
}
