//! An evaluator from a Rust function.

use std::future::Future;
use std::num::NonZero;
use std::pin::Pin;
use std::time::Instant;

use async_trait::async_trait;
use evohub_evolution::{Candidate, Case, Evaluation, Failure, Objectives};

use crate::evaluator::Evaluator;
use crate::scorer::Scored;

type Measured = dyn Fn(&Candidate, &Case) -> Scored + Send + Sync;
type Measuring = Pin<Box<dyn Future<Output = Result<Scored, Failure>> + Send>>;

enum Function {
    Sync(Box<Measured>),
    Async(Box<dyn Fn(Candidate, Case) -> Measuring + Send + Sync>),
}

/// Measures candidates by a function of candidate and case: a pipeline of your own, a simulation, a test suite.
pub struct FnEvaluator {
    name: String,
    function: Function,
    concurrency: usize,
}

impl FnEvaluator {
    /// An evaluator from a function that cannot fail and does not wait. It returns anything a [`Scored`] can be
    /// made of: a number from 0 to 1, a truth value, a number and feedback, or one with further objectives. `name`
    /// stands for the function in stored results: give it a new one (`mine/2`) when its meaning changes. It does as
    /// many evaluations at once as the machine has cores.
    pub fn new<F, R>(name: impl Into<String>, function: F) -> Self
    where
        F: Fn(&Candidate, &Case) -> R + Send + Sync + 'static,
        R: Into<Scored>,
    {
        let function = Function::Sync(Box::new(move |candidate, case| function(candidate, case).into()));
        let concurrency = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { name: name.into(), function, concurrency }
    }

    /// An evaluator from a function that waits (for a service, a process) and may fail. `concurrency` is how many
    /// evaluations it can do at once; the rest is as for [`FnEvaluator::new`].
    pub fn new_async<F, Fut>(name: impl Into<String>, concurrency: usize, function: F) -> Self
    where
        F: Fn(Candidate, Case) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Scored, Failure>> + Send + 'static,
    {
        let function = Function::Async(Box::new(move |candidate, case| Box::pin(function(candidate, case))));
        Self { name: name.into(), function, concurrency: concurrency.max(1) }
    }
}

#[async_trait]
impl Evaluator for FnEvaluator {
    fn fingerprint(&self) -> String {
        format!("function/1 {}", self.name)
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Nothing, as far as is known; what a function pays is its own affair.
    fn cost_limit(&self, _: &Candidate, _: &Case) -> Option<f64> {
        Some(0.0)
    }

    async fn evaluate(
        &self,
        candidate: &Candidate,
        case: &Case,
        _repeat: u32,
    ) -> Result<Evaluation, Failure> {
        let start = Instant::now();
        let scored = match &self.function {
            Function::Sync(function) => function(candidate, case),
            Function::Async(function) => function(candidate.clone(), case.clone()).await?,
        };
        Ok(Evaluation {
            objectives: Objectives {
                score: scored.score,
                dollars: scored.dollars,
                latency_seconds: start.elapsed().as_secs_f64(),
                output_length: 0,
                named: scored.objectives,
            },
            output: String::new(),
            feedback: scored.feedback,
            input_tokens: scored.usage.input_tokens,
            output_tokens: scored.usage.output_tokens,
            model_calls: scored.model_calls,
        })
    }
}

#[cfg(test)]
mod tests {
    use evohub_evolution::FailureKind;

    use super::*;

    #[tokio::test]
    async fn functions_measure() {
        let candidate = Candidate::from_instruction("abc").unwrap();
        let case = Case::new("in", "out");
        let length = FnEvaluator::new("length/1", |candidate: &Candidate, case: &Case| {
            (candidate.length() as f64 / 10.0, format!("on {}", case.input))
        });
        let evaluation = length.evaluate(&candidate, &case, 0).await.unwrap();
        assert_eq!((evaluation.objectives.score, evaluation.feedback.as_str()), (0.3, "on in"));
        assert_eq!(length.fingerprint(), "function/1 length/1");

        let waiting = FnEvaluator::new_async("waiting/1", 7, async |_, case: Case| {
            tokio::task::yield_now().await;
            match case.input.as_str() {
                "in" => Ok(Scored::from(true)),
                _ => Err(Failure { kind: FailureKind::Piece, cause: "x".into(), message: "y".into() }),
            }
        });
        assert_eq!(waiting.evaluate(&candidate, &case, 0).await.unwrap().objectives.score, 1.0);
        assert!(waiting.evaluate(&candidate, &Case::new("other", ""), 0).await.is_err());
        assert_eq!(waiting.concurrency(), 7);
    }
}
