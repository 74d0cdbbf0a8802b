//! Jobs and how they stand.

use sqlx::SqliteConnection;

use super::SqliteStore;
use super::failure;
use super::rows::SqliteColumns;
use crate::error::StoreError;
use crate::job::{JobId, JobRecord, NewJob, RunningJob};
use crate::reading;

/// SQLite's extended code of a second row with the same unique value.
const CONSTRAINT_UNIQUE: u32 = 2067;

impl SqliteStore {
    pub(super) async fn insert_one_job(&self, job: &NewJob) -> Result<(), StoreError> {
        let insertion = sqlx::query(
            "INSERT INTO jobs (id, name, algorithm, spec, state, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?5)",
        )
        .bind(&job.id.0)
        .bind(&job.name)
        .bind(&job.algorithm)
        .bind(job.spec.to_string())
        .bind(job.created_at);
        match insertion.execute(&self.writer).await {
            Ok(_) => Ok(()),
            Err(error) if failure::result_code(&error) == Some(CONSTRAINT_UNIQUE) => {
                Err(StoreError::taken(&job.id, &self.address))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(super) async fn one_job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        let query = sqlx::query(
            "SELECT id, name, algorithm, spec, state, stop_requested, iif(lease_expires > ?1, lease_owner, NULL), \
             result, error, created_at, updated_at FROM jobs WHERE id = ?2",
        );
        let row = query.bind(self.clock.now()).bind(&id.0).fetch_optional(&self.readers).await;
        match row.map_err(|error| self.failed(error))? {
            Some(row) => reading::job(SqliteColumns::of(&row)).map_err(|error| self.failed(error)),
            None => Err(self.no_such_job(id).await),
        }
    }

    pub(super) async fn all_jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT id, name, algorithm, 'null', state, stop_requested, iif(lease_expires > ?1, lease_owner, NULL), \
             result, error, created_at, updated_at FROM jobs ORDER BY created_at DESC, number DESC",
        );
        let rows = query.bind(self.clock.now()).fetch_all(&self.readers).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter()
            .map(|row| reading::job(SqliteColumns::of(row)).map_err(|error| self.failed(error)))
            .collect()
    }

    pub(super) async fn running_jobs(&self) -> Result<Vec<RunningJob>, StoreError> {
        let query = sqlx::query_as::<_, (String, Option<String>)>(
            "SELECT id, iif(lease_expires > ?, lease_owner, NULL) FROM jobs \
             WHERE state = 'running' ORDER BY created_at, number",
        );
        let rows = query.bind(self.clock.now()).fetch_all(&self.readers).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        Ok(rows.into_iter().map(|(id, owner)| RunningJob { id: JobId(id), owner }).collect())
    }

    pub(super) async fn request_stop_of(&self, job: &JobId) -> Result<(), StoreError> {
        let update =
            sqlx::query("UPDATE jobs SET stop_requested = (state = 'running') WHERE id = ?").bind(&job.0);
        let done = update.execute(&self.writer).await.map_err(|error| self.failed(error))?;
        if done.rows_affected() == 0 { Err(self.no_such_job(job).await) } else { Ok(()) }
    }

    /// That there is no such job. Takes a connection for reading.
    pub(super) async fn no_such_job(&self, id: &JobId) -> StoreError {
        match self.readers.acquire().await {
            Ok(mut connection) => self.not_found_among(id, &mut connection).await,
            Err(error) => self.failed(error),
        }
    }

    /// That there is no such job among those that a connection sees.
    pub(super) async fn not_found_among(&self, id: &JobId, connection: &mut SqliteConnection) -> StoreError {
        let known: Result<Vec<String>, _> = sqlx::query_scalar(reading::IDS).fetch_all(connection).await;
        known.map_or_else(
            |error| self.failed(error),
            |known| StoreError::no_such_job(id, &self.address, &known),
        )
    }
}
