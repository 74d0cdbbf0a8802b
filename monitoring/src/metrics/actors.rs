//! Mailboxes and handlers.
//!
//! A message is counted from its sealing on: [`Mailbox::seal`] puts it into the depth, [`Ticket::open`] takes it out
//! when the handler begins, and a ticket that is dropped unopened (its actor has died, and its mailbox with it) is a
//! dead letter, unless the actor ended as planned ([`Mailbox::retire`]). Depth is exact for whoever sends in this process, through panics and restarts too, because nothing
//! but the life of the ticket moves it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::declare::Declarations;
use super::durations::{Bounds, QUICK};
use super::labels::label_set;
use super::name::families;
use super::pool::{Figures, PoolMetrics};
use super::series::Series;
use super::share::GaugeShare;

label_set!(ActorLabels { actor: closed });
label_set!(MessageLabels { actor: closed, message: closed });
label_set!(RestartLabels { actor: closed, cause: closed });

families! {
    ACTOR_MAILBOX_DEPTH: Gauge<ActorLabels> = "actor_mailbox_depth",
        "Messages that were sent and not yet begun with, by kind of actor";
    ACTOR_MAILBOX_WAIT: Histogram<ActorLabels> = "actor_mailbox_wait" in "seconds",
        "Time a message waited in the mailbox";
    ACTOR_MESSAGES: Counter<MessageLabels> = "actor_messages",
        "Messages that an actor began with";
    ACTOR_HANDLE: Histogram<ActorLabels> = "actor_handle" in "seconds",
        "Time an actor spent on a message";
    ACTORS_ALIVE: Gauge<ActorLabels> = "actors_alive",
        "Actors (of a pool: workers) that run";
    ACTOR_RESTARTS: Counter<RestartLabels> = "actor_restarts",
        "Actors that died and were started again";
    ACTOR_DEAD_LETTERS: Counter<ActorLabels> = "actor_dead_letters",
        "Messages whose actor had died; those that come too late for one that ended as planned are not \
         counted";
}

/// Why an actor is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartCause {
    /// It panicked.
    Panic,
    /// It ended itself with an error.
    Error,
    /// Another that it cannot do without was started again.
    Peer,
}

/// Mailboxes and handlers, by kind of actor.
#[derive(Debug)]
pub struct ActorMetrics {
    depth: Series<ActorLabels, Gauge>,
    wait: Series<ActorLabels, Histogram, Bounds>,
    messages: Series<MessageLabels, Counter>,
    handle: Series<ActorLabels, Histogram, Bounds>,
    alive: Series<ActorLabels, Gauge>,
    restarts: Series<RestartLabels, Counter>,
    dead_letters: Series<ActorLabels, Counter>,
    mailboxes: Mutex<Vec<Weak<Inner>>>,
    epoch: Instant,
}

/// An actor whose handler does not come to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Its kind.
    pub actor: &'static str,
    /// For how long it has been at one message.
    pub busy: Duration,
    /// Messages that wait meanwhile.
    pub waiting: u64,
}

impl ActorMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        Self {
            depth: declare.gauges(names::ACTOR_MAILBOX_DEPTH),
            wait: declare.histograms(names::ACTOR_MAILBOX_WAIT, QUICK),
            messages: declare.counters(names::ACTOR_MESSAGES),
            handle: declare.histograms(names::ACTOR_HANDLE, QUICK),
            alive: declare.gauges(names::ACTORS_ALIVE),
            restarts: declare.counters(names::ACTOR_RESTARTS),
            dead_letters: declare.counters(names::ACTOR_DEAD_LETTERS),
            mailboxes: Mutex::default(),
            epoch: Instant::now(),
        }
    }

    /// The mailbox of one actor of a kind.
    pub fn mailbox(&self, actor: &'static str) -> Mailbox {
        let labels = ActorLabels { actor: actor.into() };
        let inner = Arc::new(Inner {
            actor,
            kind_depth: self.depth.get(&labels),
            depth: AtomicI64::new(0),
            wait: self.wait.get(&labels),
            handle: self.handle.get(&labels),
            alive: self.alive.get(&labels),
            dead_letters: self.dead_letters.get(&labels),
            messages: self.messages.clone(),
            begun: RwLock::default(),
            retired: AtomicBool::new(false),
            epoch: self.epoch,
            busy_since: AtomicU64::new(IDLE),
        });
        let mut mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        mailboxes.push(Arc::downgrade(&inner));
        Mailbox(inner)
    }

    /// The figures of a pool of workers, for messages of these names.
    pub fn pool(&self, actor: &'static str, messages: &[&'static str]) -> PoolMetrics {
        let labels = ActorLabels { actor: actor.into() };
        let counter = |message: &'static str| {
            (message, self.messages.get(&MessageLabels { actor: actor.into(), message: message.into() }))
        };
        PoolMetrics {
            depth: GaugeShare::new(self.depth.get(&labels)),
            alive: GaugeShare::new(self.alive.get(&labels)),
            figures: Figures::default(),
            wait: self.wait.get(&labels),
            handle: self.handle.get(&labels),
            dead_letters: self.dead_letters.get(&labels),
            messages: messages.iter().copied().map(counter).collect(),
        }
    }

    /// Notes that an actor is started again.
    pub fn restarted(&self, actor: &'static str, cause: RestartCause) {
        let cause = match cause {
            RestartCause::Panic => "panic",
            RestartCause::Error => "error",
            RestartCause::Peer => "peer",
        };
        self.restarts.get(&RestartLabels { actor: actor.into(), cause: cause.into() }).inc();
    }

    /// Messages that wait now, by kind of actor.
    pub fn depths(&self) -> BTreeMap<String, u64> {
        let mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut depths = BTreeMap::new();
        for mailbox in mailboxes.iter().filter_map(Weak::upgrade) {
            *depths.entry(mailbox.actor.to_owned()).or_insert(0) +=
                mailbox.depth.load(Ordering::Relaxed).max(0) as u64;
        }
        depths
    }

    /// The actors that have been at one message for longer than `limit`.
    pub fn stuck(&self, limit: Duration) -> Vec<Stuck> {
        let now = self.epoch.elapsed();
        let mailboxes = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = mailboxes.iter().filter_map(Weak::upgrade);
        alive.filter_map(|mailbox| mailbox.stuck(now, limit)).collect()
    }
}

/// Not at any message.
const IDLE: u64 = u64::MAX;

#[derive(Debug)]
struct Inner {
    actor: &'static str,
    kind_depth: Gauge,
    depth: AtomicI64,
    wait: Histogram,
    handle: Histogram,
    alive: Gauge,
    dead_letters: Counter,
    messages: Series<MessageLabels, Counter>,
    /// The series of the kinds of messages that have come, so that they are not looked up each time.
    begun: RwLock<Vec<(&'static str, Counter)>>,
    epoch: Instant,
    /// Whether the actor ends as planned.
    retired: AtomicBool,
    /// Nanoseconds from the epoch to the begin of the message under way, or [`IDLE`].
    busy_since: AtomicU64,
}

impl Inner {
    fn begun(&self, message: &'static str) {
        let known = self.begun.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = known.iter().find(|(known, _)| *known == message) {
            counter.inc();
            return;
        }
        drop(known);
        let labels = MessageLabels { actor: self.actor.into(), message: message.into() };
        let counter = self.messages.get(&labels);
        counter.inc();
        self.begun.write().unwrap_or_else(PoisonError::into_inner).push((message, counter));
    }

    fn stuck(&self, now: Duration, limit: Duration) -> Option<Stuck> {
        let since = self.busy_since.load(Ordering::Relaxed);
        let busy =
            now.checked_sub(Duration::from_nanos(since)).filter(|busy| since != IDLE && *busy > limit)?;
        let waiting = self.depth.load(Ordering::Relaxed).max(0) as u64;
        Some(Stuck { actor: self.actor, busy, waiting })
    }
}

/// The figures of one actor's mailbox. Cheap to clone: every sender has one.
#[derive(Debug, Clone)]
pub struct Mailbox(Arc<Inner>);

impl Mailbox {
    /// Counts a message that is about to be sent. `message` names its kind, never its content.
    pub fn seal(&self, message: &'static str) -> Ticket {
        self.0.depth.fetch_add(1, Ordering::Relaxed);
        self.0.kind_depth.inc();
        Ticket { mailbox: Arc::clone(&self.0), message, sealed: Instant::now(), opened: false }
    }

    /// Counts the actor among the living until the guard is dropped.
    pub fn alive(&self) -> Alive {
        self.0.alive.inc();
        Alive(Arc::clone(&self.0))
    }

    /// The actor ends as planned: what comes too late for it is no dead letter from now on.
    pub fn retire(&self) {
        self.0.retired.store(true, Ordering::Relaxed);
    }

    /// Messages sent and not yet begun with.
    pub fn depth(&self) -> u64 {
        self.0.depth.load(Ordering::Relaxed).max(0) as u64
    }
}

/// An actor that runs.
#[derive(Debug)]
pub struct Alive(Arc<Inner>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.dec();
    }
}

/// Goes with a message through the mailbox. Dropped unopened, the message is a dead letter, unless its actor ended as
/// planned.
#[derive(Debug)]
pub struct Ticket {
    mailbox: Arc<Inner>,
    message: &'static str,
    sealed: Instant,
    opened: bool,
}

impl Ticket {
    /// The actor begins with the message.
    pub fn open(mut self) -> Handling {
        self.opened = true;
        let (mailbox, began) = (Arc::clone(&self.mailbox), Instant::now());
        mailbox.wait.observe(began.duration_since(self.sealed).as_secs_f64());
        mailbox.begun(self.message);
        let since = began.duration_since(mailbox.epoch).as_nanos() as u64;
        mailbox.busy_since.store(since, Ordering::Relaxed);
        Handling { mailbox, began }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.mailbox.depth.fetch_sub(1, Ordering::Relaxed);
        self.mailbox.kind_depth.dec();
        if !self.opened && !self.mailbox.retired.load(Ordering::Relaxed) {
            self.mailbox.dead_letters.inc();
        }
    }
}

/// A message in the hands of its actor. Ends when it is dropped, by a panic too.
#[derive(Debug)]
pub struct Handling {
    mailbox: Arc<Inner>,
    began: Instant,
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.mailbox.busy_since.store(IDLE, Ordering::Relaxed);
        self.mailbox.handle.observe(self.began.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
