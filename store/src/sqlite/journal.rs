//! The writing of batches.

use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::Insertion;
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::job::{JobId, Lease};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, JournalBatch, ProposalRecord,
};

static EVALUATIONS: Insertion = Insertion {
    head: "INSERT INTO evaluations (key, job, candidate, \"case\", split, repeat, score, dollars, \
           latency_seconds, output_length, output, feedback, input_tokens, \
           output_tokens, model_calls, at) VALUES",
    columns: 16,
    tail: "ON CONFLICT (key) DO NOTHING",
};

static PROPOSALS: Insertion = Insertion {
    head: "INSERT INTO proposals (key, job, text, truncated, dollars, input_tokens, output_tokens, at) \
           VALUES",
    columns: 8,
    tail: "ON CONFLICT (key) DO NOTHING",
};

static CANDIDATES: Insertion = Insertion {
    head: "INSERT INTO candidates (job, island, id, ordinal, content, parents, operator, generation, \
           validation_score, validation_cases, outcome) VALUES",
    columns: 11,
    tail: "ON CONFLICT (job, island, id) DO UPDATE SET validation_score = excluded.validation_score, \
           validation_cases = excluded.validation_cases, outcome = excluded.outcome",
};

static CHECKPOINTS: Insertion = Insertion {
    head: "INSERT INTO checkpoints (job, island, sequence, body) VALUES",
    columns: 4,
    tail: "ON CONFLICT (job, island) DO UPDATE SET sequence = excluded.sequence, body = excluded.body \
           WHERE excluded.sequence > checkpoints.sequence",
};

static HISTORY: Insertion = Insertion {
    head: "INSERT INTO history (job, island, sequence, evaluations, dollars, best, mean, diversity, \
           population, at) VALUES",
    columns: 10,
    tail: "ON CONFLICT (job, island, sequence) DO NOTHING",
};

impl SqliteStore {
    pub(super) async fn commit_batch(&self, lease: &Lease, batch: &JournalBatch) -> Result<(), StoreError> {
        if let Some(other) = jobs_of(batch).find(|job| **job != lease.job) {
            let message = format!("a record of job `{other}` stands in a batch of job `{}`", lease.job);
            return Err(StoreError::new(Kind::Invalid, message));
        }
        let mut transaction = self.write().await?;
        let (job, current) = self.held(&mut transaction, lease).await?;
        paid_for(&mut transaction, job, batch).await.map_err(|error| self.failed(error))?;
        if current.is_ok() {
            progress(&mut transaction, job, batch).await.map_err(|error| self.failed(error))?;
        }
        transaction.commit().await.map_err(|error| self.failed(error))?;
        current
    }
}

fn jobs_of(batch: &JournalBatch) -> impl Iterator<Item = &JobId> {
    let evaluations = batch.evaluations.iter().map(|record| &record.job);
    let proposals = batch.proposals.iter().map(|record| &record.job);
    let candidates = batch.candidates.iter().map(|record| &record.job);
    let checkpoints = batch.checkpoints.iter().map(|record| &record.job);
    let history = batch.history.iter().map(|record| &record.job);
    evaluations.chain(proposals).chain(candidates).chain(checkpoints).chain(history)
}

/// What somebody has paid for, whoever owns the job now.
async fn paid_for(
    connection: &mut SqliteConnection,
    job: i64,
    batch: &JournalBatch,
) -> Result<(), sqlx::Error> {
    EVALUATIONS
        .run(connection, &batch.evaluations, |record: &EvaluationRecord, values| {
            let EvaluationRecord { key, job: _, candidate, case, split, repeat, evaluation, at } = record;
            values.digest(*key)?;
            values.add(job)?;
            values.digest(*candidate)?;
            values.digest(*case)?;
            values.add(split.as_str())?;
            values.add(*repeat)?;
            let objectives = &evaluation.objectives;
            values.number("the score of an evaluation", objectives.score)?;
            values.number("the price of an evaluation", objectives.dollars)?;
            values.number("the latency of an evaluation", objectives.latency_seconds)?;
            values.count("the length of an answer", objectives.output_length)?;
            values.add(evaluation.output.as_str())?;
            values.add(evaluation.feedback.as_str())?;
            values.count("the input tokens of an evaluation", evaluation.input_tokens)?;
            values.count("the output tokens of an evaluation", evaluation.output_tokens)?;
            values.add(evaluation.model_calls)?;
            values.add(*at)
        })
        .await?;
    PROPOSALS
        .run(connection, &batch.proposals, |record: &ProposalRecord, values| {
            values.digest(record.key)?;
            values.add(job)?;
            values.add(record.text.as_str())?;
            values.add(record.truncated)?;
            values.number("the price of a proposal", record.dollars)?;
            values.count("the input tokens of a proposal", record.input_tokens)?;
            values.count("the output tokens of a proposal", record.output_tokens)?;
            values.add(record.at)
        })
        .await
}

/// How far the run has come: for the present owner alone to say.
async fn progress(
    connection: &mut SqliteConnection,
    job: i64,
    batch: &JournalBatch,
) -> Result<(), sqlx::Error> {
    CANDIDATES
        .run(connection, &batch.candidates, |record: &CandidateRecord, values| {
            values.add(job)?;
            values.add(record.island)?;
            values.digest(record.candidate.id())?;
            values.count("the ordinal of a candidate", record.ordinal)?;
            values.add(serde_json::to_string(&record.candidate)?)?;
            values.add(serde_json::to_string(&record.parents)?)?;
            values.add(record.operator.as_str())?;
            values.add(record.generation)?;
            match record.validation_score {
                Some(score) => values.number("the score of a candidate", score)?,
                None => values.add(None::<f64>)?,
            }
            values.add(record.validation_cases)?;
            values.add(record.outcome.as_str())
        })
        .await?;
    CHECKPOINTS
        .run(connection, &batch.checkpoints, |record: &CheckpointRecord, values| {
            values.add(job)?;
            values.add(record.island)?;
            values.count("the sequence of a checkpoint", record.sequence)?;
            values.add(record.body.as_str())
        })
        .await?;
    HISTORY
        .run(connection, &batch.history, |record: &HistoryRecord, values| {
            values.add(job)?;
            values.add(record.island)?;
            values.count("the sequence of a point", record.sequence)?;
            values.count("the evaluations of a point", record.evaluations)?;
            values.number("the price of a point", record.dollars)?;
            values.number("the best score of a point", record.best)?;
            values.number("the mean score of a point", record.mean)?;
            values.number("the diversity of a point", record.diversity)?;
            values.add(record.population)?;
            values.add(record.at)
        })
        .await
}
