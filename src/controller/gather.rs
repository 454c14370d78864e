//! Reads everything that one Application needs into one value.

mod again;
mod asking;
mod heard;
mod namespace;
mod stores;

use std::sync::Arc;

use jiff::Timestamp;

use super::shared::Shared;
use crate::argo::Application;
use crate::lookup::Flight;
use crate::mirror::{Observed, View};
use crate::names;
use crate::plan::{State, check, gate};
use crate::project::{Permissions, Rendered};
pub(super) use again::Again;
use asking::Asking;
use heard::Heard;
use stores::{chart_of, inventories, live_objects, objects, tracking};
pub(super) use stores::{interval, prime, settings};

/// What was read, and when to read again though nothing happens.
pub(super) struct Gathered {
    pub(super) observed: Observed,
    pub(super) again: Again,
    /// The questions that nothing can be decided without, and that are not answered yet.
    pub(super) open: Vec<Flight>,
    /// All questions under way that the Application is to hear of, and whether it goes on with an older answer until then.
    pub(super) flights: Vec<(Flight, bool)>,
}

/// Reads everything that is known about `app`, and begins to find out what is not.
pub(super) fn gather(shared: &Shared, app: Arc<Application>, now: Timestamp) -> Gathered {
    let identity = app.identity();
    let is_requested = app.annotation(names::ANNOTATION_REFRESH).is_some();
    // Finer than `now`: two refreshes within one second are two requests.
    let refresh = shared.memory.refresh(&identity, is_requested, Timestamp::now());
    let mut asking = Asking::new(shared, &app, refresh.as_ref().map(|refresh| refresh.since));
    let mut context = asking.context(&app);
    let translation = asking.translate(&app, &mut context);
    let failures = std::mem::take(&mut asking.heard.failures);
    let wish = asking.wish(&app, &translation, &context);
    let brings_namespace = asking.brings_namespace(&app, &translation);
    asking.heard.failures.clear();
    let mut keys = stores::keys(shared, &app, &translation);
    keys.extend(wish.iter().flat_map(|wish| stores::keys(shared, &app, &wish.translation)));
    let project = shared.cache.project(&app, &shared.secrets.repositories());
    let (objects, live_objects) = {
        let permissions = Permissions::of(&app, project.as_deref(), &shared.options.control_namespace);
        let inventories = inventories(shared, &keys, &permissions);
        keys.extend(inventories.flux_objects());
        keys.extend(inventories.0.keys().filter_map(|key| chart_of(shared, key)));
        shared.cache.subscribe(&identity, keys.clone(), &translation.namespace);
        let mut objects = objects(shared, keys);
        // What the translation has been told from: what became of them since is for the next look.
        let told = context.delivered.iter().map(|(key, delivered)| (key.clone(), delivered.object.clone()));
        objects.extend(told);
        let live_objects = live_objects(shared, &identity, &inventories, &objects, &permissions);
        (objects, live_objects)
    };
    let mut observed = Observed {
        now,
        secrets: shared.secrets.owned(&identity),
        namespace_exists: shared.cache.has_namespace(&translation.namespace),
        namespace_ends: shared.cache.is_namespace_ending(&translation.namespace),
        brings_namespace,
        namespace: shared.cache.namespace(&translation.namespace),
        absent_kinds: shared.cache.absent_kinds(),
        refusal: shared.memory.refusal(&identity),
        control_namespace: shared.options.control_namespace.clone(),
        app,
        translation,
        context,
        wish,
        objects,
        failures,
        refresh,
        live_objects,
        project,
        rendered: Rendered::Unneeded,
        tracking: tracking(shared),
        syncing: shared.memory.in_state(State::Syncing),
    };
    match observed.as_wished() {
        Some(mut wished) => {
            render(&mut asking, &mut wished);
            observed.rendered = wished.rendered;
            if let Some(wish) = &mut observed.wish {
                wish.failures = wished.failures;
            }
        }
        None => render(&mut asking, &mut observed),
    }
    let Heard { again, open, flights, .. } = asking.heard;
    Gathered { observed, again, open, flights }
}

/// Finds out what is about to be delivered, where the project restricts that.
fn render(asking: &mut Asking<'_>, observed: &mut Observed) {
    // Most projects do not, and a view takes its time.
    if !gate::restricts(observed) {
        return;
    }
    let (revisions, blind_spot) = {
        let view = View::of(observed);
        (check::revisions(&view), check::blind_spot(&view))
    };
    observed.failures.extend(blind_spot);
    let Some(revisions) = revisions else { return };
    if observed.project.is_none() {
        return;
    }
    let mut all = Vec::new();
    for index in 0..revisions.len() {
        // What stands in the artifact, to the letter: another rendering may come out otherwise.
        if let Some(made) = observed.context.rendered.get(&index) {
            all.extend(made.objects.iter().cloned());
            continue;
        }
        let found = asking.held(&observed.app, index, &revisions, None);
        let Some(objects) = asking.answer(found) else {
            observed.failures.append(&mut asking.heard.failures);
            return;
        };
        all.extend(objects);
    }
    observed.rendered = Rendered::Objects(all);
}
