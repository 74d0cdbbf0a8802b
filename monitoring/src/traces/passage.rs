//! Leaves evaluations out before anything is made of them.
//!
//! Where nothing that happens in an evaluation can bring it back, the lot is drawn before its span reaches the exporting
//! layer: a span that is left out costs next to nothing then, instead of almost as much as one that is sent. What
//! happens inside it has to follow it, so a layer of its own marks such spans and knows when the thread is in one.

use std::cell::Cell;

use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::layer::is_exported;
use super::lots::{DRAWN_SPANS, Lots};
use super::tally::Tally;
use crate::metrics::SpanOutcome;

thread_local! {
    /// How many spans that are left out this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Whether the drawn span that is about to be made is left out: its filter is asked just before.
    static LEAVES_OUT: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a span that is left out here.
pub(super) fn leaves_out() -> bool {
    DEPTH.get() > 0
}

/// Lets through to the exporting layer what is not left out.
#[derive(Debug)]
pub(super) struct Passage {
    /// `None`: the sampler draws, because spans that lose may be kept all the same.
    lots: Option<Lots>,
    tally: Tally,
}

impl Passage {
    pub(super) fn new(lots: Option<Lots>, tally: Tally) -> Self {
        Self { lots, tally }
    }

    fn admits(&self, lots: &Lots, metadata: &Metadata<'_>) -> bool {
        let is_drawn = DRAWN_SPANS.contains(&metadata.name());
        let admits = !leaves_out() && (!metadata.is_span() || !is_drawn || lots.draw());
        if metadata.is_span() {
            if is_drawn {
                LEAVES_OUT.set(!admits);
            }
            self.tally.count(SpanOutcome::SampledOut, usize::from(!admits));
        }
        admits
    }
}

impl<S> Filter<S> for Passage {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_exported(metadata) && self.lots.as_ref().is_none_or(|lots| self.admits(lots, metadata))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match (is_exported(metadata), &self.lots) {
            (false, _) => Interest::never(),
            (true, None) => Interest::always(),
            // Each time anew.
            (true, Some(_)) => Interest::sometimes(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

/// A span that is left out.
struct LeftOut;

/// Knows when a thread is in a span that is left out. Sees drawn spans only.
#[derive(Debug)]
pub(super) struct Marks;

impl Marks {
    /// Whether a span is one that it has to see.
    pub(super) fn sees(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && DRAWN_SPANS.contains(&metadata.name()) && is_exported(metadata)
    }
}

fn is_left_out<S>(id: &Id, context: &Context<'_, S>) -> bool
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    context.span(id).is_some_and(|span| span.extensions().get::<LeftOut>().is_some())
}

impl<S> Layer<S> for Marks
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if LEAVES_OUT.take()
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().insert(LeftOut);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if is_left_out(id, &context) {
            DEPTH.set(DEPTH.get() + 1);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if is_left_out(id, &context) {
            DEPTH.set(DEPTH.get().saturating_sub(1));
        }
    }
}
