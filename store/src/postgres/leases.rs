//! Who may run a job, and who may write for its islands.

use std::time::Duration;

use sqlx::PgConnection;

use super::PostgresStore;
use super::text::{self, written};
use crate::clock::milliseconds;
use crate::error::StoreError;
use crate::holder::{Holder, admit_to_island};
use crate::job::{IslandLease, JobId, JobState, Lease};

/// Milliseconds that a lease may take at most, so that the end of none lies beyond what can be said.
const LONGEST: i64 = i64::MAX / 2;

impl PostgresStore {
    pub(super) async fn claim_job(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError> {
        let mut transaction = self.begin().await?;
        let claimed = sqlx::query_as::<_, (i64, i64)>(
            "UPDATE jobs SET state = 'running', stop_requested = FALSE, result = NULL, error = NULL, \
             updated_at = moment($1), lease_token = lease_token + 1, lease_owner = $2, \
             lease_expires = moment($1) + $3 \
             WHERE id = $4 AND (lease_expires IS NULL OR lease_expires <= moment($1) OR lease_owner IN ($2, $5)) \
             RETURNING number, lease_token",
        )
        .bind(self.moment())
        .bind(written(owner))
        .bind(milliseconds(time).min(LONGEST))
        .bind(written(&job.0))
        .bind(dead.map(written))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        let Some((number, token)) = claimed else {
            let holder = self.holder(&mut transaction, job).await;
            transaction.rollback().await.map_err(|error| self.failed(error))?;
            return Err(holder?.owns(job));
        };
        // Until the islands have noted what they are about to, under the lease that ends now.
        sqlx::query("SELECT FROM islands WHERE job = $1 ORDER BY island FOR UPDATE")
            .bind(number)
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))?;
        Ok(Lease { job: job.clone(), token })
    }

    pub(super) async fn occupy_island(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError> {
        // No claim comes in between: the job's row is shared until the island's is written.
        let token = sqlx::query_scalar(
            "WITH held AS (SELECT number FROM jobs \
             WHERE id = $1 AND lease_token = $2 AND lease_owner IS NOT NULL FOR SHARE) \
             INSERT INTO islands (job, island, token) SELECT number, $3, 1 FROM held \
             ON CONFLICT (job, island) DO UPDATE SET token = islands.token + 1 RETURNING token",
        )
        .bind(written(&lease.job.0))
        .bind(lease.token)
        .bind(i64::from(island))
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        match token {
            Some(token) => Ok(IslandLease { lease: lease.clone(), island, token }),
            None => {
                let holder = self.present_holder(&lease.job).await?;
                holder.admit_unended(lease)?;
                Err(holder.owns(&lease.job))
            }
        }
    }

    pub(super) async fn renew_lease(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        // A lease that was ended stays so: a renewal may come late.
        let stop = sqlx::query_scalar(
            "UPDATE jobs SET lease_expires = CASE WHEN lease_owner IS NOT NULL THEN moment($1) + $2 END \
             WHERE id = $3 AND lease_token = $4 RETURNING stop_requested",
        )
        .bind(self.moment())
        .bind(milliseconds(time).min(LONGEST))
        .bind(written(&lease.job.0))
        .bind(lease.token)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        match stop {
            Some(stop) => Ok(stop),
            None => Err(self.present_holder(&lease.job).await?.owns(&lease.job)),
        }
    }

    pub(super) async fn finish_job(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE jobs SET state = $1, stop_requested = stop_requested AND $1 = 'running', result = $2, \
             error = $3, updated_at = moment($4), lease_owner = NULL, lease_expires = NULL \
             WHERE id = $5 AND lease_token = $6",
        )
        .bind(state.as_str())
        .bind(result.map(ToString::to_string))
        .bind(error.map(written))
        .bind(self.moment())
        .bind(written(&lease.job.0))
        .bind(lease.token)
        .execute(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        if done.rows_affected() == 0 {
            return Err(self.present_holder(&lease.job).await?.owns(&lease.job));
        }
        Ok(())
    }

    /// The number of the job of an island's lease, or `Owned` when a newer one was given out. From then until the
    /// transaction ends, nobody else notes for the island, and no claim of the job is through.
    pub(super) async fn held(
        &self,
        transaction: &mut PgConnection,
        lease: &IslandLease,
    ) -> Result<i64, StoreError> {
        let newest = sqlx::query_scalar(
            "SELECT token FROM islands WHERE job = (SELECT number FROM jobs WHERE id = $1) AND island = $2 \
             FOR UPDATE",
        )
        .bind(written(&lease.lease.job.0))
        .bind(i64::from(lease.island))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        // After the island is held, so that a claim which was waited for is seen.
        let job = self.holder(transaction, &lease.lease.job).await?.admit(&lease.lease)?;
        admit_to_island(lease, newest).map(|()| job)
    }

    async fn present_holder(&self, job: &JobId) -> Result<Holder, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|error| self.failed(error))?;
        self.holder(&mut connection, job).await
    }

    async fn holder(&self, connection: &mut PgConnection, job: &JobId) -> Result<Holder, StoreError> {
        let query = sqlx::query_as::<_, (i64, i64, Option<String>, Option<i64>, i64)>(
            "SELECT number, lease_token, lease_owner, lease_expires, moment($1) FROM jobs WHERE id = $2",
        );
        let row = query.bind(self.moment()).bind(written(&job.0)).fetch_optional(&mut *connection).await;
        match row.map_err(|error| self.failed(error))? {
            Some((number, token, owner, expires, now)) => {
                let owner = owner.map(text::read).transpose();
                let owner = owner.map_err(|error| self.failed(sqlx::Error::Decode(error)))?;
                Ok(Holder { number, token, owner, expires, now })
            }
            None => Err(self.not_found_among(job, connection).await),
        }
    }
}
