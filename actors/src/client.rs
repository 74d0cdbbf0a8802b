//! A way into a cluster for programs that are no node of it: submits jobs, follows them, and reads what is stored.

mod request;
mod status;
mod store;

use std::time::Duration;

use evohub_cluster::{Client, ClientConfig, NodeName};
use evohub_monitoring::metrics::Metrics;
use evohub_monitoring::traces::TraceContext;
use evohub_store::{JobId, JobState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::engine::new_id;
use crate::error::EngineError;
use crate::event::{JobEvent, JobProgress};
use crate::event_log::Cursor;
use crate::result::JobResult;
use crate::spec::JobSpec;
use crate::wire::{CLIENT, decode, encode};

pub(crate) use request::{Request, RequestError};
pub use status::{ClusterStatus, NodeStatus};
pub use store::RemoteStore;

/// How long a node may take for a request that waits for nothing.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a submission may take: models are opened first.
const SUBMISSION: Duration = Duration::from_secs(120);
/// How long handing over a node's work may take.
const DRAINING: Duration = Duration::from_secs(130);
/// How long to wait for the next event of a job before asking again.
const WAIT: Duration = Duration::from_secs(10);
/// How long a cluster that does not answer is tried, and the pause between attempts.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

/// A way into a cluster. Cheap to clone. It keeps a link to one of the nodes it was told of, goes to another when that
/// one goes, and unlinks when the last clone is dropped.
#[derive(Clone)]
pub struct ClusterClient {
    link: Client,
}

impl ClusterClient {
    /// Links to a cluster.
    ///
    /// # Errors
    /// When none of the addresses leads to it.
    pub async fn connect(config: ClientConfig, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        Ok(Self { link: Client::connect(config, Arc::new(Deaf), metrics).await? })
    }

    /// Submits a job. It is durable when this returns, and runs whatever node dies after that.
    ///
    /// # Errors
    /// What is wrong with it, or that the cluster does not answer.
    pub async fn submit(&self, spec: JobSpec) -> Result<RemoteJob, EngineError> {
        let id = new_id(&spec.name);
        // The id is chosen here, so that a submission whose answer went astray can be repeated.
        let request = Request::Submit { id, spec: Box::new(spec) };
        let id = self.ask(&request, SUBMISSION).await?;
        Ok(self.job(id))
    }

    /// A job by its id, to follow or to stop it.
    pub fn job(&self, id: JobId) -> RemoteJob {
        RemoteJob { client: self.clone(), id, cursor: Cursor::default() }
    }

    /// The nodes, as the node that this client is linked to sees them.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn status(&self) -> Result<ClusterStatus, EngineError> {
        self.ask(&Request::Status, ANSWER).await
    }

    /// Has a node hand over its jobs, islands and evaluations to the others. It takes on nothing until its process is
    /// started again.
    ///
    /// # Errors
    /// When there is no such node, or it cannot hand over everything within two minutes.
    pub async fn drain(&self, node: &NodeName) -> Result<(), EngineError> {
        self.ask(&Request::Drain { node: node.clone() }, DRAINING).await
    }

    /// What the cluster has stored, to read.
    pub fn store(&self) -> RemoteStore {
        RemoteStore::new(self.clone())
    }

    /// Asks, and again for as long as nobody answers: each request may be repeated.
    async fn ask<T: DeserializeOwned>(&self, request: &Request, limit: Duration) -> Result<T, EngineError> {
        let body = encode(request);
        let began = tokio::time::Instant::now();
        loop {
            let context = TraceContext::current();
            match self.link.call(CLIENT, &context, body.clone(), limit).await {
                Ok(answer) => {
                    let answer: Result<T, RequestError> = decode(&answer).map_err(EngineError::Spec)?;
                    return answer.map_err(EngineError::from);
                }
                Err(error) if error.is_passing() && began.elapsed() < PATIENCE => {
                    tracing::debug!(%error, "the cluster does not answer; asking again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(EngineError::Unreachable(error.to_string())),
            }
        }
    }
}

/// A job on a cluster.
pub struct RemoteJob {
    client: ClusterClient,
    id: JobId,
    cursor: Cursor,
}

/// What happened to a job since it was asked for last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Watched {
    pub(crate) cursor: Cursor,
    /// What happened, oldest first. The first after another node took the job over is [`JobEvent::Started`].
    pub events: Vec<JobEvent>,
    /// Where it stands; absent while nobody owns it.
    pub progress: Option<JobProgress>,
    /// What came of it, once it has ended, stopped or failed.
    pub result: Option<Box<JobResult>>,
    /// The node that owns it.
    pub node: Option<String>,
    /// How far it has come.
    pub state: JobState,
}

impl Watched {
    pub(crate) fn nothing(state: JobState) -> Self {
        let cursor = Cursor::default();
        Self { cursor, events: vec![], progress: None, result: None, node: None, state }
    }
}

impl RemoteJob {
    /// The job's id.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Waits up to ten seconds for something to happen. Follows the job from node to node.
    ///
    /// # Errors
    /// When the job is unknown, or the cluster does not answer.
    pub async fn next(&mut self) -> Result<Watched, EngineError> {
        let request = Request::Watch { job: self.id.clone(), cursor: self.cursor, wait: WAIT };
        let watched: Watched = self.client.ask(&request, WAIT + ANSWER).await?;
        self.cursor = watched.cursor;
        Ok(watched)
    }

    /// Waits for what comes of it.
    ///
    /// # Errors
    /// When the job is unknown, or the cluster does not answer.
    pub async fn result(&mut self) -> Result<JobResult, EngineError> {
        loop {
            if let Some(result) = self.next().await?.result {
                return Ok(*result);
            }
        }
    }

    /// Goes on with it, if it was stopped or has failed.
    ///
    /// # Errors
    /// When the job is unknown or done, cannot be run, or the cluster does not answer.
    pub async fn resume(&self) -> Result<(), EngineError> {
        self.client.ask(&Request::Resume { job: self.id.clone() }, SUBMISSION).await
    }

    /// Stops it so that it can be resumed.
    ///
    /// # Errors
    /// When the job is unknown, or the cluster does not answer.
    pub async fn stop(&self) -> Result<(), EngineError> {
        self.client.ask(&Request::Stop { job: self.id.clone() }, ANSWER).await
    }
}

/// A client asks, and nobody asks it.
struct Deaf;

impl evohub_cluster::Service for Deaf {
    fn cast(
        &self,
        _from: &evohub_cluster::Peer,
        _topic: evohub_cluster::Topic,
        _context: TraceContext,
        _body: bytes::Bytes,
    ) {
    }

    fn call(
        &self,
        _from: &evohub_cluster::Peer,
        _topic: evohub_cluster::Topic,
        _context: TraceContext,
        _body: bytes::Bytes,
        answer: evohub_cluster::Responder,
    ) {
        answer.send(Err("a client answers no calls".to_owned()));
    }
}
