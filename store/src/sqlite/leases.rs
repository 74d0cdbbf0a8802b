//! Who may run a job, and who may write for its islands.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::SqliteStore;
use crate::error::StoreError;
use crate::holder::{Holder, admit_to_island};
use crate::job::{IslandLease, JobId, JobState, Lease};

impl SqliteStore {
    pub(super) async fn claim_job(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError> {
        let mut transaction = self.write().await?;
        let token = sqlx::query_scalar::<_, i64>(
            "UPDATE jobs SET state = 'running', stop_requested = 0, result = NULL, error = NULL, \
             updated_at = ?1, lease_token = lease_token + 1, lease_owner = ?2, lease_expires = ?3 \
             WHERE id = ?4 AND (lease_expires IS NULL OR lease_expires <= ?1 OR lease_owner IN (?2, ?5)) \
             RETURNING lease_token",
        )
        .bind(self.clock.now())
        .bind(owner)
        .bind(self.clock.after(time))
        .bind(&job.0)
        .bind(dead)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        match token {
            Some(token) => {
                transaction.commit().await.map_err(|error| self.failed(error))?;
                Ok(Lease { job: job.clone(), token })
            }
            None => Err(self.holder(&mut transaction, job).await?.owns(job)),
        }
    }

    pub(super) async fn occupy_island(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError> {
        let mut transaction = self.write().await?;
        let job = self.holder(&mut transaction, &lease.job).await?.admit_unended(lease)?;
        let token = sqlx::query_scalar(
            "INSERT INTO islands (job, island, token) VALUES (?, ?, 1) \
             ON CONFLICT (job, island) DO UPDATE SET token = token + 1 RETURNING token",
        )
        .bind(job)
        .bind(island)
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))?;
        Ok(IslandLease { lease: lease.clone(), island, token })
    }

    pub(super) async fn renew_lease(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError> {
        let mut transaction = self.write().await?;
        let job = self.holder(&mut transaction, &lease.job).await?.admit(lease)?;
        // A lease that was ended stays so: a renewal may come late.
        let stop = sqlx::query_scalar(
            "UPDATE jobs SET lease_expires = iif(lease_owner IS NULL, NULL, ?1) WHERE number = ?2 \
             RETURNING stop_requested",
        )
        .bind(self.clock.after(time))
        .bind(job)
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
        let job = self.holder(&mut transaction, &lease.job).await?.admit(lease)?;
        sqlx::query(
            "UPDATE jobs SET state = ?1, stop_requested = iif(?1 = 'running', stop_requested, 0), \
             result = ?2, error = ?3, updated_at = ?4, lease_owner = NULL, lease_expires = NULL \
             WHERE number = ?5",
        )
        .bind(state.as_str())
        .bind(result.map(ToString::to_string))
        .bind(error)
        .bind(self.clock.now())
        .bind(job)
        .execute(&mut *transaction)
        .await
        .map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))
    }

    /// The number of the job of an island's lease, or `Owned` when a newer one was given out.
    pub(super) async fn held(
        &self,
        connection: &mut SqliteConnection,
        lease: &IslandLease,
    ) -> Result<i64, StoreError> {
        let job = self.holder(connection, &lease.lease.job).await?.admit(&lease.lease)?;
        let newest = sqlx::query_scalar("SELECT token FROM islands WHERE job = ? AND island = ?")
            .bind(job)
            .bind(lease.island)
            .fetch_optional(connection)
            .await
            .map_err(|error| self.failed(error))?;
        admit_to_island(lease, newest).map(|()| job)
    }

    async fn holder(&self, connection: &mut SqliteConnection, job: &JobId) -> Result<Holder, StoreError> {
        let query = sqlx::query_as::<_, (i64, i64, Option<String>, Option<i64>)>(
            "SELECT number, lease_token, lease_owner, lease_expires FROM jobs WHERE id = ?",
        );
        let row = query.bind(&job.0).fetch_optional(&mut *connection).await;
        match row.map_err(|error| self.failed(error))? {
            Some((number, token, owner, expires)) => {
                Ok(Holder { number, token, owner, expires, now: self.clock.now() })
            }
            None => Err(self.not_found_among(job, connection).await),
        }
    }
}
