//! The pure core of evohub: candidates, fitness, populations and optimizers.
//!
//! Nothing here has a clock, does I/O or awaits: a [`Run`] is a state machine that turns events into actions, and
//! the same events give the same actions for ever.

pub mod account;
pub mod archive;
pub mod candidate;
pub mod case;
pub mod context;
pub mod digest;
pub mod diversity;
pub mod evaluation;
pub mod event;
pub mod finals;
pub mod ledger;
pub mod measurements;
pub mod migration;
pub mod model_credits;
pub mod optimizers;
pub mod order;
mod pairs;
pub mod piece;
pub mod race;
pub mod rng;
pub mod run;
pub mod selection;
pub mod statistics;
pub mod variation;

pub use account::{Account, Budget, Cost, CostModel, Reservation};
pub use candidate::{Candidate, CandidateError, CandidateId, Placement, Shot};
pub use case::{Case, CaseId, CaseSet, CaseSetError, Split};
pub use context::Context;
pub use digest::Digest;
pub use diversity::{Distance, Embedding};
pub use evaluation::{Evaluation, Failure, FailureKind, Objectives};
pub use event::{Action, Event, Finish, FinishReason, Progress, RunEvent, Saved};
pub use ledger::{Birth, Born, Ledger, Means, Outcome, Rescoring};
pub use migration::{Acceptance, Departure, IslandSettings, Migrants, MigrationConfig, Routes, Topology};
pub use model_credits::{Asked, ModelCredits, ModelTally};
pub use optimizers::{AlgorithmConfig, Optimizer, OptimizerFactory, Told, Work};
pub use piece::{Answer, EmbeddingOrder, EvaluationOrder, Piece, ProposalId, ProposalOrder};
pub use run::{Checkpoint, CheckpointError, Run, RunSettings};
pub use variation::{Operator, Operators, TrainIndex, VariationContext, VariationLimits};
