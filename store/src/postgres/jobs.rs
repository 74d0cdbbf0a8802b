//! Jobs and how they stand.

use std::borrow::Cow;

use sqlx::PgConnection;

use super::rows::PgColumns;
use super::text::{self, written};
use super::{PostgresStore, failure};
use crate::error::StoreError;
use crate::job::{JobId, JobRecord, NewJob, RunningJob};
use crate::reading;

impl PostgresStore {
    pub(super) async fn insert_one_job(&self, job: &NewJob) -> Result<(), StoreError> {
        let insertion = sqlx::query(
            "INSERT INTO jobs (id, name, algorithm, spec, state, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, 'running', $5, $5)",
        )
        .bind(written(&job.id.0))
        .bind(written(&job.name))
        .bind(written(&job.algorithm))
        .bind(job.spec.to_string())
        .bind(job.created_at);
        match insertion.execute(&self.pool).await {
            Ok(_) => Ok(()),
            Err(error) if failure::is_taken(&error) => Err(StoreError::taken(&job.id, &self.address)),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(super) async fn one_job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        let query = sqlx::query(
            "SELECT id, name, algorithm, spec, state, stop_requested, \
             CASE WHEN lease_expires > moment($1) THEN lease_owner END, \
             result, error, created_at, updated_at FROM jobs WHERE id = $2",
        );
        let row = query.bind(self.moment()).bind(written(&id.0)).fetch_optional(&self.pool).await;
        match row.map_err(|error| self.failed(error))? {
            Some(row) => reading::job(PgColumns::of(&row)).map_err(|error| self.failed(error)),
            None => Err(self.no_such_job(id).await),
        }
    }

    pub(super) async fn all_jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT id, name, algorithm, 'null', state, stop_requested, \
             CASE WHEN lease_expires > moment($1) THEN lease_owner END, \
             result, error, created_at, updated_at FROM jobs ORDER BY created_at DESC, number DESC",
        );
        let rows = query.bind(self.moment()).fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        self.each(&rows, reading::job)
    }

    pub(super) async fn running_jobs(&self) -> Result<Vec<RunningJob>, StoreError> {
        let query = sqlx::query(
            "SELECT id, CASE WHEN lease_expires > moment($1) THEN lease_owner END FROM jobs \
             WHERE state = 'running' ORDER BY created_at, number",
        );
        let rows = query.bind(self.moment()).fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        self.each(&rows, reading::running)
    }

    pub(super) async fn request_stop_of(&self, job: &JobId) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE jobs SET stop_requested = (state = 'running') WHERE id = $1");
        let done =
            update.bind(written(&job.0)).execute(&self.pool).await.map_err(|error| self.failed(error))?;
        if done.rows_affected() == 0 { Err(self.no_such_job(job).await) } else { Ok(()) }
    }

    /// That there is no such job. Takes a connection of its own.
    pub(super) async fn no_such_job(&self, id: &JobId) -> StoreError {
        match self.pool.acquire().await {
            Ok(mut connection) => self.not_found_among(id, &mut connection).await,
            Err(error) => self.failed(error),
        }
    }

    /// That there is no such job among those that a connection sees.
    pub(super) async fn not_found_among(&self, id: &JobId, connection: &mut PgConnection) -> StoreError {
        let known: Result<Vec<String>, _> = sqlx::query_scalar(reading::IDS).fetch_all(connection).await;
        match known {
            Ok(known) => {
                let known: Vec<String> = known.into_iter().filter_map(|id| text::read(id).ok()).collect();
                StoreError::no_such_job(id, &self.address, &known)
            }
            Err(error) => self.failed(error),
        }
    }
}

/// The ids of jobs as they are written.
pub(super) fn ids<'r>(jobs: impl IntoIterator<Item = &'r JobId>) -> Vec<Cow<'r, str>> {
    jobs.into_iter().map(|job| written(&job.0)).collect()
}
