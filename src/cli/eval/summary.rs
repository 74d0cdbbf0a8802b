//! What an evaluation showed.

use std::fmt;

use evohub::JobSpec;
use evohub::evolution::statistics::{mean_interval, weighted_mean};
use evohub::llm::ModelName;
use serde::Serialize;

use super::measurement::Measured;

/// Version of the document's form.
const VERSION: u32 = 1;
/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// What an evaluation showed. With `--json` this is the document.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    version: u32,
    prompt: String,
    model: String,
    /// Weighted mean; absent when no case could be measured.
    score: Option<f64>,
    interval: Option<[f64; 2]>,
    cases: usize,
    failed: usize,
    /// Seconds of a model call, those of stored evaluations included.
    duration: Option<Durations>,
    dollars: f64,
    tokens: u64,
    model_calls: u64,
    saved: u64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Durations {
    mean: f64,
    median: f64,
    p95: f64,
    min: f64,
    max: f64,
}

impl Summary {
    pub(super) fn new(spec: &JobSpec, model: &ModelName, measured: &Measured) -> Self {
        let scores: Vec<f64> = measured.evaluations.iter().map(|(found, _)| found.objectives.score).collect();
        let weights: Vec<f64> = measured.evaluations.iter().map(|(_, weight)| *weight).collect();
        let seconds = measured.evaluations.iter().map(|(found, _)| found.objectives.latency_seconds);
        let found = || measured.evaluations.iter().map(|(found, _)| found);
        let interval = mean_interval(&scores, &weights, CONFIDENCE, spec.seed);
        Self {
            version: VERSION,
            prompt: evohub::prompt_text(&spec.seeds[0]),
            model: model.to_string(),
            score: weighted_mean(&scores, &weights),
            interval: (!scores.is_empty()).then_some([interval.low, interval.high]),
            cases: scores.len(),
            failed: measured.failures.len(),
            duration: Durations::of(seconds.collect()),
            dollars: found().map(|evaluation| evaluation.objectives.dollars).sum(),
            tokens: found().map(|evaluation| evaluation.input_tokens + evaluation.output_tokens).sum(),
            model_calls: found().map(|evaluation| u64::from(evaluation.model_calls)).sum(),
            saved: measured.cached,
        }
    }
}

impl Durations {
    fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        let (min, max) = (*seconds.first()?, *seconds.last()?);
        // The nearest rank.
        let rank = |share: f64| seconds[((share * seconds.len() as f64).ceil() as usize).max(1) - 1];
        let middle = seconds.len() / 2;
        let median = if seconds.len() % 2 == 1 {
            seconds[middle]
        } else {
            (seconds[middle - 1] + seconds[middle]) / 2.0
        };
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        Some(Self { mean, median, p95: rank(0.95), min, max })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.score, self.interval) {
            (Some(score), Some([low, high])) => {
                writeln!(f, "score     {score:.3} [{low:.3}, {high:.3}] on {} cases", self.cases)?;
            }
            _ => writeln!(f, "score     none: no case could be measured")?,
        }
        if self.failed > 0 {
            writeln!(f, "failed    {}, not counted", self.failed)?;
        }
        if let Some(Durations { mean, median, p95, min, max }) = &self.duration {
            writeln!(
                f,
                "duration  mean {mean:.3} s, median {median:.3}, p95 {p95:.3}, min {min:.3}, max {max:.3}"
            )?;
        }
        let Self { model_calls, tokens, dollars, saved, .. } = self;
        write!(
            f,
            "cost      {model_calls} model calls, {tokens} tokens, ${dollars:.4}; {saved} of the cases known from before"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        assert_eq!(Durations::of(vec![]), None);
        let seconds: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        let found = Durations::of(seconds).unwrap();
        assert_eq!(found, Durations { mean: 10.5, median: 10.5, p95: 19.0, min: 1.0, max: 20.0 });
        assert_eq!(Durations::of(vec![3.0, 1.0, 2.0]).unwrap().median, 2.0);
    }
}
