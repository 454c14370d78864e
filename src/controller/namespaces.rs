//! The Applications of more than one namespace, as one stream.
//!
//! Namespaces that are named are watched each by itself, so that the bridge needs rights in them alone; where there is a
//! pattern, the whole cluster is watched, and what does not fit is dropped.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, BoxStream, Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, Client, ResourceExt};
use regex::Regex;

use super::lenient::{self, Lenient};
use crate::argo::Application;
use crate::project::{is_in_namespaces, is_regex};
use crate::watch_error;

/// What a watch of Applications tells.
pub(super) type ApplicationEvent = Result<Event<Application>, watcher::Error>;

/// The namespaces beside Argo CD's own whose Applications are bridged (argo-cd `--application-namespaces`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationNamespaces {
    patterns: Vec<String>,
}

/// A pattern of namespaces that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{pattern}")]
pub struct PatternError {
    pattern: String,
    source: regex::Error,
}

impl ApplicationNamespaces {
    /// Reads names, globs and `/regular expressions/`, with commas between them.
    ///
    /// # Errors
    /// A regular expression that is none: Argo CD would take it for one that matches nothing.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let patterns = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        let patterns: Vec<String> = patterns.map(str::to_owned).collect();
        for pattern in &patterns {
            if let Some(Err(source)) = is_regex(pattern).map(Regex::new) {
                return Err(PatternError { pattern: pattern.clone(), source });
            }
        }
        Ok(Self { patterns })
    }

    fn has_patterns(&self) -> bool {
        let is_name =
            |pattern: &String| pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !self.patterns.iter().all(is_name)
    }
}

/// Events of all Applications that are bridged if they ask for it, as of one watch.
pub(super) fn applications(
    client: &Client,
    control_namespace: &str,
    namespaces: &ApplicationNamespaces,
) -> BoxStream<'static, ApplicationEvent> {
    if namespaces.patterns.is_empty() {
        return one(Api::namespaced(client.clone(), control_namespace)).boxed();
    }
    if namespaces.has_patterns() {
        let (control, patterns) = (control_namespace.to_owned(), namespaces.patterns.clone());
        let is_served = move |namespace: &str| namespace == control || is_in_namespaces(&patterns, namespace);
        return one(Api::all(client.clone()))
            .filter(move |event| std::future::ready(concerns(event, &is_served)))
            .boxed();
    }
    let names: BTreeSet<String> =
        namespaces.patterns.iter().cloned().chain([control_namespace.to_owned()]).collect();
    let watches = names.iter().map(|name| {
        let namespace = name.clone();
        one(Api::namespaced(client.clone(), name)).map(move |event| (namespace.clone(), event)).boxed()
    });
    let mut merge = Merge::of(names.iter().cloned());
    stream::select_all(watches)
        .flat_map(move |(namespace, event)| stream::iter(merge.next(&namespace, event)))
        .boxed()
}

fn one(api: Api<Lenient<Application>>) -> impl Stream<Item = ApplicationEvent> + Send + 'static {
    lenient::watch(api, Config::default()).modify(|app| app.managed_fields_mut().clear())
}

fn concerns(event: &ApplicationEvent, is_served: &impl Fn(&str) -> bool) -> bool {
    match event {
        Ok(Event::Apply(app) | Event::InitApply(app) | Event::Delete(app)) => is_served(app.namespace()),
        _ => true,
    }
}

/// Several watches as one. What has been listed is held back until every namespace has been listed once; from then on, a
/// new list is told as what changed by it.
#[derive(Default)]
struct Merge {
    /// Namespaces that have not been listed yet.
    waiting: BTreeSet<String>,
    /// Lists that are under way.
    listing: BTreeMap<String, Vec<Application>>,
    /// By namespace and name: before everything is listed the Applications, later their names alone.
    held: BTreeMap<String, BTreeMap<String, Application>>,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Merge {
    fn of(namespaces: impl Iterator<Item = String>) -> Self {
        Self { waiting: namespaces.collect(), ..Self::default() }
    }

    fn next(&mut self, namespace: &str, event: ApplicationEvent) -> Vec<ApplicationEvent> {
        match event {
            Ok(Event::Init) => {
                self.listing.insert(namespace.to_owned(), Vec::new());
                Vec::new()
            }
            Ok(Event::InitApply(app)) => {
                self.listing.entry(namespace.to_owned()).or_default().push(app);
                Vec::new()
            }
            Ok(Event::InitDone) => {
                let listed = self.listing.remove(namespace).unwrap_or_default();
                self.listed(namespace, listed)
            }
            Ok(Event::Apply(app)) => self.applied(namespace, app),
            Ok(Event::Delete(app)) => self.deleted(namespace, app),
            Err(error) => {
                // One namespace in which there is no right must not hold up the others. Where there was one, a refusal says
                // nothing of what is there, and may pass: an API server that has just started does not know all rights yet.
                let is_first = self.waiting.contains(namespace);
                let mut events = if is_first && watch_error::is_forbidden(&error) {
                    self.listed(namespace, Vec::new())
                } else {
                    Vec::new()
                };
                events.push(Err(error));
                events
            }
        }
    }

    fn listed(&mut self, namespace: &str, apps: Vec<Application>) -> Vec<ApplicationEvent> {
        if self.waiting.is_empty() {
            return self.listed_again(namespace, apps);
        }
        let by_name = apps.into_iter().map(|app| (app.name().to_owned(), app)).collect();
        self.held.insert(namespace.to_owned(), by_name);
        self.waiting.remove(namespace);
        if !self.waiting.is_empty() {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held);
        self.known = held.iter().map(|(key, apps)| (key.clone(), apps.keys().cloned().collect())).collect();
        let applications = held.into_values().flat_map(BTreeMap::into_values).map(Event::InitApply);
        [Event::Init].into_iter().chain(applications).chain([Event::InitDone]).map(Ok).collect()
    }

    fn listed_again(&mut self, namespace: &str, apps: Vec<Application>) -> Vec<ApplicationEvent> {
        let names = apps.iter().map(|app| app.name().to_owned()).collect();
        let before = self.known.insert(namespace.to_owned(), names).unwrap_or_default();
        let now = self.known.get(namespace);
        let gone = before.iter().filter(|name| now.is_none_or(|now| !now.contains(*name)));
        let gone: Vec<_> = gone.map(|name| Ok(Event::Delete(named(namespace, name)))).collect();
        gone.into_iter().chain(apps.into_iter().map(|app| Ok(Event::Apply(app)))).collect()
    }

    fn applied(&mut self, namespace: &str, app: Application) -> Vec<ApplicationEvent> {
        let name = app.name().to_owned();
        if self.waiting.is_empty() {
            self.known.entry(namespace.to_owned()).or_default().insert(name);
            return vec![Ok(Event::Apply(app))];
        }
        self.held.entry(namespace.to_owned()).or_default().insert(name, app);
        Vec::new()
    }

    fn deleted(&mut self, namespace: &str, app: Application) -> Vec<ApplicationEvent> {
        if self.waiting.is_empty() {
            if let Some(names) = self.known.get_mut(namespace) {
                names.remove(app.name());
            }
            return vec![Ok(Event::Delete(app))];
        }
        if let Some(held) = self.held.get_mut(namespace) {
            held.remove(app.name());
        }
        Vec::new()
    }
}

/// What is left to say of an Application that is gone.
fn named(namespace: &str, name: &str) -> Application {
    let mut app = Application::default();
    app.metadata.namespace = Some(namespace.to_owned());
    app.metadata.name = Some(name.to_owned());
    app
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::watcher;
    use rstest::rstest;

    #[rstest]
    #[case("", false)]
    #[case("team-a, team-b", false)]
    #[case("team-*", true)]
    #[case("/^team-[ab]$/", true)]
    #[case("team-a,*", true)]
    fn only_patterns_need_the_whole_cluster(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(ApplicationNamespaces::parse(text).unwrap().has_patterns(), expected);
    }

    #[test]
    fn a_broken_expression_is_named() {
        assert_eq!(ApplicationNamespaces::parse("a,/(/").unwrap_err().to_string(), "/(/");
    }

    fn words(events: Vec<ApplicationEvent>) -> Vec<String> {
        let word = |event: ApplicationEvent| match event {
            Ok(Event::Init) => "init".to_owned(),
            Ok(Event::InitApply(app)) => format!("init {}", app.identity()),
            Ok(Event::InitDone) => "done".to_owned(),
            Ok(Event::Apply(app)) => format!("apply {}", app.identity()),
            Ok(Event::Delete(app)) => format!("delete {}", app.identity()),
            Err(_) => "error".to_owned(),
        };
        events.into_iter().map(word).collect()
    }

    fn forbidden() -> ApplicationEvent {
        let status = kube::core::Status::failure("no", "Forbidden").with_code(403);
        Err(watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn several_watches_look_like_one() {
        let mut merge = Merge::of(["a", "b"].map(str::to_owned).into_iter());
        let mut tell = |namespace: &str, event| words(merge.next(namespace, Ok(event)));
        assert!(tell("a", Event::Init).is_empty());
        assert!(tell("a", Event::InitApply(named("a", "one"))).is_empty());
        assert!(tell("a", Event::InitDone).is_empty());
        assert!(tell("a", Event::Apply(named("a", "two"))).is_empty());
        assert!(tell("a", Event::Delete(named("a", "one"))).is_empty());
        assert!(tell("b", Event::Init).is_empty());
        assert!(tell("b", Event::InitApply(named("b", "three"))).is_empty());
        assert_eq!(tell("b", Event::InitDone), ["init", "init a/two", "init b/three", "done"]);
        assert_eq!(tell("b", Event::Apply(named("b", "four"))), ["apply b/four"]);
        assert_eq!(tell("a", Event::Delete(named("a", "two"))), ["delete a/two"]);
        // A watch that begins anew tells what happened in the meantime.
        assert!(tell("b", Event::Init).is_empty());
        assert!(tell("b", Event::InitApply(named("b", "four"))).is_empty());
        assert_eq!(tell("b", Event::InitDone), ["delete b/three", "apply b/four"]);
    }

    #[test]
    fn a_namespace_without_rights_holds_nobody_up() {
        let mut merge = Merge::of(["a", "b"].map(str::to_owned).into_iter());
        assert_eq!(words(merge.next("b", forbidden())), ["error"]);
        merge.next("a", Ok(Event::Init));
        assert_eq!(words(merge.next("a", Ok(Event::InitDone))), ["init", "done"]);
        assert_eq!(words(merge.next("b", forbidden())), ["error"]);
        // Granted later.
        merge.next("b", Ok(Event::Init));
        merge.next("b", Ok(Event::InitApply(named("b", "one"))));
        assert_eq!(words(merge.next("b", Ok(Event::InitDone))), ["apply b/one"]);
    }

    #[test]
    fn a_refusal_for_a_while_forgets_nothing() {
        let mut merge = Merge::of(["a", "b"].map(str::to_owned).into_iter());
        merge.next("a", Ok(Event::Init));
        merge.next("a", Ok(Event::InitApply(named("a", "one"))));
        merge.next("a", Ok(Event::InitDone));
        assert_eq!(words(merge.next("a", forbidden())), ["error"], "while the other one is waited for");
        merge.next("b", Ok(Event::Init));
        assert_eq!(words(merge.next("b", Ok(Event::InitDone))), ["init", "init a/one", "done"]);
        assert_eq!(words(merge.next("a", forbidden())), ["error"]);
        // What happened meanwhile is told by the list that ends it.
        merge.next("a", Ok(Event::Init));
        assert_eq!(words(merge.next("a", forbidden())), ["error"]);
        merge.next("a", Ok(Event::Init));
        merge.next("a", Ok(Event::InitApply(named("a", "two"))));
        assert_eq!(words(merge.next("a", Ok(Event::InitDone))), ["delete a/one", "apply a/two"]);
    }
}
