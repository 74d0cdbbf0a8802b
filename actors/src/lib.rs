//! The actors of evohub: a supervisor over jobs, a population for each island, generations that see work through, a
//! pool of evaluators, and a journal that makes results durable before they are acknowledged.
//!
//! [`Engine::start`] starts them; [`Engine::submit`] hands them a job and returns a [`JobHandle`].

mod actor;
mod chronicle;
mod client;
mod clock;
mod embedding_text;
mod engine;
mod error;
mod evaluator;
mod event;
mod event_log;
mod flights;
mod gateway;
mod generation;
mod grants;
mod island;
mod job;
mod journal;
mod means;
mod node;
mod permit;
mod population;
mod post;
mod prepared;
mod prompt_text;
mod quota;
mod reply;
mod result;
mod spec;
mod supervisor;
#[cfg(test)]
mod tests;
mod toolbox;
mod wire;

pub use client::{ClusterClient, ClusterStatus, NodeStatus, RemoteJob, RemoteStore, Watched};
pub use engine::{Engine, EngineConfig, JobHandle, PreparedJob};
pub use error::EngineError;
pub use event::{JobEvent, JobProgress};
pub use job::leader;
pub use prompt_text::prompt_text;
pub use result::{JobResult, Measured, RESULT_VERSION, ReflectionResult, Saved, Standing};
pub use spec::{
    DiversitySpec, EvaluatorSpec, Hedge, IslandSpec, IslandsSpec, JobBudget, JobData, JobSpec, PromptSpec,
    ReflectionSpec, RepeatsSpec,
};
pub use toolbox::{JobTools, Toolbox, prompt_evaluator};
