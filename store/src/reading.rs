//! Rows, read as the records that they were: the same for every database.

use evohub_evolution::{Candidate, Digest, Evaluation, Objectives, Split};
use sqlx::error::BoxDynError;

use crate::job::{JobId, JobRecord, JobState, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, ProposalRecord, Totals,
};

/// Candidates of the job `$1`.
pub(crate) const CANDIDATES: &str = "SELECT island, id, ordinal, content, parents, operator, generation, \
    validation_score, validation_cases, objectives, outcome FROM candidates \
    WHERE job = (SELECT number FROM jobs WHERE id = $1) ORDER BY island, ordinal, number";

/// The checkpoint of the job `$1` and island `$2`.
pub(crate) const CHECKPOINT: &str = "SELECT island, sequence, body FROM checkpoints \
    WHERE job = (SELECT number FROM jobs WHERE id = $1) AND island = $2";

/// Points of the job `$1`.
pub(crate) const HISTORY: &str = "SELECT island, sequence, evaluations, dollars, best, mean, diversity, \
    population, at FROM history \
    WHERE job = (SELECT number FROM jobs WHERE id = $1) ORDER BY island, sequence";

/// Migrants of the job `$1` to the island `$2`.
pub(crate) const MIGRANTS: &str = "SELECT sender, receiver, epoch, body FROM migrants \
    WHERE job = (SELECT number FROM jobs WHERE id = $1) AND receiver = $2 ORDER BY epoch, sender";

/// Whether there is a job `$1`.
pub(crate) const IS_JOB: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = $1)";

/// The ids of all jobs.
pub(crate) const IDS: &str = "SELECT id FROM jobs";

/// The columns of a row, taken from left to right.
pub(crate) trait Columns {
    /// Whether something is so.
    fn flag(&mut self) -> Result<bool, sqlx::Error>;
    /// A number with a sign.
    fn integer(&mut self) -> Result<i64, sqlx::Error>;
    /// A number with a fraction.
    fn number(&mut self) -> Result<f64, sqlx::Error>;
    /// A number with a fraction, if there is one.
    fn optional_number(&mut self) -> Result<Option<f64>, sqlx::Error>;
    /// The bytes of a content hash.
    fn bytes(&mut self) -> Result<&[u8], sqlx::Error>;
    /// JSON or a name, as it stands.
    fn plain(&mut self) -> Result<&str, sqlx::Error>;
    /// JSON, if there is any.
    fn optional_plain(&mut self) -> Result<Option<&str>, sqlx::Error>;
    /// A text of somebody's choice.
    fn text(&mut self) -> Result<String, sqlx::Error>;
    /// A text of somebody's choice, if there is one.
    fn optional_text(&mut self) -> Result<Option<String>, sqlx::Error>;
    /// The value, or that the column taken last cannot be what was written.
    fn checked<T>(&self, value: Result<T, BoxDynError>) -> Result<T, sqlx::Error>;

    /// A number without a sign.
    fn count<T: TryFrom<i64, Error: Into<BoxDynError>>>(&mut self) -> Result<T, sqlx::Error> {
        let signed = self.integer()?;
        self.checked(signed.try_into().map_err(Into::into))
    }

    /// An id or key.
    fn digest(&mut self) -> Result<Digest, sqlx::Error> {
        let digest = self.bytes()?.try_into().map(Digest::from_bytes).map_err(Into::into);
        self.checked(digest)
    }

    /// A value by its name.
    fn named<T>(&mut self, find: impl FnOnce(&str) -> Option<T>) -> Result<T, sqlx::Error> {
        let name = self.plain()?;
        let found = find(name).ok_or_else(|| format!("no such name: {name}").into());
        self.checked(found)
    }

    /// A value from its JSON.
    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, sqlx::Error> {
        let value = serde_json::from_str(self.plain()?).map_err(Into::into);
        self.checked(value)
    }
}

pub(crate) fn job(mut columns: impl Columns) -> Result<JobRecord, sqlx::Error> {
    Ok(JobRecord {
        id: JobId(columns.text()?),
        name: columns.text()?,
        algorithm: columns.text()?,
        spec: columns.json()?,
        state: columns.named(JobState::from_name)?,
        stop_requested: columns.flag()?,
        owner: columns.optional_text()?,
        result: {
            let value = columns.optional_plain()?.map(serde_json::from_str).transpose().map_err(Into::into);
            columns.checked(value)?
        },
        error: columns.optional_text()?,
        created_at: columns.integer()?,
        updated_at: columns.integer()?,
    })
}

pub(crate) fn running(mut columns: impl Columns) -> Result<RunningJob, sqlx::Error> {
    Ok(RunningJob { id: JobId(columns.text()?), owner: columns.optional_text()? })
}

pub(crate) fn evaluation(mut columns: impl Columns) -> Result<EvaluationRecord, sqlx::Error> {
    let split =
        |name: &str| [Split::Train, Split::Validation, Split::Test].into_iter().find(|s| s.as_str() == name);
    Ok(EvaluationRecord {
        key: columns.digest()?,
        job: JobId(columns.text()?),
        candidate: columns.digest()?,
        case: columns.digest()?,
        split: columns.named(split)?,
        repeat: columns.count()?,
        evaluation: Evaluation {
            objectives: Objectives {
                score: columns.number()?,
                dollars: columns.number()?,
                latency_seconds: columns.number()?,
                output_length: columns.count()?,
                named: columns.json()?,
            },
            output: columns.text()?,
            feedback: columns.text()?,
            input_tokens: columns.count()?,
            output_tokens: columns.count()?,
            model_calls: columns.count()?,
        },
        at: columns.integer()?,
    })
}

pub(crate) fn proposal(mut columns: impl Columns) -> Result<ProposalRecord, sqlx::Error> {
    Ok(ProposalRecord {
        key: columns.digest()?,
        job: JobId(columns.text()?),
        text: columns.text()?,
        truncated: columns.flag()?,
        dollars: columns.number()?,
        input_tokens: columns.count()?,
        output_tokens: columns.count()?,
        at: columns.integer()?,
    })
}

pub(crate) fn totals(mut columns: impl Columns) -> Result<Totals, sqlx::Error> {
    Ok(Totals {
        evaluations: columns.count()?,
        model_calls: columns.count()?,
        dollars: columns.number()?,
        input_tokens: columns.count()?,
        output_tokens: columns.count()?,
    })
}

pub(crate) fn candidate(mut columns: impl Columns, job: &JobId) -> Result<CandidateRecord, sqlx::Error> {
    let island = columns.count()?;
    let id = columns.digest()?;
    let ordinal = columns.count()?;
    let candidate: Candidate = columns.json()?;
    if candidate.id() != id {
        return columns
            .checked(Err(format!("the content of candidate {id} is that of {}", candidate.id()).into()));
    }
    Ok(CandidateRecord {
        job: job.clone(),
        island,
        ordinal,
        candidate,
        parents: columns.json()?,
        operator: columns.text()?,
        generation: columns.count()?,
        validation_score: columns.optional_number()?,
        validation_cases: columns.count()?,
        objectives: columns.json()?,
        outcome: columns.text()?,
    })
}

pub(crate) fn checkpoint(mut columns: impl Columns, job: &JobId) -> Result<CheckpointRecord, sqlx::Error> {
    Ok(CheckpointRecord {
        job: job.clone(),
        island: columns.count()?,
        sequence: columns.count()?,
        body: columns.text()?,
    })
}

pub(crate) fn point(mut columns: impl Columns, job: &JobId) -> Result<HistoryRecord, sqlx::Error> {
    Ok(HistoryRecord {
        job: job.clone(),
        island: columns.count()?,
        sequence: columns.count()?,
        evaluations: columns.count()?,
        dollars: columns.number()?,
        best: columns.number()?,
        mean: columns.number()?,
        diversity: columns.number()?,
        population: columns.count()?,
        at: columns.integer()?,
    })
}

pub(crate) fn migrants(mut columns: impl Columns, job: &JobId) -> Result<MigrantRecord, sqlx::Error> {
    Ok(MigrantRecord {
        job: job.clone(),
        from: columns.count()?,
        to: columns.count()?,
        epoch: columns.count()?,
        body: columns.text()?,
    })
}
