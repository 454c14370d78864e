//! What one team could try against another, or against the platform, and what holds it: one promise a file. `docs/security.md`
//! names each of them beside the actor who would try it.
//!
//! Every test shows beside the attempt what is allowed, so that it cannot pass because nothing works at all.

mod a_bomb_in_a_repository_harms_nobody;
mod a_manifest_reaches_no_other_namespace;
mod a_name_is_taken_from_nobody;
mod a_policy_elsewhere_says_nothing;
mod a_project_that_is_not_there_permits_nothing;
mod a_reference_touches_nothing_elsewhere;
mod an_object_nested_too_deep_blinds_nobody;
mod an_override_takes_no_credentials;
mod lies_in_redis_change_nothing;
mod nothing_is_rendered_for_strangers;
mod overrides_reach_no_other_namespace;
mod tenant;
mod what_was_checked_is_what_is_delivered;
