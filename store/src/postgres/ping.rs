//! Finding out whether the store can be written.

use std::time::Duration;

use tokio::time::timeout;

use super::{PostgresStore, failure};
use crate::error::{StoreError, StoreErrorKind as Kind};

/// How long to wait for the answer.
const ANSWER: Duration = Duration::from_millis(1500);

impl PostgresStore {
    pub(super) async fn ping_server(&self) -> Result<(), StoreError> {
        let query = sqlx::query_scalar(
            "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean",
        );
        let answer = timeout(ANSWER, query.fetch_one(&self.pool)).await;
        let is_read_only: bool = answer
            .map_err(|_| failure::silent(&self.address, ANSWER))?
            .map_err(|error| self.failed(error))?;
        if is_read_only {
            let message = format!("the store {} {}", self.address, failure::READ_ONLY);
            return Err(StoreError::new(Kind::NotWritable, message));
        }
        Ok(())
    }
}
