//! Measures one prompt on all cases, as many at once as the model can serve.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evohub::JobSpec;
use evohub::evaluation::{Evaluator, evaluation_key};
use evohub::evolution::{
    Candidate, Case, Digest, Evaluation, Failure as EvaluationFailure, FailureKind, Split,
};
use evohub::store::{EvaluationRecord, JobId, JobState, Lease, NewJob, Results, Store};
use futures::StreamExt as _;

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::stored::EVALUATION;

/// Results that are made durable together.
const BATCH: usize = 32;
/// How long the right to write lasts; it is renewed with every batch.
const LEASE: Duration = Duration::from_secs(600);

/// What came of all cases.
pub(super) struct Measured {
    /// Evaluations with the weights of their cases.
    pub(super) evaluations: Vec<(Evaluation, f64)>,
    /// Why the others have none.
    pub(super) failures: Vec<String>,
    /// How many were known from before.
    pub(super) cached: u64,
}

/// Looks up what is known, pays for the rest, and keeps it.
pub(super) async fn measure(
    evaluator: &Arc<dyn Evaluator>,
    spec: &JobSpec,
    store: Option<&Arc<dyn Store>>,
    output: &Output,
) -> Result<Measured, Failure> {
    let (candidate, cases) = (&spec.seeds[0], &spec.data.test);
    let fingerprint = evaluator.fingerprint();
    let keys: Vec<Digest> =
        cases.iter().map(|case| evaluation_key(&fingerprint, candidate, case, 0)).collect();
    let known = match store {
        Some(store) => store.evaluations(&keys).await?,
        None => HashMap::new(),
    };
    let mut measured = Measured { evaluations: vec![], failures: vec![], cached: known.len() as u64 };
    let mut open = vec![];
    for (key, case) in keys.into_iter().zip(cases) {
        match known.get(&key) {
            Some(record) => measured.evaluations.push((record.evaluation.clone(), case.weight)),
            None => open.push((key, case)),
        }
    }
    if open.is_empty() {
        return Ok(measured);
    }
    let mut ledger = match store {
        Some(store) => Some(Ledger::begin(Arc::clone(store), spec).await?),
        None => None,
    };
    let mut outcomes = futures::stream::iter(open)
        .map(|(key, case)| async move { (key, case, evaluator.evaluate(candidate, case, 0).await) })
        .buffer_unordered(evaluator.concurrency().max(1));
    while let Some((key, case, outcome)) = outcomes.next().await {
        match outcome {
            Ok(evaluation) => {
                if let Some(ledger) = &mut ledger {
                    ledger.note(key, candidate, case, &evaluation).await?;
                }
                measured.evaluations.push((evaluation, case.weight));
            }
            Err(EvaluationFailure { kind: FailureKind::Systemic, message, .. }) => {
                // What was paid for is kept.
                if let Some(ledger) = ledger {
                    ledger.end(JobState::Failed).await?;
                }
                return Err(Failure::failed(message));
            }
            Err(failure) => measured.failures.push(failure.message),
        }
        let done = measured.evaluations.len() + measured.failures.len();
        output.bar().set_message(format!("{done} of {} cases", cases.len()));
    }
    if let Some(ledger) = ledger {
        ledger.end(JobState::Done).await?;
    }
    Ok(measured)
}

/// Keeps evaluations, in the form of a job of its own.
struct Ledger {
    store: Arc<dyn Store>,
    lease: Lease,
    results: Results,
}

impl Ledger {
    async fn begin(store: Arc<dyn Store>, spec: &JobSpec) -> Result<Self, Failure> {
        let now = now();
        let id = Digest::of_fields([&now.to_le_bytes()[..], &std::process::id().to_le_bytes()]).short();
        let id = JobId(format!("{EVALUATION}-{id}"));
        let spec = serde_json::to_value(spec).map_err(|error| Failure::failed(error.to_string()))?;
        let job = NewJob {
            id: id.clone(),
            name: EVALUATION.to_owned(),
            algorithm: EVALUATION.to_owned(),
            spec,
            created_at: now / 1_000_000,
        };
        store.insert_job(&job).await?;
        let lease = store.claim(&id, &id.0, LEASE, None).await?;
        Ok(Self { store, lease, results: Results::default() })
    }

    async fn note(
        &mut self,
        key: Digest,
        candidate: &Candidate,
        case: &Case,
        evaluation: &Evaluation,
    ) -> Result<(), Failure> {
        self.results.evaluations.push(EvaluationRecord {
            key,
            job: self.lease.job.clone(),
            candidate: candidate.id(),
            case: case.id(),
            split: Split::Test,
            repeat: 0,
            evaluation: evaluation.clone(),
            at: now() / 1_000_000,
        });
        if self.results.evaluations.len() >= BATCH {
            self.write().await?;
            self.store.renew(&self.lease, LEASE).await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let results = std::mem::take(&mut self.results);
        self.store.keep(&results).await?;
        Ok(())
    }

    async fn end(mut self, state: JobState) -> Result<(), Failure> {
        self.write().await?;
        Ok(self.store.finish(&self.lease, state, None, None).await?)
    }
}

/// Nanoseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
