//! What the project promises, tried on the real programs: one module per promise.

mod the_stack_is_real;
