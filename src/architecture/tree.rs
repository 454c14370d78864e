//! The modules of a crate as their sources declare them, and every path that they name. What is compiled for tests alone is left
//! out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

/// Reads a file of the crate, by its path below `src`.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A path as its segments.
pub(super) type Path = Vec<String>;

/// A module: a file, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Its segments below the crate.
    pub(super) path: Path,
    /// Its file below `src`.
    pub(super) file: String,
    /// What it defines.
    pub(super) items: BTreeSet<String>,
    /// Its child modules.
    pub(super) children: BTreeSet<String>,
    /// What `use` lines name, with what they mean by it.
    pub(super) names: BTreeMap<String, Path>,
    /// Modules whose names are all taken (`use x::*`).
    pub(super) globs: Vec<Path>,
    /// `use` lines that hand nothing on.
    pub(super) imports: Vec<Path>,
    /// Paths in items and bodies.
    pub(super) mentions: Vec<Path>,
    /// Something in it is `async`.
    pub(super) is_waiting: bool,
}

/// All modules below `lib.rs`, by their path.
pub(super) fn modules(read: Read<'_>) -> BTreeMap<Path, Module> {
    let mut found = BTreeMap::new();
    let root = Module { file: "lib.rs".into(), ..Module::default() };
    add_file(root, "", read, &mut found);
    found
}

/// Reads the file of `module`; those of its child modules stand in `folder`.
fn add_file(module: Module, folder: &str, read: Read<'_>, found: &mut BTreeMap<Path, Module>) {
    let text = read(&module.file).unwrap_or_else(|| panic!("{} is declared and missing", module.file));
    let parsed = syn::parse_file(&text).unwrap_or_else(|why| panic!("{}: {why}", module.file));
    add_items(module, folder, &parsed.items, read, found);
}

fn add_items(
    mut module: Module,
    folder: &str,
    items: &[Item],
    read: Read<'_>,
    found: &mut BTreeMap<Path, Module>,
) {
    let mut children = Vec::new();
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        match item {
            Item::Mod(child) => {
                module.children.insert(child.ident.to_string());
                children.push(child);
            }
            other => {
                module.items.extend(name(other));
                module.visit_item(other);
            }
        }
    }
    for child in children {
        add_child(&module, child, folder, read, found);
    }
    found.insert(module.path.clone(), module);
}

fn add_child(
    parent: &Module,
    child: &ItemMod,
    folder: &str,
    read: Read<'_>,
    found: &mut BTreeMap<Path, Module>,
) {
    let name = child.ident.to_string();
    let path: Path = parent.path.iter().cloned().chain([name.clone()]).collect();
    let below = format!("{folder}{name}/");
    if let Some((_, items)) = &child.content {
        let module = Module { path, file: parent.file.clone(), ..Module::default() };
        return add_items(module, &below, items, read, found);
    }
    let beside = format!("{folder}{name}.rs");
    let file = if read(&beside).is_some() { beside } else { format!("{below}mod.rs") };
    add_file(Module { path, file, ..Module::default() }, &below, read, found);
}

impl Module {
    /// Takes in a `use` line; one with a visibility of its own only hands names on.
    fn add_use(&mut self, item: &ItemUse) {
        let mut leaves = Vec::new();
        leaves_of(&item.tree, &mut Vec::new(), &mut leaves);
        for (name, path) in leaves {
            match name {
                None => self.globs.push(path),
                Some(name) => {
                    if matches!(item.vis, Visibility::Inherited) {
                        self.imports.push(path.clone());
                    }
                    self.names.insert(name, path);
                }
            }
        }
    }

    /// Takes in the paths in what is handed to a macro, which nobody but the macro can parse.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let mut colons = 0;
        let mut is_field = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add_mention(&mut path);
                    }
                    self.is_waiting |= ident == "async" || ident == "await";
                    if !is_field {
                        path.push(ident.to_string());
                    }
                    (colons, is_field) = (0, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.add_mention(&mut path);
                    (colons, is_field) =
                        (0, matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '.'));
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_mention(&mut path);
    }

    fn add_mention(&mut self, path: &mut Path) {
        if !path.is_empty() {
            self.mentions.push(std::mem::take(path));
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_use(item);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.is_waiting |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expression: &'ast syn::ExprAsync) {
        self.is_waiting = true;
        visit::visit_expr_async(self, expression);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.is_waiting |= closure.asyncness.is_some();
        visit::visit_expr_closure(self, closure);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mentions.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        visit::visit_macro(self, item);
        self.add_tokens(item.tokens.clone());
    }
}

/// The names of a `use` line and their paths; no name stands for all names.
fn leaves_of(tree: &UseTree, before: &mut Path, found: &mut Vec<(Option<String>, Path)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves_of(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|item| leaves_of(item, before, found)),
        UseTree::Glob(_) => found.push((None, before.clone())),
        UseTree::Name(name) if name.ident == "self" => found.push((before.last().cloned(), before.clone())),
        UseTree::Name(name) => found.push((Some(name.ident.to_string()), with(before, &name.ident))),
        UseTree::Rename(renamed) if renamed.ident == "self" => {
            found.push((Some(renamed.rename.to_string()), before.clone()));
        }
        UseTree::Rename(renamed) => {
            found.push((Some(renamed.rename.to_string()), with(before, &renamed.ident)));
        }
    }
}

fn with(before: &Path, last: &impl ToString) -> Path {
    before.iter().cloned().chain([last.to_string()]).collect()
}

/// `#[cfg(test)]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// What an item is called.
fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
