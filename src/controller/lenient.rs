//! Objects as the API server tells them, each read by itself: one that cannot be read costs nobody else the list that it is in.
//!
//! `serde_json` refuses whatever is nested deeper than 128 levels (`de.rs`, `remaining_depth`), the API server does not
//! (apimachinery takes 10,000). A list is one text: one Application with deep `valuesObject`, or one `HelmRelease` of anybody's with
//! deep `values`, would end the watch of all, again and again. Here what lies deeper is left out, and the object goes on as one
//! that is not known whole.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use futures::stream::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DynamicObject, PartialObjectMeta, TypeMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Resource};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

use super::delays::Delays;
use crate::argo::{Application, Operation};

/// How deep an object is read, in maps and lists; a little less than what `serde_json` reads, since lists and events lie around it.
pub(super) const MAX_DEPTH: usize = 120;

/// An object, read as far as that goes.
#[derive(Clone, Debug)]
pub(super) struct Lenient<K>(pub(super) K);

/// What can be made of JSON of which parts may be missing.
pub(super) trait FromJson: Sized {
    /// `is_cut`: what lay deeper than [`MAX_DEPTH`] is null now.
    fn from_json(json: Value, is_cut: bool) -> Result<Self, serde_json::Error>;
}

impl FromJson for Application {
    /// Of a field of another type than it should be, the object goes on without the field.
    fn from_json(json: Value, is_cut: bool) -> Result<Self, serde_json::Error> {
        let mut app = Self::deserialize(&json).or_else(|error| in_parts(&json, &error))?;
        if is_cut {
            let deep = format!("something in it is nested deeper than {MAX_DEPTH} levels");
            app.unread.get_or_insert(deep);
        }
        Ok(app)
    }
}

fn in_parts(json: &Value, error: &serde_json::Error) -> Result<Application, serde_json::Error> {
    Ok(Application {
        metadata: ObjectMeta::deserialize(json.get("metadata").unwrap_or(&Value::Null))?,
        spec: json.get("spec").map(salvaged).unwrap_or_default(),
        status: json.get("status").map(salvaged),
        operation: json.get("operation").and_then(|operation| Operation::deserialize(operation).ok()),
        unread: Some(error.to_string()),
    })
}

/// What can be read of a map whose fields may all be absent.
fn salvaged<T: DeserializeOwned + Default>(map: &Value) -> T {
    let is_readable = |(name, value): &(&String, &Value)| {
        let alone = Value::Object(Map::from_iter([((*name).clone(), (*value).clone())]));
        T::deserialize(&alone).is_ok()
    };
    let fields = map.as_object().into_iter().flatten().filter(is_readable);
    let fields: Map<String, Value> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    T::deserialize(&Value::Object(fields)).unwrap_or_default()
}

impl FromJson for DynamicObject {
    fn from_json(json: Value, _: bool) -> Result<Self, serde_json::Error> {
        let Value::Object(mut fields) = json else {
            return Err(de::Error::custom("an object of Kubernetes is a map"));
        };
        let types =
            TypeMeta { api_version: text(&mut fields, "apiVersion"), kind: text(&mut fields, "kind") };
        let metadata = serde_json::from_value(fields.remove("metadata").unwrap_or_default())?;
        Ok(Self { types: Some(types), metadata, data: Value::Object(fields) })
    }
}

impl FromJson for PartialObjectMeta<DynamicObject> {
    fn from_json(json: Value, _: bool) -> Result<Self, serde_json::Error> {
        serde_json::from_value(json)
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

impl<'de, K: FromJson> Deserialize<'de> for Lenient<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let is_cut = Cell::new(false);
        let json = Shallow { depth: MAX_DEPTH, is_cut: &is_cut }.deserialize(deserializer)?;
        K::from_json(json, is_cut.get()).map(Self).map_err(de::Error::custom)
    }
}

impl<K: Resource> Resource for Lenient<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(types: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(types)
    }
    fn group(types: &Self::DynamicType) -> Cow<'_, str> {
        K::group(types)
    }
    fn version(types: &Self::DynamicType) -> Cow<'_, str> {
        K::version(types)
    }
    fn plural(types: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(types)
    }
    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// Watches for ever, each object read by itself.
pub(super) fn watch<K>(
    api: Api<Lenient<K>>,
    config: Config,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static
where
    K: FromJson + Resource + Clone + fmt::Debug + Send + 'static,
    Lenient<K>: DeserializeOwned,
{
    watch_as(api, config, |object| object)
}

/// The same, each object as what `plain` makes of it.
pub(super) fn watch_as<K, T>(
    api: Api<Lenient<K>>,
    config: Config,
    plain: fn(K) -> T,
) -> impl Stream<Item = Result<Event<T>, watcher::Error>> + Send + 'static
where
    K: FromJson + Resource + Clone + fmt::Debug + Send + 'static,
    T: 'static,
    Lenient<K>: DeserializeOwned,
{
    watcher(api, config).backoff(Delays::default()).map(move |event| {
        event.map(|event| match event {
            Event::Init => Event::Init,
            Event::InitDone => Event::InitDone,
            Event::InitApply(object) => Event::InitApply(plain(object.0)),
            Event::Apply(object) => Event::Apply(plain(object.0)),
            Event::Delete(object) => Event::Delete(plain(object.0)),
        })
    })
}

/// Reads JSON down to a depth; maps and lists that lie deeper become null. Skipping is no recursion (`serde_json`, `de.rs`,
/// `ignore_value`).
#[derive(Clone, Copy)]
struct Shallow<'a> {
    depth: usize,
    is_cut: &'a Cell<bool>,
}

impl Shallow<'_> {
    fn below(self) -> Option<Self> {
        let depth = self.depth.checked_sub(1);
        if depth.is_none() {
            self.is_cut.set(true);
        }
        depth.map(|depth| Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Shallow<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shallow<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let Some(below) = self.below() else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        };
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(below)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some(below) = self.below() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        };
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.insert(name, map.next_value_seed(below)?);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use kube::core::{ObjectList, WatchEvent};
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// `{"a": {"a": … 1}}`, that many maps.
    fn nested(levels: usize) -> String {
        format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels))
    }

    fn application(levels: usize) -> String {
        format!(
            "{{\"metadata\": {{\"name\": \"web\"}}, \"spec\": {{\"source\": {{\"repoURL\": \"r\", \"helm\": \
             {{\"valuesObject\": {}}}}}}}}}",
            nested(levels)
        )
    }

    fn release(levels: usize) -> String {
        format!(
            "{{\"apiVersion\": \"helm.toolkit.fluxcd.io/v2\", \"kind\": \"HelmRelease\", \"metadata\": {{\"name\": \"web\", \
             \"uid\": \"u\"}}, \"spec\": {{\"interval\": \"1m\", \"values\": {}}}, \"status\": {{\"observedGeneration\": 3}}}}",
            nested(levels)
        )
    }

    #[rstest]
    #[case::usual(5, false)]
    #[case::too_deep(130, true)]
    #[case::as_deep_as_the_api_server_takes(9_900, true)]
    fn one_that_is_too_deep_costs_the_others_nothing(#[case] levels: usize, #[case] is_cut: bool) {
        let list =
            format!("{{\"metadata\": {{}}, \"items\": [{}, {}]}}", application(levels), application(2));
        let list: ObjectList<Lenient<Application>> = serde_json::from_str(&list).unwrap();
        let [deep, other] = list.items.as_slice() else { panic!("two") };
        assert_eq!(deep.0.unread.is_some(), is_cut);
        assert_eq!((deep.0.name(), deep.0.sources()[0].repo_url.as_str()), ("web", "r"));
        assert_eq!(other.0.unread, None);
        let event = format!("{{\"type\": \"ADDED\", \"object\": {}}}", application(levels));
        let event: WatchEvent<Lenient<Application>> = serde_json::from_str(&event).unwrap();
        assert!(matches!(event, WatchEvent::Added(_)));
    }

    #[test]
    fn a_field_of_another_type_costs_that_field() {
        let odd = json!({
            "metadata": {"name": "web"},
            "spec": {"project": "team", "source": "nowhere", "syncPolicy": {"syncOptions": ["FluxSubsystem=true"]}},
            "status": {"reconciledAt": 7, "sourceType": "Helm"},
            "operation": [],
        });
        let read: Lenient<Application> = serde_json::from_str(&odd.to_string()).unwrap();
        let app = read.0;
        assert!(app.unread.is_some());
        assert_eq!((app.name(), app.project(), app.is_bridged()), ("web", "team", true));
        assert_eq!(app.status.unwrap().source_type, "Helm");
    }

    #[rstest]
    #[case(3)]
    #[case(9_900)]
    fn the_rest_of_an_object_is_as_it_was(#[case] levels: usize) {
        let read: Lenient<DynamicObject> = serde_json::from_str(&release(levels)).unwrap();
        let object = read.0;
        assert_eq!(object.metadata.uid.as_deref(), Some("u"));
        assert_eq!(object.types.as_ref().map(|types| types.kind.as_str()), Some("HelmRelease"));
        assert_eq!(object.data.pointer("/spec/interval"), Some(&json!("1m")));
        assert_eq!(object.data.pointer("/status/observedGeneration"), Some(&json!(3)));
        assert_eq!(object.data.pointer("/kind"), None);
    }

    #[test]
    fn what_is_read_whole_is_read_as_before() {
        let text = release(3);
        let (read, usual): (Lenient<DynamicObject>, DynamicObject) =
            (serde_json::from_str(&text).unwrap(), serde_json::from_str(&text).unwrap());
        assert_eq!(json!(read.0), json!(usual));
        let odd = "{\"metadata\": {\"name\": \"a\"}, \"a\": [null, true, -1, 18446744073709551615, 1.5, \"b\", {}]}";
        let read: Lenient<DynamicObject> = serde_json::from_str(odd).unwrap();
        assert_eq!(read.0.data, json!({"a": [null, true, -1, 18_446_744_073_709_551_615_u64, 1.5, "b", {}]}));
    }
}
