//! Jobs and their leases.

use std::time::Duration;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::failure;
use super::rows::Columns;
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::job::{JobId, JobRecord, JobState, Lease, NewJob};

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
                let message =
                    format!("there is a job `{}` in {} already: choose another id", job.id, self.address);
                Err(StoreError::new(Kind::Invalid, message))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(super) async fn one_job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        let query = sqlx::query(
            "SELECT id, name, algorithm, spec, state, stop_requested, coalesce(lease_expires > ?1, 0), \
             result, error, created_at, updated_at FROM jobs WHERE id = ?2",
        );
        let row = query.bind(self.clock.now()).bind(&id.0).fetch_optional(&self.readers).await;
        match row.map_err(|error| self.failed(error))? {
            Some(row) => job_record(&row).map_err(|error| self.failed(error)),
            None => Err(self.no_such_job(id).await),
        }
    }

    pub(super) async fn all_jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT id, name, algorithm, 'null', state, stop_requested, coalesce(lease_expires > ?1, 0), \
             result, error, created_at, updated_at FROM jobs ORDER BY created_at DESC, number DESC",
        );
        let rows = query.bind(self.clock.now()).fetch_all(&self.readers).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        rows.iter().map(|row| job_record(row).map_err(|error| self.failed(error))).collect()
    }

    pub(super) async fn claim_job(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
    ) -> Result<Lease, StoreError> {
        let mut transaction = self.write().await?;
        let now = self.clock.now();
        let token = sqlx::query_scalar::<_, i64>(
            "UPDATE jobs SET state = 'running', stop_requested = 0, result = NULL, error = NULL, \
             updated_at = ?1, lease_token = lease_token + 1, lease_owner = ?2, lease_expires = ?3 \
             WHERE id = ?4 AND (lease_expires IS NULL OR lease_expires <= ?1 OR lease_owner = ?2) \
             RETURNING lease_token",
        )
        .bind(now)
        .bind(owner)
        .bind(self.clock.after(time))
        .bind(&job.0)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        match token {
            Some(token) => {
                transaction.commit().await.map_err(|error| self.failed(error))?;
                Ok(Lease { job: job.clone(), token })
            }
            None => {
                let holder = self.holder(&mut transaction, job).await?;
                Err(holder.owns(job, now))
            }
        }
    }

    pub(super) async fn renew_lease(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let (number, current) = self.held(&mut transaction, lease).await?;
        current?;
        // A lease that was ended stays so: a renewal may come late.
        let stop = sqlx::query_scalar(
            "UPDATE jobs SET lease_expires = iif(lease_owner IS NULL, NULL, ?1) WHERE number = ?2 \
             RETURNING stop_requested",
        )
        .bind(self.clock.after(time))
        .bind(number)
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))?;
        Ok(stop)
    }

    pub(super) async fn finish_job(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.write().await?;
        let (number, current) = self.held(&mut transaction, lease).await?;
        current?;
        sqlx::query(
            "UPDATE jobs SET state = ?1, stop_requested = iif(?1 = 'running', stop_requested, 0), \
             result = ?2, error = ?3, updated_at = ?4, lease_owner = NULL, lease_expires = NULL \
             WHERE number = ?5",
        )
        .bind(state.as_str())
        .bind(result.map(ToString::to_string))
        .bind(error)
        .bind(self.clock.now())
        .bind(number)
        .execute(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))
    }

    pub(super) async fn request_stop_of(&self, job: &JobId) -> Result<(), StoreError> {
        let update =
            sqlx::query("UPDATE jobs SET stop_requested = (state = 'running') WHERE id = ?").bind(&job.0);
        let done = update.execute(&self.writer).await.map_err(|error| self.failed(error))?;
        if done.rows_affected() == 0 { Err(self.no_such_job(job).await) } else { Ok(()) }
    }

    /// The number of a lease's job, and `Owned` unless the lease is the newest.
    pub(super) async fn held(
        &self,
        connection: &mut SqliteConnection,
        lease: &Lease,
    ) -> Result<(i64, Result<(), StoreError>), StoreError> {
        let holder = self.holder(connection, &lease.job).await?;
        let current =
            if holder.token == lease.token { Ok(()) } else { Err(holder.owns(&lease.job, self.clock.now())) };
        Ok((holder.number, current))
    }

    async fn holder(&self, connection: &mut SqliteConnection, job: &JobId) -> Result<Holder, StoreError> {
        let query = sqlx::query_as::<_, (i64, i64, Option<String>, Option<i64>)>(
            "SELECT number, lease_token, lease_owner, lease_expires FROM jobs WHERE id = ?",
        );
        let row = query.bind(&job.0).fetch_optional(&mut *connection).await;
        match row.map_err(|error| self.failed(error))? {
            Some((number, token, owner, expires)) => Ok(Holder { number, token, owner, expires }),
            None => Err(self.not_found_among(job, ids(connection).await)),
        }
    }

    /// That there is no such job. Takes a connection for reading.
    pub(super) async fn no_such_job(&self, id: &JobId) -> StoreError {
        match self.readers.acquire().await {
            Ok(mut connection) => self.not_found_among(id, ids(&mut connection).await),
            Err(error) => self.failed(error),
        }
    }

    fn not_found_among(&self, id: &JobId, known: Result<Vec<String>, sqlx::Error>) -> StoreError {
        known.map_or_else(
            |error| self.failed(error),
            |known| StoreError::no_such_job(id, &self.address, &known),
        )
    }
}

/// Who was given the newest lease of a job.
struct Holder {
    number: i64,
    token: i64,
    owner: Option<String>,
    expires: Option<i64>,
}

impl Holder {
    fn owns(&self, job: &JobId, now: i64) -> StoreError {
        let message = match (&self.owner, self.expires) {
            (Some(owner), Some(expires)) if expires > now => {
                let seconds = (expires - now) as f64 / 1000.0;
                format!(
                    "job `{job}` is run by {owner}: stop it there, or wait until its lease ends in \
                     {seconds:.1} s unless renewed"
                )
            }
            (Some(owner), _) => format!("job `{job}` was taken over by {owner}: this run of it has ended"),
            (None, _) => format!("job `{job}` was taken over and ended elsewhere: this run of it has ended"),
        };
        StoreError::new(Kind::Owned, message)
    }
}

async fn ids(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM jobs").fetch_all(connection).await
}

fn job_record(row: &SqliteRow) -> Result<JobRecord, sqlx::Error> {
    let mut columns = Columns::of(row);
    Ok(JobRecord {
        id: JobId(columns.take()?),
        name: columns.take()?,
        algorithm: columns.take()?,
        spec: columns.parsed(|text| Ok(serde_json::from_str(text)?))?,
        state: columns
            .parsed(|text| JobState::from_name(text).ok_or_else(|| format!("no state: {text}").into()))?,
        stop_requested: columns.take()?,
        owned: columns.take()?,
        result: {
            let text: Option<&str> = columns.take()?;
            columns.checked(text.map(serde_json::from_str).transpose().map_err(Into::into))?
        },
        error: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })
}
