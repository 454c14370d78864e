//! Fields of an Application beside its source: what delivery by Flux does not do is said.

use super::draft::Draft;
use crate::argo::Application;
use crate::names;
use crate::project::Impersonation;

/// Notes every field beside the source that has no effect, or cannot be kept.
pub(super) fn check(draft: &mut Draft<'_>) {
    let app: &Application = draft.app;
    super::sync_options::check(draft);
    impersonation(draft);
    let Some(policy) = &app.spec.sync_policy else { return };
    let creates = app.has_sync_option(names::OPTION_CREATE_NAMESPACE);
    if policy.managed_namespace_metadata.is_some() && !creates {
        let field = "spec.syncPolicy.managedNamespaceMetadata";
        let hint = "Argo CD keeps up the namespaces that it creates: add CreateNamespace=true";
        draft.warn(field, "has no effect without the sync option CreateNamespace=true", hint);
    }
}

/// The project says whom the objects are applied as, and that is a limit to what they may do: where Flux cannot keep it,
/// nothing is delivered.
fn impersonation(draft: &mut Draft<'_>) {
    let context = draft.context;
    match (&context.impersonation, &context.policy.service_account_name) {
        (Impersonation::Refused(message), _) => {
            let hint = "name a ServiceAccount of the destination namespace in destinationServiceAccounts of the project";
            draft.error::<()>("spec.project", message.clone(), hint);
        }
        (Impersonation::As { account, project }, Some(setting)) if setting.value != *account => {
            let (other, policy) = (&setting.value, &setting.policy);
            let message = format!(
                "AppProject {project} has it delivered as {account:?}, and FluxDeliveryPolicy {policy} as {other:?}"
            );
            draft.error::<()>("spec.project", message, "let both name one ServiceAccount");
        }
        _ => {}
    }
}
