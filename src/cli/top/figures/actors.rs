//! Actors by kind.

use serde::Serialize;

use super::{Span, whole};
use crate::cli::top::counts::ByName;
use crate::cli::top::histogram::{Histogram, Latency};
use crate::cli::top::reading::Actor;

/// All actors of a kind, in counts since the start of the process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ActorFigures {
    /// The kind.
    pub(crate) actor: String,
    pub(crate) alive: u64,
    pub(crate) mailbox_depth: u64,
    pub(crate) messages: u64,
    pub(crate) messages_per_second: Option<f64>,
    pub(crate) restarts: u64,
    pub(crate) dead_letters: u64,
    pub(crate) mailbox_wait: Latency,
    pub(crate) handle: Latency,
}

/// The kinds with the most waiting messages first.
pub(super) fn figures(
    now: &ByName<Actor>,
    recent: Option<Span<'_>>,
    minute: Option<Span<'_>>,
) -> Vec<ActorFigures> {
    let mut all: Vec<_> = now.iter().map(|(kind, actor)| figures_of(kind, actor, recent, minute)).collect();
    all.sort_by(|a, b| b.mailbox_depth.cmp(&a.mailbox_depth).then_with(|| a.actor.cmp(&b.actor)));
    all
}

fn figures_of(kind: &str, now: &Actor, recent: Option<Span<'_>>, minute: Option<Span<'_>>) -> ActorFigures {
    let nothing = Actor::default();
    let before = |span: Span<'_>| span.since.actors.get(kind).unwrap_or(&nothing).clone();
    let in_minute = |histogram: fn(&Actor) -> &Histogram| {
        minute.map_or_else(Latency::default, |span| histogram(now).since(histogram(&before(span))).latency())
    };
    ActorFigures {
        actor: kind.to_owned(),
        alive: whole(now.alive),
        mailbox_depth: whole(now.depth),
        messages: now.messages,
        messages_per_second: recent
            .and_then(|span| span.rate(now.messages.saturating_sub(before(span).messages) as f64)),
        restarts: now.restarts,
        dead_letters: now.dead_letters,
        mailbox_wait: in_minute(|actor| &actor.wait),
        handle: in_minute(|actor| &actor.handle),
    }
}
