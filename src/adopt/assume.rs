//! What the controller knew when it applied what is there: found again by the fingerprints on the live objects, where
//! neither the repository nor the artifact can be looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DynamicObject;
use serde_json::Value;

use crate::argo::{Application, ApplicationSource};
use crate::flux::fields::{self, Field};
use crate::flux::{FluxKind, Live, ObjectKey};
use crate::mirror::compare;
use crate::mirror::leg::value_revision;
use crate::mirror::revision::bare;
use crate::names;
use crate::translate::{
    Contents, Context, PathKind, RemoteRefs, RenderedSource, Translation, rendered_source, taken_out,
    translate, waiting,
};

/// Of all contexts that are likely the one under which most live objects carry the fingerprint of what is wanted.
///
/// `known` is what does not have to be guessed: settings and policies. `polls` are the likely poll intervals, the likeliest
/// first, as Flux durations.
pub fn context(
    app: &Application,
    known: &Context,
    polls: &[String],
    objects: &BTreeMap<ObjectKey, DynamicObject>,
) -> Context {
    let nothing = (0..app.sources().len()).map(|index| (index, Ok(Vec::new())));
    let discovered: BTreeMap<usize, String> =
        (0..app.sources().len()).filter_map(|index| Some((index, word(app, index)?.to_owned()))).collect();
    let mut known =
        Context { contents: contents(app, objects), objects: nothing.collect(), ..rendered(known, objects) };
    known.discovered = Some(discovered).filter(|words| words.values().any(|word| word == "Plugin"));
    let mut best = known.clone();
    let mut most = None;
    for poll in polls {
        let mut context = Context { poll_interval: poll.clone(), ..known.clone() };
        let mut hits = hits(app, &context, objects);
        // One repository after the other: what is likely of one says nothing about the rest.
        for source in app.sources() {
            for refs in refs(source, objects) {
                let mut likely = context.clone();
                let all = likely.refs.entry(source.repo_url.clone()).or_default();
                all.refs.extend(refs.refs);
                all.head = refs.head.or_else(|| all.head.take());
                let found = self::hits(app, &likely, objects);
                if found > hits || !context.refs.contains_key(&source.repo_url) {
                    (context, hits) = (likely, found);
                }
            }
        }
        if most.is_none_or(|most| hits > most) {
            (best, most) = (context, Some(hits));
        }
    }
    let known = shared(app, best, objects);
    waiting(app, known, objects)
}

/// Which workload objects Flux waits for, whoever asked for it.
fn waiting(app: &Application, known: Context, objects: &BTreeMap<ObjectKey, DynamicObject>) -> Context {
    let wanted = translate(app, &known).objects;
    let is_waiting = |manifest: &&crate::flux::Manifest| {
        let live = objects.get(&manifest.key).map(|object| Live { kind: manifest.key.kind, object });
        let told = waiting::told(manifest, true).filter(|told| told != *manifest);
        live.zip(told).is_some_and(|(live, told)| compare::is_of_this_wish(&told, live))
    };
    let awaited = wanted.iter().filter(is_waiting).map(|manifest| manifest.key.clone()).collect();
    Context { awaited, ..known }
}

/// What several sources hold, by what the live workload objects leave out: it is the last one's, which is enough to have the
/// others leave it out again.
fn shared(app: &Application, known: Context, objects: &BTreeMap<ObjectKey, DynamicObject>) -> Context {
    let translation = translate(app, &known);
    let mut context = known;
    for (index, route) in translation.routes.iter().enumerate() {
        let wanted = translation.objects.iter().find(|object| Some(&object.key) == route.workload.as_ref());
        let Some((wanted, live)) = wanted.and_then(|wanted| Some((wanted, objects.get(&wanted.key)?))) else {
            continue;
        };
        let added = patches(&live.data["spec"]);
        let own = patches(&wanted.spec);
        let added: Vec<Value> = added.into_iter().filter(|patch| !own.contains(patch)).collect();
        let taken = taken_out(&added, wanted.key.kind);
        let last = app.sources().iter().rposition(|source| !source.is_only_referred_to());
        for source in [Some(index), last].into_iter().flatten().filter(|_| !taken.is_empty()) {
            if let Some(rendered) = context.rendered.get_mut(&source) {
                Arc::make_mut(&mut rendered.objects).extend(taken.clone());
            } else if let Ok(held) = context.objects.entry(source).or_insert_with(|| Ok(Vec::new())) {
                held.extend(taken.clone());
            }
        }
    }
    context
}

/// Every patch of a workload object.
fn patches(spec: &Value) -> Vec<Value> {
    let lists = [spec.get("postRenderers"), Some(spec)].into_iter().flatten();
    let each = lists.flat_map(|list| match list {
        Value::Array(renderers) => {
            renderers.iter().filter_map(|one| one.pointer("/kustomize/patches")).collect()
        }
        spec => spec.get("patches").into_iter().collect::<Vec<_>>(),
    });
    each.filter_map(Value::as_array).flatten().cloned().collect()
}

/// What the repo-server rendered, by the objects that fetch it.
fn rendered(known: &Context, objects: &BTreeMap<ObjectKey, DynamicObject>) -> Context {
    let mut context = known.clone();
    let found = objects.values().filter_map(|object| {
        object.metadata.annotations.as_ref()?.get(names::ANNOTATION_RENDERED)?;
        let text = |field: Field| object.data.pointer(field.pointer()).and_then(Value::as_str);
        let (address, repository) = text(fields::URL)?.strip_prefix("oci://")?.split_once('/')?;
        Some((address.to_owned(), rendered_source(repository)?, text(fields::REFERENCE_DIGEST)?.to_owned()))
    });
    for (address, source, digest) in found {
        context.artifact_address = address;
        context.rendered.insert(source, RenderedSource { digest, ..RenderedSource::default() });
    }
    context
}

/// How many live objects carry the fingerprint of what is wanted under `context`.
fn hits(app: &Application, context: &Context, objects: &BTreeMap<ObjectKey, DynamicObject>) -> usize {
    let wanted = translate(app, context).objects;
    let is_hit = |manifest: &&crate::flux::Manifest| {
        objects.get(&manifest.key).is_some_and(|object| {
            compare::is_of_this_wish(manifest, Live { kind: manifest.key.kind, object })
        })
    };
    wanted.iter().filter(is_hit).count()
}

/// What each path is, by what the status says of it, or else by the objects that deliver, where all are of one kind.
fn contents(app: &Application, objects: &BTreeMap<ObjectKey, DynamicObject>) -> BTreeMap<usize, Contents> {
    let has = |kind| objects.keys().any(|key| key.kind == kind);
    let only = match (has(FluxKind::HelmRelease), has(FluxKind::Kustomization)) {
        (true, false) => Some(PathKind::Chart),
        (false, true) => Some(PathKind::Kustomization),
        _ => None,
    };
    let kind = |index: usize| match word(app, index) {
        Some("Helm") => Some(PathKind::Chart),
        Some("Kustomize") => Some(PathKind::Kustomization),
        // Whatever a plugin finds it is not looked into.
        Some("Directory" | "Plugin") => Some(PathKind::Directory),
        _ => only,
    };
    let known = |index| Some((index, Contents::supposed(&app.sources()[index], kind(index)?)));
    (0..app.sources().len()).filter_map(known).collect()
}

/// Argo CD's word for the source with that index, as the status has it.
fn word(app: &Application, index: usize) -> Option<&str> {
    let status = app.status.as_ref()?;
    if app.has_multiple_sources() {
        return status.source_types.get(index).map(String::as_str);
    }
    Some(&status.source_type)
}

/// What the repository of `source` may have looked like: a reference is a branch or a tag, and `HEAD` a branch with a common
/// name. The references that stand in the cluster now exist in each.
fn refs(source: &ApplicationSource, objects: &BTreeMap<ObjectKey, DynamicObject>) -> Vec<RemoteRefs> {
    let live = objects.iter().filter(|(key, _)| key.kind == FluxKind::GitRepository);
    let live: Vec<_> = live
        .filter_map(|(_, object)| object.data.pointer(fields::REFERENCE.pointer())?.as_object())
        .collect();
    let texts = |field: &'static str| live.iter().filter_map(move |live| live.get(field)?.as_str());
    let commit = texts("commit").next().unwrap_or_default().to_owned();
    let standing: Vec<String> = [("branch", "refs/heads/"), ("tag", "refs/tags/"), ("name", "")]
        .into_iter()
        .flat_map(|(field, prefix)| texts(field).map(move |text| format!("{prefix}{text}")))
        .collect();
    let revision = match source.target_revision.as_str() {
        "" => "HEAD",
        revision => revision,
    };
    let heads: Vec<String> = if revision == "HEAD" {
        texts("branch").chain(["main", "master"]).map(|branch| format!("refs/heads/{branch}")).collect()
    } else {
        vec![
            format!("refs/heads/{revision}"),
            format!("refs/tags/{revision}"),
            format!("refs/{revision}"),
            String::new(),
        ]
    };
    let with = |likely: String| {
        let names = standing.iter().chain((!likely.is_empty()).then_some(&likely));
        RemoteRefs {
            refs: names.map(|name| (name.clone(), commit.clone())).collect(),
            head: (revision == "HEAD").then_some(likely),
        }
    };
    heads.into_iter().map(with).collect()
}

/// The revision of the source with that index that was delivered: the one that the values of a live chart are from, else the
/// one that its source object serves.
pub fn revision(
    source: usize,
    translation: &Translation,
    objects: &BTreeMap<ObjectKey, DynamicObject>,
) -> Option<String> {
    let live = objects.iter().map(|(key, object)| Live { kind: key.kind, object });
    let taken = live.filter(|live| live.kind.is_workload()).find_map(|live| value_revision(live, source));
    taken.or_else(|| {
        let key = translation.routes.get(source)?.origin.as_ref()?;
        let revision = Live { kind: key.kind, object: objects.get(key)? }.artifact_revision()?;
        Some(bare(revision).to_owned())
    })
}

/// The poll interval that the live source has, as one more likely one.
pub fn live_poll(objects: &BTreeMap<ObjectKey, DynamicObject>) -> Option<String> {
    let source = objects.iter().find(|(key, _)| key.kind.is_source() && key.kind != FluxKind::HelmChart);
    source
        .and_then(|(_, object)| object.data.pointer(fields::INTERVAL.pointer()).and_then(Value::as_str))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adopt::adopt;
    use crate::mirror::fixtures::app;
    use crate::mirror::patch;
    use crate::project::RenderedObject;
    use crate::translate::Route;
    use rstest::rstest;
    use serde_json::json;

    /// The bridge knew the repository; whoever adopts does not.
    #[rstest]
    #[case::branch("next", json!({"refs/heads/next": "1"}), PathKind::Kustomization)]
    #[case::tag("v1", json!({"refs/tags/v1": "1"}), PathKind::Directory)]
    #[case::other("pull/7/head", json!({"refs/pull/7/head": "1"}), PathKind::Chart)]
    #[case::head("HEAD", json!({"refs/heads/master": "1"}), PathKind::Kustomization)]
    #[case::head_of_an_odd_name("", json!({"refs/heads/trunk": "1"}), PathKind::Kustomization)]
    fn the_context_is_found_again(#[case] revision: &str, #[case] known: Value, #[case] kind: PathKind) {
        let app = app("demo").git().with(&json!({"spec": {"source": {"targetRevision": revision}}})).build();
        let names = known.as_object().unwrap();
        let refs = RemoteRefs {
            head: names.keys().next().cloned(),
            refs: names.keys().map(|name| (name.clone(), "1".to_owned())).collect(),
        };
        let original = Context {
            control_namespace: "argocd".into(),
            poll_interval: "77s".into(),
            contents: [(0, Contents { kind, ..Contents::default() })].into(),
            refs: [("https://git.example.org/demo.git".to_owned(), refs)].into(),
            ..Context::default()
        };
        let mut objects = BTreeMap::new();
        for manifest in translate(&app, &original).objects {
            let mut object = manifest.to_value();
            if manifest.key.kind.is_workload() {
                patch::merge(&mut object, &json!({"spec": {"interval": "3m"}}));
            }
            objects.insert(manifest.key, serde_json::from_value::<DynamicObject>(object).unwrap());
        }
        let mut app = app;
        let word = match kind {
            PathKind::Chart => "Helm",
            PathKind::Directory => "Directory",
            _ => "Kustomize",
        };
        app.status = Some(serde_json::from_value(json!({"sourceType": word})).unwrap());
        let polls = ["120s".to_owned(), live_poll(&objects).unwrap()];
        let known = Context { control_namespace: "argocd".into(), ..Context::default() };
        let found = context(&app, &known, &polls, &objects);
        let live = |key: &ObjectKey| objects.get(key).map(|object| Live { kind: key.kind, object });
        let adoption = adopt(&app, &found, live).unwrap().expect("the edit");
        assert_eq!(adoption.edits.len(), 1, "{:?}", adoption.edits);
        assert_eq!(adoption.patch.get("spec"), None);
    }

    /// What a later source holds as well is left out of the earlier ones, and no edit.
    #[rstest]
    #[case::charts(json!({"chart": "a", "targetRevision": "1.0.0", "helm": {"releaseName": "a"}}), None)]
    #[case::paths(json!({"path": "a", "targetRevision": "0".repeat(40)}), Some(PathKind::Directory))]
    fn what_is_left_out_is_found_again(#[case] source: Value, #[case] kind: Option<PathKind>) {
        let source = |url: &str| {
            let mut source = source.clone();
            source["repoURL"] = url.into();
            source
        };
        let last = json!({"repoURL": "https://c.example.org", "chart": "c", "targetRevision": "1.0.0"});
        let app = app("demo").sources(&[source("https://a.example.org"), last]).build();
        let held = RenderedObject {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
            is_namespaced: Some(true),
            ..RenderedObject::default()
        };
        let known = Context { control_namespace: "argocd".into(), ..Context::default() };
        let original = Context {
            poll_interval: "120s".into(),
            objects: [(0, Ok(vec![held.clone()])), (1, Ok(vec![held]))].into(),
            contents: kind.map(|kind| (0, Contents { kind, ..Contents::default() })).into_iter().collect(),
            ..known.clone()
        };
        let wanted = translate(&app, &original);
        assert!(wanted.is_complete(), "{:?}", wanted.wants);
        let objects: BTreeMap<_, _> = wanted
            .objects
            .iter()
            .map(|manifest| {
                (manifest.key.clone(), serde_json::from_value::<DynamicObject>(manifest.to_value()).unwrap())
            })
            .collect();
        let mut app = app;
        let words = [kind.map_or("Helm", |_| "Directory"), "Helm"];
        app.status = Some(serde_json::from_value(json!({"sourceTypes": words})).unwrap());
        let found = context(&app, &known, &["120s".to_owned()], &objects);
        let again = translate(&app, &found).objects;
        let specs = |objects: &[crate::flux::Manifest]| -> Vec<Value> {
            objects.iter().map(|object| object.spec.clone()).collect()
        };
        assert_eq!(specs(&again), specs(&wanted.objects));
        let nothing = Context { objects: [(0, Ok(Vec::new())), (1, Ok(Vec::new()))].into(), ..found };
        assert_ne!(specs(&translate(&app, &nothing).objects), specs(&wanted.objects));
    }

    #[test]
    fn each_rendered_source_is_found_again() {
        let object = |url: &str| -> DynamicObject {
            let annotations = json!({names::ANNOTATION_RENDERED: "jsonnet"});
            let spec = json!({"url": url, "ref": {"digest": format!("sha256:{url}")}});
            serde_json::from_value(json!({"metadata": {"annotations": annotations}, "spec": spec})).unwrap()
        };
        let urls = ["oci://bridge:5000/argocd/demo/0", "oci://bridge:5000/argocd/demo/2-objects"];
        let objects = urls.map(|url| (ObjectKey::new(FluxKind::OciRepository, "argocd", url), object(url)));
        let found = rendered(&Context::default(), &objects.into());
        assert_eq!(found.artifact_address, "bridge:5000");
        let digests: Vec<_> =
            found.rendered.iter().map(|(index, one)| (*index, one.digest.as_str())).collect();
        assert_eq!(
            digests,
            [(0, format!("sha256:{}", urls[0]).as_str()), (2, format!("sha256:{}", urls[1]).as_str())]
        );
    }

    /// A source moves on while what was delivered waits for a Sync; a parameter's revision is the source's own.
    #[rstest]
    #[case::of_the_values(r#"{"1": "delivered"}"#, Some("delivered"))]
    #[case::of_the_source(r#"{"7": "another"}"#, Some("newer"))]
    #[case::of_a_source_that_is_not_there("{}", None)]
    fn the_delivered_revision_is_found_again(#[case] taken: &str, #[case] expected: Option<&str>) {
        let key = |kind, name: &str| ObjectKey::new(kind, "apps", name);
        let object = |value| serde_json::from_value::<DynamicObject>(value).unwrap();
        let release = json!({"metadata": {"annotations": {names::ANNOTATION_VALUE_REVISIONS: taken}}});
        let source = json!({"metadata": {}, "status": {"artifact": {"revision": "main@sha1:newer"}}});
        let (release_key, source_key) =
            (key(FluxKind::HelmRelease, "web"), key(FluxKind::GitRepository, "values"));
        let mut objects = BTreeMap::from([(release_key, object(release))]);
        if taken != "{}" {
            objects.insert(source_key.clone(), object(source));
        }
        let values = Route { origin: Some(source_key), ..Route::default() };
        let translation = Translation { routes: vec![Route::default(), values], ..Translation::default() };
        assert_eq!(revision(1, &translation, &objects).as_deref(), expected);
    }
}
