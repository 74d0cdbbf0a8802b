//! The chronicle of an island: makes durable what its population notes, under the island's lease.

use std::sync::Arc;

use evohub_store::{IslandLease, Notes, Store, StoreError};
use ractor::{ActorProcessingErr, RpcReplyPort, async_trait};
use strum::IntoStaticStr;

use crate::actor::{Actor, Address, Letter};
use crate::journal::with_patience;

/// Makes durable what a population notes. Results are not its matter: they are durable before a population hears of
/// them, and so never younger than the checkpoint that builds on them.
pub(crate) struct Chronicle;

pub(crate) struct ChronicleArguments {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lease: IslandLease,
    /// Told of every exchange that has become durable: the islands that migrants went to.
    pub(crate) on_migrants: Box<dyn Fn(Vec<u32>) + Send + Sync>,
    /// Told once when nothing more can be written.
    pub(crate) on_failure: Box<dyn Fn(StoreError) + Send + Sync>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum ChronicleMessage {
    /// What is to be written.
    Note(Notes),
    /// A transaction ended.
    Committed(Result<(), StoreError>),
    /// Answers when all that came before is durable, or cannot be.
    Flush(RpcReplyPort<()>),
    #[cfg(test)]
    Panic,
}

pub(crate) struct ChronicleState {
    arguments: ChronicleArguments,
    pending: Notes,
    /// What is being written.
    committing: Option<Arc<Notes>>,
    flushes: Vec<RpcReplyPort<()>>,
    failed: bool,
}

impl ChronicleState {
    fn take_note(&mut self, mut note: Notes) {
        self.pending.forget_from = note.forget_from.or(self.pending.forget_from);
        self.pending.candidates.append(&mut note.candidates);
        self.pending.history.append(&mut note.history);
        self.pending.migrants.append(&mut note.migrants);
        // Only the newest is kept anyway.
        if !note.checkpoints.is_empty() {
            self.pending.checkpoints = note.checkpoints;
        }
    }

    fn commit(&mut self, myself: &Address<ChronicleMessage>) {
        if self.committing.is_some() || self.pending.is_empty() || self.failed {
            return;
        }
        let notes = Arc::new(std::mem::take(&mut self.pending));
        self.committing = Some(Arc::clone(&notes));
        let (store, lease, myself) =
            (Arc::clone(&self.arguments.store), self.arguments.lease.clone(), myself.clone());
        tokio::spawn(async move {
            let result = with_patience(|| store.note(&lease, &notes)).await;
            myself.send(ChronicleMessage::Committed(result));
        });
    }

    fn committed(&mut self, result: Result<(), StoreError>) {
        let Some(notes) = self.committing.take() else { return };
        match result {
            Ok(()) if notes.migrants.is_empty() => {}
            Ok(()) => (self.arguments.on_migrants)(notes.migrants.iter().map(|sent| sent.to).collect()),
            Err(error) => {
                self.failed = true;
                (self.arguments.on_failure)(error);
            }
        }
    }
}

#[async_trait]
impl Actor for Chronicle {
    const KIND: &'static str = "chronicle";

    type Message = ChronicleMessage;
    type State = ChronicleState;
    type Arguments = ChronicleArguments;

    async fn start(
        &self,
        _myself: &Address<Self::Message>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (pending, flushes) = (Notes::default(), vec![]);
        Ok(ChronicleState { arguments, pending, committing: None, flushes, failed: false })
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            ChronicleMessage::Note(note) => state.take_note(note),
            ChronicleMessage::Committed(result) => state.committed(result),
            ChronicleMessage::Flush(reply) => state.flushes.push(reply),
            #[cfg(test)]
            ChronicleMessage::Panic => panic!("asked to"),
        }
        state.commit(myself);
        if state.failed || (state.committing.is_none() && state.pending.is_empty()) {
            for reply in state.flushes.drain(..) {
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}
