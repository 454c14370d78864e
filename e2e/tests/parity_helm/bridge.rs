//! What the bridge makes of a case.

use flux_subsystem::translate::{
    Contents, Context, File, FilePattern, Form, RemoteRefs, Translation, Want, translate,
};

use crate::case::{CHART, CONTENTS, Case, REVISION, URL};

pub(crate) fn translated(case: &Case) -> Translation {
    let app = case.application();
    let mut names: Vec<&str> = case.files.keys().copied().collect();
    names.extend(["charts/shop/Chart.yaml", "charts/shop/files/note.txt", "shared/empty.txt"]);
    let refs = RemoteRefs {
        head: Some("refs/heads/main".to_owned()),
        refs: [("refs/heads/main".to_owned(), REVISION.to_owned())].into(),
    };
    let mut context = Context {
        control_namespace: "argocd".to_owned(),
        poll_interval: "120s".to_owned(),
        contents: [(0, Contents::of(names.iter().copied(), CHART, false))].into(),
        refs: [(URL.to_owned(), refs)].into(),
        ..Context::default()
    };
    loop {
        let translation = translate(&app, &context);
        let is_rendered = translation.wants.contains(&Want::Rendered { source: 0, form: Form::Own });
        if translation.wants.is_empty() || translation.has_errors() || is_rendered {
            return translation;
        }
        for want in &translation.wants {
            match want {
                Want::Revision { source } => {
                    context.revisions.insert(*source, REVISION.to_owned());
                }
                Want::Files { source, pattern } => {
                    let is_match = pattern.matcher().unwrap();
                    let mut found: Vec<(String, File)> = names
                        .iter()
                        .filter(|name| is_match(name))
                        .map(|name| {
                            let note =
                                CONTENTS.iter().find(|(_, path, _)| path == name).map(|(.., text)| *text);
                            let text = case.files.get(name).map(String::as_str).or(note).unwrap_or_default();
                            ((*name).to_owned(), File::Text(text.into()))
                        })
                        .collect();
                    found.sort_by(|(a, _), (b, _)| FilePattern::order(a, b));
                    let known = context.files.entry(*source).or_default();
                    assert!(
                        known.insert(pattern.clone(), found.into()).is_none(),
                        "{pattern:?} is asked for twice"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
