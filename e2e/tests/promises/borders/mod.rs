//! What one team could try against another, or against the platform, and what holds it: one promise a file. `docs/security.md`
//! names each of them beside the actor who would try it.
//!
//! Every test shows beside the attempt what is allowed, so that it cannot pass because nothing works at all.

mod a_bomb_in_a_repository_harms_nobody;
mod a_forged_inventory_is_not_followed;
mod a_forged_inventory_makes_nobody_watch;
mod a_forged_inventory_names_no_object_of_the_cluster;
mod a_forged_kustomization_opens_nothing;
mod a_forged_release_opens_nothing;
mod a_former_destination_is_cleared;
mod a_manifest_reaches_no_other_namespace;
mod a_name_is_taken_from_nobody;
mod a_policy_elsewhere_says_nothing;
mod a_private_source_is_out_of_reach;
mod a_project_that_is_not_there_permits_nothing;
mod a_reference_touches_nothing_elsewhere;
mod a_source_elsewhere_is_not_looked_at;
mod a_stranger_makes_nobody_wait;
mod an_application_shows_nothing_where_it_may_not_deliver;
mod an_object_nested_too_deep_blinds_nobody;
mod an_override_of_the_wrong_type_ends_nothing;
mod an_override_takes_no_credentials;
mod children_are_held_against_the_project;
mod flux_objects_that_are_not_permitted_are_out_of_reach;
mod forged_marks;
mod forged_marks_delete_no_release_record;
mod forged_marks_hold_nobody_up;
mod forged_marks_show_nowhere;
mod health_and_images_of_others_say_nothing;
mod lies_in_redis_change_nothing;
mod nothing_is_rendered_for_strangers;
mod overrides_reach_no_other_namespace;
mod reach;
mod tenant;
mod what_a_restriction_takes_away_runs_on;
mod what_was_checked_is_what_is_delivered;
