//! The source hydrator: its sync source is delivered like any source; rendering the dry source stays Argo CD's job.

use super::draft::Draft;

/// Notes what is missing (argo-cd `util/argo/argo.go`, `validateSourceHydrator`), and what stock Argo CD does not do for a
/// bridged Application.
pub(super) fn check(draft: &mut Draft<'_>) {
    const FIELD: &str = "spec.sourceHydrator";
    let Some(hydrator) = &draft.app.spec.source_hydrator else { return };
    let required = |name: &str| {
        let field = format!("{FIELD}.{name}");
        let message = format!("{field} is required");
        (field, message)
    };
    if hydrator.dry_repository().is_empty() {
        let (field, message) = required("drySource.repoURL");
        draft.error::<()>(field, message, "");
        return;
    }
    if hydrator.sync_source().target_revision.is_empty() {
        let (field, message) = required("syncSource.targetBranch");
        draft.error::<()>(field, message, "");
        return;
    }
    if hydrator.hydrate_to() == Some("") {
        let (field, message) = required("hydrateTo.targetBranch");
        let message = format!("when {FIELD}.hydrateTo is set, {message}");
        draft.error::<()>(field, message, "");
        return;
    }
    // Argo CD's controller asks for hydration behind the same gate that leaves bridged Applications alone (argo-cd
    // `controller/appcontroller.go`, `canProcessApp`); what it does hydrate, it does for all Applications with the same
    // repositories and branches (`controller/hydrator/hydrator.go`, `getAppsForHydrationKey`).
    draft.warn(
        FIELD,
        "the branch is delivered, but Argo CD does not hydrate it for an Application that Flux delivers",
        "let another Application hydrate it, one without FluxSubsystem=true and without automated sync, and name the \
         branch as the source of this one; or commit to the branch in a pipeline",
    );
}
