//! What a run is told, and what it asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::diversity::Embedding;
use crate::evaluation::{Evaluation, Failure};
use crate::ledger::{Birth, Outcome};
use crate::migration::Migrants;
use crate::piece::{Answer, EmbeddingOrder, EvaluationOrder, Piece, ProposalId, ProposalOrder};

/// What happens to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// So many more pieces of work can be taken on now.
    SlotsFree {
        /// How many.
        count: usize,
    },
    /// A measurement was made, or found in a cache.
    Evaluated {
        /// Which one.
        piece: Piece,
        /// What came of it.
        evaluation: Evaluation,
        /// Whether this job paid for it.
        paid: bool,
    },
    /// A measurement can never be made; the candidate stays unmeasured there.
    EvaluationFailed {
        /// Which one.
        piece: Piece,
        /// Why.
        failure: Failure,
    },
    /// The reflection model answered.
    Proposed {
        /// Which question.
        id: ProposalId,
        /// The answer.
        answer: Answer,
    },
    /// The reflection model will not answer.
    ProposalFailed {
        /// Which question.
        id: ProposalId,
        /// Why.
        failure: Failure,
    },
    /// The embedding of a candidate was computed, or found in a cache.
    Embedded {
        /// Whose.
        candidate: CandidateId,
        /// The vector.
        embedding: Embedding,
        /// What this job paid for it, in US dollars.
        dollars: f64,
        /// What this job paid for it, in tokens.
        tokens: u64,
    },
    /// A candidate can never have an embedding.
    EmbeddingFailed {
        /// Which one.
        candidate: CandidateId,
        /// Why.
        failure: Failure,
    },
    /// Migrants of another island came. A repeat, and what is too late or not for this island, changes nothing.
    Immigrated(Migrants),
    /// The run is to end with what it has: no new work is given out.
    StopAsked,
}

/// What a run wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make a measurement.
    Evaluate(EvaluationOrder),
    /// Have the embedding of a candidate computed. A run that was restored asks for those that it knew before again: they
    /// are known by their content.
    Embed(EmbeddingOrder),
    /// Ask the reflection model.
    Propose(ProposalOrder),
    /// Send migrants to another island. They must be durable before any checkpoint taken after this step is: a run
    /// that goes on from such a checkpoint does not send them again.
    Emigrate(Migrants),
    /// Make the run's state durable: a good moment.
    Checkpoint,
    /// Tell observers. They cannot alter the run.
    Announce(RunEvent),
    /// The run is over.
    Finish(Finish),
}

/// What observers see of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunEvent {
    /// A candidate was made.
    CandidateBorn {
        /// Order of birth, from 0.
        ordinal: u64,
        /// The candidate.
        candidate: Candidate,
        /// Where it came from.
        birth: Birth,
    },
    /// It was decided what becomes of a candidate.
    CandidateSettled {
        /// Which one.
        id: CandidateId,
        /// What became of it.
        outcome: Outcome,
        /// Weighted mean score over the validation cases it was measured on.
        score: Option<f64>,
        /// On how many.
        cases: u32,
        /// What else the search looks at, by name: its means over the same cases, as far as it is known.
        #[serde(default)]
        objectives: BTreeMap<String, f64>,
    },
    /// A reflection model's answer could not be used.
    ProposalRejected {
        /// The operator that asked.
        operator: String,
        /// Why, in a short stable name.
        reason: String,
    },
    /// Candidates were sent to another island.
    Emigrated {
        /// Number of the exchange, from 1.
        epoch: u32,
        /// The island that they go to.
        to: u32,
        /// How many.
        candidates: u32,
    },
    /// It was decided what becomes of the candidates that came from another island.
    Migrated {
        /// Number of the exchange, from 1.
        epoch: u32,
        /// The island that sent them.
        from: u32,
        /// How many came.
        candidates: u32,
        /// How many of them were new and found a place in the population.
        kept: u32,
    },
    /// A generation, or a window of a steady state, is over.
    GenerationCompleted(Progress),
    /// A candidate scored higher than all before.
    BestImproved {
        /// Which one.
        id: CandidateId,
        /// Its weighted mean score on the cases the search ranks on, estimated where it was not measured on all of
        /// them.
        score: f64,
    },
}

/// Evaluations that were not needed, by what made them unnecessary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Of candidates that fell at the minibatch gate.
    pub gate: u64,
    /// Of candidates that fell in the race.
    pub race: u64,
}

impl Saved {
    /// All of them.
    pub fn total(self) -> u64 {
        self.gate + self.race
    }
}

impl std::ops::AddAssign for Saved {
    fn add_assign(&mut self, other: Self) {
        self.gate += other.gate;
        self.race += other.race;
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Generations, or windows of a steady state, completed.
    pub generation: u32,
    /// Evaluations whose result, or failure, is known.
    pub evaluations: u64,
    /// Evaluations that a full measurement of every candidate would have taken on top.
    pub saved: Saved,
    /// US dollars spent.
    pub dollars: f64,
    /// Best mean score in the population; an estimate where it was not measured on all ranked cases.
    pub best: f64,
    /// Mean of the population's mean scores.
    pub mean: f64,
    /// Mean pairwise distance in the population, 0 to 1.
    pub diversity: f64,
    /// Candidates in the population.
    pub population: u32,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// The candidate chosen; `None` when no candidate was measured on enough cases.
    pub best: Option<CandidateId>,
    /// Weighted mean score of the chosen candidate on the validation cases it was measured on.
    pub score: Option<f64>,
    /// Why it ended.
    pub reason: FinishReason,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The budget is used up.
    Budget,
    /// There is nothing left to try.
    Exhausted,
    /// Somebody asked it to stop.
    Stopped,
}
