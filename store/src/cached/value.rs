//! An evaluation as it stands in the cache.

use std::borrow::Cow;

use evohub_evolution::{CandidateId, CaseId, Digest, Evaluation, Split};
use serde::{Deserialize, Serialize};

use crate::job::JobId;
use crate::record::EvaluationRecord;

/// The number changes with the form, so that versions that differ in it share a cache without reading each other.
const PREFIX: &str = "evohub:1:evaluation:";

/// The fields of an [`EvaluationRecord`], under names of their own: what stands in a cache outlives this version.
#[derive(Serialize, Deserialize)]
struct Value<'v> {
    key: Digest,
    job: Cow<'v, JobId>,
    candidate: CandidateId,
    case: CaseId,
    split: Split,
    repeat: u32,
    evaluation: Cow<'v, Evaluation>,
    at: i64,
}

/// Where the evaluation of a key stands.
pub(super) fn name(key: Digest) -> String {
    format!("{PREFIX}{key}")
}

/// How an evaluation is written; nothing when it cannot be, because JSON has no infinite numbers.
pub(super) fn written(record: &EvaluationRecord) -> Option<Vec<u8>> {
    let objectives = &record.evaluation.objectives;
    let numbers = [objectives.score, objectives.dollars, objectives.latency_seconds];
    if !numbers.iter().all(|number| number.is_finite()) {
        return None;
    }
    let mut evaluation = Cow::Borrowed(&record.evaluation);
    if numbers.iter().any(|number| *number == 0.0 && number.is_sign_negative()) {
        // As the store keeps it: without the sign of a zero.
        let objectives = &mut evaluation.to_mut().objectives;
        objectives.score += 0.0;
        objectives.dollars += 0.0;
        objectives.latency_seconds += 0.0;
    }
    let EvaluationRecord { key, job, candidate, case, split, repeat, evaluation: _, at } = record;
    let value = Value {
        key: *key,
        job: Cow::Borrowed(job),
        candidate: *candidate,
        case: *case,
        split: *split,
        repeat: *repeat,
        evaluation,
        at: *at,
    };
    serde_json::to_vec(&value).ok()
}

/// The evaluation that was written under a key; nothing when it cannot be read or is another's.
pub(super) fn read(key: Digest, bytes: &[u8]) -> Option<EvaluationRecord> {
    let value: Value<'_> = serde_json::from_slice(bytes).ok().filter(|value: &Value<'_>| value.key == key)?;
    Some(EvaluationRecord {
        key,
        job: value.job.into_owned(),
        candidate: value.candidate,
        case: value.case,
        split: value.split,
        repeat: value.repeat,
        evaluation: value.evaluation.into_owned(),
        at: value.at,
    })
}
