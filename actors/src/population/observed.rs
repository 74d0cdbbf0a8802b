//! What a population shows of its run: figures and spans.

use evohub_evolution::migration::Topology;
use evohub_evolution::{Outcome, Progress, RunEvent};
use evohub_monitoring::metrics::{MigrationTopology, SavedBy};
use evohub_monitoring::traces::set_parent;
use tracing::Span;

use super::{PopulationArguments, PopulationState};

impl PopulationArguments {
    /// The span of a generation; 0 measures the seeds.
    pub(super) fn generation_span(&self, number: u32) -> Span {
        let span = tracing::info_span!(
            parent: None,
            "generation",
            job_id = %self.means.job,
            island = i64::from(self.island),
            generation = i64::from(number),
            evaluations = tracing::field::Empty,
            best = tracing::field::Empty,
            mean = tracing::field::Empty,
            diversity = tracing::field::Empty,
        );
        set_parent(&span, &self.context);
        span
    }
}

impl PopulationState {
    /// Counts what happened in the run.
    pub(super) fn count(&self, event: &RunEvent) {
        let metrics = &self.arguments.means.node.metrics;
        match event {
            // One that races on settles later.
            RunEvent::CandidateSettled { outcome: Outcome::Open, .. } => {}
            RunEvent::CandidateSettled { id, outcome, score, .. } => {
                if let Some(born) = self.run.ledger().born(*id) {
                    metrics.evolution.candidate(&born.birth.operator, outcome.as_str());
                }
                if let Some(score) = score {
                    metrics.business.fitness("score", *score);
                }
            }
            RunEvent::GenerationCompleted(progress) => {
                metrics.evolution.generation_completed();
                let (now, before) = (progress.saved, self.progress.saved);
                for (by, now, before) in [
                    (SavedBy::MinibatchGate, now.gate, before.gate),
                    (SavedBy::Racing, now.race, before.race),
                ] {
                    metrics.evaluation.saved(by, now.saturating_sub(before));
                }
            }
            RunEvent::Migrated { kept, .. } => {
                let topology = match self.arguments.settings.island.migration.topology {
                    Topology::Ring => MigrationTopology::Ring,
                    Topology::Full => MigrationTopology::Full,
                    Topology::Random => MigrationTopology::Random,
                    // Nobody migrates.
                    Topology::None => return,
                };
                metrics.evolution.migrated(topology, *kept as usize);
            }
            _ => {}
        }
    }

    /// Closes the span of the generation that is over, and opens the next one's where there is one.
    pub(super) fn turn_span(&mut self, progress: &Progress) {
        tracing::info!(
            evaluations = progress.evaluations,
            best = progress.best,
            mean = progress.mean,
            diversity = progress.diversity,
            dollars = progress.dollars,
            "a generation is complete"
        );
        self.span.record("evaluations", progress.evaluations as i64);
        self.span.record("best", progress.best);
        self.span.record("mean", progress.mean);
        self.span.record("diversity", progress.diversity);
        self.span = match self.run.is_finished() {
            true => Span::none(),
            false => self.arguments.generation_span(progress.generation + 1),
        };
    }
}
