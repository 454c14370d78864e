//! What has to hold, whatever an Application says.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flux_subsystem::translate::Translation;
use flux_subsystem::{names, yaml};
use serde_json::Value;

use super::case::{Asked, Case};
use super::outside::SECRET;

/// What did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It panicked.
    Panic,
    /// Objects, though something is wrong.
    HalfATranslation,
    /// A workload object whose source object is not among the objects.
    WithoutItsSource,
    /// Nothing to do, nothing wrong, nothing asked.
    Silence,
    /// It asks for ever, or for what it knows.
    AsksForever,
    /// The same input, another output.
    Unstable,
    /// What is written does not read back.
    Unreadable,
    /// Two objects of one name.
    Twice,
    /// Something secret is said outside of a Secret.
    Leak,
    /// It takes seconds.
    Endless,
}

impl Kind {
    /// As files are named.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::HalfATranslation => "half-a-translation",
            Self::WithoutItsSource => "without-its-source",
            Self::Silence => "silence",
            Self::AsksForever => "asks-forever",
            Self::Unstable => "unstable",
            Self::Unreadable => "unreadable",
            Self::Twice => "twice",
            Self::Leak => "leak",
            Self::Endless => "endless",
        }
    }
}

/// One failure.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Of which kind.
    pub kind: Kind,
    /// The particulars.
    pub message: String,
}

/// What became of a case that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It is no Application.
    NoApplication,
    /// It was refused; what the problems say, without their particulars.
    Refused(BTreeSet<String>),
    /// It was translated; the kinds of the objects and what the warnings say.
    Translated(BTreeSet<String>),
}

/// Tries a case.
pub fn check(case: &Case) -> Result<Held, Failure> {
    catch_unwind(AssertUnwindSafe(|| texts(case).and_then(|()| translation(case)))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        Err(Failure { kind: Kind::Panic, message: said.unwrap_or_default() })
    })
}

/// A text of the case, and those that it has YAML in, go through the door to YAML, where what is read can be written and read again.
fn texts(case: &Case) -> Result<(), Failure> {
    let mut texts = vec![case.text.as_str()];
    for pointer in ["/spec/source/helm/values", "/metadata/annotations/flamingo~1helmrelease-override"] {
        texts.extend(case.application.pointer(pointer).and_then(Value::as_str));
    }
    for text in texts {
        let Ok(value) = yaml::parse(text) else { continue };
        reads_back(&value)?;
    }
    Ok(())
}

fn reads_back(value: &Value) -> Result<(), Failure> {
    let unreadable = |message: String| Failure { kind: Kind::Unreadable, message };
    let written = match yaml::write(value) {
        Ok(written) => written,
        // YAML has no way to write such a key on one line, and the writer says so.
        Err(error) if error.message.contains("longer than 1024") => return Ok(()),
        Err(error) => return Err(unreadable(format!("{value} cannot be written: {error}"))),
    };
    match yaml::parse(&written) {
        Ok(read) if read == *value => Ok(()),
        Ok(read) => Err(unreadable(format!("{value} is read back as {read}"))),
        Err(error) => Err(unreadable(format!("{value} is not read back: {error}"))),
    }
}

fn translation(case: &Case) -> Result<Held, Failure> {
    let Some(app) = case.read() else { return Ok(Held::NoApplication) };
    let fail = |kind: Kind, message: String| Err(Failure { kind, message });
    let translated = match case.translate(&app) {
        Asked::Answered(translation) => translation,
        Asked::Again(want) => return fail(Kind::AsksForever, format!("{want:?}")),
        Asked::Forever => return fail(Kind::AsksForever, "no end of questions".to_owned()),
    };
    match case.translate(&app) {
        Asked::Answered(again) if outcome(&again) == outcome(&translated) => {}
        other => return fail(Kind::Unstable, format!("{other:?}")),
    }
    // A person may write anything into an Application, there for all to read.
    if !case.application.to_string().contains(SECRET) && outcome(&translated).contains(SECRET) {
        return fail(Kind::Leak, outcome(&translated));
    }
    if translated.has_errors() {
        let leaves_nothing = translated.objects.is_empty() && translated.secrets.is_empty();
        if !leaves_nothing || !translated.references.is_empty() {
            return fail(Kind::HalfATranslation, outcome(&translated));
        }
        return Ok(Held::Refused(said(&translated)));
    }
    let generates = app.has_sync_option(names::OPTION_AUTO_CREATE);
    if translated.objects.is_empty() && translated.references.is_empty() {
        return fail(Kind::Silence, outcome(&translated));
    }
    if generates {
        objects(&translated)?;
    }
    let mut signature = said(&translated);
    signature.extend(translated.objects.iter().map(|object| object.key.kind.kind().to_owned()));
    Ok(Held::Translated(signature))
}

/// Each object reads back, is there once, and finds its source among the others.
fn objects(translated: &Translation) -> Result<(), Failure> {
    let values: Vec<Value> =
        translated.objects.iter().map(flux_subsystem::flux::Manifest::to_value).collect();
    let mut seen = BTreeSet::new();
    for value in &values {
        reads_back(value)?;
        if !seen.insert(key(value)) {
            return Err(Failure { kind: Kind::Twice, message: format!("{:?}", key(value)) });
        }
    }
    for value in &values {
        let own = value["metadata"]["namespace"].as_str().unwrap_or_default();
        let references = ["/spec/sourceRef", "/spec/chartRef", "/spec/chart/spec/sourceRef"]
            .map(|pointer| value.pointer(pointer));
        for reference in references.into_iter().flatten() {
            let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
            let namespace = reference["namespace"].as_str().unwrap_or(own).to_owned();
            let wanted = [text("kind"), namespace, text("name")];
            if !seen.contains(&wanted) && !is_overridden(translated) {
                return Err(Failure { kind: Kind::WithoutItsSource, message: format!("{wanted:?}") });
            }
        }
    }
    Ok(())
}

/// An override may point an object wherever its author wants.
fn is_overridden(translated: &Translation) -> bool {
    format!("{:?}", translated.objects).contains(names::OVERRIDE_PREFIX)
}

fn key(value: &Value) -> [String; 3] {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    [text("/kind"), text("/metadata/namespace"), text("/metadata/name")]
}

fn outcome(translation: &Translation) -> String {
    let Translation { objects, references, problems, routes, source_type, secrets, .. } = translation;
    let values: Vec<Value> = objects.iter().map(flux_subsystem::flux::Manifest::to_value).collect();
    let values = Value::Array(values);
    format!("{values} {references:?} {problems:?} {routes:?} {source_type} {secrets:?}")
}

/// What the problems say of which fields, without numbers and quoted texts: new words mean new ground.
fn said(translation: &Translation) -> BTreeSet<String> {
    translation
        .problems
        .iter()
        .map(|problem| {
            let text = format!("{}: {}", problem.field, problem.message);
            let mut is_quoted = false;
            text.chars()
                .filter(|letter| {
                    is_quoted ^= matches!(letter, '"' | '\'');
                    !is_quoted && !letter.is_ascii_digit()
                })
                .take(80)
                .collect()
        })
        .collect()
}
