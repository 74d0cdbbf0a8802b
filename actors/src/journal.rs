//! The journal of a node: makes results durable in groups, then acknowledges them.

use std::sync::Arc;
use std::time::Duration;

use evohub_evolution::{Failure, FailureKind};
use evohub_monitoring::metrics::Metrics;
use evohub_store::{EvaluationRecord, ProposalRecord, Results, Store, StoreError, StoreErrorKind};
use ractor::{ActorProcessingErr, async_trait};
use strum::IntoStaticStr;
use tokio::time::Instant;

use crate::actor::{Actor, Address, Letter};
use crate::reply::Reply;

/// Most records of one transaction.
const LARGEST_BATCH: usize = 512;
/// How long results wait for a store that is away. They are paid for.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Makes results durable, whichever jobs they belong to.
pub(crate) struct Journal;

pub(crate) struct JournalArguments {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Arc<Metrics>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum JournalMessage {
    /// An evaluation was paid for; the reply goes out when it is durable.
    Evaluated(EvaluationRecord, Kept<EvaluationRecord>),
    /// A proposal was paid for; the reply goes out when it is durable.
    Proposed(ProposalRecord, Kept<ProposalRecord>),
    /// A transaction ended.
    Committed(Result<u64, StoreError>),
    #[cfg(test)]
    Panic,
}

/// Who hears that a record is durable, or that it cannot be.
pub(crate) type Kept<T> = Reply<Result<T, Failure>>;

pub(crate) struct JournalState {
    arguments: JournalArguments,
    pending: Results,
    evaluations: Vec<Waiting<EvaluationRecord>>,
    proposals: Vec<Waiting<ProposalRecord>>,
    committing: Option<Committing>,
}

/// What waits for the transaction under way.
struct Committing {
    results: Arc<Results>,
    evaluations: Vec<Waiting<EvaluationRecord>>,
    proposals: Vec<Waiting<ProposalRecord>>,
}

/// Who waits for a record to become durable, and since when.
struct Waiting<T> {
    reply: Kept<T>,
    since: Instant,
}

impl<T> Waiting<T> {
    fn new(reply: Kept<T>) -> Self {
        Self { reply, since: Instant::now() }
    }

    fn answer(self, record: Result<T, Failure>, metrics: &Metrics) {
        metrics.store.journal_lag(self.since.elapsed());
        self.reply.send(record);
    }
}

impl JournalState {
    /// Starts a transaction of all that is pending, unless one is under way: what comes meanwhile makes up the next,
    /// so that groups grow with the load and a lone record does not wait.
    fn commit(&mut self, myself: &Address<JournalMessage>) {
        if self.committing.is_some() || self.pending.is_empty() {
            return;
        }
        let most = self.pending.evaluations.len().min(LARGEST_BATCH);
        let results = Arc::new(Results {
            evaluations: self.pending.evaluations.drain(..most).collect(),
            proposals: std::mem::take(&mut self.pending.proposals),
        });
        let evaluations = self.evaluations.drain(..most).collect();
        let proposals = std::mem::take(&mut self.proposals);
        let (store, written, myself) =
            (Arc::clone(&self.arguments.store), Arc::clone(&results), myself.clone());
        tokio::spawn(async move {
            let kept = with_patience(|| store.keep(&written)).await;
            drop(written);
            myself.send(JournalMessage::Committed(kept));
        });
        self.committing = Some(Committing { results, evaluations, proposals });
    }

    fn committed(&mut self, kept: Result<u64, StoreError>) {
        let Some(done) = self.committing.take() else { return };
        let metrics = &self.arguments.metrics;
        let failure = match &kept {
            Ok(known) => {
                (0..*known).for_each(|_| metrics.cluster.duplicate());
                None
            }
            Err(error) => {
                tracing::error!(critical = true, %error, "results that are paid for cannot be written");
                Some(Failure {
                    kind: FailureKind::Systemic,
                    cause: "store".into(),
                    message: format!("results cannot be written: {error}"),
                })
            }
        };
        let results = Arc::unwrap_or_clone(done.results);
        if failure.is_none() {
            metrics.store.journaled(results.evaluations.len() + results.proposals.len());
        }
        for (record, waiting) in results.evaluations.into_iter().zip(done.evaluations) {
            waiting.answer(failure.clone().map_or(Ok(record), Err), metrics);
        }
        for (record, waiting) in results.proposals.into_iter().zip(done.proposals) {
            waiting.answer(failure.clone().map_or(Ok(record), Err), metrics);
        }
    }
}

/// Writes, and waits for a store that is busy or away for a moment: what is written is paid for.
pub(crate) async fn with_patience<T, F: Future<Output = Result<T, StoreError>>>(
    write: impl Fn() -> F,
) -> Result<T, StoreError> {
    let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        match write().await {
            Err(error) if error.kind == StoreErrorKind::Unavailable && began.elapsed() < PATIENCE => {
                tracing::warn!(%error, "the store cannot be written for now; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            result => return result,
        }
    }
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
            pending: Results::default(),
            evaluations: vec![],
            proposals: vec![],
            committing: None,
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
            JournalMessage::Committed(kept) => state.committed(kept),
            #[cfg(test)]
            JournalMessage::Panic => panic!("asked to"),
        }
        state.commit(myself);
        Ok(())
    }
}
