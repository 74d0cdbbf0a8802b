//! What a process shows of itself while it works: its listener, and the checks behind `/health`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evohub_actors::{Engine, JobTools};
use evohub_cluster::{Cluster, MemberState, View};
use evohub_monitoring::health::{Check, CheckResult, Component, Health, Importance, Phase, Registration};
use evohub_monitoring::listener::{ListenError, Listener, ListenerConfig, Sources};
use evohub_monitoring::logs::LogControl;
use evohub_monitoring::metrics::Metrics;
use evohub_store::{Store, Tier, TierState};

/// Handlers wait for no model and no network: one that takes longer than this does not come to an end.
const STUCK: Duration = Duration::from_secs(30);

/// How long the root of the actors may take to answer, until the process counts as stuck.
const ROOT_ANSWER: Duration = Duration::from_secs(2);

/// Where a process listens, and how it is judged.
#[derive(Debug)]
pub struct ObservationConfig {
    /// Where and how to listen.
    pub listener: ListenerConfig,
    /// An actor that is at one message for longer than this is stuck, and the process unhealthy.
    pub stuck_after: Duration,
}

impl ObservationConfig {
    /// With actors that are stuck after half a minute.
    pub fn new(listener: ListenerConfig) -> Self {
        Self { listener, stuck_after: STUCK }
    }
}

/// The listener of a process with `/metrics` and `/health`, and what stands behind them.
pub struct Observation {
    health: Health,
    listener: Listener,
    checks: Mutex<Vec<Registration>>,
}

impl Observation {
    /// Starts to listen, in the phase of starting: `/health/ready` says no until [`Observation::serve`].
    ///
    /// # Errors
    /// When the address cannot be listened at, or must not be without protection.
    pub async fn start(
        config: ObservationConfig,
        metrics: Arc<Metrics>,
        logs: Option<LogControl>,
    ) -> Result<Self, ListenError> {
        let ObservationConfig { listener, stuck_after } = config;
        let version = env!("CARGO_PKG_VERSION");
        let health = Health::for_service("evohub", "evolution of prompts", version);
        let stuck = Arc::clone(&metrics);
        let actors = health.register("actors", Importance::Critical, move || {
            let metrics = Arc::clone(&stuck);
            async move { actors(&metrics, stuck_after) }
        });
        let levels = logs.map(|logs| Arc::new(logs) as _);
        let sources = Sources { metrics, health: health.clone(), levels };
        let listener = Listener::bind(listener, sources).await?;
        Ok(Self { health, listener, checks: Mutex::new(vec![actors]) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_address()
    }

    /// The health of the process, for checks of an embedding program.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Says what the process is about before it is ready.
    pub fn starting(&self, doing: &str) {
        self.health.set_phase(Phase::Starting { doing: doing.to_owned() });
    }

    /// Has the store checked, without which nothing goes.
    fn watch_store(&self, store: Arc<dyn Store>) {
        let check = Check::new(move || {
            let store = Arc::clone(&store);
            async move {
                match store.ping().await {
                    Ok(()) => CheckResult::healthy(),
                    Err(error) => CheckResult::unhealthy(error.to_string()),
                }
            }
        });
        self.keep(self.health.register(
            "database",
            Importance::Critical,
            check.component(Component::Datastore),
        ));
    }

    /// Has the root of the actors asked whether the process is alive.
    fn watch_engine(&self, engine: &Engine) {
        let engine = engine.clone();
        let check = Check::new(move || {
            let engine = engine.clone();
            async move {
                match engine.is_alive(ROOT_ANSWER).await {
                    true => CheckResult::healthy(),
                    false => CheckResult::unhealthy("the root supervisor does not answer"),
                }
            }
        });
        self.health.set_liveness(check.limit(ROOT_ANSWER + Duration::from_millis(500)));
    }

    /// Has the providers of a job's models checked. One that is down degrades the process; it waits for it.
    pub fn watch_models(&self, tools: &JobTools) {
        for probe in tools.providers() {
            let (probe, name) = (probe.clone(), probe.name().to_owned());
            let check = Check::new(move || {
                let probe = probe.clone();
                async move {
                    match probe.check().await {
                        Ok(()) => CheckResult::healthy(),
                        Err(message) => CheckResult::unhealthy(message),
                    }
                }
            });
            self.keep(self.health.register_in("llm_apis", name, Importance::Degrading, check));
        }
    }

    /// Has the cluster checked: a node that is gone, or not reached from here, degrades this one.
    pub fn watch_cluster(&self, cluster: &Cluster) {
        let view = cluster.view();
        let check = Check::new(move || {
            let view = view.borrow().clone();
            async move { nodes(&view) }
        });
        self.keep(self.health.register(
            "cluster",
            Importance::Degrading,
            check.component(Component::Component),
        ));
    }

    /// Has the Redis checked that all nodes share. Without it each goes on alone.
    pub fn watch_redis(&self, tier: &Arc<Tier>) {
        let tier = Arc::clone(tier);
        let check = Check::new(move || {
            let state = tier.state();
            async move {
                match state {
                    TierState::Reachable => CheckResult::healthy(),
                    TierState::Away { why, .. } => CheckResult::degraded(format!(
                        "Redis does not answer ({why}): the store alone answers, and each node keeps to its share of \
                         the provider limits"
                    )),
                }
            }
        });
        self.keep(self.health.register(
            "redis",
            Importance::Degrading,
            check.component(Component::Datastore),
        ));
    }

    /// Has an engine and its store checked, and says that the process does what it is for.
    pub fn serve(&self, store: Arc<dyn Store>, engine: &Engine) {
        self.watch_store(store);
        self.watch_engine(engine);
        self.health.set_phase(Phase::Ready);
    }

    /// Says that the process is about to end and takes no more work; `/metrics` and `/health` go on.
    pub fn draining(&self) {
        self.health.set_phase(Phase::Draining);
    }

    /// Says that engine and store have ended as they should: nothing is checked any more, the last figures stay.
    pub fn finished(&self) {
        self.draining();
        self.health.set_liveness(Check::new(|| async { CheckResult::healthy() }));
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Stops to listen, once the requests under way are answered.
    pub async fn end(self) {
        self.listener.shutdown().await;
    }

    fn keep(&self, registration: Registration) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push(registration);
    }
}

/// What a node knows of the others.
fn nodes(view: &View) -> CheckResult {
    let active = view.alive().count();
    let workers: u32 = view.usable().map(|member| member.load.workers).sum();
    let lost = view.members.values().filter(|member| {
        member.state == MemberState::Dead || (member.is_living() && !view.is_reachable(member.name()))
    });
    let lost: Vec<&str> = lost.map(|member| member.name().as_str()).collect();
    let result = match lost.as_slice() {
        [] => CheckResult::healthy(),
        lost => CheckResult::degraded(format!("not reached from here: {}", lost.join(", "))),
    };
    result.with("nodes_active", active).with("workers_available", workers)
}

/// Whether the actors come to an end with their messages.
fn actors(metrics: &Metrics, stuck_after: Duration) -> CheckResult {
    let stuck = metrics.actors.stuck(stuck_after);
    let Some(worst) = stuck.iter().max_by_key(|stuck| stuck.busy) else { return CheckResult::healthy() };
    let message = format!(
        "the {} has been at one message for {} s, and {} wait",
        worst.actor,
        worst.busy.as_secs(),
        worst.waiting
    );
    CheckResult::unhealthy(message).with("stuck", stuck.len())
}
