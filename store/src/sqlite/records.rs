//! What was written, read again.

use std::collections::HashMap;

use evohub_evolution::{Candidate, Digest, Evaluation, Objectives, Split};
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::rows::Columns;
use crate::error::StoreError;
use crate::job::JobId;
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, ProposalRecord, Totals,
};

impl SqliteStore {
    pub(super) async fn known_evaluations(
        &self,
        keys: &[Digest],
    ) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.key, j.id, e.candidate, e.\"case\", e.split, e.repeat, e.score, e.dollars, \
             e.latency_seconds, e.output_length, e.output, e.feedback, e.input_tokens, e.output_tokens, \
             e.model_calls, e.at \
             FROM evaluations e JOIN jobs j ON j.number = e.job \
             WHERE e.key IN (SELECT unhex(value) FROM json_each(?))",
        )
        .bind(list(keys))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(error))?;
        self.each(&rows, |row| evaluation(row).map(|record| (record.key, record)))
    }

    pub(super) async fn known_proposals(
        &self,
        keys: &[Digest],
    ) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.key, j.id, p.text, p.truncated, p.dollars, p.input_tokens, p.output_tokens, p.at \
             FROM proposals p JOIN jobs j ON j.number = p.job \
             WHERE p.key IN (SELECT unhex(value) FROM json_each(?))",
        )
        .bind(list(keys))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(error))?;
        self.each(&rows, |row| proposal(row).map(|record| (record.key, record)))
    }

    pub(super) async fn totals_of(&self, job: &JobId) -> Result<Totals, StoreError> {
        let row = sqlx::query(
            "SELECT e.evaluations, e.calls + p.calls, e.dollars + p.dollars, e.input + p.input, \
             e.output + p.output FROM \
             (SELECT count(*) AS evaluations, coalesce(sum(model_calls), 0) AS calls, \
              total(dollars) AS dollars, coalesce(sum(input_tokens), 0) AS input, \
              coalesce(sum(output_tokens), 0) AS output \
              FROM evaluations WHERE job = (SELECT number FROM jobs WHERE id = ?1)) e, \
             (SELECT count(*) AS calls, total(dollars) AS dollars, \
              coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output \
              FROM proposals WHERE job = (SELECT number FROM jobs WHERE id = ?1)) p \
             WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1)",
        )
        .bind(&job.0)
        .fetch_optional(&self.readers)
        .await
        .map_err(|error| self.failed(error))?;
        match row {
            Some(row) => totals(&row).map_err(|error| self.failed(error)),
            None => Err(self.no_such_job(job).await),
        }
    }

    pub(super) async fn candidates_of(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT island, id, ordinal, content, parents, operator, generation, validation_score, \
             validation_cases, outcome FROM candidates WHERE job = (SELECT number FROM jobs WHERE id = ?) \
             ORDER BY island, ordinal, number",
        )
        .bind(&job.0)
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| candidate(row, job))?;
        self.unless_unknown(job, records).await
    }

    pub(super) async fn newest_checkpoint(
        &self,
        job: &JobId,
        island: u32,
    ) -> Result<Option<CheckpointRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT island, sequence, body FROM checkpoints \
             WHERE job = (SELECT number FROM jobs WHERE id = ?) AND island = ?",
        )
        .bind(&job.0)
        .bind(island)
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| checkpoint(row, job))?;
        Ok(self.unless_unknown(job, records).await?.pop())
    }

    pub(super) async fn history_of(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT island, sequence, evaluations, dollars, best, mean, diversity, population, at \
             FROM history WHERE job = (SELECT number FROM jobs WHERE id = ?) ORDER BY island, sequence",
        )
        .bind(&job.0)
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| point(row, job))?;
        self.unless_unknown(job, records).await
    }

    fn each<T, C: FromIterator<T>>(
        &self,
        rows: &[SqliteRow],
        read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<C, StoreError> {
        rows.iter().map(|row| read(row).map_err(|error| self.failed(error))).collect()
    }

    /// The records, or `NotFound` when there are none because there is no such job.
    async fn unless_unknown<T>(&self, job: &JobId, records: Vec<T>) -> Result<Vec<T>, StoreError> {
        if records.is_empty() {
            let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?)").bind(&job.0);
            let known: bool = query.fetch_one(&self.readers).await.map_err(|error| self.failed(error))?;
            if !known {
                return Err(self.no_such_job(job).await);
            }
        }
        Ok(records)
    }
}

/// The keys as a JSON list, one parameter for however many.
fn list(keys: &[Digest]) -> String {
    let texts: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    format!("[{}]", texts.join(","))
}

fn split(text: &str) -> Result<Split, BoxDynError> {
    [Split::Train, Split::Validation, Split::Test]
        .into_iter()
        .find(|split| split.as_str() == text)
        .ok_or_else(|| format!("no split: {text}").into())
}

fn evaluation(row: &SqliteRow) -> Result<EvaluationRecord, sqlx::Error> {
    let mut columns = Columns::of(row);
    Ok(EvaluationRecord {
        key: columns.digest()?,
        job: JobId(columns.take()?),
        candidate: columns.digest()?,
        case: columns.digest()?,
        split: columns.parsed(split)?,
        repeat: columns.take()?,
        evaluation: Evaluation {
            objectives: Objectives {
                score: columns.take()?,
                dollars: columns.take()?,
                latency_seconds: columns.take()?,
                output_length: columns.count()?,
            },
            output: columns.take()?,
            feedback: columns.take()?,
            input_tokens: columns.count()?,
            output_tokens: columns.count()?,
            model_calls: columns.take()?,
        },
        at: columns.take()?,
    })
}

fn proposal(row: &SqliteRow) -> Result<ProposalRecord, sqlx::Error> {
    let mut columns = Columns::of(row);
    Ok(ProposalRecord {
        key: columns.digest()?,
        job: JobId(columns.take()?),
        text: columns.take()?,
        truncated: columns.take()?,
        dollars: columns.take()?,
        input_tokens: columns.count()?,
        output_tokens: columns.count()?,
        at: columns.take()?,
    })
}

fn totals(row: &SqliteRow) -> Result<Totals, sqlx::Error> {
    let mut columns = Columns::of(row);
    Ok(Totals {
        evaluations: columns.count()?,
        model_calls: columns.count()?,
        dollars: columns.take()?,
        input_tokens: columns.count()?,
        output_tokens: columns.count()?,
    })
}

fn candidate(row: &SqliteRow, job: &JobId) -> Result<CandidateRecord, sqlx::Error> {
    let mut columns = Columns::of(row);
    let island = columns.take()?;
    let id = columns.digest()?;
    let ordinal = columns.count()?;
    let candidate: Candidate = columns.parsed(|text| Ok(serde_json::from_str(text)?))?;
    if candidate.id() != id {
        return columns
            .checked(Err(format!("the content of candidate {id} is that of {}", candidate.id()).into()));
    }
    Ok(CandidateRecord {
        job: job.clone(),
        island,
        ordinal,
        candidate,
        parents: columns.parsed(|text| Ok(serde_json::from_str(text)?))?,
        operator: columns.take()?,
        generation: columns.take()?,
        validation_score: columns.take()?,
        validation_cases: columns.take()?,
        outcome: columns.take()?,
    })
}

fn checkpoint(row: &SqliteRow, job: &JobId) -> Result<CheckpointRecord, sqlx::Error> {
    let mut columns = Columns::of(row);
    Ok(CheckpointRecord {
        job: job.clone(),
        island: columns.take()?,
        sequence: columns.count()?,
        body: columns.take()?,
    })
}

fn point(row: &SqliteRow, job: &JobId) -> Result<HistoryRecord, sqlx::Error> {
    let mut columns = Columns::of(row);
    Ok(HistoryRecord {
        job: job.clone(),
        island: columns.take()?,
        sequence: columns.count()?,
        evaluations: columns.count()?,
        dollars: columns.take()?,
        best: columns.take()?,
        mean: columns.take()?,
        diversity: columns.take()?,
        population: columns.take()?,
        at: columns.take()?,
    })
}
