//! Which workload objects wait for which (`spec.dependsOn`), whoever made them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::flux::{Live, ObjectKey};
use crate::translate::waiting;

/// See the module.
#[derive(Default)]
pub(super) struct Dependents {
    /// Object → what it depends on.
    wanted: HashMap<ObjectKey, Vec<ObjectKey>>,
    /// Namespace → objects there that others depend on → those.
    awaited: HashMap<String, BTreeMap<ObjectKey, BTreeSet<ObjectKey>>>,
}

impl Dependents {
    /// The object is there, or `is_gone`.
    pub(super) fn note(&mut self, live: Live<'_>, is_gone: bool) {
        if !live.kind.is_workload() {
            return;
        }
        let key = live.key();
        let wanted = if is_gone { Vec::new() } else { waiting::dependencies_of(live) };
        let before = if wanted.is_empty() {
            self.wanted.remove(&key)
        } else {
            self.wanted.insert(key.clone(), wanted.clone())
        };
        for target in before.iter().flatten().filter(|target| !wanted.contains(target)) {
            self.release(target, &key);
        }
        for target in wanted {
            let there = self.awaited.entry(target.namespace.clone()).or_default();
            there.entry(target).or_default().insert(key.clone());
        }
    }

    fn release(&mut self, target: &ObjectKey, dependent: &ObjectKey) {
        let Some(there) = self.awaited.get_mut(&target.namespace) else { return };
        if let Some(dependents) = there.get_mut(target) {
            dependents.remove(dependent);
        }
        there.retain(|_, dependents| !dependents.is_empty());
        if there.is_empty() {
            self.awaited.remove(&target.namespace);
        }
    }

    /// The objects in `namespace` that others depend on, each with one that does.
    pub(super) fn awaited(&self, namespace: &str) -> Vec<(ObjectKey, ObjectKey)> {
        let there = self.awaited.get(namespace).into_iter().flatten();
        there
            .flat_map(|(target, dependents)| {
                dependents.iter().map(|dependent| (target.clone(), dependent.clone()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flux::FluxKind;
    use crate::flux::live::tests::object;
    use serde_json::{Value, json};

    fn note(dependents: &mut Dependents, depends_on: &Value, is_gone: bool) {
        let kind = FluxKind::Kustomization;
        let object = object(kind, &json!({"spec": {"dependsOn": depends_on}}));
        dependents.note(Live { kind, object: &object }, is_gone);
    }

    fn awaited(dependents: &Dependents, namespace: &str) -> Vec<String> {
        dependents.awaited(namespace).into_iter().map(|(target, _)| target.name).collect()
    }

    #[test]
    fn what_is_depended_on_is_known_until_nobody_does() {
        let mut dependents = Dependents::default();
        note(&mut dependents, &json!([{"name": "db"}, {"name": "net", "namespace": "infra"}]), false);
        assert_eq!(awaited(&dependents, "apps"), ["db"]);
        assert_eq!(awaited(&dependents, "infra"), ["net"]);
        note(&mut dependents, &json!([{"name": "db"}]), false);
        assert_eq!((awaited(&dependents, "apps").len(), awaited(&dependents, "infra").len()), (1, 0));
        note(&mut dependents, &json!([{"name": "db"}]), true);
        assert!(dependents.awaited.is_empty() && dependents.wanted.is_empty());
    }
}
