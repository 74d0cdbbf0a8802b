//! Finding out whether the store can be written.

use std::time::Duration;

use tokio::time::timeout;

use super::SqliteStore;
use crate::error::{StoreError, StoreErrorKind as Kind};

/// How long a ping waits for the lock of another process.
pub(super) const LOCK_WAIT: Duration = Duration::from_millis(750);

/// How long it waits for writes of this process.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// Takes the lock for writing and gives it back, in one statement: whoever stops waiting for it leaves no
/// transaction open. No page is changed, so that nothing is written to the log either.
const TOUCH: &str = "DELETE FROM jobs WHERE 0";

impl SqliteStore {
    /// In its turn among the writers of this process, so that a lock which is found is somebody else's, and by a
    /// connection of its own, since the writer's is patient.
    pub(super) async fn ping_writer(&self) -> Result<(), StoreError> {
        let turn = timeout(TURN_WAIT, self.writer.acquire()).await.map_err(|_| self.stuck())?;
        let mut turn = turn.map_err(|error| self.failed(error))?;
        let touched = match &self.pinger {
            Some(pinger) => sqlx::query(TOUCH).execute(pinger).await,
            None => sqlx::query(TOUCH).execute(&mut *turn).await,
        };
        touched.map(drop).map_err(|error| self.failed(error))
    }

    fn stuck(&self) -> StoreError {
        let message = format!(
            "the store {} cannot be written: what is being written takes more than {} s; see whether another process \
             keeps it locked, or the disk is slow",
            self.address,
            TURN_WAIT.as_secs()
        );
        StoreError::new(Kind::Unavailable, message)
    }
}
