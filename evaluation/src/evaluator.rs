//! The contract of everything that measures a candidate on a case.

use async_trait::async_trait;
use evohub_evolution::{Candidate, Case, Digest, Evaluation, Failure};

/// Measures candidates on cases. Implement it to evolve against something of your own.
#[async_trait]
pub trait Evaluator: Send + Sync {
    /// Everything but candidate and case that decides about a result (model, parameters, scorer, version). Two
    /// evaluators of one fingerprint share results, so change it when the meaning of a score changes.
    fn fingerprint(&self) -> String;

    /// How many evaluations it can usefully do at once.
    fn concurrency(&self) -> usize;

    /// The most that one evaluation can cost, in US dollars; `None` when no price is known.
    fn cost_limit(&self, candidate: &Candidate, case: &Case) -> Option<f64>;

    /// Measures one candidate on one case. `repeat` counts measurements of the same pair, from 0.
    ///
    /// # Errors
    /// Only for failures that say nothing about the candidate. A wrong or unscorable answer is an evaluation
    /// of the worst score.
    async fn evaluate(&self, candidate: &Candidate, case: &Case, repeat: u32) -> Result<Evaluation, Failure>;
}

/// The content key under which an evaluation is stored and looked up. `fingerprint` is the evaluator's.
pub fn evaluation_key(fingerprint: &str, candidate: &Candidate, case: &Case, repeat: u32) -> Digest {
    Digest::of_fields([
        b"evaluation/1".as_slice(),
        fingerprint.as_bytes(),
        &candidate.id().to_bytes(),
        &case.id().to_bytes(),
        &repeat.to_le_bytes(),
    ])
}
