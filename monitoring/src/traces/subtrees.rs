//! Spans that were drawn out, held back until it is known how their evaluation went.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::trace::{SpanContext, SpanId, Status};
use opentelemetry_sdk::trace::SpanData;

/// Most subtrees that are held at a time. One lives as long as an evaluation.
pub(super) const MOST_SUBTREES: usize = 4_096;

/// Most spans that are held at a time, in all subtrees.
pub(super) const MOST_SPANS: usize = 32_768;

const SHARDS: usize = 16;

/// What is to be done with a span that ended.
#[derive(Debug, PartialEq)]
pub(super) enum Judgement {
    /// Nothing yet.
    Wait,
    /// Send these.
    Keep(Vec<SpanData>),
    /// Count so many as left out.
    LeaveOut(usize),
    /// Count it as dropped.
    NoRoom,
}

/// Whether another subtree can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Some,
    None,
    /// No subtree is kept for what happens in it.
    NotWanted,
}

/// The subtrees of drawn spans that are held back. A subtree is kept when one of its spans has failed or when its root
/// took long, as far as that is wanted.
#[derive(Debug, Clone)]
pub(super) struct Subtrees(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    keep_failed: bool,
    keep_slower_than: Option<Duration>,
    /// The subtree of each span, by the span's id. A span stays until its subtree is judged, so that another may
    /// start below it, and longer if it has not ended by then.
    members: [Mutex<HashMap<SpanId, Arc<Subtree>>>; SHARDS],
    held: AtomicUsize,
    spans: AtomicUsize,
}

#[derive(Debug)]
struct Subtree {
    root: SpanId,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Held { ended: Vec<SpanData>, failed: bool },
    Judged { kept: bool },
}

impl Subtrees {
    pub(super) fn new(keep_failed: bool, keep_slower_than: Option<Duration>) -> Self {
        let (members, held, spans) = Default::default();
        Self(Arc::new(Parts { keep_failed, keep_slower_than, members, held, spans }))
    }

    pub(super) fn room(&self) -> Room {
        if !self.0.keep_failed && self.0.keep_slower_than.is_none() {
            return Room::NotWanted;
        }
        let full = self.0.held.load(Relaxed) >= MOST_SUBTREES || self.0.spans.load(Relaxed) >= MOST_SPANS;
        if full { Room::None } else { Room::Some }
    }

    /// Whether a span belongs to a subtree that is held back, or was and still goes on.
    pub(super) fn contains(&self, span: SpanId) -> bool {
        self.shard(span).contains_key(&span)
    }

    /// A span has started that is held back: in the subtree of its parent, or as the root of another.
    pub(super) fn start(&self, span: SpanId, parent: SpanId) {
        if self.0.spans.fetch_add(1, Relaxed) >= MOST_SPANS {
            self.0.spans.fetch_sub(1, Relaxed);
            return;
        }
        let above = self.find(parent);
        let subtree = above.unwrap_or_else(|| {
            self.0.held.fetch_add(1, Relaxed);
            let state = Mutex::new(State::Held { ended: vec![], failed: false });
            Arc::new(Subtree { root: span, state })
        });
        self.shard(span).insert(span, subtree);
    }

    /// A span has ended that is held back.
    pub(super) fn end(&self, span: SpanData) -> Judgement {
        let id = span.span_context.span_id();
        let Some(subtree) = self.find(id) else { return Judgement::NoRoom };
        let mut state = lock(&subtree.state);
        match &mut *state {
            State::Judged { kept } => {
                let kept = *kept;
                self.forget(id);
                judge(vec![span], kept)
            }
            State::Held { ended, failed } => {
                *failed |= matches!(span.status, Status::Error { .. });
                let failed = *failed;
                let is_root = id == subtree.root;
                let took = span.end_time.duration_since(span.start_time).unwrap_or_default();
                ended.push(span);
                match is_root {
                    true => self.judge(&mut state, failed, took),
                    false => Judgement::Wait,
                }
            }
        }
    }

    /// Judges all that are held by what is known of them.
    pub(super) fn close(&self) -> Vec<Judgement> {
        let mut open: Vec<Arc<Subtree>> = vec![];
        for shard in &self.0.members {
            open.extend(lock(shard).values().cloned());
        }
        let judged = open.iter().map(|subtree| {
            let mut state = lock(&subtree.state);
            match *state {
                State::Held { failed, .. } => self.judge(&mut state, failed, Duration::ZERO),
                State::Judged { .. } => Judgement::Wait,
            }
        });
        judged.collect()
    }

    fn judge(&self, state: &mut State, failed: bool, took: Duration) -> Judgement {
        let slow = self.0.keep_slower_than.is_some_and(|limit| took > limit);
        let kept = slow || failed && self.0.keep_failed;
        let State::Held { ended, .. } = mem::replace(state, State::Judged { kept }) else {
            return Judgement::Wait;
        };
        self.0.held.fetch_sub(1, Relaxed);
        ended.iter().for_each(|span| self.forget(span.span_context.span_id()));
        judge(ended, kept)
    }

    fn forget(&self, span: SpanId) {
        if self.shard(span).remove(&span).is_some() {
            self.0.spans.fetch_sub(1, Relaxed);
        }
    }

    fn find(&self, span: SpanId) -> Option<Arc<Subtree>> {
        self.shard(span).get(&span).cloned()
    }

    fn shard(&self, span: SpanId) -> MutexGuard<'_, HashMap<SpanId, Arc<Subtree>>> {
        let place = usize::from(span.to_bytes()[7]) % SHARDS;
        lock(&self.0.members[place])
    }
}

fn judge(mut spans: Vec<SpanData>, kept: bool) -> Judgement {
    if !kept {
        return Judgement::LeaveOut(spans.len());
    }
    for span in &mut spans {
        let context = &span.span_context;
        span.span_context = SpanContext::new(
            context.trace_id(),
            context.span_id(),
            context.trace_flags().with_sampled(true),
            context.is_remote(),
            context.trace_state().clone(),
        );
    }
    Judgement::Keep(spans)
}

/// A panic while a lock is held leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanKind, TraceFlags, TraceId, TraceState};

    use super::*;

    fn id(number: usize) -> SpanId {
        SpanId::from(number as u64)
    }

    fn ended(number: usize, status: Status) -> SpanData {
        let trace = TraceId::from(1);
        let span_context =
            SpanContext::new(trace, id(number), TraceFlags::NOT_SAMPLED, false, TraceState::NONE);
        SpanData {
            span_context,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "span".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: vec![],
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    fn fine(number: usize) -> SpanData {
        ended(number, Status::Unset)
    }

    fn known(subtrees: &Subtrees) -> usize {
        subtrees.0.members.iter().map(|shard| lock(shard).len()).sum()
    }

    #[test]
    fn holds_no_more_than_there_is_room_for() {
        let subtrees = Subtrees::new(true, None);
        for number in 1..=MOST_SUBTREES {
            assert_eq!(subtrees.room(), Room::Some);
            subtrees.start(id(number), SpanId::INVALID);
        }
        assert_eq!(subtrees.room(), Room::None);
        for number in MOST_SUBTREES + 1..=MOST_SPANS + 10 {
            subtrees.start(id(number), id(1));
        }
        assert_eq!(known(&subtrees), MOST_SPANS);
        assert_eq!(subtrees.end(fine(MOST_SPANS + 1)), Judgement::NoRoom);
        for number in MOST_SUBTREES + 1..=MOST_SPANS {
            assert_eq!(subtrees.end(fine(number)), Judgement::Wait);
        }
        assert_eq!(subtrees.end(fine(1)), Judgement::LeaveOut(1 + MOST_SPANS - MOST_SUBTREES));
        for number in 2..=MOST_SUBTREES {
            assert_eq!(subtrees.end(fine(number)), Judgement::LeaveOut(1));
        }
        assert_eq!((known(&subtrees), subtrees.room()), (0, Room::Some), "nothing stays behind");
    }

    #[test]
    fn a_span_that_ends_after_its_subtree_follows_it() {
        let subtrees = Subtrees::new(true, None);
        subtrees.start(id(1), SpanId::INVALID);
        subtrees.start(id(2), id(1));
        subtrees.start(id(3), id(2));
        assert_eq!(subtrees.end(ended(3, Status::error("no answer"))), Judgement::Wait);
        let Judgement::Keep(kept) = subtrees.end(fine(1)) else { panic!("something failed in it") };
        assert_eq!(kept.len(), 2);
        assert!(kept.iter().all(|span| span.span_context.is_sampled()));
        assert!(subtrees.contains(id(2)) && !subtrees.contains(id(1)));
        subtrees.start(id(4), id(2));
        for number in [2, 4] {
            assert!(matches!(subtrees.end(fine(number)), Judgement::Keep(kept) if kept.len() == 1));
        }
        assert_eq!(known(&subtrees), 0);
    }

    #[test]
    fn nothing_is_held_that_is_never_kept() {
        assert_eq!(Subtrees::new(false, None).room(), Room::NotWanted);
        assert_eq!(Subtrees::new(false, Some(Duration::ZERO)).room(), Room::Some);
        let subtrees = Subtrees::new(false, Some(Duration::from_secs(1)));
        subtrees.start(id(1), SpanId::INVALID);
        assert_eq!(subtrees.end(ended(1, Status::error("no answer"))), Judgement::LeaveOut(1));
    }
}
