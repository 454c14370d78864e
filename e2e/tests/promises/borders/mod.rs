//! What one team cannot reach of another's, tried through stock Argo CD's server: whatever is in the tree of an Application with
//! a UID, the server reads, patches and deletes for whoever may do that to the Application.

mod a_forged_inventory_is_not_followed;
mod a_forged_inventory_makes_nobody_watch;
mod a_forged_inventory_names_no_object_of_the_cluster;
mod a_forged_kustomization_opens_nothing;
mod a_forged_release_opens_nothing;
mod a_private_source_is_out_of_reach;
mod a_source_elsewhere_is_not_looked_at;
mod an_application_shows_nothing_where_it_may_not_deliver;
mod children_are_held_against_the_project;
mod flux_objects_that_are_not_permitted_are_out_of_reach;
mod health_and_images_of_others_say_nothing;
mod reach;
mod what_a_restriction_takes_away_runs_on;
