use super::*;
use rstest::rstest;

fn kind() -> GroupKind {
    GroupKind::new("apps", "Deployment")
}

fn uses(namespaces: impl IntoIterator<Item = usize>) -> BTreeSet<Use> {
    namespaces.into_iter().map(|number| (kind(), format!("n{number}").into())).collect()
}

fn watch(scope: Scope) -> Watch {
    Watch { kind: kind(), scope }
}

fn own(number: usize) -> Watch {
    watch(Scope::Namespace(format!("n{number}").into()))
}

fn cluster() -> Watch {
    watch(Scope::Cluster)
}

fn started(usage: &mut Usage) -> Vec<Watch> {
    let orders = usage.orders().into_iter();
    orders
        .map(|order| match order {
            Order::Start(watch) => watch,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Everything in use is listed by the watch of the cluster.
fn crowded(now: Instant) -> Usage {
    let mut usage = Usage::default();
    usage.set(&"a/crowd".into(), uses(0..20), now);
    assert_eq!(started(&mut usage), [cluster()]);
    let covered = usage.namespaces(&kind());
    usage.listed(&cluster(), &covered, now);
    assert!(usage.is_complete("a/crowd"));
    usage
}

#[rstest]
#[case::one(1)]
#[case::as_many_as_allowed(MAX_NAMESPACES)]
fn few_namespaces_are_watched_one_by_one_and_each_once(#[case] count: usize) {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/one".into(), uses(0..count), now);
    usage.set(&"a/two".into(), uses(0..count), now);
    assert_eq!(started(&mut usage).len(), count);
    assert_eq!(started(&mut usage), []);
    assert!(!usage.is_complete("a/one"));
    let told: Vec<_> =
        (0..count).flat_map(|number| usage.listed(&own(number), &HashSet::new(), now)).collect();
    let told: Vec<&str> = told.iter().map(|identity| &**identity).collect();
    assert_eq!(told, ["a/one", "a/two"], "told once, at the end");
}

#[test]
fn many_namespaces_share_one_watch_that_replaces_their_own() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/few".into(), uses(0..2), now);
    assert_eq!(started(&mut usage), [own(0), own(1)]);
    usage.listed(&own(0), &HashSet::new(), now);
    usage.set(&"a/many".into(), uses(2..20), now);
    assert_eq!(started(&mut usage), [cluster()]);
    assert_eq!(usage.reap(now + HANDOVER), [], "nothing ends before the other has listed");
    let covered = usage.namespaces(&kind());
    assert_eq!(usage.listed(&cluster(), &covered, now).len(), 2);
    assert_eq!(usage.reap(now + HANDOVER), [Order::Stop(own(0))], "the other one has not listed");
}

#[test]
fn a_namespace_that_joins_a_crowd_is_listed_once_on_its_own() {
    let now = Instant::now();
    let mut usage = crowded(now);
    usage.set(&"a/late".into(), uses([99]), now);
    assert_eq!(started(&mut usage), [own(99)]);
    assert_eq!(usage.listed(&own(99), &HashSet::new(), now), BTreeSet::from(["a/late".into()]));
    assert_eq!(usage.reap(now), []);
    assert_eq!(usage.reap(now + HANDOVER), [Order::Stop(own(99))]);
    assert_eq!(usage.listing(&kind(), "n99"), Some(Listing::Listed));
}

#[test]
fn a_crowd_that_joins_a_crowd_is_listed_together() {
    let now = Instant::now();
    let mut usage = crowded(now);
    usage.set(&"a/crowd2".into(), uses(100..120), now);
    assert_eq!(started(&mut usage), [cluster()]);
    let covered = usage.namespaces(&kind());
    usage.set(&"a/late".into(), uses([200]), now);
    assert_eq!(started(&mut usage), [], "one list at a time");
    assert_eq!(usage.listed(&cluster(), &covered, now), BTreeSet::from(["a/crowd2".into()]));
    assert_eq!(started(&mut usage), [own(200)], "what the list did not cover");
}

#[test]
fn what_may_not_be_read_holds_nobody_up_and_may_be_granted_later() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/crowd".into(), uses(0..20), now);
    usage.orders();
    assert_eq!(usage.unreadable(&cluster()), BTreeSet::from(["a/crowd".into()]));
    assert_eq!(usage.unreadable(&cluster()), BTreeSet::new(), "told once");
    usage.set(&"a/late".into(), uses([99]), now);
    assert!(usage.is_complete("a/late"));
    assert_eq!(usage.uses("a/late").next(), Some((&kind(), Listing::Unreadable)));
    let covered = usage.namespaces(&kind());
    assert_eq!(usage.listed(&cluster(), &covered, now).len(), 2);
}

/// A watch that has listed resumes after an outage, without a new list that would take anything back.
#[test]
fn an_outage_makes_a_watch_of_the_cluster_blind_for_nobody() {
    let now = Instant::now();
    let mut usage = crowded(now);
    assert_eq!(usage.unanswered(&cluster()), BTreeSet::new());
    assert!(usage.uses("a/crowd").all(|(_, listing)| listing == Listing::Listed));
    usage.set(&"a/late".into(), uses([99]), now);
    assert_eq!(started(&mut usage), [own(99)]);
    assert_eq!(usage.listing(&kind(), "n99"), Some(Listing::Pending));
    assert_eq!(usage.unanswered(&cluster()), BTreeSet::new(), "that namespace has a watch of its own");
    assert_eq!(usage.listed(&own(99), &HashSet::new(), now), BTreeSet::from(["a/late".into()]));
    assert_eq!(usage.reap(now + HANDOVER), [Order::Stop(own(99))], "that of the cluster goes on");
}

#[test]
fn an_outage_before_the_first_list_holds_nobody_up() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/one".into(), uses([0]), now);
    usage.set(&"a/crowd".into(), uses(1..20), now);
    assert_eq!(started(&mut usage), [cluster()]);
    assert_eq!(usage.unanswered(&cluster()).len(), 2);
    assert_eq!(usage.unanswered(&cluster()), BTreeSet::new(), "told once");
}

#[test]
fn an_outage_makes_a_watch_of_a_namespace_blind_for_nobody() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/one".into(), uses([0]), now);
    usage.orders();
    usage.listed(&own(0), &HashSet::new(), now);
    assert_eq!(usage.unanswered(&own(0)), BTreeSet::new());
    assert_eq!(usage.listing(&kind(), "n0"), Some(Listing::Listed));
    usage.set(&"a/two".into(), uses([1]), now);
    usage.orders();
    assert_eq!(usage.unanswered(&own(1)), BTreeSet::from(["a/two".into()]));
    assert_eq!(usage.listed(&own(1), &HashSet::new(), now), BTreeSet::from(["a/two".into()]));
}

/// It comes into use while the watch of the cluster may not look, and after the list has begun that ends this.
#[test]
fn a_namespace_that_came_while_nothing_could_be_read_is_listed_on_its_own() {
    let now = Instant::now();
    let mut usage = crowded(now);
    assert_eq!(usage.unreadable(&cluster()), BTreeSet::from(["a/crowd".into()]));
    let covered = usage.namespaces(&kind());
    usage.set(&"a/late".into(), uses([99]), now);
    assert_eq!(started(&mut usage), [], "nothing can be read at present");
    assert_eq!(usage.listed(&cluster(), &covered, now), BTreeSet::from(["a/crowd".into()]));
    assert_eq!(started(&mut usage), [own(99)]);
    assert_eq!(usage.listed(&own(99), &HashSet::new(), now), BTreeSet::from(["a/late".into()]));
}

#[test]
fn who_may_not_read_the_cluster_goes_on_with_the_namespaces_that_are_read() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/few".into(), uses(0..2), now);
    usage.orders();
    usage.listed(&own(0), &HashSet::new(), now);
    usage.listed(&own(1), &HashSet::new(), now);
    usage.set(&"a/many".into(), uses(2..20), now);
    assert_eq!(started(&mut usage), [cluster()]);
    assert!(!usage.dependents(&cluster()).contains(&"n0".into()), "its objects are kept");
    assert_eq!(usage.unreadable(&cluster()), BTreeSet::from(["a/many".into()]));
    assert!(usage.uses("a/few").all(|(_, listing)| listing == Listing::Listed));
    assert_eq!(usage.reap(now + HANDOVER), [], "nothing replaces their watches");
}

#[test]
fn a_watch_is_replaced_once_it_has_listed_since_it_was_refused() {
    let now = Instant::now();
    let mut usage = crowded(now);
    usage.set(&"a/late".into(), uses([99]), now);
    usage.orders();
    usage.listed(&own(99), &HashSet::new(), now);
    assert_eq!(usage.unreadable(&own(99)), BTreeSet::from(["a/late".into()]));
    assert_eq!(usage.reap(now + HANDOVER), [], "nobody else would list that namespace");
    assert_eq!(usage.listed(&own(99), &HashSet::new(), now), BTreeSet::from(["a/late".into()]));
    assert_eq!(usage.reap(now + HANDOVER), [Order::Stop(own(99))]);
}

#[test]
fn what_nobody_uses_any_more_ends_after_a_while() {
    let now = Instant::now();
    let mut usage = crowded(now);
    usage.set(&"a/late".into(), uses([0, 99]), now);
    usage.orders();
    usage.set(&"a/late".into(), uses([0]), now);
    let reaped = usage.reap(now + GRACE);
    assert_eq!(reaped, [Order::Stop(own(99)), Order::Drop((kind(), "n99".into()))]);
    usage.set(&"a/crowd".into(), BTreeSet::new(), now);
    assert_eq!(usage.reap(now + GRACE).len(), 19, "the namespace of the other Application stays");
    usage.set(&"a/late".into(), BTreeSet::new(), now);
    assert_eq!(usage.reap(now), []);
    let reaped = usage.reap(now + GRACE);
    assert_eq!(reaped, [Order::Drop((kind(), "n0".into())), Order::Stop(cluster())]);
    assert!(!usage.contains(&kind(), "n0"));
}

#[test]
fn coming_back_within_the_grace_needs_no_new_watch() {
    let now = Instant::now();
    let mut usage = Usage::default();
    usage.set(&"a/one".into(), uses([0]), now);
    usage.orders();
    usage.set(&"a/one".into(), BTreeSet::new(), now);
    usage.set(&"a/two".into(), uses([0]), now);
    assert_eq!(started(&mut usage), []);
    assert_eq!(usage.reap(now + GRACE), []);
}
