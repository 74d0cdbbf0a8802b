//! One run of a comparison.

use std::collections::BTreeMap;

use evohub_actors::{EvaluatorSpec, JobResult, JobSpec, Measured};
use evohub_evolution::FinishReason;
use evohub_store::{HistoryRecord, JobRecord, JobState, Totals};
use serde::Serialize;

/// A run that took so many seconds longer by the clock than it worked was interrupted.
const INTERRUPTION: f64 = 5.0;

/// What came of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedRun {
    /// The algorithm.
    pub algorithm: String,
    /// The seed of all chance.
    pub random_seed: u64,
    /// The job's id.
    pub job: String,
    /// The store that the job is in.
    pub store: String,
    /// How it stands: `done` or `failed`.
    pub status: String,
    /// Why the search ended.
    pub reason: Option<FinishReason>,
    /// What went wrong, when it failed.
    pub error: Option<String>,
    /// The chosen prompt, as text for people.
    pub prompt: Option<String>,
    /// The chosen prompt on the sealed test cases.
    pub test: Option<Measured>,
    /// The chosen prompt on the validation cases that it was measured on.
    pub validation: Option<Measured>,
    /// The first seed prompt on the sealed test cases.
    pub seed_test: Option<Measured>,
    /// Evaluations of the search, cached ones included.
    pub evaluations: u64,
    /// Answers of the reflection model that were paid for; absent where judges are asked as well, since the calls are
    /// not told apart then.
    pub proposals: Option<u64>,
    /// Candidates born.
    pub candidates: u64,
    /// US dollars paid, the report included.
    pub dollars: f64,
    /// Seconds of running, the report included; absent when the run was interrupted.
    pub seconds: Option<f64>,
    /// When it began, in milliseconds since the Unix epoch.
    pub began_at: i64,
    /// How the search went.
    pub curve: Vec<CurvePoint>,
}

/// A moment of a search: the end of a generation, or of a window of a steady state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Evaluations given out until then, cached ones and those under way included.
    pub evaluations: u64,
    /// US dollars paid until then.
    pub dollars: f64,
    /// Seconds since the run began.
    pub seconds: f64,
    /// The best mean score in the population on the validation cases that the search ranks on.
    pub score: f64,
}

impl ComparedRun {
    /// A run as the store at the address `store` knows it.
    pub fn of_records(
        store: &str,
        job: &JobRecord,
        spec: &JobSpec,
        result: &JobResult,
        totals: &Totals,
        history: &[HistoryRecord],
    ) -> Self {
        let best = result.best.as_ref();
        let by_clock = (job.updated_at - job.created_at) as f64 / 1_000.0;
        let was_interrupted = by_clock - result.seconds > INTERRUPTION;
        Self {
            algorithm: spec.algorithm.name().to_owned(),
            random_seed: spec.seed,
            job: job.id.to_string(),
            store: store.to_owned(),
            status: job.state.as_str().to_owned(),
            reason: result.reason,
            error: result.error.clone().or_else(|| job.error.clone()),
            prompt: best.map(|best| best.prompt.clone()),
            test: best.and_then(|best| best.test.clone()),
            validation: best.and_then(|best| best.validation.clone()),
            seed_test: result.seed.test.clone(),
            evaluations: result.evaluations,
            proposals: has_no_judge(spec).then(|| totals.model_calls.saturating_sub(totals.evaluations)),
            candidates: result.candidates,
            dollars: totals.dollars,
            seconds: (!was_interrupted).then_some(result.seconds),
            began_at: job.created_at,
            curve: curve(job.created_at, history),
        }
    }

    /// Whether it came to an end and chose a prompt.
    pub fn is_done(&self) -> bool {
        self.status == JobState::Done.as_str()
    }

    /// The chosen prompt's score on the sealed test cases.
    pub fn test_score(&self) -> Option<f64> {
        Some(self.test.as_ref()?.score)
    }
}

/// Whether an evaluation is a single model call.
fn has_no_judge(spec: &JobSpec) -> bool {
    matches!(&spec.evaluator, EvaluatorSpec::Prompt(prompt) if prompt.judge.is_none())
}

/// One curve of all islands: what they spent adds up, and the best of them counts.
fn curve(began_at: i64, history: &[HistoryRecord]) -> Vec<CurvePoint> {
    let is_drawable = |point: &&HistoryRecord| point.best.is_finite() && point.dollars.is_finite();
    let mut points: Vec<&HistoryRecord> = history.iter().filter(is_drawable).collect();
    points.sort_by_key(|point| (point.at, point.island, point.sequence));
    let mut newest: BTreeMap<u32, &HistoryRecord> = BTreeMap::new();
    let mut curve: Vec<CurvePoint> = vec![];
    for point in points {
        newest.insert(point.island, point);
        let evaluations = newest.values().map(|point| point.evaluations).sum();
        // What an island does again after a crash was counted already.
        let earlier = curve.last().copied();
        curve.push(CurvePoint {
            evaluations: earlier.map_or(evaluations, |earlier| earlier.evaluations.max(evaluations)),
            dollars: newest.values().map(|point| point.dollars).sum(),
            seconds: (point.at - began_at).max(0) as f64 / 1_000.0,
            score: newest.values().map(|point| point.best).fold(0.0, f64::max),
        });
    }
    curve
}

#[cfg(test)]
mod tests {
    use evohub_store::JobId;

    use super::*;

    fn point(island: u32, sequence: u64, evaluations: u64, best: f64) -> HistoryRecord {
        HistoryRecord {
            job: JobId("films-1".into()),
            island,
            sequence,
            evaluations,
            dollars: evaluations as f64 / 100.0,
            best,
            mean: best / 2.0,
            diversity: 0.5,
            population: 3,
            at: 1_000 + 500 * sequence as i64 + i64::from(island),
        }
    }

    #[test]
    fn islands_spend_together_and_the_best_counts() {
        let history =
            [point(0, 0, 10, 0.2), point(0, 1, 30, 0.6), point(1, 0, 12, 0.4), point(1, 1, 25, 0.5)];
        let curve = curve(1_000, &history);
        let seen: Vec<(u64, f64)> = curve.iter().map(|point| (point.evaluations, point.score)).collect();
        assert_eq!(seen, [(10, 0.2), (22, 0.4), (42, 0.6), (55, 0.6)]);
        assert_eq!((curve[0].seconds, curve[3].seconds), (0.0, 0.501));
        assert!((curve[3].dollars - 0.55).abs() < 1e-12);
    }

    #[test]
    fn what_is_done_again_after_a_crash_is_not_counted_twice() {
        let history = [point(0, 0, 30, 0.5), point(0, 1, 20, 0.5), point(0, 2, 40, 0.6)];
        let seen: Vec<u64> = curve(0, &history).iter().map(|point| point.evaluations).collect();
        assert_eq!(seen, [30, 30, 40]);
    }
}
