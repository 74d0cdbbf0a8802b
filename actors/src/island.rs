//! Islands that a node hosts: a population and its chronicle, for a job that may be owned by another node.

use std::sync::Arc;
use std::time::Duration;

use evohub_cluster::{Member, NodeName};
use evohub_evolution::{Failure, FailureKind};
use evohub_monitoring::traces::TraceContext;
use evohub_store::{IslandLease, Lease, StoreErrorKind};
use ractor::ActorCell;

use crate::actor::{Address, spawn};
use crate::chronicle::{Chronicle, ChronicleArguments, ChronicleMessage};
use crate::job::JobMessage;
use crate::means::Means;
use crate::node::Node;
use crate::population::{Population, PopulationArguments, PopulationMessage, PopulationReport};
use crate::supervisor::SupervisorMessage;
use crate::wire::{IslandKey, IslandReport, REPORT, encode};

/// How long an island that ends waits for its notes to be durable.
const FLUSH: Duration = Duration::from_secs(10);
/// How long an owner may take to take note of what must be heard, and the pause before it is told again.
const HEARING: Duration = Duration::from_secs(2);
const HEARING_PAUSE: Duration = Duration::from_millis(500);

/// An island to host.
#[derive(Clone)]
pub(crate) struct IslandArguments {
    pub(crate) key: IslandKey,
    /// The fencing token of the job's lease.
    pub(crate) lease: i64,
    /// The node that owns the job.
    pub(crate) owner: NodeName,
    /// The trace of the job.
    pub(crate) context: TraceContext,
}

/// An island that is hosted here.
#[derive(Clone)]
pub(crate) struct Island {
    pub(crate) key: IslandKey,
    pub(crate) owner: NodeName,
    pub(crate) population: Address<PopulationMessage>,
    pub(crate) chronicle: Address<ChronicleMessage>,
}

impl Island {
    /// Starts the actors of an island, as children of `parent`.
    ///
    /// # Errors
    /// Why it cannot be hosted here.
    pub(crate) async fn start(
        node: &Arc<Node>,
        arguments: IslandArguments,
        parent: ActorCell,
    ) -> Result<Self, String> {
        let IslandArguments { key, lease, owner, context } = arguments;
        let prepared = node.prepared(&key.job).await.map_err(|error| error.to_string())?;
        let settings = prepared.island_settings(key.island);
        let lease = IslandLease {
            lease: Lease { job: key.job.clone(), token: lease },
            island: key.island,
            token: key.token,
        };
        let voice = Voice { node: Arc::clone(node), key: key.clone(), owner: owner.clone() };
        let chronicle = chronicle(node, lease, voice.clone(), parent.clone()).await?;
        let (evaluation, _) = prepared.tools.cost_models(&prepared.spec);
        let population = PopulationArguments {
            island: key.island,
            settings: Arc::new(settings),
            cases: Arc::clone(&prepared.cases),
            costs_money: evaluation.dollars_per_call > 0.0,
            most: prepared.places_of_an_island(),
            adopting: key.token > 1,
            chronicle: chronicle.clone(),
            means: Means { job: key.job.clone(), prepared, node: Arc::clone(node) },
            report: Box::new(move |report| voice.say(report)),
            context,
        };
        match spawn(Population, population, &node.metrics.actors, Some(parent)).await {
            Ok(population) => Ok(Self { key, owner, population, chronicle }),
            Err(error) => {
                chronicle.stop();
                Err(error.to_string())
            }
        }
    }

    /// Ends it when what it noted is durable.
    pub(crate) async fn end(&self) {
        self.population.stop();
        self.chronicle.ask(ChronicleMessage::Flush, Some(FLUSH)).await;
        self.chronicle.stop();
    }
}

async fn chronicle(
    node: &Arc<Node>,
    lease: IslandLease,
    voice: Voice,
    parent: ActorCell,
) -> Result<Address<ChronicleMessage>, String> {
    let heard = voice.clone();
    let arguments = ChronicleArguments {
        store: Arc::clone(&node.store),
        lease,
        on_migrants: Box::new(move |to| heard.say(PopulationReport::Emigrated(to))),
        on_failure: Box::new(move |error| {
            if error.kind == StoreErrorKind::Owned {
                tracing::info!(island = voice.key.island, %error, "another node hosts the island now");
                voice.node.supervisor.send(SupervisorMessage::Superseded(voice.key.clone()));
                return;
            }
            let message = format!("results cannot be written: {error}");
            let failure = Failure { kind: FailureKind::Systemic, cause: "store".into(), message };
            voice.say(PopulationReport::GivenUp(failure));
        }),
    };
    let spawned = spawn(Chronicle, arguments, &node.metrics.actors, Some(parent)).await;
    spawned.map_err(|error| error.to_string())
}

/// How an island speaks to the owner of its job.
#[derive(Clone)]
pub(crate) struct Voice {
    node: Arc<Node>,
    key: IslandKey,
    owner: NodeName,
}

impl Voice {
    pub(crate) fn new(node: &Arc<Node>, island: &Island) -> Self {
        Self { node: Arc::clone(node), key: island.key.clone(), owner: island.owner.clone() }
    }

    /// Tells the owner. What decides about the job is told until it is heard, the rest once: observers may miss it.
    pub(crate) fn say(&self, report: PopulationReport) {
        if self.owner == *self.node.name() {
            match self.node.owned.get(&self.key.job) {
                Some(job) => job.actor.send(JobMessage::Island(self.key.clone(), report)),
                // The job has ended without it.
                None => self.node.supervisor.send(SupervisorMessage::Superseded(self.key.clone())),
            }
            return;
        }
        let Some(cluster) = self.node.cluster().cloned() else { return };
        let must_be_heard = report.decides();
        let body = encode(&IslandReport { key: self.key.clone(), report });
        let context = TraceContext::default();
        if !must_be_heard {
            let _ = cluster.cast(&self.owner, REPORT, &context, body);
            return;
        }
        let (owner, node) = (self.owner.clone(), Arc::clone(&self.node));
        tokio::spawn(async move {
            // The owner of a node that is gone is told no more: whoever takes the job over starts the island again.
            while node.view().is_some_and(|view| view.member(&owner).is_some_and(Member::is_living)) {
                if cluster.call(&owner, REPORT, &context, body.clone(), HEARING).await.is_ok() {
                    return;
                }
                tokio::time::sleep(HEARING_PAUSE).await;
            }
        });
    }
}
