//! Actors whose mailboxes are measured: a thin shell around `ractor`.
//!
//! Every message travels in an [`Envelope`]: with the ticket that counts it, and with the sender's trace where it begins
//! something. What an actor logs carries the fields of its own span ([`Actor::span`]), not those of whoever sent it a
//! message.

mod address;
mod envelope;

use evohub_monitoring::metrics::{ActorMetrics, Alive, Mailbox, RestartCause};
use ractor::{ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent, async_trait};
use tracing::{Instrument, Span};

pub(crate) use address::Address;
pub(crate) use envelope::{Envelope, Letter, Message};

/// What an actor does. Handlers translate a message into an event and carry out what follows; none waits for a model
/// or the network.
#[async_trait]
pub(crate) trait Actor: Send + Sync + Sized + 'static {
    /// Its kind, as metrics and messages to people name it.
    const KIND: &'static str;

    type Message: Message;
    type State: Send + 'static;
    type Arguments: Send + 'static;

    /// Makes its state. Whoever spawns it waits for this.
    async fn start(
        &self,
        myself: &Address<Self::Message>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr>;

    /// Begins, before the first message.
    async fn started(
        &self,
        _myself: &Address<Self::Message>,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    /// Handles a message.
    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr>;

    /// Hears of the children it has spawned.
    async fn child_event(
        &self,
        _myself: &Address<Self::Message>,
        _event: SupervisionEvent,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    /// Ends as planned. Children that are not ended here die with it.
    async fn ended(&self, _state: &mut Self::State) {}

    /// What its logs and its children's spans belong to.
    fn span(_state: &Self::State) -> Span {
        Span::none()
    }
}

/// Starts an actor, as the child of `parent` where there is one.
///
/// # Errors
/// What its start failed of.
pub(crate) async fn spawn<A: Actor>(
    actor: A,
    arguments: A::Arguments,
    metrics: &ActorMetrics,
    parent: Option<ActorCell>,
) -> Result<Address<A::Message>, SpawnErr> {
    let mailbox = metrics.mailbox(A::KIND);
    let arguments = (mailbox.clone(), arguments);
    let (inner, _) = match parent {
        Some(parent) => ractor::Actor::spawn_linked(None, Shell(actor), arguments, parent).await?,
        None => ractor::Actor::spawn(None, Shell(actor), arguments).await?,
    };
    Ok(Address::new(inner, mailbox))
}

/// How an actor died, of whose cause its supervisor was told.
pub(crate) fn cause_of_death(cause: &ActorProcessingErr) -> RestartCause {
    if cause.is::<HandlerError>() { RestartCause::Error } else { RestartCause::Panic }
}

/// An error that an actor ended itself with, to tell it from a panic.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct HandlerError(ActorProcessingErr);

fn handler_error(error: ActorProcessingErr) -> ActorProcessingErr {
    Box::new(HandlerError(error))
}

/// The side that `ractor` sees.
struct Shell<A>(A);

struct Running<A: Actor> {
    myself: Address<A::Message>,
    state: A::State,
    _alive: Alive,
}

#[async_trait]
impl<A: Actor> ractor::Actor for Shell<A> {
    type Msg = Envelope<A::Message>;
    type State = Running<A>;
    type Arguments = (Mailbox, A::Arguments);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (mailbox, arguments): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let alive = mailbox.alive();
        let myself = Address::new(myself, mailbox);
        let state = self.0.start(&myself, arguments).await?;
        Ok(Running { myself, state, _alive: alive })
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        running: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let span = A::span(&running.state);
        let started = self.0.started(&running.myself, &mut running.state);
        started.instrument(span).await.map_err(handler_error)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        running: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (letter, _handling) = envelope.open();
        let span = A::span(&running.state);
        let handled = self.0.handle(&running.myself, letter, &mut running.state);
        handled.instrument(span).await.map_err(handler_error)
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        running: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        self.0.ended(&mut running.state).await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        running: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let span = A::span(&running.state);
        let heard = self.0.child_event(&running.myself, event, &mut running.state);
        heard.instrument(span).await.map_err(handler_error)
    }
}

#[cfg(test)]
mod tests;
