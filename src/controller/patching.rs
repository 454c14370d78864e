//! How objects are patched, and what the API server answers.

use kube::api::PatchParams;

use crate::names;

pub(super) fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

pub(super) fn apply_params() -> PatchParams {
    PatchParams::apply(names::FIELD_MANAGER).force().validation_strict()
}

pub(super) fn merge_params() -> PatchParams {
    PatchParams { field_manager: Some(names::FIELD_MANAGER.into()), ..PatchParams::default() }
}
