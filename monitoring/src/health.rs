//! Whether the service is well: checks that it registers, and what is told of them.
//!
//! A service makes one [`Health`], hands clones of it to its parts, and each part registers what it depends on. Three
//! questions are answered from that, each for a reader of its own:
//!
//! | question | asked by | answer |
//! | --- | --- | --- |
//! | [`Health::overall`] | people, alarms | `healthy`; `degraded` when something is lame, or the service starts or drains; `unhealthy` when something critical is |
//! | [`Health::readiness`] | who sends work | ready in [`Phase::Ready`] while nothing critical is unhealthy |
//! | [`Health::liveness`] | who restarts the process | alive while the service's own supervisor answers; no dependency is asked |
//!
//! A service that starts or drains is not at fault, so it is `degraded` and not `unhealthy`: no alarm rings for a
//! restart. A dependency that the service can do without for a while, such as one of several model providers, is
//! [`Importance::Degrading`] and never makes it unready.
//!
//! ```
//! use evohub_monitoring::health::{CheckResult, Health, Importance, Phase};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let health = Health::new("1.0.0");
//! let _database = health.register("database", Importance::Critical, async || {
//!     CheckResult::healthy().with("connections", 4)
//! });
//! let _provider = health.register_in("llm_apis", "openai", Importance::Degrading, async || {
//!     CheckResult::unhealthy("answers 503")
//! });
//! health.set_phase(Phase::Ready);
//!
//! assert!(health.readiness().await.is_well());
//! assert_eq!(health.overall().await.verdict().as_str(), "degraded");
//! # }
//! ```

mod check;
mod draft;
mod phase;
mod probe;
mod registry;
mod report;
mod timestamp;

use std::sync::{Arc, Mutex, PoisonError};

pub use check::{Check, CheckResult, Component, DEFAULT_LIMIT, Importance, LONGEST_LIMIT, Status};
pub use phase::Phase;
pub use probe::CACHED;
pub use registry::Registration;
pub use report::{Detail, Report, Verdict};

use probe::{Observation, Probe};
use registry::Registry;
use report::Observed;

/// The health of one service. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    service: Service,
    phase: Mutex<Phase>,
    registry: Arc<Registry>,
    liveness: Mutex<Option<Arc<Probe>>>,
}

/// Who answers.
#[derive(Debug)]
struct Service {
    id: Option<String>,
    description: Option<String>,
    version: String,
}

impl Health {
    /// Of a service of this version, without checks, in the phase of starting.
    pub fn new(version: impl Into<String>) -> Self {
        Self::of(Service { id: None, description: None, version: version.into() })
    }

    /// As [`Health::new`], and answers in the form `application/health+json` say which service it is.
    pub fn for_service(
        id: impl Into<String>,
        description: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        let (id, description) = (Some(id.into()), Some(description.into()));
        Self::of(Service { id, description, version: version.into() })
    }

    fn of(service: Service) -> Self {
        let shared = Shared {
            service,
            phase: Mutex::new(Phase::default()),
            registry: Arc::default(),
            liveness: Mutex::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Registers a check until the registration is dropped. A check that has the name already gives way.
    #[must_use = "the check goes when its registration is dropped"]
    pub fn register(
        &self,
        name: impl Into<String>,
        importance: Importance,
        check: impl Into<Check>,
    ) -> Registration {
        Registry::insert(&self.shared.registry, None, name.into(), importance, check.into())
    }

    /// Registers one check of a group, such as one of several model providers, until the registration is dropped.
    ///
    /// A name means either a check or a group: the last registration holds it, and what stood there gives way.
    #[must_use = "the check goes when its registration is dropped"]
    pub fn register_in(
        &self,
        group: impl Into<String>,
        name: impl Into<String>,
        importance: Importance,
        check: impl Into<Check>,
    ) -> Registration {
        Registry::insert(&self.shared.registry, Some(group.into()), name.into(), importance, check.into())
    }

    /// Sets what tells that the process is not stuck: it should ask the service's own root, and no dependency.
    /// Without it, a process that answers at all is alive. It is stuck when this check is unhealthy.
    pub fn set_liveness(&self, check: impl Into<Check>) {
        let probe = Arc::new(Probe::new(check.into()));
        *self.shared.liveness.lock().unwrap_or_else(PoisonError::into_inner) = Some(probe);
    }

    /// Tells how far the service is. Nothing follows upon [`Phase::Draining`]: a part that is late with its start
    /// cannot call work to a service that is about to end.
    pub fn set_phase(&self, phase: Phase) {
        let mut current = self.shared.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != Phase::Draining {
            *current = phase;
        }
    }

    /// How far the service is.
    pub fn phase(&self) -> Phase {
        self.shared.phase.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What all checks say together.
    pub async fn overall(&self) -> Report {
        let checks = self.observe(|_| true).await;
        let mut verdict = checks.iter().map(Observed::verdict).max().unwrap_or(Verdict::Healthy);
        let phase = self.phase();
        if phase != Phase::Ready {
            verdict = verdict.max(Verdict::Degraded);
        }
        self.report(verdict, phase.reason()).with_checks(checks)
    }

    /// Whether the service should get work. Only critical checks are asked, and those only in [`Phase::Ready`].
    pub async fn readiness(&self) -> Report {
        if let Some(reason) = self.phase().reason() {
            return self.report(Verdict::NotReady, Some(reason));
        }
        let checks = self.observe(|importance| importance == Importance::Critical).await;
        let faults: Vec<_> = checks.iter().filter_map(Observed::fault).collect();
        // The checks took their time: it may have begun to drain.
        let reason = self.phase().reason().or_else(|| (!faults.is_empty()).then(|| faults.join("; ")));
        match reason {
            Some(reason) => self.report(Verdict::NotReady, Some(reason)),
            None => self.report(Verdict::Ready, None),
        }
    }

    /// Whether the process should go on, rather than be started anew.
    pub async fn liveness(&self) -> Report {
        let probe = self.shared.liveness.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(probe) = probe else { return self.report(Verdict::Alive, None) };
        let Observation { result, .. } = &*probe.observe().finish().await;
        match result.status() {
            Status::Unhealthy => self.report(Verdict::Stuck, result.message().map(str::to_owned)),
            Status::Healthy | Status::Degraded => self.report(Verdict::Alive, None),
        }
    }

    fn report(&self, verdict: Verdict, reason: Option<String>) -> Report {
        Report::new(Arc::clone(&self.shared), verdict, reason)
    }

    /// Runs checks, all at once.
    async fn observe(&self, wanted: impl Fn(Importance) -> bool) -> Vec<Observed> {
        let entries = self.shared.registry.entries();
        let underway: Vec<_> = entries
            .into_iter()
            .filter(|entry| wanted(entry.importance))
            .map(|entry| (entry.probe.observe(), entry))
            .collect();
        let mut observed = Vec::with_capacity(underway.len());
        for (observation, entry) in underway {
            observed.push(Observed { observation: observation.finish().await, entry });
        }
        observed
    }
}

#[cfg(test)]
mod tests;
