//! How the house is built, read off its sources: which rooms may need which, that files need each other in one direction, what
//! pure modules may name, and that nobody writes JSON through an index.

mod circles;
mod directions;
mod imports;
mod index_writes;
mod purity;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use imports::{Imports, imports};

/// What the files of this crate name.
static IMPORTS: LazyLock<Imports> = LazyLock::new(|| imports(&source));

/// A source of this crate, by its path below `src`; `None` where there is no such file.
fn source(file: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).ok()
}

/// All sources below a folder.
fn sources_below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources_below(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}
