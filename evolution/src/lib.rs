//! The pure core of evohub: candidates, fitness, populations and optimizers.
//!
//! Nothing here has a clock, does I/O or awaits: a run is a state machine that turns events into actions, and
//! the same events give the same actions for ever.

pub mod candidate;
pub mod case;
pub mod digest;
pub mod evaluation;

pub use candidate::{Candidate, CandidateError, CandidateId, Placement, Shot};
pub use case::{Case, CaseId, CaseSet, CaseSetError, Split};
pub use digest::Digest;
pub use evaluation::{Evaluation, Failure, FailureKind, Objectives};
