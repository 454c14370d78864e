//! `kustomize` of a source → the fields of a Flux Kustomization that mean the same.

use serde_json::{Map, Value, json};

use super::draft::{Draft, Source};
use super::env::Environment;
use super::is_empty;

/// Fields of the Kustomization's spec; `None` when a problem was noted. Whatever Flux has no field for is named.
pub(super) fn settings(draft: &mut Draft<'_>, source: &Source<'_>) -> Option<Map<String, Value>> {
    let mut spec = Map::new();
    let mut complete = true;
    for (name, value) in source.spec.kustomize.iter().flatten().filter(|(_, value)| !is_empty(value)) {
        let field = source.at(&format!("kustomize.{name}"));
        let translated = match (name.as_str(), value) {
            ("namePrefix" | "nameSuffix", Value::String(_))
            | ("components", Value::Array(_))
            | ("ignoreMissingComponents", Value::Bool(_)) => Some((name.as_str(), value.clone())),
            ("namespace", Value::String(_)) => Some(("targetNamespace", value.clone())),
            ("images", Value::Array(list)) => {
                images(draft, source, &field, list).map(|images| ("images", images))
            }
            ("patches", Value::Array(list)) => {
                patches(draft, &field, list).map(|patches| ("patches", patches))
            }
            _ => {
                draft.unsupported(field, "this setting is", "write it into the kustomization file");
                None
            }
        };
        match translated {
            Some((name, value)) => {
                spec.insert(name.to_owned(), value);
            }
            None => complete = false,
        }
    }
    complete.then_some(spec)
}

/// Image overrides; of two for one image kustomize keeps the last.
fn images(draft: &mut Draft<'_>, source: &Source<'_>, field: &str, list: &[Value]) -> Option<Value> {
    let environment = Environment::new(draft.app, source.spec, &draft.context.control_namespace);
    let mut images: Vec<Value> = Vec::new();
    let mut complete = true;
    for (index, text) in list.iter().enumerate() {
        let field = format!("{field}[{index}]");
        let image = match text.as_str().map(|text| environment.substitute(text)) {
            None => Err("is not text".to_owned()),
            Some(Err(variable)) => Err(format!("${variable} is not supported yet")),
            Some(Ok(text)) => image(&text),
        };
        match image {
            Ok(image) => {
                images.retain(|other| other["name"] != image["name"]);
                images.push(image);
            }
            Err(message) => {
                draft.error::<()>(field, message, "write NAME:TAG, NAME@DIGEST, or OLD=NEW:TAG");
                complete = false;
            }
        }
    }
    complete.then_some(Value::Array(images))
}

/// `[old=]name[:tag][@digest]`, as `kustomize edit set image` reads it (kustomize `commands/edit/set/setimage.go`).
fn image(text: &str) -> Result<Value, String> {
    let (old, new) = match text.split_once('=') {
        Some((old, new)) => (Some(old), new),
        None => (None, text),
    };
    let (name, version) = version(new)?;
    if old == Some("") || old.is_none() && (name.is_empty() || version.is_none()) || new.is_empty() {
        return Err(format!("{text:?} is not an image override"));
    }
    let mut image = Map::new();
    image.insert("name".to_owned(), json!(old.unwrap_or(name)));
    if old.is_some() && !name.is_empty() {
        image.insert("newName".to_owned(), json!(name));
    }
    if let Some((kind, version)) = version {
        image.insert(kind.to_owned(), json!(version));
    }
    Ok(Value::Object(image))
}

/// The text that [`image`] reads as that image override of a Kustomization; `None` when there is none. A dollar sign is
/// doubled, since variables are replaced in it.
pub(crate) fn image_override(flux: &Value) -> Option<String> {
    let fields = flux.as_object()?;
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let (name, new_name, tag, digest) = (text("name"), text("newName"), text("newTag"), text("digest"));
    let version = match (tag, digest) {
        ("", "") => String::new(),
        (tag, "") => format!(":{tag}"),
        ("", digest) => format!("@{digest}"),
        _ => return None,
    };
    let written = match new_name {
        "" => format!("{name}{version}"),
        new_name => format!("{name}={new_name}{version}"),
    };
    // Names with odd letters, or an override of nothing, come back as something else.
    (image(&written).as_ref() == Ok(flux)).then(|| written.replace('$', "$$"))
}

/// Flux's word, `newTag` or `digest`, and the value.
type Version<'a> = (&'static str, &'a str);

/// The name without its tag or digest, and that one with its word in Flux.
fn version(text: &str) -> Result<(&str, Option<Version<'_>>), String> {
    if text.contains('*') {
        return Err(format!("the wildcard in {text:?} is not supported yet"));
    }
    // A colon before the last slash belongs to the port of a registry.
    let is_tag =
        |tag: &str| tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let tagged =
        |text| -> Option<(&str, &str)> { str::rsplit_once(text, ':').filter(|(_, tag)| is_tag(tag)) };
    if let Some((name, digest)) = text.split_once('@') {
        return match tagged(name) {
            Some(_) => Err(format!("{text:?} names both a tag and a digest")),
            None => Ok((name, Some(("digest", digest)))),
        };
    }
    Ok(match tagged(text) {
        Some((name, tag)) => (name, Some(("newTag", tag))),
        None => (text, None),
    })
}

/// Inline patches; a patch in a file would have to be fetched first.
fn patches(draft: &mut Draft<'_>, field: &str, list: &[Value]) -> Option<Value> {
    let mut complete = true;
    for (index, patch) in list.iter().enumerate() {
        let fields = patch.as_object();
        for (name, _) in fields.into_iter().flatten().filter(|(_, value)| !is_empty(value)) {
            if !matches!(name.as_str(), "patch" | "target") {
                draft.unsupported(
                    format!("{field}[{index}].{name}"),
                    "this setting is",
                    "write the patch inline",
                );
                complete = false;
            }
        }
        if !fields.is_some_and(|fields| fields.get("patch").is_some_and(Value::is_string)) {
            draft.error::<()>(format!("{field}[{index}].patch"), "the patch is missing", "");
            complete = false;
        }
    }
    let kept = list.iter().filter_map(Value::as_object).map(|patch| {
        Value::Object(
            patch.iter().filter(|(_, v)| !is_empty(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        )
    });
    complete.then(|| Value::Array(kept.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("nginx:1.2", json!({"name": "nginx", "newTag": "1.2"}))]
    #[case("nginx@sha256:01", json!({"name": "nginx", "digest": "sha256:01"}))]
    #[case("nginx=other:1.2", json!({"name": "nginx", "newName": "other", "newTag": "1.2"}))]
    #[case("nginx=other", json!({"name": "nginx", "newName": "other"}))]
    #[case("nginx=other@sha256:01", json!({"name": "nginx", "newName": "other", "digest": "sha256:01"}))]
    #[case("host:5000/a:v1", json!({"name": "host:5000/a", "newTag": "v1"}))]
    #[case("a=host:5000/b", json!({"name": "a", "newName": "host:5000/b"}))]
    #[case("nginx=:1.2", json!({"name": "nginx", "newTag": "1.2"}))]
    fn images_are_read(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(image(text), Ok(expected.clone()));
        let written = image_override(&expected).unwrap();
        assert_eq!(image(&written), Ok(expected), "{written}");
    }

    #[rstest]
    #[case::both(json!({"name": "a", "newTag": "1", "digest": "sha256:01"}))]
    #[case::nothing(json!({"name": "a"}))]
    #[case::odd(json!({"name": "a=b", "newTag": "1"}))]
    fn images_without_a_text(#[case] image: Value) {
        assert_eq!(image_override(&image), None);
    }

    #[rstest]
    #[case("nginx")]
    #[case("")]
    #[case("nginx=")]
    #[case("=nginx:1")]
    #[case("nginx:1@sha256:01")]
    #[case("nginx=*:1.2")]
    fn not_images(#[case] text: &str) {
        assert!(image(text).is_err());
    }
}
