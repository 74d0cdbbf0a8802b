//! The checks of a service, in the order in which they were registered.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::check::{Check, Importance};
use super::probe::Probe;

/// One registered check.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) group: Option<String>,
    pub(super) name: String,
    pub(super) importance: Importance,
    pub(super) probe: Arc<Probe>,
}

impl Entry {
    /// Whether both cannot stand in one answer: a name there means either a check or a group.
    fn excludes(&self, other: &Entry) -> bool {
        match (&self.group, &other.group) {
            (Some(group), None) => *group == other.name,
            (None, Some(group)) => *group == self.name,
            (group, same) => group == same && self.name == other.name,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    entries: Mutex<Vec<Arc<Entry>>>,
}

impl Registry {
    pub(super) fn insert(
        registry: &Arc<Self>,
        group: Option<String>,
        name: String,
        importance: Importance,
        check: Check,
    ) -> Registration {
        let entry = Arc::new(Entry { group, name, importance, probe: Arc::new(Probe::new(check)) });
        let mut entries = registry.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|other| !entry.excludes(other));
        entries.push(Arc::clone(&entry));
        Registration { registry: Arc::downgrade(registry), entry }
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remove(&self, entry: &Arc<Entry>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|other| !Arc::ptr_eq(other, entry));
    }
}

/// Keeps a check registered. Dropped, the check goes, unless another took its name: that one stays.
#[derive(Debug)]
#[must_use = "the check goes when its registration is dropped"]
pub struct Registration {
    registry: Weak<Registry>,
    entry: Arc<Entry>,
}

impl Registration {
    /// Keeps the check for as long as the service has its health.
    pub fn forever(mut self) {
        self.registry = Weak::new();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.remove(&self.entry);
        }
    }
}
