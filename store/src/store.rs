//! The contract of a store.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_monitoring::metrics::Connections;

use crate::error::StoreError;
use crate::job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
};

/// Durable state of jobs. What a method has returned `Ok` for survives the death of the process.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where it is, with no secret in it: for messages to people.
    fn address(&self) -> String;

    /// What tells this store from all others, where several nodes can share it; `None`: it is for one process.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn identity(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

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

    /// The jobs that are in state [`JobState::Running`], with whoever holds their leases, oldest first.
    async fn running(&self) -> Result<Vec<RunningJob>, StoreError>;

    /// Takes the right to run a job for a time, and clears a wish that it stop. Sets its state to
    /// [`JobState::Running`], without result and error. An owner may claim again before its lease ends: only
    /// the newest lease counts.
    ///
    /// `dead` names an owner that is known to be gone: its lease is taken over although it has not expired. Should it
    /// live after all, what it writes is refused.
    ///
    /// # Errors
    /// `Owned` while another owner's lease lives that is not `dead`'s, `NotFound`.
    async fn claim(
        &self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
    ) -> Result<Lease, StoreError>;

    /// Takes the right to write for an island, under the lease of its job: only the newest counts, of the island and of
    /// the job.
    ///
    /// # Errors
    /// `Owned` when a newer lease of the job was given out since, or the lease was ended; `NotFound`.
    async fn occupy(&self, lease: &Lease, island: u32) -> Result<IslandLease, StoreError>;

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

    /// Makes results durable, all of them or nothing, whoever owns their jobs: somebody has paid for them. Repeating
    /// it changes nothing. Numbers and texts are kept to the bit, but for a negative zero, which becomes a positive
    /// one. Returns how many were known already under their keys, and were therefore paid for twice.
    ///
    /// # Errors
    /// `Invalid` when a number is NaN or a count is above `i64::MAX`; `NotFound`.
    async fn keep(&self, results: &Results) -> Result<u64, StoreError>;

    /// Makes what an island notes durable, all of it or nothing, under its lease. Repeating it changes nothing.
    /// Numbers and texts are kept as by [`Store::keep`].
    ///
    /// # Errors
    /// `Owned` when a newer lease of the island or of the job was given out since: nothing is written then. `Invalid`
    /// when a record is of another job or island, a number is NaN or a count is above `i64::MAX`; `NotFound`.
    async fn note(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError>;

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

    /// The migrants that were sent to an island, by epoch and sender.
    ///
    /// # Errors
    /// `NotFound`.
    async fn migrants(&self, job: &JobId, to: u32) -> Result<Vec<MigrantRecord>, StoreError>;

    /// Waits for what is under way and closes.
    async fn close(&self);
}
