//! What nobody can do to others, though he may write his own objects.

mod a_former_destination_is_cleared;
mod an_override_of_the_wrong_type_ends_nothing;
mod forged_marks;
mod forged_marks_delete_no_release_record;
mod forged_marks_hold_nobody_up;
mod forged_marks_show_nowhere;
