//! What was written, read again.

use std::collections::HashMap;

use evohub_evolution::Digest;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::rows::PgColumns;
use super::text::written;
use crate::error::StoreError;
use crate::job::JobId;
use crate::reading;
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, ProposalRecord, Totals,
};

impl PostgresStore {
    pub(super) async fn known_evaluations(
        &self,
        keys: &[Digest],
    ) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.key, j.id, e.candidate, e.\"case\", e.split, e.repeat, e.score, e.dollars, \
             e.latency_seconds, e.output_length, e.objectives, e.output, e.feedback, e.input_tokens, e.output_tokens, \
             e.model_calls, e.at \
             FROM evaluations e JOIN jobs j ON j.number = e.job WHERE e.key = ANY($1)",
        )
        .bind(bytes(keys))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        self.each(&rows, |row| reading::evaluation(row).map(|record| (record.key, record)))
    }

    pub(super) async fn known_proposals(
        &self,
        keys: &[Digest],
    ) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.key, j.id, p.text, p.truncated, p.dollars, p.input_tokens, p.output_tokens, p.at \
             FROM proposals p JOIN jobs j ON j.number = p.job WHERE p.key = ANY($1)",
        )
        .bind(bytes(keys))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        self.each(&rows, |row| reading::proposal(row).map(|record| (record.key, record)))
    }

    pub(super) async fn totals_of(&self, job: &JobId) -> Result<Totals, StoreError> {
        let row = sqlx::query(
            "SELECT e.evaluations, e.calls + p.calls, e.dollars + p.dollars, e.input + p.input, \
             e.output + p.output FROM jobs j, LATERAL \
             (SELECT count(*) AS evaluations, coalesce(sum(model_calls), 0)::bigint AS calls, \
              coalesce(sum(dollars), 0) AS dollars, coalesce(sum(input_tokens), 0)::bigint AS input, \
              coalesce(sum(output_tokens), 0)::bigint AS output FROM evaluations WHERE job = j.number) e, LATERAL \
             (SELECT count(*) AS calls, coalesce(sum(dollars), 0) AS dollars, \
              coalesce(sum(input_tokens), 0)::bigint AS input, \
              coalesce(sum(output_tokens), 0)::bigint AS output FROM proposals WHERE job = j.number) p \
             WHERE j.id = $1",
        )
        .bind(written(&job.0))
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        match row {
            Some(row) => reading::totals(PgColumns::of(&row)).map_err(|error| self.failed(error)),
            None => Err(self.no_such_job(job).await),
        }
    }

    pub(super) async fn candidates_of(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        let rows = sqlx::query(reading::CANDIDATES)
            .bind(written(&job.0))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| reading::candidate(row, job))?;
        self.unless_unknown(job, records).await
    }

    pub(super) async fn newest_checkpoint(
        &self,
        job: &JobId,
        island: u32,
    ) -> Result<Option<CheckpointRecord>, StoreError> {
        let rows = sqlx::query(reading::CHECKPOINT)
            .bind(written(&job.0))
            .bind(i64::from(island))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| reading::checkpoint(row, job))?;
        Ok(self.unless_unknown(job, records).await?.pop())
    }

    pub(super) async fn history_of(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        let rows = sqlx::query(reading::HISTORY)
            .bind(written(&job.0))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| reading::point(row, job))?;
        self.unless_unknown(job, records).await
    }

    pub(super) async fn migrants_to(&self, job: &JobId, to: u32) -> Result<Vec<MigrantRecord>, StoreError> {
        let rows = sqlx::query(reading::MIGRANTS)
            .bind(written(&job.0))
            .bind(i64::from(to))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        let records: Vec<_> = self.each(&rows, |row| reading::migrants(row, job))?;
        self.unless_unknown(job, records).await
    }

    pub(super) fn each<'r, T, C: FromIterator<T>>(
        &self,
        rows: &'r [PgRow],
        read: impl Fn(PgColumns<'r>) -> Result<T, sqlx::Error>,
    ) -> Result<C, StoreError> {
        rows.iter().map(|row| read(PgColumns::of(row)).map_err(|error| self.failed(error))).collect()
    }

    /// The records, or `NotFound` when there are none because there is no such job.
    async fn unless_unknown<T>(&self, job: &JobId, records: Vec<T>) -> Result<Vec<T>, StoreError> {
        if records.is_empty() {
            let query = sqlx::query_scalar(reading::IS_JOB).bind(written(&job.0));
            let known: bool = query.fetch_one(&self.pool).await.map_err(|error| self.failed(error))?;
            if !known {
                return Err(self.no_such_job(job).await);
            }
        }
        Ok(records)
    }
}

fn bytes(keys: &[Digest]) -> Vec<[u8; 16]> {
    keys.iter().map(|key| key.to_bytes()).collect()
}
