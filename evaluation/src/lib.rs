//! Test cases, templates and scorers: what a candidate is worth on a case.

pub mod evaluator;

pub use evaluator::{Evaluator, evaluation_key};
