//! Deep merge of what a person wrote into what was generated, and equality of JSON values as Kubernetes means it.

use serde_json::Value;

/// Merges `overlay` into `base`: maps merge key by key, everything else (lists too) replaces.
pub fn deep_merge(base: &mut Value, overlay: Value) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            for (key, value) in overlay {
                match base.get_mut(&key) {
                    Some(existing) => deep_merge(existing, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, overlay) => *base = overlay,
    }
}

/// Takes the keys that hold null out of every map in `value`, except below the map entry that `keep` names.
pub fn remove_nulls(value: &mut Value, keep: &str) {
    match value {
        Value::Object(map) => {
            map.retain(|_, item| !item.is_null());
            for (_, item) in map.iter_mut().filter(|(key, _)| *key != keep) {
                remove_nulls(item, keep);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove_nulls(item, keep)),
        _ => {}
    }
}

/// Whether two values are the same to Kubernetes: numbers count by value (`1` is `1.0`), not by how they are written.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.is_f64() || b.is_f64()) && a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::maps_merge(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"c": 3, "d": 4}}), json!({"a": {"b": 1, "c": 3, "d": 4}}))]
    #[case::lists_replace(json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]}))]
    #[case::scalar_over_map(json!({"a": {"b": 1}}), json!({"a": 1}), json!({"a": 1}))]
    #[case::map_over_scalar(json!({"a": 1}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}}))]
    #[case::null_stays(json!({"a": 1}), json!({"a": null}), json!({"a": null}))]
    fn merging(#[case] mut base: Value, #[case] overlay: Value, #[case] expected: Value) {
        deep_merge(&mut base, overlay);
        assert_eq!(base, expected);
    }

    #[test]
    fn nulls_go_except_where_they_mean_something() {
        let mut value = json!({"a": null, "values": {"b": null}, "c": [{"d": null}]});
        remove_nulls(&mut value, "values");
        assert_eq!(value, json!({"values": {"b": null}, "c": [{}]}));
    }

    #[rstest]
    #[case(json!(1), json!(1.0), true)]
    #[case(json!({"a": [1.0]}), json!({"a": [1]}), true)]
    #[case(json!(1), json!("1"), false)]
    #[case(json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), false)]
    #[case(json!({"a": 1}), json!({"a": 1, "b": null}), false)]
    #[case(json!([1, 2]), json!([2, 1]), false)]
    fn equality(#[case] a: Value, #[case] b: Value, #[case] same: bool) {
        assert_eq!(equal(&a, &b), same);
        assert_eq!(equal(&b, &a), same);
    }
}
