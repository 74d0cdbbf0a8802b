//! What happens to a span when it starts and when it ends.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

use super::gate::Gate;
use super::subtrees::{Judgement, Subtrees};
use super::tally::{SpanCounts, Tally};
use crate::metrics::SpanOutcome;

/// Sends sampled spans off, and holds the others back until it is known whether they are wanted.
#[derive(Debug, Clone)]
pub(super) struct Processor(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    batch: BatchSpanProcessor,
    gate: Gate,
    subtrees: Subtrees,
    tally: Tally,
}

impl Processor {
    pub(super) fn new(batch: BatchSpanProcessor, gate: Gate, subtrees: Subtrees, tally: Tally) -> Self {
        Self(Arc::new(Parts { batch, gate, subtrees, tally }))
    }

    pub(super) fn counts(&self) -> SpanCounts {
        self.0.tally.counts()
    }

    pub(super) fn flush(&self) {
        // What could not be sent has been counted.
        let _ = self.0.batch.force_flush();
    }

    /// Sends what waits within a limit of time, and counts the rest. Doing it again does nothing.
    pub(super) fn close(&self, limit: Duration) {
        if self.0.gate.is_closed() {
            return;
        }
        for judgement in self.0.subtrees.close() {
            self.follow(judgement);
        }
        let _ = self.0.batch.shutdown_with_timeout(limit);
        self.0.tally.count(SpanOutcome::Dropped, self.0.gate.close());
    }

    fn follow(&self, judgement: Judgement) {
        match judgement {
            Judgement::Wait => {}
            Judgement::Keep(spans) => spans.into_iter().for_each(|span| self.send(span)),
            Judgement::LeaveOut(spans) => self.0.tally.count(SpanOutcome::SampledOut, spans),
            Judgement::NoRoom => self.0.tally.count(SpanOutcome::Dropped, 1),
        }
    }

    fn send(&self, span: SpanData) {
        match self.0.gate.enter() {
            true => self.0.batch.on_end(span),
            false => self.0.tally.count(SpanOutcome::Dropped, 1),
        }
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        let started = span.span_context();
        if !started.is_sampled() {
            self.0.subtrees.start(started.span_id(), parent.span().span_context().span_id());
        }
    }

    fn on_end(&self, span: SpanData) {
        match span.span_context.is_sampled() {
            true => self.send(span),
            false => self.follow(self.0.subtrees.end(span)),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.batch.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.close(timeout);
        Ok(())
    }
}
