use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use ractor::RpcReplyPort;
use strum::IntoStaticStr;
use tokio::sync::Semaphore;

use super::*;

/// Handles a message for each permit.
struct Gated;

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum GatedMessage {
    Work,
    Panic,
    Fail,
    Ask(RpcReplyPort<u8>),
}

#[async_trait]
impl Actor for Gated {
    const KIND: &'static str = "gated";

    type Message = GatedMessage;
    type State = Arc<Semaphore>;
    type Arguments = Arc<Semaphore>;

    async fn start(
        &self,
        _myself: &Address<GatedMessage>,
        gate: Arc<Semaphore>,
    ) -> Result<Arc<Semaphore>, ActorProcessingErr> {
        Ok(gate)
    }

    async fn handle(
        &self,
        _myself: &Address<GatedMessage>,
        letter: Letter<GatedMessage>,
        gate: &mut Arc<Semaphore>,
    ) -> Result<(), ActorProcessingErr> {
        gate.acquire().await?.forget();
        match letter.message {
            GatedMessage::Work => Ok(()),
            GatedMessage::Panic => panic!("asked to"),
            GatedMessage::Fail => Err("asked to".into()),
            GatedMessage::Ask(reply) => Ok(reply.send(7)?),
        }
    }
}

/// Tells how its child died.
struct Parent;

#[async_trait]
impl Actor for Parent {
    const KIND: &'static str = "parent";

    type Message = GatedMessage;
    type State = tokio::sync::mpsc::UnboundedSender<RestartCause>;
    type Arguments = Self::State;

    async fn start(
        &self,
        _myself: &Address<GatedMessage>,
        deaths: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(deaths)
    }

    async fn handle(
        &self,
        _myself: &Address<GatedMessage>,
        _letter: Letter<GatedMessage>,
        _deaths: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn child_event(
        &self,
        _myself: &Address<GatedMessage>,
        event: SupervisionEvent,
        deaths: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(_, cause) = event {
            deaths.send(cause_of_death(&cause))?;
        }
        Ok(())
    }
}

fn value(metrics: &Metrics, series: &str) -> f64 {
    let page = metrics.encode();
    let line = page.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn what_waits_is_counted_and_nothing_else() {
    let metrics = Metrics::new(&MetricsConfig::default());
    let gate = Arc::new(Semaphore::new(0));
    let actor = spawn(Gated, Arc::clone(&gate), &metrics.actors, None).await.unwrap();
    for _ in 0..5 {
        actor.send(GatedMessage::Work);
    }
    gate.add_permits(5);
    let answer = tokio::spawn({
        let actor = actor.clone();
        async move { actor.ask(GatedMessage::Ask, None).await }
    });
    gate.add_permits(1);
    assert_eq!(answer.await.unwrap(), Some(7));
    assert_eq!(value(&metrics, "actor_mailbox_depth{actor=\"gated\"}"), 0.0);
    assert_eq!(value(&metrics, "actor_messages_total{actor=\"gated\",message=\"work\"}"), 5.0);
    assert_eq!(value(&metrics, "actor_mailbox_wait_seconds_count{actor=\"gated\"}"), 6.0);
    // It is at the first of these three, and two wait.
    for _ in 0..3 {
        actor.send(GatedMessage::Work);
    }
    while value(&metrics, "actor_messages_total{actor=\"gated\",message=\"work\"}") < 6.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&metrics, "actor_mailbox_depth{actor=\"gated\"}"), 2.0);
    gate.add_permits(1);
    actor.stop_and_wait(Duration::from_secs(60)).await;
    assert_eq!(value(&metrics, "actors_alive{actor=\"gated\"}"), 0.0);
    assert_eq!(value(&metrics, "actor_mailbox_depth{actor=\"gated\"}"), 0.0);
    actor.send(GatedMessage::Work);
    assert_eq!(actor.ask(GatedMessage::Ask, None).await, None);
    // It ended as planned: what came too late is no loss.
    assert_eq!(value(&metrics, "actor_dead_letters_total{actor=\"gated\"}"), 0.0);
    assert_eq!(value(&metrics, "actor_mailbox_depth{actor=\"gated\"}"), 0.0);
}

#[tokio::test]
async fn a_supervisor_can_tell_a_panic_from_an_error() {
    let metrics = Metrics::new(&MetricsConfig::default());
    let (sender, mut deaths) = tokio::sync::mpsc::unbounded_channel();
    let parent = spawn(Parent, sender, &metrics.actors, None).await.unwrap();
    let blows = [(GatedMessage::Panic, RestartCause::Panic), (GatedMessage::Fail, RestartCause::Error)];
    for (blow, expected) in blows {
        let gate = Arc::new(Semaphore::new(9));
        let child = spawn(Gated, gate, &metrics.actors, Some(parent.cell())).await.unwrap();
        child.send(blow);
        child.send(GatedMessage::Work);
        assert_eq!(deaths.recv().await, Some(expected));
    }
    parent.stop_and_wait(Duration::from_secs(60)).await;
    while value(&metrics, "actors_alive{actor=\"gated\"}") > 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&metrics, "actor_handle_seconds_count{actor=\"gated\"}"), 2.0);
    assert_eq!(value(&metrics, "actor_dead_letters_total{actor=\"gated\"}"), 2.0);
}
