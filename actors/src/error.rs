//! What can go wrong with a job before it runs.

use evohub_llm::LlmError;
use evohub_store::StoreError;

/// Why a job could not be started, stopped or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The specification cannot be run as it is.
    #[error("{0}")]
    Spec(String),
    /// A model cannot be had.
    #[error(transparent)]
    Model(#[from] LlmError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job goes on elsewhere.
    #[error("{0}")]
    Elsewhere(String),
    /// The cluster cannot be joined or reached.
    #[error(transparent)]
    Cluster(#[from] evohub_cluster::ClusterError),
    /// The cluster does not answer.
    #[error("the cluster does not answer: {0}")]
    Unreachable(String),
    /// The engine is shutting down, or one of its actors is gone.
    #[error("the engine is not running any more")]
    Gone,
}
