//! What happens where something else fails: programs that hang, die or refuse.

mod a_hanging_question_holds_up_no_handover;
mod a_watch_outlives_an_outage;
