//! The one actor that other nodes see of this one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evohub_monitoring::metrics::{Metrics, Refusal};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Channels;
use crate::wire;

/// The one actor that other nodes see of this one. All messages of all links arrive here, and their tokens say over
/// which link they came: a node has one stand-in for each other node, however many links there are between others.
#[derive(Debug)]
pub(super) struct Gateway {
    channels: Arc<Channels>,
    metrics: Arc<Metrics>,
}

impl Gateway {
    pub(super) fn new(channels: Arc<Channels>, metrics: Arc<Metrics>) -> Self {
        Self { channels, metrics }
    }
}

#[async_trait::async_trait]
impl Actor for Gateway {
    type Msg = Vec<u8>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Vec<u8>>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Vec<u8>>,
        message: Vec<u8>,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match wire::open(message) {
            None => self.metrics.cluster.refused(Refusal::Garbage),
            // A link that has just been closed has messages under way still.
            Some((token, rest)) => {
                if let Some(channel) = self.channels.get(token)
                    && catch_unwind(AssertUnwindSafe(|| channel.receive(rest))).is_err()
                {
                    tracing::error!(address = %channel.peer(), "a message could not be taken: its link is closed");
                    channel.stop();
                }
            }
        }
        Ok(())
    }
}
