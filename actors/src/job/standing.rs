//! The result of a job, from its records.

use std::collections::{BTreeMap, HashMap};

use evohub_evolution::statistics::{mean_interval, paired_test, weighted_mean};
use evohub_evolution::{Candidate, CandidateId, ModelTally};
use evohub_monitoring::metrics::JobPhase;
use evohub_store::{CandidateRecord, JobState, StoreErrorKind};

use super::{Conclusion, Ending, JobActorState};
use crate::event::JobEvent;
use crate::journal::with_patience;
use crate::population::Known;
use crate::prompt_text::prompt_text;
use crate::result::{JobResult, Measured, RESULT_VERSION, ReflectionResult, Saved, Standing};
use crate::spec::ReflectionSpec;

/// Confidence of all intervals.
const CONFIDENCE: f64 = 0.95;

impl JobActorState {
    /// What came of the job, as far as it came.
    pub(super) async fn result(&self, ending: &Ending) -> JobResult {
        let arguments = &self.arguments;
        let store = &arguments.node.store;
        // What cannot be read any more is left out: the result says why the job failed.
        let totals = with_patience(|| store.totals(&arguments.id)).await.unwrap_or_default();
        let records = with_patience(|| store.candidates(&arguments.id)).await.unwrap_or_default();
        let seed = self.arguments.prepared.spec.seeds[0].clone();
        let standing = self.standing();
        let (seed, best) = match &self.finished {
            Some(finished) => (finished.seed.clone(), finished.best.clone()),
            None => {
                let leader = leader(&records);
                let best = records.iter().find(|record| Some(record.candidate.id()) == leader);
                (of_records(&records, &seed), best.map(|best| of_records(&records, &best.candidate)))
            }
        };
        let ids = best.as_ref().map(|best| (seed.candidate.id(), best.candidate.id()));
        let p_value = ids.and_then(|(seed, best)| self.p_value(seed, best));
        JobResult {
            version: RESULT_VERSION,
            job: arguments.id.to_string(),
            name: arguments.prepared.spec.name.clone(),
            status: ending.state.as_str().to_owned(),
            algorithm: arguments.prepared.spec.algorithm.name().to_owned(),
            reason: ending.reason,
            error: ending.error.clone(),
            seed: self.standing_of(seed),
            best: best.map(|best| self.standing_of(best)),
            p_value,
            evaluations: standing.evaluations,
            model_calls: totals.model_calls,
            dollars: totals.dollars,
            tokens: totals.input_tokens + totals.output_tokens,
            seconds: arguments.before.0 + self.started.elapsed().as_secs_f64(),
            models: self.models(),
            rescored: self.finished.as_ref().and_then(|finished| finished.rescored),
            saved: Saved {
                cache: arguments.before.1 + standing.cache_hits,
                early_rejection: standing.progress.saved.total(),
            },
            objectives: arguments.prepared.spec.algorithm.objectives().to_vec(),
            candidates: records.len() as u64,
        }
    }

    /// What each reflection model brought.
    fn models(&self) -> Vec<ReflectionResult> {
        let tallies = self.finished.iter().flat_map(|finished| &finished.models);
        let specs = &self.arguments.prepared.spec.reflection;
        let result = |(spec, tally): (&ReflectionSpec, &ModelTally)| ReflectionResult {
            model: spec.model.to_string(),
            proposals: tally.proposals,
            used: tally.used,
            improvement: tally.improvement,
            dollars: tally.dollars,
        };
        specs.iter().zip(tallies).map(result).collect()
    }

    fn standing_of(&self, known: Known) -> Standing {
        let measured =
            |mean: Option<(f64, u32)>| mean.map(|(score, cases)| Measured { score, interval: None, cases });
        Standing {
            id: known.candidate.id().to_string(),
            prompt: prompt_text(&known.candidate),
            train: measured(known.train),
            validation: measured(known.validation),
            test: self.test_of(known.candidate.id()),
            objectives: known.objectives,
            candidate: known.candidate,
        }
    }

    /// Test scores of a candidate, each the mean over the repeats, with the weights of their cases.
    fn test_scores(&self, id: CandidateId) -> Option<Vec<(u32, f64, f64)>> {
        let closing = self.closing.as_ref()?;
        let test = &self.arguments.prepared.spec.data.test;
        let mut cases: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for ((candidate, case, _), score) in &closing.scores {
            if let Some(score) = score.filter(|_| *candidate == id) {
                cases.entry(*case).or_default().push(score);
            }
        }
        let mean = |scores: Vec<f64>| scores.iter().sum::<f64>() / scores.len() as f64;
        Some(
            cases
                .into_iter()
                .map(|(case, scores)| (case, mean(scores), test[case as usize].weight))
                .collect(),
        )
    }

    fn test_of(&self, id: CandidateId) -> Option<Measured> {
        let scores = self.test_scores(id).filter(|scores| !scores.is_empty())?;
        let values: Vec<f64> = scores.iter().map(|(_, score, _)| *score).collect();
        let weights: Vec<f64> = scores.iter().map(|(_, _, weight)| *weight).collect();
        let interval = mean_interval(&values, &weights, CONFIDENCE, self.arguments.prepared.spec.seed);
        Some(Measured {
            score: weighted_mean(&values, &weights)?,
            interval: Some([interval.low, interval.high]),
            cases: values.len() as u32,
        })
    }

    /// Both were measured on the same cases, so the test is paired.
    fn p_value(&self, seed: CandidateId, best: CandidateId) -> Option<f64> {
        if seed == best {
            return None;
        }
        let seeds: HashMap<u32, f64> =
            self.test_scores(seed)?.into_iter().map(|(case, score, _)| (case, score)).collect();
        let mut pairs = (vec![], vec![], vec![]);
        for (case, score, weight) in self.test_scores(best)? {
            if let Some(seed) = seeds.get(&case) {
                pairs.0.push(score);
                pairs.1.push(*seed);
                pairs.2.push(weight);
            }
        }
        if pairs.0.is_empty() {
            return None;
        }
        Some(paired_test(&pairs.0, &pairs.1, &pairs.2, self.arguments.prepared.spec.seed).two_sided)
    }

    /// Says in metrics and in the job's span how it ended.
    fn record_end(&mut self, ending: &Ending, result: &JobResult) {
        self.metrics.set(match ending.state {
            JobState::Done => JobPhase::Done,
            JobState::Stopped => JobPhase::Stopped,
            JobState::Running => JobPhase::Moved,
            _ => JobPhase::Failed,
        });
        tracing::info!(
            status = result.status,
            evaluations = result.evaluations,
            dollars = result.dollars,
            seconds = result.seconds,
            error = ending.error,
            "the job ended"
        );
        self.span.record("status", result.status.as_str());
        self.span.record("evaluations", result.evaluations as i64);
        self.span.record("dollars", result.dollars);
        if let Some(error) = &ending.error {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_description", error.as_str());
        }
    }

    /// Records how the job ended and tells whoever listens.
    pub(super) async fn tell_end(&mut self, ending: &Ending, result: JobResult) {
        let arguments = &self.arguments;
        // What came so far is kept where the job stopped, so that the time it took is counted on.
        let text = serde_json::to_value(&result).ok();
        let (store, error) = (&arguments.node.store, ending.error.as_deref());
        let finished =
            with_patience(|| store.finish(&arguments.lease, ending.state, text.as_ref(), error)).await;
        if let Err(error) = finished {
            tracing::error!(%error, "the end of the job could not be recorded");
            if error.kind == StoreErrorKind::Owned {
                // Another node goes on with it, or has brought it to an end: what came of it here is not what came of it.
                let message = format!("another process has taken the job over: {error}");
                arguments.observers.conclude(Conclusion::Elsewhere(message));
                self.metrics.set(JobPhase::Moved);
                return;
            }
        }
        self.record_end(ending, &result);
        self.show_progress();
        if ending.state == JobState::Running {
            let message = "this node is leaving, and another goes on with the job".to_owned();
            self.arguments.observers.conclude(Conclusion::Elsewhere(message));
            return;
        }
        self.emit(JobEvent::Ended(Box::new(result.clone())));
        self.arguments.observers.conclude(Conclusion::Ended(Box::new(result)));
    }
}

/// What the records know of a candidate.
fn of_records(records: &[CandidateRecord], candidate: &Candidate) -> Known {
    let record = records.iter().find(|record| record.candidate == *candidate);
    let validation = record.and_then(|record| Some((record.validation_score?, record.validation_cases)));
    let objectives = record.map(|record| record.objectives.clone()).unwrap_or_default();
    Known { candidate: candidate.clone(), train: None, validation, objectives }
}

/// The best of the candidates that were measured on most cases: the choice of a job that did not come to one.
pub fn leader(records: &[CandidateRecord]) -> Option<CandidateId> {
    let most = records.iter().map(|record| record.validation_cases).max()?;
    let full = records.iter().filter(|record| record.validation_cases == most);
    let scored = full.filter_map(|record| Some((record.validation_score?, record.candidate.id())));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id)
}
