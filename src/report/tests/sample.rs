//! Jobs to report on.

use evohub_actors::{JobResult, Measured, RESULT_VERSION, Saved, Standing, prompt_text};
use evohub_evolution::{Candidate, CandidateId, Shot};
use evohub_store::{CandidateRecord, HistoryRecord, JobId, JobRecord, JobState};

use crate::report::ReportInput;

pub(super) struct Sample {
    pub(super) job: JobRecord,
    pub(super) result: Option<JobResult>,
    pub(super) candidates: Vec<CandidateRecord>,
    pub(super) history: Vec<HistoryRecord>,
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1_u64 << 24) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.share() * count as f64) as usize).min(count - 1)
    }
}

impl Sample {
    pub(super) fn input(&self) -> ReportInput<'_> {
        ReportInput {
            job: &self.job,
            result: self.result.as_ref(),
            candidates: &self.candidates,
            history: &self.history,
        }
    }

    /// A seed, a child that was kept and one that fell.
    pub(super) fn small() -> Self {
        Self::with_prompt("What is the sentiment?", "What is the sentiment? Answer positive or negative.")
    }

    pub(super) fn with_prompt(seed: &str, chosen: &str) -> Self {
        let seed = Candidate::from_instruction(seed).unwrap();
        let chosen = Candidate::from_instruction(chosen).unwrap();
        let fallen = chosen.with_shots(vec![Shot { input: "Dull.".into(), output: "negative".into() }]);
        let candidates = vec![
            record(0, &seed, &[], "seed", 0, Some((0.1, 40)), "displaced"),
            record(1, &chosen, &[seed.id()], "rewrite", 1, Some((0.7, 40)), "kept"),
            record(2, &fallen, &[chosen.id(), seed.id()], "add_shot", 1, None, "rejected"),
        ];
        let history = vec![point(0, 40, 0.0012, 0.1, 0.1, 0.0, 1), point(1, 88, 0.0031, 0.7, 0.4, 0.35, 2)];
        let result = result(&seed, &chosen, 3);
        Self { job: job(&result), result: Some(result), candidates, history }
    }

    /// A population that got better over generations.
    pub(super) fn evolved(count: usize, generations: usize) -> Self {
        let mut chance = Chance(7);
        let phrases = [
            "Think about what the writer felt.",
            "Answer with one word.",
            "Use positive or negative only.",
            "Do not explain.",
            "Mind irony: praise may be meant as blame.",
            "If both are there, weigh the last sentence more.",
            "Write in lower case.",
        ];
        let mut candidates: Vec<CandidateRecord> = vec![];
        for ordinal in 0..count {
            let generation = ordinal * generations / count;
            if ordinal == 0 {
                let seed = Candidate::from_instruction("What is the sentiment of this review?").unwrap();
                candidates.push(record(0, &seed, &[], "seed", 0, Some((0.08, 40)), "displaced"));
                continue;
            }
            let earlier: Vec<usize> = (0..ordinal)
                .filter(|other| candidates[*other].generation < generation as u32 || *other == 0)
                .filter(|other| matches!(candidates[*other].outcome.as_str(), "kept" | "displaced"))
                .collect();
            let recent = &earlier[earlier.len().saturating_sub(12)..];
            let parent = candidates[recent[chance.below(recent.len())]].clone();
            let mut parents = vec![parent.candidate.id()];
            let (operator, child) = match chance.below(4) {
                0 => {
                    let text =
                        format!("{} {}", parent.candidate.component("instruction"), phrases[chance.below(7)]);
                    ("rewrite", parent.candidate.with_component("instruction", text).unwrap())
                }
                1 => {
                    let other = &candidates[recent[chance.below(recent.len())]];
                    parents.push(other.candidate.id());
                    ("crossover", parent.candidate.with_shots(other.candidate.shots().to_vec()))
                }
                _ => {
                    let mut shots = parent.candidate.shots().to_vec();
                    shots.push(Shot {
                        input: format!(
                            "A film that {} of {ordinal} people liked.",
                            chance.below(ordinal + 1)
                        )
                        .into(),
                        output: ["positive", "negative"][chance.below(2)].into(),
                    });
                    shots.drain(..shots.len().saturating_sub(6));
                    ("add_shot", parent.candidate.with_shots(shots))
                }
            };
            // Equal ones are one candidate, so each is made unlike all others.
            let child =
                child.with_parameters([("temperature".to_owned(), ordinal as f64 / 1e4)].into()).unwrap();
            let gain = 0.25 * (chance.share() - 0.45);
            let score =
                ((parent.validation_score.unwrap_or(0.1) + gain).clamp(0.02, 0.86) * 40.0).round() / 40.0;
            let fate = chance.share();
            let (measured, outcome) = match fate {
                f if f < 0.35 => (None, "rejected"),
                f if f < 0.5 => (Some((score, 14)), "dropped"),
                f if f < 0.7 => (Some((score, 40)), "displaced"),
                f if f > 0.98 => (None, "unfinished"),
                _ => (Some((score, 40)), "kept"),
            };
            candidates.push(record(
                ordinal as u64,
                &child,
                &parents,
                operator,
                generation as u32,
                measured,
                outcome,
            ));
        }
        let measured = candidates.iter().filter(|record| record.validation_cases == 40);
        let best =
            measured.max_by(|a, b| a.validation_score.partial_cmp(&b.validation_score).unwrap()).unwrap();
        let result = result(&candidates[0].candidate, &best.candidate, count as u64);
        let mut best = 0.08;
        let history = (0..generations)
            .map(|generation| {
                let scores: Vec<f64> = candidates
                    .iter()
                    .filter(|record| record.generation <= generation as u32 && record.validation_cases == 40)
                    .filter_map(|record| record.validation_score)
                    .collect();
                best = scores.iter().copied().fold(best, f64::max);
                let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
                let share = (generation + 1) as f64 / generations as f64;
                let diversity = 0.75 - 0.4 * share + 0.06 * chance.share();
                let evaluations = (share * count as f64 * 22.0) as u64;
                point(generation as u64, evaluations, share * 1.37, best, mean, diversity, 20)
            })
            .collect();
        Self { job: job(&result), result: Some(result), candidates, history }
    }
}

fn job(result: &JobResult) -> JobRecord {
    JobRecord {
        id: JobId(result.job.clone()),
        name: result.name.clone(),
        algorithm: result.algorithm.clone(),
        spec: serde_json::Value::Null,
        state: JobState::Done,
        stop_requested: false,
        owner: None,
        result: None,
        error: None,
        created_at: 1_700_000_000_000,
        updated_at: 1_700_000_100_000,
    }
}

fn record(
    ordinal: u64,
    candidate: &Candidate,
    parents: &[CandidateId],
    operator: &str,
    generation: u32,
    measured: Option<(f64, u32)>,
    outcome: &str,
) -> CandidateRecord {
    CandidateRecord {
        job: JobId("movie-sentiment-1".into()),
        island: 0,
        ordinal,
        candidate: candidate.clone(),
        parents: parents.to_vec(),
        operator: operator.into(),
        generation,
        validation_score: measured.map(|(score, _)| score),
        validation_cases: measured.map_or(0, |(_, cases)| cases),
        objectives: [].into(),
        outcome: outcome.into(),
    }
}

fn point(
    sequence: u64,
    evaluations: u64,
    dollars: f64,
    best: f64,
    mean: f64,
    diversity: f64,
    population: u32,
) -> HistoryRecord {
    HistoryRecord {
        job: JobId("movie-sentiment-1".into()),
        island: 0,
        sequence,
        evaluations,
        dollars,
        best,
        mean,
        diversity,
        population,
        at: 1_700_000_000_000 + sequence as i64,
    }
}

fn result(seed: &Candidate, chosen: &Candidate, candidates: u64) -> JobResult {
    let standing = |candidate: &Candidate, test: [f64; 3], validation: f64| Standing {
        id: candidate.id().to_string(),
        prompt: prompt_text(candidate),
        candidate: candidate.clone(),
        train: None,
        validation: Some(Measured { score: validation, interval: None, cases: 40 }),
        test: Some(Measured { score: test[0], interval: Some([test[1], test[2]]), cases: 100 }),
        objectives: [].into(),
    };
    JobResult {
        version: RESULT_VERSION,
        job: "movie-sentiment-1".into(),
        name: "movie-sentiment".into(),
        status: "done".into(),
        algorithm: "gepa".into(),
        reason: Some(evohub_evolution::FinishReason::Budget),
        error: None,
        seed: standing(seed, [0.06, 0.028, 0.125], 0.1),
        best: Some(standing(chosen, [0.69, 0.594, 0.772], 0.7)),
        p_value: Some(0.000_3),
        evaluations: 1_088,
        model_calls: 1_012,
        dollars: 0.0311,
        tokens: 123_456,
        seconds: 214.6,
        models: vec![],
        rescored: None,
        saved: Saved { cache: 76, early_rejection: 1_840 },
        objectives: vec![],
        candidates,
    }
}
