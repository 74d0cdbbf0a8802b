//! Who may use how much of one pool of evaluators.

mod share;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::NodeName;
use share::Claim;

/// Somebody who gives work to a pool, from any node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsumerId {
    /// Where it lives.
    pub node: NodeName,
    /// Tells it apart from others there.
    pub number: u64,
}

/// How many pieces of work a consumer may have with a pool from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub consumer: ConsumerId,
    /// All its permits, not only what is new. When it has more work with the pool than that, it gives no more until
    /// enough has come back.
    pub permits: u32,
}

/// The permits of one pool, shared among those who want them as evenly as their wants allow.
///
/// Who wants permits says so every second, and has none after [`Allotment::EXPIRY`] of silence. Shares are max-min
/// fair: nobody could get more without another, who has no more than it, getting less; what one does not want is for
/// the others. What consumers of one job get together stays within the cap of the job. When there are fewer permits
/// than consumers, they take turns.
///
/// Permits that are withdrawn while they are in use are given to others only as the work comes back, so that the
/// pool never has more work than its capacity, but for what was on its way while a permit was withdrawn: for
/// [`Allotment::GRACE`] it is still accepted.
///
/// Each call that can change grants returns those that it changed.
#[derive(Debug)]
pub struct Allotment {
    capacity: u32,
    consumers: BTreeMap<ConsumerId, Consumer>,
    /// The place in line of the last who joined or went back to its end.
    line: u64,
    turned: Duration,
}

#[derive(Debug)]
struct Consumer {
    job: String,
    want: u32,
    cap: Option<u32>,
    heard: Duration,
    /// The fair share.
    share: u32,
    granted: u32,
    /// What the consumer was last told.
    told: u32,
    in_use: u32,
    /// The most that was granted before it was lowered, and until when that is accepted.
    lowered: Option<(u32, Duration)>,
    /// The place in line for what cannot be shared evenly.
    place: u64,
}

impl Allotment {
    /// For how long permits are held without a word from the consumer.
    pub const EXPIRY: Duration = Duration::from_secs(5);
    /// For how long work is accepted for a permit that was withdrawn.
    pub const GRACE: Duration = Duration::from_secs(1);
    /// For how long a permit stays with one consumer while others have none.
    pub const TURN: Duration = Duration::from_secs(1);

    /// All permits of a pool that takes so many pieces of work: its workers, and what it prefetches.
    pub fn new(capacity: u32) -> Self {
        Self { capacity, consumers: BTreeMap::new(), line: 0, turned: Duration::ZERO }
    }

    /// The pool takes more or less work from now on.
    pub fn capacity(&mut self, now: Duration, capacity: u32) -> Vec<Grant> {
        self.capacity = capacity;
        self.divide(now)
    }

    /// A consumer wants to have `want` pieces of work with the pool, or still wants it. All consumers of `job`
    /// together get no more than `cap`; of different caps the lowest holds.
    pub fn want(
        &mut self,
        now: Duration,
        consumer: &ConsumerId,
        job: &str,
        want: u32,
        cap: Option<u32>,
    ) -> Vec<Grant> {
        if let Some(known) = self.consumers.get_mut(consumer) {
            known.heard = now;
            if known.job == job && known.want == want && known.cap == cap {
                return Vec::new();
            }
            job.clone_into(&mut known.job);
            (known.want, known.cap) = (want, cap);
        } else {
            self.line += 1;
            let new = Consumer::new(now, job.to_owned(), want, cap, self.line);
            self.consumers.insert(consumer.clone(), new);
        }
        self.divide(now)
    }

    /// A consumer has gone; its work with the pool may still run.
    pub fn release(&mut self, now: Duration, consumer: &ConsumerId) -> Vec<Grant> {
        self.release_all(now, |id| id == consumer)
    }

    /// A node has gone, and all its consumers with it; their work with the pool may still run.
    pub fn release_node(&mut self, now: Duration, node: &NodeName) -> Vec<Grant> {
        self.release_all(now, |id| id.node == *node)
    }

    /// Time has passed, a second or less since the last call: who was silent for too long loses its permits, and who
    /// waits for its turn gets it.
    pub fn tick(&mut self, now: Duration) -> Vec<Grant> {
        let mut is_changed = false;
        for consumer in self.consumers.values_mut() {
            if consumer.want > 0 && now.saturating_sub(consumer.heard) > Self::EXPIRY {
                consumer.want = 0;
                is_changed = true;
            }
        }
        if now.saturating_sub(self.turned) >= Self::TURN {
            self.turned = now;
            is_changed |= self.turn();
        }
        if is_changed { self.divide(now) } else { Vec::new() }
    }

    /// Whether a piece of work that has come from a consumer is covered by a permit. If so, it counts until
    /// [`Allotment::end`].
    pub fn begin(&mut self, now: Duration, consumer: &ConsumerId) -> bool {
        let Some(consumer) = self.consumers.get_mut(consumer) else { return false };
        let accepted = match consumer.lowered {
            Some((permits, until)) if now <= until => permits.max(consumer.granted),
            _ => consumer.granted,
        };
        let is_covered = consumer.in_use < accepted;
        consumer.in_use += u32::from(is_covered);
        is_covered
    }

    /// A piece of work that had begun is done, or was given up.
    pub fn end(&mut self, now: Duration, consumer: &ConsumerId) -> Vec<Grant> {
        let Some(known) = self.consumers.get_mut(consumer) else { return Vec::new() };
        let had_surplus = known.in_use > known.granted;
        known.in_use = known.in_use.saturating_sub(1);
        if had_surplus { self.settle(now) } else { Vec::new() }
    }

    /// The permits that are granted now.
    pub fn granted(&self) -> u32 {
        self.consumers.values().map(|consumer| consumer.granted).sum()
    }

    /// The pieces of work that have begun and not ended.
    pub fn in_use(&self) -> u32 {
        self.consumers.values().map(|consumer| consumer.in_use).sum()
    }

    /// The permits of one consumer.
    pub fn permits(&self, consumer: &ConsumerId) -> u32 {
        self.consumers.get(consumer).map_or(0, |consumer| consumer.granted)
    }

    fn release_all(&mut self, now: Duration, is_gone: impl Fn(&ConsumerId) -> bool) -> Vec<Grant> {
        for (id, consumer) in &mut self.consumers {
            if is_gone(id) {
                // It is not there to be told.
                (consumer.want, consumer.granted, consumer.told) = (0, 0, 0);
            }
        }
        self.divide(now)
    }

    /// Sends those who have permits to the end of the line, if somebody has none. Whose turn it is and who waits for
    /// work of others to return keeps its place.
    fn turn(&mut self) -> bool {
        let is_without = |consumer: &Consumer| consumer.want > 0 && consumer.share == 0;
        if self.capacity == 0 || !self.consumers.values().any(is_without) {
            return false;
        }
        let has_turn = |consumer: &&mut Consumer| consumer.granted > 0;
        let mut served: Vec<_> = self.consumers.values_mut().filter(has_turn).collect();
        served.sort_by_key(|consumer| consumer.place);
        for consumer in served {
            self.line += 1;
            consumer.place = self.line;
        }
        true
    }

    /// Works out everybody's share anew.
    fn divide(&mut self, now: Duration) -> Vec<Grant> {
        let mut line: Vec<&mut Consumer> = self.consumers.values_mut().collect();
        line.sort_by_key(|consumer| consumer.place);
        let claims: Vec<_> = line
            .iter()
            .map(|consumer| Claim { job: &consumer.job, want: consumer.want, cap: consumer.cap })
            .collect();
        let shares = share::shares(self.capacity, &claims);
        for (consumer, share) in line.into_iter().zip(shares) {
            consumer.share = share;
        }
        self.settle(now)
    }

    /// Brings grants as close to the shares as work that still runs allows: who has too much is lowered at once, and
    /// what is free goes to who has least.
    fn settle(&mut self, now: Duration) -> Vec<Grant> {
        let mut charged = 0u32;
        for consumer in self.consumers.values_mut() {
            consumer.lower(now);
            charged = charged.saturating_add(consumer.granted.max(consumer.in_use));
        }
        let mut free = self.capacity.saturating_sub(charged);
        let mut short: Vec<&mut Consumer> =
            self.consumers.values_mut().filter(|consumer| consumer.granted < consumer.share).collect();
        for consumer in &mut short {
            // Work that is with the pool anyway costs nothing.
            consumer.granted = consumer.share.min(consumer.in_use.max(consumer.granted));
        }
        short.retain(|consumer| consumer.granted < consumer.share);
        while free > 0
            && let Some(least) = short.iter_mut().min_by_key(|it| (it.granted, it.place))
        {
            least.granted += 1;
            free -= 1;
            short.retain(|consumer| consumer.granted < consumer.share);
        }
        self.tell(now)
    }

    fn tell(&mut self, now: Duration) -> Vec<Grant> {
        let mut grants = Vec::new();
        self.consumers.retain(|id, consumer| {
            if consumer.granted != consumer.told {
                consumer.told = consumer.granted;
                grants.push(Grant { consumer: id.clone(), permits: consumer.granted });
            }
            let is_silent = now.saturating_sub(consumer.heard) > Self::EXPIRY;
            consumer.want > 0 || consumer.in_use > 0 || !is_silent
        });
        grants
    }
}

impl Consumer {
    fn new(now: Duration, job: String, want: u32, cap: Option<u32>, place: u64) -> Self {
        Self { job, want, cap, heard: now, share: 0, granted: 0, told: 0, in_use: 0, lowered: None, place }
    }

    fn lower(&mut self, now: Duration) {
        if self.granted > self.share {
            let before = self.lowered.filter(|(_, until)| now <= *until).map_or(0, |(permits, _)| permits);
            self.lowered = Some((before.max(self.granted), now + Allotment::GRACE));
            self.granted = self.share;
        }
    }
}

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.number)
    }
}

#[cfg(test)]
mod tests;
