//! All that a run knows: its candidates, where they came from and what they scored.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::case::{CaseSet, Split};
use crate::evaluation::Evaluation;
use crate::piece::Piece;

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Still being measured.
    Open,
    /// Measured in full and taken into the population.
    Kept,
    /// Fell at the minibatch gate.
    Rejected,
    /// Fell in the race: it could hardly have won.
    Dropped,
    /// Measured in full, and no better than those that stayed.
    Displaced,
    /// The budget ended, or the run was stopped, before it was measured in full.
    Unfinished,
    /// It could not be measured on some case.
    Unmeasurable,
}

impl Outcome {
    /// The name used in records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Kept => "kept",
            Self::Rejected => "rejected",
            Self::Dropped => "dropped",
            Self::Displaced => "displaced",
            Self::Unfinished => "unfinished",
            Self::Unmeasurable => "unmeasurable",
        }
    }
}

/// Where a candidate came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth {
    /// What it was made from; empty for a seed.
    pub parents: Vec<CandidateId>,
    /// The operator that made it.
    pub operator: String,
    /// The generation, or the window of a steady state, it was born in.
    pub generation: u32,
}

/// A candidate in the order of births.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    /// Which one.
    pub id: CandidateId,
    /// Where it came from.
    pub birth: Birth,
    /// What became of it.
    pub outcome: Outcome,
}

/// What is kept of one measurement: score, dollars, seconds, characters and tokens of the answer, and what the evaluator
/// named of that which the search looks at. A row of numbers, because a checkpoint holds one for each measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measured(f64, f64, f64, u64, u64, Vec<Option<f64>>);

/// Measurements of a candidate on a case, by repeat.
type Repeats = BTreeMap<u32, Measured>;

/// Means of what a candidate's evaluations took and brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Means {
    /// Weighted mean score, 0 to 1.
    pub score: f64,
    /// Mean price of an evaluation in US dollars, whoever paid for it.
    pub dollars: f64,
    /// 95th percentile of the seconds from question to answer, by the nearest rank.
    pub latency_seconds: f64,
    /// Mean length of an answer in characters.
    pub output_length: f64,
    /// Mean length of an answer in tokens.
    pub output_tokens: f64,
    /// Weighted means of what the evaluator names and the search looks at, over the cases on which it was given; absent
    /// where it was given on none.
    pub named: BTreeMap<String, f64>,
}

/// What measuring a candidate again on the same cases made of its score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rescoring {
    /// Weighted mean score of the first measurements, by which it came to lead.
    pub before: f64,
    /// Weighted mean score with all repeats.
    pub after: f64,
    /// Measurements beyond the first of a case.
    pub repeats: u32,
    /// Standard deviation of a repeat on the same case, over all candidates that were measured again: 0 where the model
    /// always answers alike.
    pub deviation: f64,
}

/// A candidate and its scores. It may not be born yet: births are entered in an order that does not depend on
/// which result arrives first.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tracked {
    candidate: Candidate,
    train: BTreeMap<u32, f64>,
    validation: BTreeMap<u32, Repeats>,
    failed: Vec<Piece>,
}

impl Tracked {
    /// Mean score over the repeats on a validation case.
    fn score(&self, case: u32) -> Option<f64> {
        let repeats = self.validation.get(&case)?;
        Some(repeats.values().map(|measured| measured.0).sum::<f64>() / repeats.len() as f64)
    }

    /// Mean over the repeats on a validation case of what the evaluator names, where it was given.
    fn named(&self, case: u32, place: usize) -> Option<f64> {
        let given = self.validation.get(&case)?.values().filter_map(|measured| *measured.5.get(place)?);
        let (sum, count) = given.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// A model's answer and what was to be said about it: material for reflection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// What the model answered.
    pub output: String,
    /// What the scorer said.
    pub feedback: String,
}

/// Candidates on which a case may fail before it is set aside for all.
const FAILURES_OF_A_BAD_CASE: usize = 2;

/// All that a run knows of its candidates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(with = "crate::pairs")]
    tracked: BTreeMap<CandidateId, Tracked>,
    births: Vec<Born>,
    #[serde(with = "crate::pairs")]
    ordinals: BTreeMap<CandidateId, usize>,
    weights: Vec<f64>,
    /// What the evaluator names and the search looks at.
    named: Vec<String>,
    #[serde(with = "crate::pairs")]
    traces: BTreeMap<Piece, Trace>,
    /// Validation cases that somebody could not be measured on, by the number of candidates that failed.
    failures: BTreeMap<u32, usize>,
    best_score: Option<f64>,
}

impl Ledger {
    /// An empty ledger over the cases of a run.
    pub fn new(cases: &CaseSet) -> Self {
        Self {
            tracked: BTreeMap::new(),
            births: vec![],
            ordinals: BTreeMap::new(),
            weights: cases.validation.iter().map(|case| case.weight).collect(),
            named: vec![],
            traces: BTreeMap::new(),
            failures: BTreeMap::new(),
            best_score: None,
        }
    }

    /// The same, keeping what the evaluator gives under these names too.
    #[must_use]
    pub fn keeping(self, named: Vec<String>) -> Self {
        Self { named, ..self }
    }

    /// Makes room for a candidate's scores.
    pub fn track(&mut self, candidate: &Candidate) {
        self.tracked.entry(candidate.id()).or_insert_with(|| Tracked {
            candidate: candidate.clone(),
            train: BTreeMap::new(),
            validation: BTreeMap::new(),
            failed: vec![],
        });
    }

    /// Enters the birth of a tracked candidate. `None` when it was born already: equal candidates are one.
    pub(crate) fn bear(&mut self, id: CandidateId, birth: Birth, outcome: Outcome) -> Option<usize> {
        if self.ordinals.contains_key(&id) {
            return None;
        }
        let ordinal = self.births.len();
        self.ordinals.insert(id, ordinal);
        self.births.push(Born { id, birth, outcome });
        Some(ordinal)
    }

    /// All births in their order.
    pub fn births(&self) -> &[Born] {
        &self.births
    }

    /// The birth of a candidate, if it was born.
    pub fn born(&self, id: CandidateId) -> Option<&Born> {
        self.ordinals.get(&id).map(|&ordinal| &self.births[ordinal])
    }

    /// Order of birth of a candidate, from 0, if it was born.
    pub fn ordinal(&self, id: CandidateId) -> Option<usize> {
        self.ordinals.get(&id).copied()
    }

    /// A tracked candidate itself.
    pub fn candidate(&self, id: CandidateId) -> Option<&Candidate> {
        self.tracked.get(&id).map(|tracked| &tracked.candidate)
    }

    /// Writes down what became of a born candidate.
    pub(crate) fn set_outcome(&mut self, id: CandidateId, outcome: Outcome) {
        if let Some(&ordinal) = self.ordinals.get(&id) {
            self.births[ordinal].outcome = outcome;
        }
    }

    /// Whether the result of a measurement, or its failure, is known.
    pub fn has(&self, piece: &Piece) -> bool {
        self.tracked.get(&piece.candidate).is_some_and(|tracked| {
            let known = match piece.split {
                Split::Train => tracked.train.contains_key(&piece.case),
                _ => tracked.validation.get(&piece.case).is_some_and(|r| r.contains_key(&piece.repeat)),
            };
            known || tracked.failed.contains(piece)
        })
    }

    /// Whether a candidate could not be measured on some case that is not set aside.
    pub fn has_failed(&self, id: CandidateId) -> bool {
        self.tracked.get(&id).is_some_and(|tracked| {
            tracked.failed.iter().any(|p| p.split != Split::Validation || !self.is_set_aside(p.case))
        })
    }

    /// Writes down a result.
    pub(crate) fn record(&mut self, piece: &Piece, evaluation: Evaluation) {
        let Some(tracked) = self.tracked.get_mut(&piece.candidate) else { return };
        let objectives = evaluation.objectives;
        if piece.split == Split::Train {
            tracked.train.insert(piece.case, objectives.score);
            let trace = Trace { output: evaluation.output, feedback: evaluation.feedback };
            self.traces.insert(*piece, trace);
        } else {
            let named = self.named.iter().map(|name| objectives.named.get(name).copied()).collect();
            let measured = Measured(
                objectives.score,
                objectives.dollars,
                objectives.latency_seconds,
                objectives.output_length,
                evaluation.output_tokens,
                named,
            );
            tracked.validation.entry(piece.case).or_default().insert(piece.repeat, measured);
        }
    }

    /// Writes down that a measurement cannot be had.
    pub(crate) fn record_failure(&mut self, piece: &Piece) {
        let Some(tracked) = self.tracked.get_mut(&piece.candidate) else { return };
        tracked.failed.push(*piece);
        if piece.split == Split::Validation {
            *self.failures.entry(piece.case).or_default() += 1;
        }
    }

    /// Whether a validation case is set aside because it can be measured on nobody.
    pub fn is_set_aside(&self, case: u32) -> bool {
        self.failures.get(&case).is_some_and(|&count| count >= FAILURES_OF_A_BAD_CASE)
    }

    /// Train score of a candidate on a case, when measured.
    pub fn train_score(&self, id: CandidateId, case: u32) -> Option<f64> {
        self.tracked.get(&id)?.train.get(&case).copied()
    }

    /// What the model answered to a candidate on a train case.
    pub fn trace(&self, id: CandidateId, case: u32) -> Option<&Trace> {
        self.traces.get(&Piece { candidate: id, split: Split::Train, case, repeat: 0 })
    }

    /// Scores of a candidate on validation cases, or `None` unless it was measured on each that is not set aside.
    /// Those set aside are left out, so that all candidates' scores are parallel.
    pub fn scores_on(&self, id: CandidateId, cases: &[u32]) -> Option<Vec<f64>> {
        let tracked = self.tracked.get(&id)?;
        let counted = cases.iter().filter(|&&case| !self.is_set_aside(case));
        counted.map(|case| tracked.score(*case)).collect()
    }

    /// Weighted mean of a candidate's scores on validation cases, `None` unless it was measured on each that is
    /// not set aside.
    pub fn mean_on(&self, id: CandidateId, cases: &[u32]) -> Option<f64> {
        let tracked = self.tracked.get(&id)?;
        self.weighted_mean(cases, |_, case| tracked.score(case))
    }

    /// The same with what is expected, by the place among `cases`, where it was not measured.
    pub(crate) fn estimate_on(
        &self,
        id: CandidateId,
        cases: &[u32],
        expected: impl Fn(usize) -> f64,
    ) -> Option<f64> {
        let tracked = self.tracked.get(&id)?;
        self.weighted_mean(cases, |place, case| Some(tracked.score(case).unwrap_or_else(|| expected(place))))
    }

    /// Weighted mean of scores by place and case, without the cases that are set aside; `None` where one is missing.
    fn weighted_mean(&self, cases: &[u32], score: impl Fn(usize, u32) -> Option<f64>) -> Option<f64> {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (place, &case) in cases.iter().enumerate().filter(|(_, case)| !self.is_set_aside(**case)) {
            sum += score(place, case)? * self.weights[case as usize];
            weight += self.weights[case as usize];
        }
        (weight > 0.0).then_some(sum / weight)
    }

    /// Score of a candidate on a validation case: the mean over its repeats, when it was measured there.
    pub fn score(&self, id: CandidateId, case: u32) -> Option<f64> {
        self.tracked.get(&id)?.score(case)
    }

    /// Score of one measurement, when it was made.
    pub fn result(&self, piece: &Piece) -> Option<f64> {
        let tracked = self.tracked.get(&piece.candidate)?;
        match piece.split {
            Split::Train => tracked.train.get(&piece.case).copied(),
            _ => Some(tracked.validation.get(&piece.case)?.get(&piece.repeat)?.0),
        }
    }

    /// What repeats made of a candidate's validation score; `None` where nothing of it was repeated.
    pub fn rescoring(&self, id: CandidateId) -> Option<Rescoring> {
        let measured = &self.tracked.get(&id)?.validation;
        let repeats: usize = measured.values().map(|repeats| repeats.len() - 1).sum();
        if repeats == 0 {
            return None;
        }
        let (mut first, mut weight) = (0.0, 0.0);
        for (case, repeats) in measured.iter().filter(|(case, _)| !self.is_set_aside(**case)) {
            first += repeats.values().next()?.0 * self.weights[*case as usize];
            weight += self.weights[*case as usize];
        }
        let (mut squares, mut freedom) = (0.0, 0);
        for repeats in self.tracked.values().flat_map(|tracked| tracked.validation.values()) {
            let mean = repeats.values().map(|measured| measured.0).sum::<f64>() / repeats.len() as f64;
            squares += repeats.values().map(|measured| (measured.0 - mean).powi(2)).sum::<f64>();
            freedom += repeats.len() - 1;
        }
        Some(Rescoring {
            before: first / weight,
            after: self.validation_mean(id)?.0,
            repeats: repeats as u32,
            deviation: (squares / freedom as f64).sqrt(),
        })
    }

    /// Scores of a candidate on a validation case, one for each repeat.
    pub fn repeats(&self, id: CandidateId, case: u32) -> impl Iterator<Item = f64> {
        let tracked = self.tracked.get(&id);
        let repeats = tracked.and_then(|tracked| tracked.validation.get(&case));
        repeats.into_iter().flatten().map(|(_, measured)| measured.0)
    }

    /// Means of all that was measured of a candidate on validation cases, `None` unless it was measured on each
    /// that is not set aside.
    pub fn means_on(&self, id: CandidateId, cases: &[u32]) -> Option<Means> {
        let score = self.mean_on(id, cases)?;
        let tracked = self.tracked.get(&id)?;
        let all: Vec<&Measured> = cases
            .iter()
            .filter_map(|case| tracked.validation.get(case))
            .flat_map(|repeats| repeats.values())
            .collect();
        let mean = |part: fn(&Measured) -> f64| {
            all.iter().map(|measured| part(measured)).sum::<f64>() / all.len() as f64
        };
        let mut latencies: Vec<f64> = all.iter().map(|measured| measured.2).collect();
        latencies.sort_by(f64::total_cmp);
        let rank = (latencies.len() * 95).div_ceil(100).saturating_sub(1);
        Some(Means {
            score,
            dollars: mean(|measured| measured.1),
            latency_seconds: latencies.get(rank).copied()?,
            output_length: mean(|measured| measured.3 as f64),
            output_tokens: mean(|measured| measured.4 as f64),
            named: self.named_means(tracked, cases),
        })
    }

    fn named_means(&self, tracked: &Tracked, cases: &[u32]) -> BTreeMap<String, f64> {
        let mean = |(place, name): (usize, &String)| {
            let (mut sum, mut weight) = (0.0, 0.0);
            for case in cases.iter().filter(|&&case| !self.is_set_aside(case)) {
                if let Some(value) = tracked.named(*case, place) {
                    sum += value * self.weights[*case as usize];
                    weight += self.weights[*case as usize];
                }
            }
            (weight > 0.0).then(|| (name.clone(), sum / weight))
        };
        self.named.iter().enumerate().filter_map(mean).collect()
    }

    /// Weighted mean over all validation cases a candidate was measured on, and their number. For reports only:
    /// candidates measured on different cases do not compare.
    pub fn validation_mean(&self, id: CandidateId) -> Option<(f64, u32)> {
        let measured = self.validation_cases(id);
        Some((self.mean_on(id, &measured)?, measured.len() as u32))
    }

    /// All validation cases that a candidate was measured on.
    pub fn validation_cases(&self, id: CandidateId) -> Vec<u32> {
        self.tracked.get(&id).map_or_else(Vec::new, |tracked| tracked.validation.keys().copied().collect())
    }

    /// Weighted mean over all train cases a candidate was measured on (weights of 1), and their number.
    pub fn train_mean(&self, id: CandidateId) -> Option<(f64, u32)> {
        let scores = &self.tracked.get(&id)?.train;
        let count = scores.len();
        (count > 0).then(|| (scores.values().sum::<f64>() / count as f64, count as u32))
    }

    /// All ancestors of a born candidate, itself included.
    pub fn ancestors(&self, id: CandidateId) -> HashSet<CandidateId> {
        let mut found = HashSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            if found.insert(next)
                && let Some(born) = self.born(next)
            {
                open.extend(&born.birth.parents);
            }
        }
        found
    }

    /// Notes a best score and says whether it is higher than all before.
    pub(crate) fn improves(&mut self, score: f64) -> bool {
        let better = self.best_score.is_none_or(|best| score > best);
        if better {
            self.best_score = Some(score);
        }
        better
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::evaluation::Objectives;

    fn evaluation(score: f64) -> Evaluation {
        Evaluation {
            objectives: Objectives { score, ..Objectives::default() },
            output: "out".into(),
            feedback: "fb".into(),
            input_tokens: 1,
            output_tokens: 1,
            model_calls: 1,
        }
    }

    fn ledger() -> (Ledger, CandidateId, CandidateId) {
        let cases: Vec<Case> = (0..3).map(|i| Case::new(format!("v{i}"), "x")).collect();
        let train = vec![Case::new("t", "x")];
        let mut ledger = Ledger::new(&CaseSet::new(train, cases).unwrap());
        let one = Candidate::from_instruction("one").unwrap();
        let two = Candidate::from_instruction("two").unwrap();
        for candidate in [&one, &two] {
            ledger.track(candidate);
            let birth = Birth { parents: vec![], operator: "seed".into(), generation: 0 };
            assert!(ledger.bear(candidate.id(), birth.clone(), Outcome::Open).is_some());
            assert!(ledger.bear(candidate.id(), birth, Outcome::Open).is_none());
        }
        (ledger, one.id(), two.id())
    }

    fn piece(candidate: CandidateId, case: u32) -> Piece {
        Piece { candidate, split: Split::Validation, case, repeat: 0 }
    }

    #[test]
    fn no_mean_over_fewer_cases_than_asked() {
        let (mut ledger, one, _) = ledger();
        ledger.record(&piece(one, 0), evaluation(1.0));
        assert_eq!(ledger.mean_on(one, &[0]), Some(1.0));
        assert_eq!(ledger.mean_on(one, &[0, 1]), None);
    }

    #[test]
    fn a_case_that_fails_for_two_is_set_aside_for_all() {
        let (mut ledger, one, two) = ledger();
        ledger.record(&piece(one, 0), evaluation(0.5));
        ledger.record_failure(&piece(one, 1));
        assert!(ledger.has(&piece(one, 1)));
        assert_eq!(ledger.mean_on(one, &[0, 1]), None, "one failure may be the candidate's own");
        ledger.record_failure(&piece(two, 1));
        assert_eq!(ledger.mean_on(one, &[0, 1]), Some(0.5));
    }

    #[test]
    fn repeats_tell_noise_and_what_is_left_of_a_score() {
        let (mut ledger, one, two) = ledger();
        for case in 0..2 {
            ledger.record(&piece(one, case), evaluation(1.0));
        }
        assert_eq!(ledger.rescoring(one), None);
        ledger.record(&Piece { repeat: 1, ..piece(one, 0) }, evaluation(0.0));
        ledger.record(&piece(two, 0), evaluation(0.5));
        ledger.record(&Piece { repeat: 1, ..piece(two, 0) }, evaluation(0.5));
        let found = ledger.rescoring(one).unwrap();
        assert_eq!((found.before, found.after, found.repeats), (1.0, 0.75, 1));
        // Squares of 0.25 twice, over two repeats.
        assert_eq!(found.deviation, 0.5);
        assert_eq!(ledger.result(&Piece { repeat: 1, ..piece(one, 0) }), Some(0.0));
        assert_eq!(ledger.result(&Piece { repeat: 1, ..piece(one, 1) }), None);
    }

    #[test]
    fn survives_serialization() {
        let (mut ledger, one, _) = ledger();
        ledger.record(&piece(one, 2), evaluation(0.25));
        let back: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
        assert_eq!(back.mean_on(one, &[2]), Some(0.25));
    }
}
