//! The contract of a store.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_monitoring::metrics::Connections;

use crate::error::StoreError;
use crate::job::{JobId, JobRecord, JobState, Lease, NewJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, JournalBatch, ProposalRecord, Totals,
};

/// Durable state of jobs. What a method has returned `Ok` for survives the death of the process.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where it is, with no secret in it: for messages to people.
    fn address(&self) -> String;

    /// Whether it can be written now. Changes nothing, answers within two seconds, and never makes another operation
    /// fail.
    ///
    /// # Errors
    /// Why it cannot.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The connections that are open now.
    fn connections(&self) -> Connections;

    /// Adds a job in state [`JobState::Running`] without an owner.
    ///
    /// # Errors
    /// `Invalid` when the id is taken.
    async fn insert_job(&self, job: &NewJob) -> Result<(), StoreError>;

    /// A job by its id.
    ///
    /// # Errors
    /// `NotFound`, with the ids that resemble it.
    async fn job(&self, id: &JobId) -> Result<JobRecord, StoreError>;

    /// All jobs, newest first, without their specifications (those are `null`).
    async fn jobs(&self) -> Result<Vec<JobRecord>, StoreError>;

    /// Takes the right to run a job for a time, and clears a wish that it stop. Sets its state to
    /// [`JobState::Running`], without result and error. An owner may claim again before its lease ends: only
    /// the newest lease counts.
    ///
    /// # Errors
    /// `Owned` while another owner's lease lives, `NotFound`.
    async fn claim(&self, job: &JobId, owner: &str, time: Duration) -> Result<Lease, StoreError>;

    /// Prolongs a lease by `time` from now, and says whether somebody wants the job to stop. One that has
    /// expired lives again unless another was given out since; one that was ended by [`Store::finish`] stays
    /// ended.
    ///
    /// # Errors
    /// `Owned` when a newer lease was given out since, `NotFound`.
    async fn renew(&self, lease: &Lease, time: Duration) -> Result<bool, StoreError>;

    /// Ends a lease and records how the job stands. The wish that it stop ends with it, unless the job is
    /// said to run on. Doing so twice is as doing so once.
    ///
    /// # Errors
    /// `Owned` when a newer lease was given out since, `NotFound`.
    async fn finish(
        &self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
    ) -> Result<(), StoreError>;

    /// Asks whoever runs a job to stop it. Changes nothing when the job has ended.
    ///
    /// # Errors
    /// `NotFound`.
    async fn request_stop(&self, job: &JobId) -> Result<(), StoreError>;

    /// Makes a batch durable, all of it or nothing, under a lease. Repeating a batch changes nothing. Numbers
    /// and texts are kept to the bit, but for a negative zero, which becomes a positive one.
    ///
    /// # Errors
    /// `Owned` when a newer lease was given out since; nothing is written then, except that evaluations and
    /// proposals, which somebody has paid for, are kept whoever owns the job. `Invalid` when a record is of
    /// another job, a number is NaN or a count is above `i64::MAX`; `NotFound`.
    async fn commit(&self, lease: &Lease, batch: &JournalBatch) -> Result<(), StoreError>;

    /// Those of the evaluations asked for that are known, by key, whichever job paid for them.
    async fn evaluations(&self, keys: &[Digest]) -> Result<HashMap<Digest, EvaluationRecord>, StoreError>;

    /// Those of the proposals asked for that are known, by key, whichever job paid for them.
    async fn proposals(&self, keys: &[Digest]) -> Result<HashMap<Digest, ProposalRecord>, StoreError>;

    /// What a job has paid for.
    ///
    /// # Errors
    /// `NotFound`.
    async fn totals(&self, job: &JobId) -> Result<Totals, StoreError>;

    /// All candidates of a job, by island and order of birth.
    ///
    /// # Errors
    /// `NotFound`.
    async fn candidates(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError>;

    /// The newest checkpoint of an island.
    ///
    /// # Errors
    /// `NotFound` when there is no such job.
    async fn checkpoint(&self, job: &JobId, island: u32) -> Result<Option<CheckpointRecord>, StoreError>;

    /// The curves of a job, by island and order.
    ///
    /// # Errors
    /// `NotFound`.
    async fn history(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError>;

    /// Waits for what is under way and closes.
    async fn close(&self);
}
