//! jq paths that name exactly one field: `.spec.replicas`, `.metadata.annotations["a.b/c"]`, `.spec.ports[0].nodePort`.

/// The JSON pointer of the field that `expression` names; `None` for anything that jq would have to be asked about.
pub(super) fn pointer(expression: &str) -> Option<String> {
    let mut rest = expression.trim();
    let mut pointer = String::new();
    while !rest.is_empty() {
        let (part, tail) = part(rest, pointer.is_empty())?;
        pointer.push('/');
        pointer.push_str(&escaped(&part));
        // An optional path differs from another one only in the errors that it does not raise.
        rest = tail.strip_prefix('?').unwrap_or(tail);
    }
    (!pointer.is_empty()).then_some(pointer)
}

/// A key as part of a JSON pointer (RFC 6901).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The first step of the path, and what follows it.
fn part(path: &str, is_first: bool) -> Option<(String, &str)> {
    if let Some(rest) = path.strip_prefix('.') {
        if rest.starts_with('[') {
            return index(rest);
        }
        if rest.starts_with('"') {
            return text(rest);
        }
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        return name.starts_with(is_start).then(|| (name.to_owned(), rest));
    }
    if is_first { None } else { index(path) }
}

/// `["key"]` or `[0]`.
fn index(path: &str) -> Option<(String, &str)> {
    let inner = path.strip_prefix('[')?.trim_start();
    let (part, rest) = if inner.starts_with('"') {
        text(inner)?
    } else {
        let end = inner.find(|c: char| !c.is_ascii_digit()).unwrap_or(inner.len());
        let (digits, rest) = inner.split_at(end);
        let number: u32 = digits.parse().ok()?;
        (number.to_string(), rest)
    };
    Some((part, rest.trim_start().strip_prefix(']')?))
}

/// A text in quotes; jq's escapes are JSON's, but for `\(…)`, which JSON does not have.
fn text(path: &str) -> Option<(String, &str)> {
    let mut texts = serde_json::Deserializer::from_str(path).into_iter::<String>();
    let text = texts.next()?.ok()?;
    Some((text, &path[texts.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(".spec.replicas", Some("/spec/replicas"))]
    #[case(" .spec.replicas ", Some("/spec/replicas"))]
    #[case(".spec.replicas?", Some("/spec/replicas"))]
    #[case(r#".metadata.annotations["a.b/c"]"#, Some("/metadata/annotations/a.b~1c"))]
    #[case(r#".metadata.annotations."a~b""#, Some("/metadata/annotations/a~0b"))]
    #[case(r#".["spec"].ports[0].nodePort"#, Some("/spec/ports/0/nodePort"))]
    #[case(".spec.template.spec.containers[].image", None)]
    #[case(r#".spec.containers[] | select(.name == "a")"#, None)]
    #[case(".spec.a, .spec.b", None)]
    #[case(".spec.ports[-1]", None)]
    #[case(".spec.ports[0:1]", None)]
    #[case("..", None)]
    #[case(".", None)]
    #[case("", None)]
    #[case("spec.replicas", None)]
    #[case("[0]", None)]
    #[case(r#"."a\(1)""#, None)]
    #[case(".a-b", None)]
    fn paths(#[case] expression: &str, #[case] expected: Option<&str>) {
        assert_eq!(pointer(expression).as_deref(), expected);
    }
}
