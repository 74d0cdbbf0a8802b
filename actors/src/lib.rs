//! The actors of evohub: a supervisor over jobs, a population for each island, generations that see work through, a
//! pool of evaluators, and a journal that makes results durable before they are acknowledged.
//!
//! [`Engine::start`] starts them; [`Engine::submit`] hands them a job and returns a [`JobHandle`].

mod actor;
mod clock;
mod engine;
mod error;
mod evaluator;
mod event;
mod flights;
mod generation;
mod job;
mod journal;
mod means;
mod population;
mod prompt_text;
mod reply;
mod result;
mod spec;
mod supervisor;
#[cfg(test)]
mod tests;
mod toolbox;

pub use engine::{Engine, EngineConfig, JobHandle, PreparedJob};
pub use error::EngineError;
pub use event::{JobEvent, JobProgress};
pub use job::leader;
pub use prompt_text::prompt_text;
pub use result::{JobResult, Measured, RESULT_VERSION, Saved, Standing};
pub use spec::{EvaluatorSpec, JobBudget, JobData, JobSpec, PromptSpec, ReflectionSpec};
pub use toolbox::{JobTools, Toolbox, prompt_evaluator};
