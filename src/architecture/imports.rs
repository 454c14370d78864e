//! What a path means: the file that defines it, whoever hands it on, or something outside of the crate.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Module, Path, Read, modules};

/// How often a name may be handed on.
const MAX_DEPTH: usize = 16;

/// What each file needs of which others.
pub(super) type Graph = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What the files of a crate name.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// The files that each file needs, itself excluded, and what it needs of them; every file is a key.
    pub(super) inside: Graph,
    /// The paths outside of the crate that each file names, in full.
    pub(super) outside: BTreeMap<String, BTreeSet<String>>,
    /// The files with something `async`.
    pub(super) waiting: BTreeSet<String>,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// A module of the crate.
    Module(Path),
    /// Something that the module with this path defines under this name.
    Item(Path, String),
    /// Something of another crate.
    Outside(Path),
}

/// What the files below `src` name, by the crate's modules.
pub(super) fn imports(read: Read<'_>) -> Imports {
    let modules = modules(read);
    let mut imports = Imports::default();
    for module in modules.values() {
        let inside = imports.inside.entry(module.file.clone()).or_default();
        let outside = imports.outside.entry(module.file.clone()).or_default();
        let used = module.imports.iter().filter(|path| !is_module(&modules, module, path));
        for path in used.chain(&module.mentions) {
            match meaning(&modules, module, path, 0) {
                Some(Meaning::Item(definer, name)) => {
                    inside.entry(modules[&definer].file.clone()).or_default().insert(name);
                }
                Some(Meaning::Outside(path)) => {
                    outside.insert(path.join("::"));
                }
                // What is named of a module counts, not the module.
                Some(Meaning::Module(_)) | None => {}
            }
        }
        inside.remove(&module.file);
        if module.is_waiting {
            imports.waiting.insert(module.file.clone());
        }
    }
    imports
}

/// Whether `path` names a module, perhaps beside a function of the same name: what is named of either counts then.
fn is_module(modules: &BTreeMap<Path, Module>, module: &Module, path: &[String]) -> bool {
    let inside: Path = path.iter().cloned().chain(["self".to_owned()]).collect();
    matches!(meaning(modules, module, &inside, 0), Some(Meaning::Module(_)))
}

/// What `path` means in `module`; `None` for local names, primitive types, type parameters and the prelude.
fn meaning(
    modules: &BTreeMap<Path, Module>,
    module: &Module,
    path: &[String],
    depth: usize,
) -> Option<Meaning> {
    let (first, rest) = path.split_first()?;
    if depth > MAX_DEPTH {
        return None;
    }
    match first.as_str() {
        "crate" => below(modules, &modules[&Path::new()], rest, depth),
        "self" => below(modules, module, rest, depth),
        "super" => below(modules, parent(modules, module)?, rest, depth),
        // A function may be called like a module.
        name if module.names.contains_key(name) && !module.children.contains(name) && !rest.is_empty() => {
            named(modules, module, name, rest, depth)
        }
        name if module.children.contains(name) || module.items.contains(name) => {
            below(modules, module, path, depth)
        }
        name => named(modules, module, name, rest, depth),
    }
}

/// What `path` means below `module`.
fn below(
    modules: &BTreeMap<Path, Module>,
    module: &Module,
    path: &[String],
    depth: usize,
) -> Option<Meaning> {
    let Some((first, rest)) = path.split_first() else {
        return Some(Meaning::Module(module.path.clone()));
    };
    match first.as_str() {
        "super" => return below(modules, parent(modules, module)?, rest, depth),
        "self" => return below(modules, module, rest, depth),
        _ => {}
    }
    if rest.is_empty() && module.items.contains(first) {
        return Some(Meaning::Item(module.path.clone(), first.clone()));
    }
    if rest.is_empty()
        && let Some(item @ Meaning::Item(..)) = named(modules, module, first, rest, depth)
    {
        return Some(item);
    }
    if module.children.contains(first) {
        let child: Path = module.path.iter().chain([first]).cloned().collect();
        return below(modules, &modules[&child], rest, depth);
    }
    if module.items.contains(first) {
        return Some(Meaning::Item(module.path.clone(), first.clone()));
    }
    named(modules, module, first, rest, depth)
}

/// What `name`, and `rest` below it, means by the `use` lines of `module`.
fn named(
    modules: &BTreeMap<Path, Module>,
    module: &Module,
    name: &str,
    rest: &[String],
    depth: usize,
) -> Option<Meaning> {
    if let Some(path) = module.names.get(name) {
        let whole: Path = path.iter().chain(rest).cloned().collect();
        // A crate may be named like what is taken from it.
        return if path.first().is_some_and(|first| first == name) && !module.children.contains(name) {
            Some(Meaning::Outside(whole))
        } else {
            meaning(modules, module, &whole, depth + 1)
        };
    }
    let whole = |glob: &Path| -> Path {
        glob.iter().cloned().chain([name.to_owned()]).chain(rest.iter().cloned()).collect()
    };
    let mut globbed = module.globs.iter().filter(|glob| glob.first().is_some_and(|first| is_inside(first)));
    let found = globbed.find_map(|glob| meaning(modules, module, &whole(glob), depth + 1));
    let is_crate = !rest.is_empty() && name.starts_with(|first: char| first.is_lowercase());
    let outside = || {
        let path: Path = [name.to_owned()].into_iter().chain(rest.iter().cloned()).collect();
        Meaning::Outside(path)
    };
    found.or_else(|| is_crate.then(outside))
}

fn is_inside(first: &str) -> bool {
    matches!(first, "crate" | "self" | "super")
}

fn parent<'a>(modules: &'a BTreeMap<Path, Module>, module: &Module) -> Option<&'a Module> {
    let (_, above) = module.path.split_last()?;
    modules.get(above)
}
