//! Where secrets may come out, and how they are found there.

use std::collections::BTreeMap;

use evohub::store::Store;
use serde_json::Value;

use crate::folder::Folder;

/// In all secrets that the program is given to keep.
pub(super) const KEPT: &str = "confided";
/// In all secrets that it comes across.
pub(super) const HEARD: &str = "overheard";

/// Places of one text that a failure shows.
const MOST_SHOWN: usize = 10;

/// Where a mark stands in a text, with what is round it; of places that look alike, the first.
fn found(name: &str, text: &[u8], mark: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let places = (0..lower.len()).filter(|place| lower[*place..].starts_with(mark.as_bytes()));
    let mut shown = BTreeMap::new();
    for place in places {
        let around = |before: usize, after: usize| {
            let part = &text[place.saturating_sub(before)..(place + after).min(text.len())];
            String::from_utf8_lossy(part).into_owned()
        };
        shown.entry(around(20, 20)).or_insert_with(|| format!("{name}: …{}…\n", around(150, 60)));
    }
    shown.into_values().take(MOST_SHOWN).collect()
}

/// Texts in which secrets may have come out.
#[derive(Default)]
pub(super) struct Outlets {
    leaks: String,
}

impl Outlets {
    /// Nothing of any secret may be here.
    pub(super) fn clean(&mut self, name: &str, text: impl AsRef<[u8]>) {
        self.without_kept(name, &text);
        self.leaks += &found(name, text.as_ref(), HEARD);
    }

    /// What users wrote may be here, but nothing that was given to keep.
    pub(super) fn without_kept(&mut self, name: &str, text: impl AsRef<[u8]>) {
        assert!(!text.as_ref().is_empty(), "there is nothing in {name}");
        self.leaks += &found(name, text.as_ref(), KEPT);
    }

    /// The same, and in what tells of errors there may be nothing at all.
    pub(super) fn document(&mut self, name: &str, document: &Value) {
        self.without_kept(name, document.to_string());
        for (key, text) in errors(document) {
            self.clean(&format!("{key} of {name}"), text);
        }
    }

    /// All files of a store, and the errors in it.
    pub(super) async fn store(&mut self, folder: &Folder, store: &dyn Store) {
        for job in store.jobs().await.unwrap() {
            job.error.iter().for_each(|error| self.clean("a job's error in the store", error));
            job.result.iter().for_each(|result| self.document("a job's result in the store", result));
        }
        for name in folder.names().iter().filter(|name| name.starts_with("store.db")) {
            let bytes = std::fs::read(folder.path().join(name)).unwrap();
            if !bytes.is_empty() {
                self.without_kept(name, bytes);
            }
        }
    }

    pub(super) fn end(self) {
        assert!(self.leaks.is_empty(), "secrets came out:\n{}", self.leaks);
    }
}

/// The texts of a document that tell what went wrong, at any depth.
fn errors(document: &Value) -> Vec<(String, String)> {
    match document {
        Value::Object(fields) => {
            let one = |(key, value): (&String, &Value)| match value {
                Value::String(text) if ["error", "message", "cause", "reason"].contains(&key.as_str()) => {
                    vec![(key.clone(), text.clone())]
                }
                value => errors(value),
            };
            fields.iter().flat_map(one).collect()
        }
        Value::Array(items) => items.iter().flat_map(errors).collect(),
        _ => vec![],
    }
}
