//! The islands of a job: placed on nodes, watched, and placed again when they are lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evohub_cluster::placement::{Wanted, choose};
use evohub_cluster::{MemberState, NodeName};
use evohub_evolution::statistics::wilson;
use evohub_monitoring::traces::TraceContext;
use evohub_store::{Lease, StoreErrorKind};
use tokio::time::Instant;

use super::{JobActorState, JobMessage};
use crate::actor::Address;
use crate::event::JobEvent;
use crate::means::Means;
use crate::node::Node;
use crate::population::{Finished, PopulationReport, Standing};
use crate::supervisor::SupervisorMessage;
use crate::wire::{ISLAND, IslandKey, IslandOrder, encode};

/// An island that gives no sign of life for so long is lost, although its node may live.
const SILENCE: Duration = Duration::from_secs(10);
/// How often a place for an island is looked for before the job is given up.
const PLACEMENTS: u32 = 10;
/// Pause after the first node that did not take an island; it grows with each further one.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How many islands a node counts for that did not take one.
const REFUSED: u32 = 1_000;
/// How long a node may take to open a job and start an island.
const HOSTING: Duration = Duration::from_secs(60);
/// How long a node may take to end an island.
pub(super) const ENDING: Duration = Duration::from_secs(12);

/// One island of a job, as its owner sees it.
pub(super) struct Island {
    place: Place,
    pub(super) standing: Standing,
    /// Cache hits of earlier lives in this session.
    hits_before: u64,
    /// The newest sign of life.
    heard: Instant,
    pub(super) finished: Option<Finished>,
}

enum Place {
    /// A node is being looked for; the number tells the newest search from earlier ones.
    Sought {
        search: u64,
        /// The node that is asked now.
        host: Option<NodeName>,
        /// What the island is called there: it may report before its node has answered.
        key: Option<IslandKey>,
    },
    Hosted {
        key: IslandKey,
        host: NodeName,
    },
    /// It is over, or given up.
    None,
}

impl Island {
    pub(super) fn new() -> Self {
        Self {
            place: Place::None,
            standing: Standing::default(),
            hits_before: 0,
            heard: Instant::now(),
            finished: None,
        }
    }

    pub(super) fn cache_hits(&self) -> u64 {
        self.hits_before + self.standing.cache_hits
    }

    fn is_sought(&self, newest: u64) -> bool {
        matches!(self.place, Place::Sought { search, .. } if search == newest)
    }

    fn is_key(&self, key: &IslandKey) -> bool {
        match &self.place {
            Place::Hosted { key: known, .. } | Place::Sought { key: Some(known), .. } => known == key,
            _ => false,
        }
    }
}

impl JobActorState {
    /// Looks for a node for an island, and has it hosted there.
    pub(super) fn place(&mut self, number: u32, myself: &Address<JobMessage>) {
        self.searches += 1;
        let search = self.searches;
        if let Some(island) = self.islands.get_mut(number as usize) {
            island.place = Place::None;
        }
        let seeker = Seeker {
            means: self.means(),
            lease: self.arguments.lease.clone(),
            island: number,
            placing: self.placed(),
            context: self.span.in_scope(TraceContext::current),
        };
        let first = seeker.choose();
        let Some(island) = self.islands.get_mut(number as usize) else { return };
        island.place = Place::Sought { search, host: Some(first.clone()), key: None };
        island.hits_before += std::mem::take(&mut island.standing.cache_hits);
        let myself = myself.clone();
        tokio::spawn(async move {
            let asked = |key, host| myself.send(JobMessage::Asked { search, key, host });
            let found = seeker.seek(first, asked).await;
            myself.send(JobMessage::Placed { island: number, search, found });
        });
    }

    /// How many islands of the job each node hosts, or is to host.
    fn placed(&self) -> BTreeMap<NodeName, u32> {
        let mut placed = BTreeMap::new();
        for island in &self.islands {
            if let Place::Hosted { host, .. } | Place::Sought { host: Some(host), .. } = &island.place {
                *placed.entry(host.clone()).or_insert(0) += 1;
            }
        }
        placed
    }

    /// A node is asked to host an island; reports under this key are heard from now on.
    pub(super) fn was_asked(&mut self, search: u64, key: IslandKey, host: NodeName) {
        let island = self.islands.get_mut(key.island as usize);
        if let Some(island) = island.filter(|island| island.is_sought(search)) {
            island.place = Place::Sought { search, host: Some(host), key: Some(key) };
        }
    }

    pub(super) fn was_placed(
        &mut self,
        number: u32,
        search: u64,
        found: Result<(IslandKey, NodeName), String>,
        myself: &Address<JobMessage>,
    ) {
        let Some(island) = self.islands.get_mut(number as usize) else { return };
        let is_newest = island.is_sought(search);
        match found {
            Ok((key, host)) if is_newest && !self.ending => {
                island.heard = Instant::now();
                tracing::info!(island = number, node = %host, "an island is placed");
                let node = host.to_string();
                island.place = Place::Hosted { key: key.clone(), host };
                self.emit(JobEvent::Placed { island: number, node });
                if self.is_time_up {
                    self.order(number, IslandOrder::Finish);
                }
            }
            // It came too late: it is to end.
            Ok((key, host)) => {
                let node = Arc::clone(&self.arguments.node);
                tokio::spawn(async move { command(&node, &host, IslandOrder::End(key), ENDING).await });
            }
            Err(error) if is_newest => {
                self.end(evohub_store::JobState::Failed, Some(error), myself);
            }
            Err(_) => {}
        }
    }

    /// Gives an order to whoever hosts an island, without waiting.
    pub(super) fn order(&self, number: u32, order: fn(IslandKey) -> IslandOrder) {
        let Some(Island { place: Place::Hosted { key, host }, .. }) = self.islands.get(number as usize)
        else {
            return;
        };
        let (node, host, order) = (Arc::clone(&self.arguments.node), host.clone(), order(key.clone()));
        tokio::spawn(async move {
            if let Err(error) = command(&node, &host, order, ENDING).await {
                tracing::warn!(node = %host, error, "an island's node did not take an order");
            }
        });
    }

    /// Gives an order to all who host islands; the future ends when each has carried it out or cannot.
    pub(super) fn order_all(
        &self,
        order: fn(IslandKey) -> IslandOrder,
        limit: Duration,
    ) -> impl Future<Output = ()> + Send + 'static {
        let hosted = self.islands.iter().filter_map(|island| match &island.place {
            Place::Hosted { key, host } => Some((key.clone(), host.clone())),
            _ => None,
        });
        let tasks: Vec<_> = hosted
            .map(|(key, host)| {
                let node = Arc::clone(&self.arguments.node);
                tokio::spawn(async move { command(&node, &host, order(key), limit).await })
            })
            .collect();
        async move {
            for task in tasks {
                let _ = task.await;
            }
        }
    }

    /// Takes note of a report. `None`: it is of an earlier life of the island.
    pub(super) fn heard_from(&mut self, key: &IslandKey) -> Option<&mut Island> {
        let island = self.islands.get_mut(key.island as usize).filter(|island| island.is_key(key))?;
        island.heard = Instant::now();
        Some(island)
    }

    /// An island is over: it needs its node no more.
    pub(super) fn island_finished(&mut self, key: &IslandKey, finished: Finished) {
        self.order(key.island, IslandOrder::End);
        if let Some(island) = self.islands.get_mut(key.island as usize) {
            island.place = Place::None;
            island.finished = Some(finished);
        }
    }

    /// Islands whose nodes are gone, leaving or silent are placed anew.
    pub(super) fn look_after_islands(&mut self, myself: &Address<JobMessage>) {
        if self.ending || self.stopping.is_some() {
            return;
        }
        let mine = self.arguments.node.name().clone();
        let view = self.arguments.node.view();
        for number in 0..self.islands.len() {
            let island = &self.islands[number];
            let Place::Hosted { key, host } = &island.place else { continue };
            let (key, host) = (key.clone(), host.clone());
            let state = match &view {
                Some(view) if host != mine => view.member(&host).map(|member| member.state),
                _ => Some(MemberState::Alive),
            };
            let silent = island.heard.elapsed() > SILENCE;
            match state {
                Some(MemberState::Draining) => self.move_island(number as u32, key, host, myself),
                Some(MemberState::Alive) if !silent => {}
                _ => {
                    let cause = if silent { "is silent" } else { "is gone" };
                    let cause = format!("its node {host} {cause}");
                    tracing::warn!(
                        island = number,
                        cause,
                        "an island is lost and is started again elsewhere"
                    );
                    self.emit(JobEvent::Restarted { actor: "population".to_owned(), cause });
                    self.place(number as u32, myself);
                }
            }
        }
    }

    /// Has a leaving node end an island, then places it elsewhere.
    fn move_island(&mut self, number: u32, key: IslandKey, host: NodeName, myself: &Address<JobMessage>) {
        tracing::info!(island = number, node = %host, "an island moves: its node is leaving");
        self.searches += 1;
        let search = self.searches;
        self.islands[number as usize].place = Place::Sought { search, host: None, key: None };
        let (node, myself) = (Arc::clone(&self.arguments.node), myself.clone());
        tokio::spawn(async move {
            // Calls under way are not waited for: their results are kept, and found again.
            let _ = command(&node, &host, IslandOrder::End(key), ENDING).await;
            myself.send(JobMessage::Moved { island: number, search });
        });
    }

    pub(super) fn moved(&mut self, number: u32, search: u64, myself: &Address<JobMessage>) {
        if self.islands.get(number as usize).is_some_and(|island| island.is_sought(search)) {
            self.place(number, myself);
        }
    }

    /// What all islands together amount to, when all are over.
    pub(super) fn all_finished(&self) -> Option<Finished> {
        let finished: Vec<&Finished> =
            self.islands.iter().map(|island| island.finished.as_ref()).collect::<Option<_>>()?;
        merge(&finished)
    }

    /// Where the job stands over all islands.
    pub(super) fn standing(&self) -> Standing {
        let mut whole = Standing::default();
        for island in &self.islands {
            let Standing { evaluations, in_flight, dollars, tokens, progress, .. } = island.standing;
            whole.evaluations += evaluations;
            whole.in_flight += in_flight;
            whole.dollars += dollars;
            whole.tokens += tokens;
            let sum = &mut whole.progress;
            sum.generation = sum.generation.max(progress.generation);
            sum.evaluations += progress.evaluations;
            sum.saved += progress.saved;
            sum.dollars += progress.dollars;
            sum.best = sum.best.max(progress.best);
            // Means over the candidates of all islands.
            let (here, there) = (f64::from(sum.population), f64::from(progress.population));
            if here + there > 0.0 {
                sum.mean = (sum.mean * here + progress.mean * there) / (here + there);
                sum.diversity = (sum.diversity * here + progress.diversity * there) / (here + there);
            }
            sum.population += progress.population;
        }
        whole.cache_hits = self.islands.iter().map(Island::cache_hits).sum();
        whole
    }
}

/// Confidence of the bounds by which the choices of islands are compared.
const CONFIDENCE: f64 = 0.95;

/// The choice of the best island: of the highest lower bound of its score, then of the lowest number. Islands of
/// different algorithms measure on different numbers of cases, and neither many cases nor a lucky few make a prompt
/// good.
fn merge(islands: &[&Finished]) -> Option<Finished> {
    let standing = |finished: &Finished| {
        let (score, cases) = finished.best.as_ref()?.validation?;
        Some(wilson(score, f64::from(cases), CONFIDENCE).low)
    };
    let mut best = *islands.first()?;
    for other in &islands[1..] {
        let is_better = match (standing(best), standing(other)) {
            (Some(bound), Some(higher)) => higher > bound,
            (None, Some(_)) => true,
            _ => false,
        };
        if is_better {
            best = other;
        }
    }
    // Not every island need have begun with the seed that the report compares with.
    let cases = |finished: &&&Finished| finished.seed.validation.map_or(0, |(_, cases)| cases);
    let seed = islands.iter().rev().max_by_key(cases)?.seed.clone();
    let mut whole = Finished { seed, ..best.clone() };
    whole.spent = Default::default();
    whole.models.fill(Default::default());
    for island in islands {
        whole.spent.dollars += island.spent.dollars;
        whole.spent.tokens += island.spent.tokens;
        whole.models.iter_mut().zip(&island.models).for_each(|(sum, tally)| *sum += *tally);
        let assumed = &mut whole.closing_evaluation;
        assumed.dollars = assumed.dollars.max(island.closing_evaluation.dollars);
        assumed.tokens = assumed.tokens.max(island.closing_evaluation.tokens);
    }
    Some(whole)
}

/// Looks for a node for an island.
struct Seeker {
    means: Means,
    lease: Lease,
    island: u32,
    placing: BTreeMap<NodeName, u32>,
    context: TraceContext,
}

impl Seeker {
    async fn seek(
        mut self,
        first: NodeName,
        asked: impl Fn(IslandKey, NodeName) + Send,
    ) -> Result<(IslandKey, NodeName), String> {
        let node = Arc::clone(&self.means.node);
        let mut why = String::new();
        let (mut attempt, mut failures) = (0, 0);
        while failures < PLACEMENTS {
            tokio::time::sleep((PAUSE * attempt).min(LONGEST_PAUSE)).await;
            let host = if attempt == 0 { first.clone() } else { self.choose() };
            attempt += 1;
            let token = match node.store.occupy(&self.lease, self.island).await {
                Ok(lease) => lease.token,
                // Nothing can be started without the store, here or elsewhere: it is waited for.
                Err(error) if error.kind == StoreErrorKind::Unavailable => {
                    tracing::warn!(island = self.island, %error, "an island waits for the store");
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            };
            let key = IslandKey { job: self.means.job.clone(), island: self.island, token };
            asked(key.clone(), host.clone());
            let (lease, owner) = (self.lease.token, node.name().to_string());
            let order = IslandOrder::Host { key: key.clone(), lease, owner };
            match command_in(&node, &host, order, HOSTING, &self.context).await {
                Ok(()) => return Ok((key, host)),
                Err(error) => {
                    tracing::warn!(island = self.island, node = %host, error, "a node did not take an island");
                    failures += u32::from(node.store.ping().await.is_ok());
                    // It comes last from now on: it may never be able to.
                    *self.placing.entry(host).or_insert(0) += REFUSED;
                    why = error;
                }
            }
        }
        Err(format!("island {} could not be started: {why}", self.island))
    }

    fn choose(&self) -> NodeName {
        let node = &self.means.node;
        let evaluator = self.means.evaluator();
        let salt = format!("{}/{}", self.means.job, self.island);
        let wanted = Wanted { evaluator, salt: &salt, placing: &self.placing };
        node.view().and_then(|view| choose(&view, &wanted)).unwrap_or_else(|| node.name().clone())
    }
}

/// Gives an order about an island to a node, which may be this one.
async fn command(node: &Node, host: &NodeName, order: IslandOrder, limit: Duration) -> Result<(), String> {
    command_in(node, host, order, limit, &TraceContext::default()).await
}

async fn command_in(
    node: &Node,
    host: &NodeName,
    order: IslandOrder,
    limit: Duration,
    context: &TraceContext,
) -> Result<(), String> {
    if host == node.name() {
        let context = context.clone();
        let order = |reply| SupervisorMessage::Island(order, context, reply);
        let supervisor = node.supervisor.holder().ok_or("the node is shutting down")?;
        return supervisor.ask(order, Some(limit)).await.unwrap_or_else(|| Err("it did not answer".into()));
    }
    let cluster = node.cluster().ok_or("there is no cluster")?;
    cluster.call(host, ISLAND, context, encode(&order), limit).await.map_err(|error| error.to_string())?;
    Ok(())
}

impl JobActorState {
    /// Takes a report of an island.
    pub(super) async fn island_reported(
        &mut self,
        key: IslandKey,
        report: PopulationReport,
        myself: &Address<JobMessage>,
    ) -> Result<(), ractor::ActorProcessingErr> {
        let Some(island) = self.heard_from(&key) else { return Ok(()) };
        match report {
            PopulationReport::Event(event) => self.emit(JobEvent::Island { island: key.island, event }),
            PopulationReport::Standing(standing) => {
                island.standing = standing;
                self.show_progress();
            }
            PopulationReport::Emigrated(to) => {
                to.into_iter().for_each(|number| self.order(number, IslandOrder::Migrants));
            }
            PopulationReport::Retried(failure) => self.retried(failure),
            PopulationReport::GivenUp(failure) => {
                self.end(evohub_store::JobState::Failed, Some(failure.message), myself);
            }
            PopulationReport::Died { actor, by_error, cause } => {
                self.island_died(&key, &actor, by_error, cause, myself);
            }
            PopulationReport::Finished(finished) => {
                self.island_finished(&key, *finished);
                if let Some(finished) = self.all_finished() {
                    self.finished = Some(finished);
                    // A job that is being stopped makes its report when it goes on.
                    if self.stopping.is_none() {
                        self.start_closing(myself).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
