//! The places in the pool of a process, and who may use how many of them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use evohub_cluster::{Allotment, ConsumerId, Grant, NodeName};
use evohub_monitoring::traces::TraceContext;
use evohub_store::JobId;

use crate::generation::{GenerationMessage, Host};
use crate::node::Node;
use crate::wire::{GRANTED, Granted, encode};

/// Work that waits in a pool while the results of the last are on their way: a quarter of its workers, and a few.
fn waiting_places(workers: usize) -> usize {
    workers / 4 + 2
}

/// The places in the pool of a process. Those who use it may be on any node.
pub(crate) struct Grants {
    allotment: Mutex<Allotment>,
    began: Instant,
}

impl Grants {
    pub(crate) fn new(workers: usize) -> Self {
        let capacity = u32::try_from(workers + waiting_places(workers)).unwrap_or(u32::MAX);
        Self { allotment: Mutex::new(Allotment::new(capacity)), began: Instant::now() }
    }

    /// A generation of this process wants places.
    pub(crate) fn want(&self, node: &Node, consumer: u64, job: &JobId, places: u32, cap: u32) {
        self.want_from(node, ConsumerId { node: node.name().clone(), number: consumer }, job, places, cap);
    }

    /// A generation of any node wants places.
    pub(crate) fn want_from(&self, node: &Node, consumer: ConsumerId, job: &JobId, places: u32, cap: u32) {
        let changed = self.lock().want(self.began.elapsed(), &consumer, &job.0, places, Some(cap));
        announce(node, changed);
    }

    /// A generation of this process wants none any more.
    pub(crate) fn leave(&self, node: &Node, consumer: u64) {
        let consumer = ConsumerId { node: node.name().clone(), number: consumer };
        let changed = self.lock().release(self.began.elapsed(), &consumer);
        announce(node, changed);
    }

    /// A node is gone, and all that it wanted.
    pub(crate) fn node_left(&self, node: &Node, name: &NodeName) {
        let changed = self.lock().release_node(self.began.elapsed(), name);
        announce(node, changed);
    }

    /// Time has passed: who has not said for a while what it wants loses its places, and others have their turn.
    pub(crate) fn tick(&self, node: &Node) {
        let changed = self.lock().tick(self.began.elapsed());
        announce(node, changed);
    }

    /// Has nobody use the pool any more.
    pub(crate) fn close(&self, node: &Node) {
        let changed = self.lock().capacity(self.began.elapsed(), 0);
        announce(node, changed);
    }

    /// Places of a consumer now.
    pub(crate) fn granted(&self, consumer: &ConsumerId) -> u32 {
        self.lock().permits(consumer)
    }

    /// Places granted to all.
    pub(crate) fn total(&self) -> u32 {
        self.lock().granted()
    }

    /// Whether a consumer may give a piece of work to the pool; it then uses a place until [`Grants::end`].
    pub(crate) fn begin(&self, consumer: &ConsumerId) -> bool {
        self.lock().begin(self.began.elapsed(), consumer)
    }

    pub(crate) fn end(&self, node: &Node, consumer: &ConsumerId) {
        let changed = self.lock().end(self.began.elapsed(), consumer);
        announce(node, changed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Allotment> {
        self.allotment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those whose places have changed.
fn announce(node: &Node, changed: Vec<Grant>) {
    for Grant { consumer, permits: places } in changed {
        if consumer.node == *node.name() {
            let message =
                GenerationMessage::Granted { host: Host::Here, places: Some(places as usize), calls: None };
            node.consumers.send(consumer.number, message);
        } else if let Some(cluster) = node.cluster() {
            let granted = Granted { consumer: consumer.number, places, calls: None, refusal: None };
            // A consumer that does not hear of it asks again within a second, and is answered each time.
            let _ = cluster.cast(&consumer.node, GRANTED, &TraceContext::default(), encode(&granted));
        }
    }
}
