//! Test cases, templates and scorers: what a candidate is worth on a case.
//!
//! [`Dataset`] reads cases, [`Renderer`] turns candidate and case into a conversation, a [`Scorer`] says what the
//! answer is worth, and [`PromptEvaluator`] joins them to an [`Evaluator`], the contract of all that measures.

pub mod data;
pub mod evaluator;
mod failure;
mod fn_evaluator;
mod nearest;
mod output;
mod prompt_evaluator;
pub mod render;
pub mod scorer;
#[cfg(test)]
mod scripted;
pub mod template;

pub use data::{DataConfig, DataError, Dataset};
pub use evaluator::{Evaluator, evaluation_key};
pub use failure::failure_of_model;
pub use fn_evaluator::FnEvaluator;
pub use output::OutputConfig;
pub use prompt_evaluator::{GenerationConfig, PromptEvaluator};
pub use render::Renderer;
pub use scorer::{ScoreConfig, ScoreContext, Scored, Scorer};
pub use template::{Template, Variables};
