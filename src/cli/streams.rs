//! What a verb reads from and prints to.

use std::io::{Read, Write};

/// What a verb reads from and prints to.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Results.
    pub output: &'a mut dyn Write,
    /// Problems and notes.
    pub errors: &'a mut dyn Write,
}
