//! The durable form of a run.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::embeddings::{EmbeddingState, Embeddings};
use super::{Run, RunSettings};
use crate::account::Account;
use crate::case::CaseSet;
use crate::diversity::{LikenessCache, Likenesses};
use crate::event::Finish;
use crate::ledger::Ledger;
use crate::migration::{Exchange, ExchangeState};
use crate::model_credits::ModelCredits;
use crate::optimizers::{Optimizer, Work};
use crate::order::balanced_order;
use crate::piece::ProposalOrder;
use crate::rng::stream;
use crate::variation::{LeakGuard, OperatorCredits, Operators, TrainIndex};

/// Version of the form. It grows when an older program could not read a newer checkpoint aright.
const VERSION: u32 = 9;

/// A run's state at one moment: with the settings, cases and operators of the run it goes on as if nothing had been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    version: u32,
    state: serde_json::Value,
}

/// A checkpoint from which no run can go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Written by another version.
    #[error(
        "the checkpoint has version {found}, this program reads version {VERSION}: use the program that wrote it"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// Not a checkpoint, or not of these settings.
    #[error("the checkpoint cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct StateRef<'a> {
    ledger: &'a Ledger,
    account: &'a Account,
    optimizer: serde_json::Value,
    credits: &'a OperatorCredits,
    models: &'a ModelCredits,
    finish: &'a Option<Finish>,
    questions: &'a [ProposalOrder],
    put_off: &'a VecDeque<Work>,
    exchange: &'a ExchangeState,
    embeddings: &'a EmbeddingState,
}

#[derive(Deserialize)]
struct State {
    ledger: Ledger,
    account: Account,
    optimizer: serde_json::Value,
    credits: OperatorCredits,
    models: ModelCredits,
    finish: Option<Finish>,
    questions: Vec<ProposalOrder>,
    put_off: VecDeque<Work>,
    exchange: ExchangeState,
    embeddings: EmbeddingState,
}

impl Checkpoint {
    /// Reads the text form.
    ///
    /// # Errors
    /// When it is of another version or no checkpoint.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let checkpoint: Self = serde_json::from_str(text)?;
        match checkpoint.version {
            VERSION => Ok(checkpoint),
            found => Err(CheckpointError::Version { found }),
        }
    }
}

impl Run {
    /// The text form of its state: one JSON document.
    #[expect(clippy::expect_used, reason = "plain data whose maps have string keys always has a JSON form")]
    pub fn checkpoint(&self) -> String {
        let state = StateRef {
            ledger: &self.ledger,
            account: &self.account,
            optimizer: self.optimizer.save(),
            credits: &self.credits,
            models: &self.models,
            finish: &self.finish,
            questions: &self.questions,
            put_off: &self.put_off,
            exchange: self.exchange.state(),
            embeddings: &self.embeddings.state,
        };
        let state = serde_json::to_value(state).expect("plain data");
        serde_json::to_string(&Checkpoint { version: VERSION, state }).expect("plain data")
    }

    /// Goes on from a checkpoint. [`Run::in_flight`] says what has to be given out again. What it sent to other islands
    /// since the checkpoint it sends again, the same. What other islands sent to it since then, it has to be given
    /// again; repeats do no harm, so all that was ever sent to it will do.
    ///
    /// # Errors
    /// When the checkpoint is not of a run with these settings.
    pub fn restore(
        checkpoint: Checkpoint,
        settings: Arc<RunSettings>,
        cases: Arc<CaseSet>,
        operators: Arc<Operators>,
    ) -> Result<Self, CheckpointError> {
        let algorithm = settings.algorithm.clone();
        Self::restore_with(checkpoint, settings, cases, operators, |state| algorithm.restore(state))
    }

    /// Goes on from a checkpoint with an optimizer of one's own, made from what its [`Optimizer::save`] said.
    ///
    /// # Errors
    /// As [`Run::restore`].
    pub fn restore_with(
        checkpoint: Checkpoint,
        settings: Arc<RunSettings>,
        cases: Arc<CaseSet>,
        operators: Arc<Operators>,
        restore: impl FnOnce(serde_json::Value) -> serde_json::Result<Box<dyn Optimizer>>,
    ) -> Result<Self, CheckpointError> {
        let state: State = serde_json::from_value(checkpoint.state)?;
        Ok(Self {
            guard: LeakGuard::new(&cases, &settings.seeds),
            train: TrainIndex::new(cases.clone()),
            order: balanced_order(&cases.validation, &mut stream(settings.seed, "order", 0)),
            ledger: state.ledger,
            account: state.account,
            optimizer: restore(state.optimizer)?,
            credits: state.credits,
            models: state.models,
            finish: state.finish,
            questions: state.questions,
            put_off: state.put_off,
            likenesses: Likenesses::new(settings.distance),
            compared: LikenessCache::default(),
            embeddings: Embeddings::restored(state.embeddings),
            exchange: Exchange::new(&settings, state.exchange),
            settings,
            cases,
            operators,
        })
    }
}
