//! How much memory answers take.

use std::collections::BTreeSet;
use std::mem::size_of;
use std::sync::Arc;

use super::service::Answer;
use crate::artifact::Packed;
use crate::project::RenderedObject;
use crate::translate::files::Matches;
use crate::translate::{Contents, File, GitNames, RemoteRefs, RenderedSource};

/// What a text takes beside its characters: itself, and what an allocation costs.
const TEXT: usize = size_of::<String>() + 16;

fn texts<'a>(all: impl IntoIterator<Item = &'a String>) -> usize {
    all.into_iter().map(|text| TEXT + text.len()).sum()
}

fn file(file: &File) -> usize {
    size_of::<File>() + file.text().map_or(0, str::len)
}

impl Answer for Packed {
    fn bytes(&self) -> usize {
        self.names.len() + self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

impl Answer for Arc<Contents> {
    fn bytes(&self) -> usize {
        let lists = [&self.manifests, &self.chart, &self.kustomizations, &self.source_overrides];
        size_of::<Contents>() + lists.into_iter().map(texts).sum::<usize>() + self.folder.as_str().len()
    }
}

impl Answer for Matches {
    fn bytes(&self) -> usize {
        self.iter().map(|(path, found)| TEXT + path.len() + file(found)).sum()
    }
}

impl Answer for File {
    fn bytes(&self) -> usize {
        file(self)
    }
}

impl Answer for Arc<RemoteRefs> {
    fn bytes(&self) -> usize {
        texts(self.refs.keys()) + texts(self.refs.values())
    }
}

impl Answer for Arc<GitNames> {
    fn bytes(&self) -> usize {
        match &**self {
            GitNames::Files(names) => set(names),
            GitNames::Unreadable => 0,
        }
    }
}

impl Answer for RenderedSource {
    fn bytes(&self) -> usize {
        let warnings = self.warnings.iter().map(|(_, message)| TEXT + message.len()).sum::<usize>();
        size_of::<Self>() + self.digest.len() + self.revision.len() + warnings + objects(&self.objects)
    }
}

impl Answer for bool {
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

fn set(names: &BTreeSet<String>) -> usize {
    texts(names)
}

/// What objects take, by their names.
pub(super) fn objects(objects: &[RenderedObject]) -> usize {
    let one = |object: &RenderedObject| {
        let RenderedObject { group, version, kind, namespace, name, .. } = object;
        texts([group, version, kind, namespace, name]) + size_of::<Option<bool>>()
    };
    objects.iter().map(one).sum()
}
