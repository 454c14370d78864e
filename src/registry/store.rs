//! Artifacts in memory, those that were asked for last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Image;

/// How much is kept, in bytes: manifests are small once they are compressed.
const LIMIT: usize = 64 << 20;

struct Entry {
    image: Arc<Image>,
    /// When it was used last, in uses.
    used: u64,
}

#[derive(Default)]
struct Kept {
    /// By repository and digest.
    entries: HashMap<(String, String), Entry>,
    size: usize,
    uses: u64,
}

/// Losing any of it costs a rendering, never an outcome.
pub struct Store {
    kept: Mutex<Kept>,
    limit: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self { kept: Mutex::default(), limit: LIMIT }
    }
}

impl Store {
    /// The artifact of that digest, if it is there.
    pub fn get(&self, repository: &str, digest: &str) -> Option<Arc<Image>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let used = kept.uses;
        let entry = kept.entries.get_mut(&(repository.to_owned(), digest.to_owned()))?;
        entry.used = used;
        Some(Arc::clone(&entry.image))
    }

    /// The artifact that holds a blob of that digest, if it is there.
    pub fn with_blob(&self, repository: &str, digest: &str) -> Option<Arc<Image>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found =
            kept.entries.iter().filter(|((name, _), _)| name == repository).map(|(_, entry)| entry);
        found.find(|entry| entry.image.blobs.contains_key(digest)).map(|entry| Arc::clone(&entry.image))
    }

    /// Keeps `image`, and lets go of those that were not used for longest where it becomes too much. The one that came
    /// last always stays.
    pub fn put(&self, repository: &str, image: Image) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        kept.size += image.size();
        let key = (repository.to_owned(), image.digest.clone());
        let entry = Entry { image: Arc::new(image), used: kept.uses };
        if let Some(before) = kept.entries.insert(key, entry) {
            kept.size -= before.image.size();
        }
        while kept.size > self.limit && kept.entries.len() > 1 {
            let oldest = kept.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(gone) = oldest.and_then(|key| kept.entries.remove(&key)) else { return };
            kept.size -= gone.image.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn image(name: &str) -> Image {
        Image::pack(&[json!({"kind": "A", "metadata": {"name": name}})], "1", "x").unwrap()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let images = ["a", "b", "c"].map(image);
        let store =
            Store { limit: images.iter().map(Image::size).max().unwrap() * 2 + 1, ..Store::default() };
        store.put("r", images[0].clone());
        store.put("r", images[1].clone());
        assert!(store.get("r", &images[0].digest).is_some());
        store.put("r", images[2].clone());
        let there: Vec<_> = images.iter().map(|image| store.get("r", &image.digest).is_some()).collect();
        assert_eq!(there, [true, false, true]);
    }

    #[test]
    fn one_that_is_too_large_for_all_others_stays_alone() {
        let store = Store { limit: 1, ..Store::default() };
        store.put("r", image("a"));
        store.put("r", image("b"));
        assert!(store.get("r", &image("a").digest).is_none());
        assert!(store.get("r", &image("b").digest).is_some());
    }

    #[test]
    fn the_same_twice_is_kept_once() {
        let store = Store::default();
        store.put("r", image("a"));
        let size = store.kept.lock().unwrap().size;
        store.put("r", image("a"));
        assert_eq!(store.kept.lock().unwrap().size, size);
        assert!(store.get("other", &image("a").digest).is_none());
    }
}
