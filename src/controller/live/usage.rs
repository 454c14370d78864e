//! Which kinds are in use in which namespaces, by which Applications, and which watches that takes.
//!
//! A kind has a watch in each namespace in use or, above [`MAX_NAMESPACES`], one of the whole cluster, until nobody uses
//! the kind any more. A namespace that comes into use then gets a watch of its own, which ends once it has listed: the
//! one of the cluster goes on from there.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// In how many namespaces a kind is watched one by one.
pub(super) const MAX_NAMESPACES: usize = 10;
/// How long a watch outlives its last user: an upgrade may drop an object that the next one brings back.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// How long a namespace's own watch goes on beside that of the cluster, so that what ended in the meantime is heard of.
const HANDOVER: Duration = Duration::from_secs(20);

/// Group and kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKind {
    /// API group; empty for the core group.
    pub(super) group: Arc<str>,
    /// Kind.
    pub(super) kind: Arc<str>,
}

impl GroupKind {
    pub(super) fn new(group: &str, kind: &str) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.kind)
        } else {
            write!(f, "{}.{}", self.kind, self.group)
        }
    }
}

/// `NAMESPACE/NAME` of an Application.
pub(super) type Identity = Arc<str>;

/// A kind in a namespace; objects of the cluster have the empty one.
pub(super) type Use = (GroupKind, Arc<str>);

/// Where one watch looks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    /// Everywhere; what is not in use is dropped.
    Cluster,
    /// In one namespace; the empty one stands for objects of the cluster.
    Namespace(Arc<str>),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("everywhere"),
            Self::Namespace(namespace) if namespace.is_empty() => f.write_str("the cluster"),
            Self::Namespace(namespace) => f.write_str(namespace),
        }
    }
}

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Watch {
    pub(super) kind: GroupKind,
    pub(super) scope: Scope,
}

/// What is to be done about watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Start it; one that runs is ended and started anew.
    Start(Watch),
    /// End it.
    Stop(Watch),
    /// Nothing of this kind in this namespace is in use any more.
    Drop(Use),
}

/// What is known of a kind in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Not listed yet.
    Pending,
    /// Listed, and watched since.
    Listed,
    /// May not be read, is not served, or does not answer.
    Unreadable,
}

#[derive(Debug)]
struct Place {
    users: HashSet<Identity>,
    idle_since: Option<Instant>,
    listing: Listing,
    own: Option<Own>,
}

/// A watch of that namespace alone.
#[derive(Clone, Copy, Debug)]
struct Own {
    /// When it listed.
    listed: Option<Instant>,
}

impl Place {
    /// What the whole cluster does not show, one namespace does not either.
    fn new(cluster: Option<Listing>) -> Self {
        let listing = cluster.filter(|listing| *listing == Listing::Unreadable).unwrap_or(Listing::Pending);
        Self { users: HashSet::new(), idle_since: None, listing, own: None }
    }
}

#[derive(Debug, Default)]
struct KindUse {
    places: BTreeMap<Arc<str>, Place>,
    /// The kind has a watch of the whole cluster, and what has become of that.
    cluster: Option<Listing>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Usage {
    kinds: HashMap<GroupKind, KindUse>,
    users: HashMap<Identity, BTreeSet<Use>>,
    changed: BTreeSet<GroupKind>,
}

impl Usage {
    /// The Application needs exactly these from now on.
    pub(super) fn set(&mut self, identity: &Identity, uses: BTreeSet<Use>, now: Instant) {
        let before = self.users.remove(identity).unwrap_or_default();
        for (kind, namespace) in before.difference(&uses) {
            let place = self.kinds.get_mut(kind).and_then(|kind| kind.places.get_mut(namespace));
            if let Some(place) = place {
                place.users.remove(identity);
                place.idle_since = place.users.is_empty().then_some(now);
            }
        }
        for (kind, namespace) in uses.difference(&before) {
            let KindUse { places, cluster } = self.kinds.entry(kind.clone()).or_default();
            let place = places.entry(Arc::clone(namespace)).or_insert_with(|| {
                self.changed.insert(kind.clone());
                Place::new(*cluster)
            });
            place.users.insert(Arc::clone(identity));
            place.idle_since = None;
        }
        if !uses.is_empty() {
            self.users.insert(Arc::clone(identity), uses);
        }
    }

    /// The Application needs exactly these already.
    pub(super) fn is_set(&self, identity: &str, uses: &BTreeSet<Use>) -> bool {
        self.users.get(identity).map_or(uses.is_empty(), |known| known == uses)
    }

    /// What came into use since the last call takes these watches.
    pub(super) fn orders(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        for kind in std::mem::take(&mut self.changed) {
            let Some(used) = self.kinds.get_mut(&kind) else { continue };
            let start = |scope| Order::Start(Watch { kind: kind.clone(), scope });
            let fresh = used.places.values().filter(|place| is_uncovered(place)).count();
            let is_crowded = match used.cluster {
                // Listing everything once more costs less than so many lists.
                Some(Listing::Listed) => fresh > MAX_NAMESPACES,
                // Its list is under way: what that misses is seen to afterwards.
                Some(Listing::Pending | Listing::Unreadable) => continue,
                None => used.places.len() > MAX_NAMESPACES,
            };
            if is_crowded {
                used.cluster = Some(Listing::Pending);
                orders.push(start(Scope::Cluster));
                continue;
            }
            for (namespace, place) in used.places.iter_mut().filter(|(_, place)| is_uncovered(place)) {
                place.own = Some(Own { listed: None });
                orders.push(start(Scope::Namespace(Arc::clone(namespace))));
            }
        }
        orders
    }

    /// The namespaces in which the kind is in use.
    pub(super) fn namespaces(&self, kind: &GroupKind) -> HashSet<Arc<str>> {
        let places = self.kinds.get(kind).map(|kind| &kind.places);
        places.into_iter().flatten().map(|(namespace, _)| Arc::clone(namespace)).collect()
    }

    /// Whether the kind is in use in the namespace.
    pub(super) fn contains(&self, kind: &GroupKind, namespace: &str) -> bool {
        self.kinds.get(kind).is_some_and(|kind| kind.places.contains_key(namespace))
    }

    /// What is known of a kind in a namespace; `None` when it is not in use.
    pub(super) fn listing(&self, kind: &GroupKind, namespace: &str) -> Option<Listing> {
        Some(self.kinds.get(kind)?.places.get(namespace)?.listing)
    }

    /// What the Application needs.
    pub(super) fn uses(&self, identity: &str) -> impl Iterator<Item = (&GroupKind, Listing)> {
        let uses = self.users.get(identity).into_iter().flatten();
        uses.map(|(kind, namespace)| (kind, self.listing(kind, namespace).unwrap_or(Listing::Pending)))
    }

    /// Everything that the Application needs was listed, or cannot be.
    pub(super) fn is_complete(&self, identity: &str) -> bool {
        self.uses(identity).all(|(_, listing)| listing != Listing::Pending)
    }

    /// The watch has listed; that of a cluster what was in use when it began (`covered`). The Applications that know
    /// more now than before.
    pub(super) fn listed(
        &mut self,
        watch: &Watch,
        covered: &HashSet<Arc<str>>,
        now: Instant,
    ) -> BTreeSet<Identity> {
        if let Some(used) = self.kinds.get_mut(&watch.kind) {
            if let Scope::Namespace(namespace) = &watch.scope
                && let Some(place) = used.places.get_mut(namespace)
            {
                place.own = Some(Own { listed: Some(now) });
            }
            self.changed.insert(watch.kind.clone());
        }
        self.found(watch, covered, Listing::Listed)
    }

    /// The watch may not look. The Applications to which that is news.
    pub(super) fn unreadable(&mut self, watch: &Watch) -> BTreeSet<Identity> {
        let covered = self.dependents(watch).into_iter().collect();
        if let Scope::Namespace(namespace) = &watch.scope
            && let Some(used) = self.kinds.get_mut(&watch.kind)
            && let Some(own) = used.places.get_mut(namespace).and_then(|place| place.own.as_mut())
        {
            // That of the cluster replaces what has listed.
            own.listed = None;
        }
        self.found(watch, &covered, Listing::Unreadable)
    }

    /// The namespaces in use that this watch alone shows.
    pub(super) fn dependents(&self, watch: &Watch) -> Vec<Arc<str>> {
        let places = self.kinds.get(&watch.kind).into_iter().flat_map(|used| &used.places);
        let is_shown = |namespace: &Arc<str>, place: &Place| match &watch.scope {
            Scope::Cluster => place.own.is_none(),
            Scope::Namespace(own) => own == namespace,
        };
        places
            .filter(|(namespace, place)| is_shown(namespace, place))
            .map(|(namespace, _)| Arc::clone(namespace))
            .collect()
    }

    /// The watch gets no answer, which holds up nobody who has not seen a list so far. The Applications to which that is
    /// news.
    ///
    /// One that has listed goes on from there when there is an answer again, without a new list.
    pub(super) fn unanswered(&mut self, watch: &Watch) -> BTreeSet<Identity> {
        let has_listed = |used: &KindUse| match &watch.scope {
            Scope::Cluster => used.cluster == Some(Listing::Listed),
            Scope::Namespace(namespace) => {
                used.places.get(namespace).is_none_or(|place| place.listing == Listing::Listed)
            }
        };
        if self.kinds.get(&watch.kind).is_none_or(has_listed) {
            return BTreeSet::new();
        }
        let mut pending = self.dependents(watch);
        pending.retain(|namespace| self.listing(&watch.kind, namespace) == Some(Listing::Pending));
        self.found(watch, &pending.into_iter().collect(), Listing::Unreadable)
    }

    fn found(&mut self, watch: &Watch, covered: &HashSet<Arc<str>>, listing: Listing) -> BTreeSet<Identity> {
        let Some(used) = self.kinds.get_mut(&watch.kind) else { return BTreeSet::new() };
        if watch.scope == Scope::Cluster {
            used.cluster = Some(listing);
        }
        let mut concerned = BTreeSet::new();
        for (namespace, place) in &mut used.places {
            let is_meant = match &watch.scope {
                Scope::Cluster => covered.contains(namespace),
                Scope::Namespace(own) => own == namespace,
            };
            if is_meant && place.listing != listing {
                place.listing = listing;
                concerned.extend(place.users.iter().cloned());
            }
        }
        concerned.retain(|identity| self.is_complete(identity));
        concerned
    }

    /// Ends what nobody has used for a while, and namespaces' own watches which that of the cluster has replaced.
    pub(super) fn reap(&mut self, now: Instant) -> Vec<Order> {
        let mut orders = Vec::new();
        let is_over =
            |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
        self.kinds.retain(|kind, used| {
            let has_cluster = used.cluster == Some(Listing::Listed);
            used.places.retain(|namespace, place| {
                let is_unused = is_over(place.idle_since, GRACE);
                let is_replaced = has_cluster && is_over(place.own.and_then(|own| own.listed), HANDOVER);
                if place.own.is_some() && (is_unused || is_replaced) {
                    let scope = Scope::Namespace(Arc::clone(namespace));
                    orders.push(Order::Stop(Watch { kind: kind.clone(), scope }));
                    place.own = None;
                }
                if is_unused {
                    orders.push(Order::Drop((kind.clone(), Arc::clone(namespace))));
                }
                !is_unused
            });
            if used.places.is_empty() && used.cluster.is_some() {
                orders.push(Order::Stop(Watch { kind: kind.clone(), scope: Scope::Cluster }));
            }
            !used.places.is_empty()
        });
        orders
    }
}

/// Nothing looks there yet, or only a watch of the cluster that could not read when the namespace came into use.
fn is_uncovered(place: &Place) -> bool {
    place.listing != Listing::Listed && place.own.is_none()
}
