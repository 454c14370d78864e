//! Image overrides, as `kustomize edit set image` reads and merges them (kustomize `commands/edit/set/setimage.go`).

use serde_json::{Map, Value, json};

use crate::translate::draft::{Draft, Source};
use crate::translate::env::Environment;

/// What an override keeps of the one in the kustomization file.
const KEEP: &str = "*";

/// The overrides for Flux; `Err` is the reason why it cannot merge them as kustomize does, `None` that a problem was noted.
pub(super) fn images(
    draft: &mut Draft<'_>,
    source: &Source<'_>,
    list: &[Value],
) -> Option<Result<Value, &'static str>> {
    let environment = Environment::new(draft.app, source.spec, &draft.context.control_namespace);
    let mut reason = None;
    let images = overrides(draft, source, list, |_, _, text| {
        // The revision is known to whoever renders.
        environment.substitute(text).map_err(|_| reason = Some("an image named by the revision")).ok()
    })?;
    let keeps =
        |image: &Value| image.as_object().is_some_and(|image| image.values().any(|value| value == KEEP));
    if images.iter().any(keeps) {
        reason = Some("an image override with a wildcard");
    }
    if is_chained(&images) {
        reason = Some("image overrides that build on each other");
    }
    Some(reason.map_or_else(|| Ok(Value::Array(images)), Err))
}

/// The overrides as `kustomize edit set image` sorts them, with the variables replaced by `substitute`, which gets the field and
/// the text; what it makes nothing of is left out. `None`: a problem was noted.
pub(in crate::translate) fn overrides<'a>(
    draft: &mut Draft<'a>,
    source: &Source<'_>,
    list: &[Value],
    mut substitute: impl FnMut(&mut Draft<'a>, &str, &str) -> Option<String>,
) -> Option<Vec<Value>> {
    let mut images: Vec<Value> = Vec::new();
    let mut is_complete = true;
    for (index, text) in list.iter().enumerate() {
        let field = source.at(&format!("kustomize.images[{index}]"));
        let image = match text.as_str().map(|text| substitute(draft, &field, text)) {
            None => Err("is not text".to_owned()),
            Some(None) => continue,
            Some(Some(text)) => image(&text),
        };
        match image {
            // Of two for one image the last one counts.
            Ok(image) => {
                images.retain(|other| other["name"] != image["name"]);
                images.push(image);
            }
            Err(message) => {
                draft.error::<()>(field, message, "write NAME:TAG, NAME@DIGEST, or OLD=NEW:TAG");
                is_complete = false;
            }
        }
    }
    images.sort_by_key(|image| image["name"].as_str().unwrap_or_default().to_owned());
    is_complete.then_some(images)
}

/// Whether one override may find what another one wrote, so that their order counts: `kustomize edit` sorts them.
pub(super) fn is_chained(images: &[Value]) -> bool {
    let field =
        |image: &Value, field: &str| image.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    images.iter().any(|image| {
        let new_name = field(image, "newName");
        images.iter().any(|other| {
            let name = field(other, "name");
            // A name is a regular expression to kustomize.
            let is_plain =
                name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | ':' | '.'));
            !is_plain || other != image && name == new_name
        })
    })
}

/// `[old=]name[:tag][@digest]`.
fn image(text: &str) -> Result<Value, String> {
    let (old, new) = match text.split_once('=') {
        Some((old, new)) => (Some(old), new),
        None => (None, text),
    };
    let (name, tag, digest) = split(new);
    // kustomize asks for a change alone; of an override without a name Flux's API knows nothing.
    if name == text || old == Some("") || old.is_none() && name.is_empty() || new.is_empty() {
        return Err(format!("{text:?} is not an image override"));
    }
    let mut image = Map::new();
    image.insert("name".to_owned(), json!(old.unwrap_or(name)));
    let new_name = if old.is_some() { name } else { "" };
    for (field, value) in [("newName", new_name), ("newTag", tag), ("digest", digest)] {
        if !value.is_empty() {
            image.insert(field.to_owned(), json!(value));
        }
    }
    Ok(Value::Object(image))
}

/// Name, tag and digest (kustomize `api/internal/image/image.go`, `Split`).
fn split(text: &str) -> (&str, &str, &str) {
    // A colon before the first slash belongs to the port of a registry.
    let start = text.find('/').filter(|index| *index > 0).unwrap_or_default();
    let at = text[start..].find('@').map(|index| index + start);
    let colon = text[start..].find(':').map(|index| index + start);
    match (colon, at) {
        (None, None) => (text, "", ""),
        (Some(colon), None) => (&text[..colon], &text[colon + 1..], ""),
        (Some(colon), Some(at)) if colon < at => (&text[..colon], &text[colon + 1..at], &text[at + 1..]),
        (_, Some(at)) => (&text[..at], "", &text[at + 1..]),
    }
}

/// The text that [`image`] reads as that image override of a Kustomization; `None` when there is none. A dollar sign is
/// doubled, since variables are replaced in it.
pub(crate) fn image_override(flux: &Value) -> Option<String> {
    let fields = flux.as_object()?;
    let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
    let (name, new_name, tag, digest) = (text("name"), text("newName"), text("newTag"), text("digest"));
    let tag = if tag.is_empty() { String::new() } else { format!(":{tag}") };
    let digest = if digest.is_empty() { String::new() } else { format!("@{digest}") };
    let old = if new_name.is_empty() { String::new() } else { format!("{name}=") };
    let new = if new_name.is_empty() { name } else { new_name };
    let written = format!("{old}{new}{tag}{digest}");
    // Names with odd letters, or an override of nothing, come back as something else.
    (image(&written).as_ref() == Ok(flux)).then(|| written.replace('$', "$$"))
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
    #[case("nginx:1@sha256:01", json!({"name": "nginx", "newTag": "1", "digest": "sha256:01"}))]
    #[case("host:5000/a:v1", json!({"name": "host:5000/a", "newTag": "v1"}))]
    #[case("a=host:5000/b", json!({"name": "a", "newName": "host:5000/b"}))]
    fn images_are_read(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(image(text), Ok(expected.clone()));
        let written = image_override(&expected).unwrap();
        assert_eq!(image(&written), Ok(expected), "{written}");
    }

    #[rstest]
    #[case("nginx=:1.2", json!({"name": "nginx", "newTag": "1.2"}))]
    #[case("nginx=*:1.2", json!({"name": "nginx", "newName": "*", "newTag": "1.2"}))]
    #[case("nginx=other:*", json!({"name": "nginx", "newName": "other", "newTag": "*"}))]
    fn other_spellings(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(image(text), Ok(expected));
    }

    #[rstest]
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
    fn not_images(#[case] text: &str) {
        assert!(image(text).is_err());
    }

    #[rstest]
    #[case(&["a=b", "c:1"], false)]
    #[case(&["a=b", "b:1"], true)]
    #[case(&["a=a:1"], false)]
    #[case(&["a.*:1"], true)]
    fn chains(#[case] texts: &[&str], #[case] expected: bool) {
        let images: Vec<Value> = texts.iter().map(|text| image(text).unwrap()).collect();
        assert_eq!(is_chained(&images), expected);
    }
}
