//! Evolves prompts against test cases with real language models, on a distributed actor system.
//!
//! [`Engine::start`] starts the actors of this process, [`Engine::submit`] hands them a [`JobSpec`], and the
//! [`JobHandle`] shows events, progress and the result. With [`EngineConfig::cluster`] the process is a node of a
//! cluster; [`ClusterClient`] is the way into one from outside.

pub mod comparison;
pub mod doctor;
pub mod job_file;
mod observation;
pub mod report;
pub mod target;

pub use evohub_actors::{
    ClusterClient, ClusterStatus, DiversitySpec, Engine, EngineConfig, EngineError, EvaluatorSpec, Hedge,
    IslandSpec, IslandsSpec, JobBudget, JobData, JobEvent, JobHandle, JobProgress, JobResult, JobSpec,
    JobTools, Measured, NodeStatus, PreparedJob, PromptSpec, RESULT_VERSION, ReflectionResult,
    ReflectionSpec, RemoteJob, RemoteStore, RepeatsSpec, Saved, Standing, Toolbox, Watched, leader,
    prompt_evaluator, prompt_text,
};
pub use evohub_cluster as cluster;
pub use evohub_evaluation as evaluation;
pub use evohub_evolution as evolution;
pub use evohub_llm as llm;
pub use evohub_monitoring as monitoring;
pub use evohub_store as store;
pub use observation::{Observation, ObservationConfig};
