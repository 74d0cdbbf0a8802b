//! The journal of a job: makes results durable in groups, then acknowledges them.

use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::metrics::Metrics;
use evohub_store::{
    EvaluationRecord, JournalBatch, Lease, ProposalRecord, Store, StoreError, StoreErrorKind,
};
use ractor::{ActorProcessingErr, RpcReplyPort, async_trait};
use strum::IntoStaticStr;
use tokio::time::Instant;

use crate::actor::{Actor, Address, Letter};
use crate::reply::Reply;

/// Most records of one transaction.
const LARGEST_BATCH: usize = 512;
/// How often a store that cannot be reached is tried before the job is given up.
const ATTEMPTS: u32 = 8;

/// Makes results durable.
pub(crate) struct Journal;

pub(crate) struct JournalArguments {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lease: Lease,
    pub(crate) metrics: Arc<Metrics>,
    /// Told once when the journal can write no more.
    pub(crate) on_failure: Box<dyn Fn(StoreError) + Send + Sync>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum JournalMessage {
    /// An evaluation was paid for; the reply goes out when it is durable.
    Evaluated(EvaluationRecord, Reply<EvaluationRecord>),
    /// A proposal was paid for; the reply goes out when it is durable.
    Proposed(ProposalRecord, Reply<ProposalRecord>),
    /// Records that nobody waits for.
    Note(JournalBatch),
    /// A transaction ended.
    Committed(Result<(), StoreError>),
    /// Answers when all that came before is durable, or cannot be.
    Flush(RpcReplyPort<()>),
    #[cfg(test)]
    Panic,
}

pub(crate) struct JournalState {
    arguments: JournalArguments,
    pending: JournalBatch,
    evaluations: Vec<Waiting<EvaluationRecord>>,
    proposals: Vec<Waiting<ProposalRecord>>,
    committing: Option<Committing>,
    flushes: Vec<RpcReplyPort<()>>,
    failed: bool,
}

/// What waits for the transaction under way.
struct Committing {
    batch: Arc<JournalBatch>,
    evaluations: Vec<Waiting<EvaluationRecord>>,
    proposals: Vec<Waiting<ProposalRecord>>,
}

/// Who waits for a record to become durable, and since when.
struct Waiting<T> {
    reply: Reply<T>,
    since: Instant,
}

impl<T> Waiting<T> {
    fn new(reply: Reply<T>) -> Self {
        Self { reply, since: Instant::now() }
    }

    fn durable(self, record: T, metrics: &Metrics) {
        metrics.store.journal_lag(self.since.elapsed());
        self.reply.send(record);
    }
}

impl JournalState {
    fn is_idle(&self) -> bool {
        self.committing.is_none() && self.pending.is_empty()
    }

    /// Starts a transaction of all that is pending, unless one is under way: what comes meanwhile makes up the next,
    /// so that groups grow with the load and a lone record does not wait.
    fn commit(&mut self, myself: &Address<JournalMessage>) {
        if self.committing.is_some() || self.pending.is_empty() || self.failed {
            return;
        }
        let (batch, evaluations, proposals) = self.take_batch();
        let batch = Arc::new(batch);
        let (store, lease) = (Arc::clone(&self.arguments.store), self.arguments.lease.clone());
        let (written, myself) = (Arc::clone(&batch), myself.clone());
        tokio::spawn(async move {
            let result = commit_with_patience(&*store, &lease, &written).await;
            drop(written);
            myself.send(JournalMessage::Committed(result));
        });
        self.committing = Some(Committing { batch, evaluations, proposals });
    }

    fn take_batch(&mut self) -> (JournalBatch, Vec<Waiting<EvaluationRecord>>, Vec<Waiting<ProposalRecord>>) {
        if self.pending.evaluations.len() <= LARGEST_BATCH {
            let replies = std::mem::take(&mut self.evaluations);
            return (std::mem::take(&mut self.pending), replies, std::mem::take(&mut self.proposals));
        }
        // The rest stays for the next transaction, and with it the notes: they may speak of any evaluation here.
        let evaluations = self.pending.evaluations.drain(..LARGEST_BATCH).collect();
        let replies = self.evaluations.drain(..LARGEST_BATCH).collect();
        (JournalBatch { evaluations, ..JournalBatch::default() }, replies, vec![])
    }

    fn committed(&mut self, result: Result<(), StoreError>) {
        let Some(done) = self.committing.take() else { return };
        if let Err(error) = result {
            self.failed = true;
            (self.arguments.on_failure)(error);
            return;
        }
        let batch = Arc::unwrap_or_clone(done.batch);
        let metrics = &self.arguments.metrics;
        metrics.store.journaled(batch.evaluations.len() + batch.proposals.len());
        for (record, waiting) in batch.evaluations.into_iter().zip(done.evaluations) {
            waiting.durable(record, metrics);
        }
        for (record, waiting) in batch.proposals.into_iter().zip(done.proposals) {
            waiting.durable(record, metrics);
        }
    }
}

/// A store that is busy or away for a moment is waited for: the results are paid for.
async fn commit_with_patience(
    store: &dyn Store,
    lease: &Lease,
    batch: &JournalBatch,
) -> Result<(), StoreError> {
    let mut wait = Duration::from_millis(100);
    for _ in 1..ATTEMPTS {
        match store.commit(lease, batch).await {
            Err(error) if error.kind == StoreErrorKind::Unavailable => {
                tracing::warn!(%error, "results cannot be written for now; trying again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            result => return result,
        }
    }
    store.commit(lease, batch).await
}

#[async_trait]
impl Actor for Journal {
    const KIND: &'static str = "journal";

    type Message = JournalMessage;
    type State = JournalState;
    type Arguments = JournalArguments;

    async fn start(
        &self,
        _myself: &Address<Self::Message>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(JournalState {
            arguments,
            pending: JournalBatch::default(),
            evaluations: vec![],
            proposals: vec![],
            committing: None,
            flushes: vec![],
            failed: false,
        })
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            JournalMessage::Evaluated(record, reply) => {
                state.pending.evaluations.push(record);
                state.evaluations.push(Waiting::new(reply));
            }
            JournalMessage::Proposed(record, reply) => {
                state.pending.proposals.push(record);
                state.proposals.push(Waiting::new(reply));
            }
            JournalMessage::Note(mut note) => {
                state.pending.candidates.append(&mut note.candidates);
                state.pending.history.append(&mut note.history);
                // Only the newest is kept anyway.
                if !note.checkpoints.is_empty() {
                    state.pending.checkpoints = note.checkpoints;
                }
            }
            JournalMessage::Committed(result) => state.committed(result),
            JournalMessage::Flush(reply) => state.flushes.push(reply),
            #[cfg(test)]
            JournalMessage::Panic => panic!("asked to"),
        }
        state.commit(myself);
        if state.is_idle() || state.failed {
            for reply in state.flushes.drain(..) {
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}
