//! How one case becomes another: small changes anywhere, and pieces of other cases.

use std::collections::BTreeMap;

use flux_subsystem::merge::deep_merge;
use serde_json::{Map, Value, json};

use super::case::Case;
use super::outside;
use super::random::Random;

/// Texts that mean something somewhere in an Application.
pub(super) const WORDS: &[&str] = &[
    "",
    " ",
    ".",
    "..",
    "/",
    "//",
    "../..",
    "./a/../b",
    "*",
    "**",
    "**/*.yaml",
    "[",
    "]",
    "{",
    "}",
    "{a,b",
    "{a,b}",
    "a[0]",
    "a[",
    "a[-1]",
    "a[999999999999]",
    "a.b",
    "a\\.b",
    "a\\",
    ".a",
    "a.",
    "a..b",
    "a[0][1]",
    "a=b",
    "a,b",
    "\\,",
    "$",
    "$$",
    "${",
    "${}",
    "$A",
    "${ARGOCD_APP_NAME}",
    "$ARGOCD_APP_REVISION",
    "$values",
    "$values/",
    "$values/a.yaml",
    "$values/../x",
    "null",
    "true",
    "~",
    "0",
    "-1",
    "0x1F",
    "1e400",
    "9223372036854775808",
    "0123",
    "v1",
    "1.2",
    "1.x",
    ">=1 <2",
    "^",
    "~1",
    "1 - 2",
    "||",
    ">=2.0.0-0",
    "HEAD",
    "main",
    "refs/heads/main",
    "abcdef0",
    "0123456789abcdef0123456789abcdef01234567",
    "sha256:0",
    "oci://",
    "oci://h/a",
    "h/a",
    "http://",
    "https://h/a?b#c",
    "https://u:p@h/a",
    "git@h:a/b",
    "ssh://h",
    "file:///etc/passwd",
    "https://h:99999/",
    "a: 1",
    "a: [1",
    "a: &x\nb: *x",
    "&a [*a]",
    "? a",
    "!!binary x",
    "- a\n- b",
    "---\n---\n",
    "{{a}}",
    "\u{0}",
    "\u{feff}",
    "ä",
    "\u{1F600}",
    "\u{202e}",
    "a\nb",
    "A-Z",
    "-a",
    "a-",
    "name=other:tag",
    "a@sha256:0",
    "=",
    ":",
    "a:b:c",
    "FluxSubsystem=true",
    "AutoCreateFluxResources=true",
    "CreateNamespace=true",
    "Prune=false",
    "Replace=true",
    "in-cluster",
    "https://kubernetes.default.svc",
    "[{\"op\": \"add\", \"path\": \"/a\", \"value\": 1}]",
    "spec: {a: null}",
];

/// The options without which nothing is translated.
const OPTIONS: [&str; 2] = ["FluxSubsystem=true", "AutoCreateFluxResources=true"];
/// The seeds proper come first.
const FIRST: usize = 220;
/// The longest text, in characters, and the most levels: an API server takes no object beyond either.
const LONGEST: usize = 5000;
const DEEPEST: usize = 40;

/// A new case out of `seeds`, of at least one. Most are Applications: the API server lets nothing else through.
pub fn case(seeds: &[Case], random: &mut Random) -> Case {
    let mut case = any(seeds, random);
    while case.read().is_none() && !random.once_in(8) {
        case = any(seeds, random);
    }
    case
}

fn any(seeds: &[Case], random: &mut Random) -> Case {
    // What was found on the way is not to crowd out what it was made from.
    let first = if random.once_in(3) { seeds.len() } else { seeds.len().min(FIRST) };
    let mut case = random.pick(&seeds[..first]).cloned().unwrap_or_default();
    let other = random.pick(seeds).cloned().unwrap_or_default();
    for _ in 0..=random.below(5) {
        change(&mut case.application, &other.application, random);
    }
    if random.once_in(3) {
        change_files(&mut case, &other, random);
    }
    if random.once_in(2) {
        let texts: Vec<&String> = case.files.values().collect();
        case.text = random.pick(&texts).map(|text| (*text).clone()).unwrap_or_default();
        for _ in 0..=random.below(4) {
            case.text = text(&case.text, random);
        }
    }
    if random.once_in(12) {
        case.refs = if random.once_in(2) { other.refs } else { BTreeMap::new() };
        case.head = random.once_in(2).then(|| text("refs/heads/main", random));
    }
    if random.once_in(12) {
        case.revision = text(&case.revision, random);
    }
    for _ in 0..random.below(3) {
        case.secrets.push(outside::credentials(&case.application, random));
    }
    if random.once_in(6) {
        case.known_hosts = format!("git.example.org ssh-ed25519 AAAA\n{}", word(random));
    }
    if random.once_in(6) {
        case.policies = (0..=random.below(2)).map(|_| outside::a_policy(random)).collect();
    }
    if random.once_in(4) {
        case.is_delivered = true;
    }
    if random.once_in(6) {
        change_an_object(&mut case.application, random);
    }
    join(&mut case.application, random);
    case
}

/// Fields of generated objects that are read and written after an override.
const FIELDS: &[&str] = &[
    "chart",
    "chartRef",
    "commonMetadata",
    "dependsOn",
    "driftDetection",
    "ignore",
    "install",
    "patches",
    "postRenderers",
    "prune",
    "ref",
    "secretRef",
    "sourceRef",
    "upgrade",
    "values",
];

/// Overrides one of those fields, perhaps with something of another type.
fn change_an_object(application: &mut Value, random: &mut Random) {
    let kinds = ["helmrelease", "kustomize", "gitrepository", "ocirepository", "helmrepository"];
    let kind = random.pick(&kinds).copied().unwrap_or_default();
    let verb = if random.once_in(4) { "replace" } else { "override" };
    let source = if random.once_in(2) { String::new() } else { format!(".{}", 1 + random.below(3)) };
    let field = random.pick(FIELDS).copied().unwrap_or_default();
    let value = match random.below(3) {
        0 => json!({"annotations": scalar(random), "spec": scalar(random), "ignore": scalar(random)}),
        1 => json!([scalar(random)]),
        _ => scalar(random),
    };
    let key = format!("flamingo/{kind}-{verb}{source}");
    let annotation = json!({key: json!({"spec": {field: value}}).to_string()});
    deep_merge(application, json!({"metadata": {"annotations": annotation}}));
}

/// Nearly all have the options: what is not bridged is not translated.
fn join(application: &mut Value, random: &mut Random) {
    if random.once_in(40) {
        return;
    }
    let Some(spec) = application.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let policy = spec.entry("syncPolicy").or_insert_with(|| json!({}));
    let Some(policy) = policy.as_object_mut() else { return };
    let options = policy.entry("syncOptions").or_insert_with(|| json!([]));
    let Some(options) = options.as_array_mut() else { return };
    for option in OPTIONS {
        if !options.iter().any(|have| have == option) {
            options.push(json!(option));
        }
    }
}

/// Changes one place below `value`; pieces come from `other`.
fn change(value: &mut Value, other: &Value, random: &mut Random) {
    let mut places = Vec::new();
    collect(value, &mut String::new(), &mut places);
    let Some(pointer) = random.pick(&places).cloned() else { return };
    let piece = {
        let mut pieces = Vec::new();
        collect(other, &mut String::new(), &mut pieces);
        // As a rule from the same place, where it means the same.
        let same = other.pointer(&pointer).cloned();
        let any = random.pick(&pieces).and_then(|pointer| other.pointer(pointer)).cloned();
        if random.once_in(4) { any } else { same.or(any) }
    };
    let Some(place) = value.pointer_mut(&pointer) else { return };
    match random.below(8) {
        0 => *place = piece.unwrap_or_default(),
        1 => merge(place, piece.unwrap_or_default()),
        2 => *place = scalar(random),
        3 => shape(place, random),
        4 => trim(place, random),
        5 if pointer.matches('/').count() < DEEPEST => *place = wrap(place, random),
        _ => scratch(place, random),
    }
}

/// All places below `value`, as JSON pointers.
fn collect(value: &Value, pointer: &mut String, places: &mut Vec<String>) {
    places.push(pointer.clone());
    let length = pointer.len();
    let mut below = |token: &str, value: &Value, places: &mut Vec<String>| {
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        collect(value, pointer, places);
        pointer.truncate(length);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| below(&index.to_string(), item, places));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| below(key, item, places)),
        _ => {}
    }
}

fn merge(place: &mut Value, piece: Value) {
    match (place, piece) {
        (Value::Object(map), Value::Object(piece)) => map.extend(piece),
        (Value::Array(items), Value::Array(piece)) => items.extend(piece),
        (place, piece) => *place = piece,
    }
}

fn scalar(random: &mut Random) -> Value {
    match random.below(10) {
        0 => Value::Null,
        1 => json!(random.once_in(2)),
        2 => json!(random.number()),
        3 => json!(-1),
        4 => json!(0.5),
        5 => json!({}),
        6 => json!([]),
        _ => json!(word(random)),
    }
}

fn word(random: &mut Random) -> String {
    random.pick(WORDS).map(|word| (*word).to_owned()).unwrap_or_default()
}

/// The same said in another type.
fn shape(place: &mut Value, random: &mut Random) {
    *place = match &*place {
        Value::String(text) => text.parse::<i64>().map_or_else(|_| json!([text]), |number| json!(number)),
        Value::Array(items) if random.once_in(2) => items.first().cloned().unwrap_or_default(),
        Value::Array(items) => json!(items.iter().cycle().take(items.len() * 3).collect::<Vec<_>>()),
        Value::Object(map) => json!(map.values().collect::<Vec<_>>()),
        other => json!(other.to_string()),
    };
}

/// Takes something out.
fn trim(place: &mut Value, random: &mut Random) {
    match place {
        Value::Array(items) if !items.is_empty() => {
            items.remove(random.below(items.len()));
        }
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            if let Some(key) = random.pick(&keys) {
                map.remove(key);
            }
        }
        place => *place = Value::Null,
    }
}

fn wrap(place: &Value, random: &mut Random) -> Value {
    if random.once_in(2) {
        return json!([place]);
    }
    let mut map = Map::new();
    map.insert(word(random), place.clone());
    Value::Object(map)
}

/// Changes a text, or a key.
fn scratch(place: &mut Value, random: &mut Random) {
    match place {
        Value::String(old) => *old = text(old, random),
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            if let Some(key) = random.pick(&keys)
                && let Some(value) = map.remove(key)
            {
                map.insert(text(key, random), value);
            }
        }
        Value::Array(items) => items.reverse(),
        place => *place = scalar(random),
    }
}

/// A text like `old`.
pub(super) fn text(old: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = old.chars().collect();
    let at = random.below(letters.len() + 1);
    match random.below(7) {
        0 => return word(random),
        1 => {
            let insert: Vec<char> = word(random).chars().collect();
            letters.splice(at..at, insert);
        }
        2 if at < letters.len() => {
            letters.remove(at);
        }
        3 => letters.truncate(at),
        4 if !letters.is_empty() => {
            let times = 1 + random.below(60);
            letters = letters.iter().cycle().take(letters.len() * times).copied().collect();
        }
        5 => {
            let other: Vec<char> = word(random).chars().collect();
            letters.truncate(at);
            letters.extend(other);
        }
        _ => letters.reverse(),
    }
    letters.truncate(LONGEST);
    letters.into_iter().collect()
}

fn change_files(case: &mut Case, other: &Case, random: &mut Random) {
    let paths: Vec<String> = case.files.keys().cloned().collect();
    match random.below(5) {
        0 => case.files.clone_from(&other.files),
        1 => case.files.extend(other.files.clone()),
        2 => {
            if let Some(path) = random.pick(&paths) {
                case.files.remove(path);
            }
        }
        3 => {
            let base = random.pick(&paths).cloned().unwrap_or_default();
            let content = word(random);
            case.files.insert(text(&base, random), content);
        }
        _ => {
            if let Some(content) = random.pick(&paths).and_then(|path| case.files.get_mut(path)) {
                *content = text(content, random);
            }
        }
    }
}
