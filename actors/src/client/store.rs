//! What a cluster has stored, to read from afar.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use evohub_evolution::Digest;
use evohub_store::{
    CandidateRecord, CheckpointRecord, Connections, EvaluationRecord, HistoryRecord, IslandLease, JobId,
    JobRecord, JobState, Lease, MigrantRecord, NewJob, Notes, ProposalRecord, Results, RunningJob, Store,
    StoreError, StoreErrorKind, Totals,
};
use serde::de::DeserializeOwned;

use super::{ANSWER, ClusterClient, Request};
use crate::error::EngineError;

/// The store of a cluster, read through one of its nodes. Nothing can be written but the wish that a job stop.
pub struct RemoteStore {
    client: ClusterClient,
}

impl RemoteStore {
    pub(super) fn new(client: ClusterClient) -> Self {
        Self { client }
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, StoreError> {
        self.client.ask(&request, ANSWER).await.map_err(|error| match error {
            EngineError::Store(error) => error,
            other => StoreError::new(StoreErrorKind::Unavailable, other.to_string()),
        })
    }
}

fn refused<T>() -> Result<T, StoreError> {
    let message = "a cluster's store can only be read from afar: submit jobs instead";
    Err(StoreError::new(StoreErrorKind::NotWritable, message))
}

#[async_trait]
impl Store for RemoteStore {
    fn address(&self) -> String {
        "the cluster".to_owned()
    }

    async fn identity(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.client
            .status()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error.to_string()))
    }

    fn connections(&self) -> Connections {
        Connections::default()
    }

    async fn insert_job(&self, _: &NewJob) -> Result<(), StoreError> {
        refused()
    }

    async fn job(&self, id: &JobId) -> Result<JobRecord, StoreError> {
        self.ask(Request::Job { job: id.clone() }).await
    }

    async fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.ask(Request::Jobs).await
    }

    async fn running(&self) -> Result<Vec<RunningJob>, StoreError> {
        let jobs = self.jobs().await?.into_iter().rev();
        let running = jobs.filter(|job| job.state == JobState::Running);
        Ok(running.map(|job| RunningJob { id: job.id, owner: job.owner }).collect())
    }

    async fn claim(&self, _: &JobId, _: &str, _: Duration, _: Option<&str>) -> Result<Lease, StoreError> {
        refused()
    }

    async fn occupy(&self, _: &Lease, _: u32) -> Result<IslandLease, StoreError> {
        refused()
    }

    async fn renew(&self, _: &Lease, _: Duration) -> Result<bool, StoreError> {
        refused()
    }

    async fn finish(
        &self,
        _: &Lease,
        _: JobState,
        _: Option<&serde_json::Value>,
        _: Option<&str>,
    ) -> Result<(), StoreError> {
        refused()
    }

    async fn request_stop(&self, job: &JobId) -> Result<(), StoreError> {
        self.ask(Request::Stop { job: job.clone() }).await
    }

    async fn keep(&self, _: &Results) -> Result<u64, StoreError> {
        refused()
    }

    async fn note(&self, _: &IslandLease, _: &Notes) -> Result<(), StoreError> {
        refused()
    }

    async fn evaluations(&self, _: &[Digest]) -> Result<HashMap<Digest, EvaluationRecord>, StoreError> {
        refused()
    }

    async fn proposals(&self, _: &[Digest]) -> Result<HashMap<Digest, ProposalRecord>, StoreError> {
        refused()
    }

    async fn totals(&self, job: &JobId) -> Result<Totals, StoreError> {
        self.ask(Request::Totals { job: job.clone() }).await
    }

    async fn candidates(&self, job: &JobId) -> Result<Vec<CandidateRecord>, StoreError> {
        self.ask(Request::Candidates { job: job.clone() }).await
    }

    async fn checkpoint(&self, _: &JobId, _: u32) -> Result<Option<CheckpointRecord>, StoreError> {
        refused()
    }

    async fn history(&self, job: &JobId) -> Result<Vec<HistoryRecord>, StoreError> {
        self.ask(Request::History { job: job.clone() }).await
    }

    async fn migrants(&self, _: &JobId, _: u32) -> Result<Vec<MigrantRecord>, StoreError> {
        refused()
    }

    async fn close(&self) {
        // It unlinks when it is dropped.
    }
}
