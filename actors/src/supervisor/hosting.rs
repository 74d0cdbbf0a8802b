//! The islands that a node hosts.

use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::metrics::RestartCause;
use evohub_monitoring::redaction::redact;
use evohub_monitoring::traces::TraceContext;
use ractor::{ActorId, ActorProcessingErr, RpcReplyPort};

use super::{SupervisorMessage, SupervisorState};
use crate::actor::{Actor, Address, cause_of_death};
use crate::chronicle::Chronicle;
use crate::island::{Island, IslandArguments, Voice};
use crate::population::{Population, PopulationMessage, PopulationReport};
use crate::wire::{IslandKey, IslandOrder};

/// How long calls under way at a stop are waited for.
const DRAIN: Duration = Duration::from_secs(60);

type Answer = RpcReplyPort<Result<(), String>>;

impl SupervisorState {
    pub(super) fn island_ordered(
        &mut self,
        order: IslandOrder,
        context: TraceContext,
        reply: Answer,
        myself: &Address<SupervisorMessage>,
    ) {
        match order {
            IslandOrder::Host { key, lease, owner } => {
                let owner = match owner.parse() {
                    Ok(owner) if !self.leaving => owner,
                    Ok(_) => return answer(reply, Err("the node is leaving".to_owned())),
                    Err(error) => return answer(reply, Err(format!("the owner's name: {error}"))),
                };
                // An earlier life of the same island ends here without further ado: it may write nothing any more.
                self.end_islands(|island| {
                    island.key.job == key.job
                        && island.key.island == key.island
                        && island.key.token < key.token
                });
                let (node, myself) = (Arc::clone(&self.node), myself.clone());
                tokio::spawn(async move {
                    let arguments = IslandArguments { key: key.clone(), lease, owner, context };
                    let started = Island::start(&node, arguments, myself.cell()).await;
                    myself.send(SupervisorMessage::Started(Box::new(started), key, reply));
                });
            }
            IslandOrder::Finish(key) => {
                self.with_island(&key, reply, |island, reply| {
                    island.population.send(PopulationMessage::Stop);
                    answer(reply, Ok(()));
                });
            }
            IslandOrder::Migrants(key) => self.with_island(&key, reply, |island, reply| {
                island.population.send(PopulationMessage::LookForMigrants);
                answer(reply, Ok(()));
            }),
            IslandOrder::Drain(key) => self.with_island(&key, reply, |island, reply| {
                let population = island.population.clone();
                tokio::spawn(async move {
                    let drained = population.ask(PopulationMessage::Drain, Some(DRAIN)).await;
                    answer(reply, drained.ok_or_else(|| "it was not drained in time".to_owned()));
                });
            }),
            IslandOrder::End(key) => match self.take_island(&key) {
                Some(island) => {
                    tokio::spawn(async move {
                        island.end().await;
                        answer(reply, Ok(()));
                    });
                }
                // It has ended before.
                None => answer(reply, Ok(())),
            },
        }
    }

    fn with_island(&self, key: &IslandKey, reply: Answer, act: impl FnOnce(&Island, Answer)) {
        match self.islands.iter().find(|island| island.key == *key) {
            Some(island) => act(island, reply),
            None => answer(reply, Err(format!("island {} of `{}` is not hosted here", key.island, key.job))),
        }
    }

    fn take_island(&mut self, key: &IslandKey) -> Option<Island> {
        let at = self.islands.iter().position(|island| island.key == *key)?;
        let island = self.islands.swap_remove(at);
        self.answer_when_empty();
        Some(island)
    }

    pub(super) fn island_started(&mut self, started: Result<Island, String>, key: &IslandKey, reply: Answer) {
        match started {
            Ok(island) if self.leaving => {
                tokio::spawn(async move { island.end().await });
                answer(reply, Err("the node is leaving".to_owned()));
            }
            Ok(island) => {
                tracing::info!(job_id = %key.job, island = key.island, owner = %island.owner, "an island is hosted");
                self.islands.push(island);
                answer(reply, Ok(()));
            }
            Err(error) => answer(reply, Err(error)),
        }
    }

    /// Ends islands that no owner wants any more.
    pub(super) fn end_islands(&mut self, which: impl Fn(&Island) -> bool) {
        for island in self.islands.extract_if(.., |island| which(island)) {
            tracing::info!(job_id = %island.key.job, island = island.key.island, "an island ends here");
            tokio::spawn(async move { island.end().await });
        }
        self.answer_when_empty();
    }

    /// Islands whose owner is gone: whoever takes the job over starts them again.
    pub(super) fn end_islands_of_lost_owners(&mut self) {
        let node = Arc::clone(&self.node);
        let Some(view) = node.view() else { return };
        self.end_islands(|island| {
            let owner = &island.owner;
            owner != node.name() && view.member(owner).is_none_or(|member| !member.is_living())
        });
    }

    /// An actor died. `false`: it was none of an island.
    pub(super) fn island_died(&mut self, who: ActorId, cause: &ActorProcessingErr) -> bool {
        let is_of = |island: &Island| island.population.id() == who || island.chronicle.id() == who;
        let Some(at) = self.islands.iter().position(is_of) else { return false };
        let island = self.islands.swap_remove(at);
        let actor = if island.chronicle.id() == who { Chronicle::KIND } else { Population::KIND };
        // Neither can go on without the other.
        island.population.stop();
        island.chronicle.stop();
        let report = PopulationReport::Died {
            actor: actor.to_owned(),
            by_error: cause_of_death(cause) == RestartCause::Error,
            // What a panic says may hold anything.
            cause: redact(&cause.to_string()).into_owned(),
        };
        Voice::new(&self.node, &island).say(report);
        self.answer_when_empty();
        true
    }
}

fn answer(reply: Answer, answer: Result<(), String>) {
    // Whoever asked may have given up.
    let _ = reply.send(answer);
}
