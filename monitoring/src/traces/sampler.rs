//! Which spans are kept.

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::lots::{DRAWN_SPANS, Lots};
use super::subtrees::{Room, Subtrees};
use super::tally::Tally;
use crate::metrics::SpanOutcome;

/// Keeps a share of the drawn spans and all others, within what the caller in another process has decided.
#[derive(Debug, Clone)]
pub(super) struct Sampler {
    lots: Lots,
    subtrees: Subtrees,
    tally: Tally,
}

impl Sampler {
    pub(super) fn new(lots: Lots, subtrees: Subtrees, tally: Tally) -> Self {
        Self { lots, subtrees, tally }
    }

    fn decide(&self, parent: &SpanContext, name: &str) -> SamplingDecision {
        if parent.is_valid() && !parent.is_sampled() {
            return match self.subtrees.contains(parent.span_id()) {
                true => SamplingDecision::RecordOnly,
                false => self.leave_out(SpanOutcome::SampledOut),
            };
        }
        if !DRAWN_SPANS.contains(&name) || self.lots.draw() {
            return SamplingDecision::RecordAndSample;
        }
        match self.subtrees.room() {
            Room::Some => SamplingDecision::RecordOnly,
            Room::None => self.leave_out(SpanOutcome::Dropped),
            Room::NotWanted => self.leave_out(SpanOutcome::SampledOut),
        }
    }

    fn leave_out(&self, outcome: SpanOutcome) -> SamplingDecision {
        self.tally.count(outcome, 1);
        SamplingDecision::Drop
    }
}

impl ShouldSample for Sampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let (decision, trace_state) = match parent {
            Some(parent) => {
                let span = parent.span();
                let context = span.span_context();
                (self.decide(context, name), context.trace_state().clone())
            }
            None => (self.decide(&SpanContext::NONE, name), TraceState::NONE),
        };
        SamplingResult { decision, attributes: vec![], trace_state }
    }
}
