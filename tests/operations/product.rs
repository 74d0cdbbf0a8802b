//! A service that puts prompts to use, and shows so in the way of evohub.

use std::net::SocketAddr;
use std::sync::Arc;

use evohub::monitoring::listener::ListenerConfig;
use evohub::monitoring::metrics::{Metrics, MetricsConfig, Rating, Session};
use evohub::{Observation, ObservationConfig};
use tokio::runtime::Runtime;

/// The service; it ends when dropped.
pub(crate) struct Product {
    metrics: Arc<Metrics>,
    observation: Observation,
    sessions: Vec<Session>,
    users: usize,
    _runtime: Runtime,
}

impl Product {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let metrics = Metrics::new(&MetricsConfig::default());
        let config = ObservationConfig::new(ListenerConfig::new(([127, 0, 0, 1], 0).into()));
        let observation = runtime.block_on(Observation::start(config, Arc::clone(&metrics), None)).unwrap();
        Self { metrics, observation, sessions: vec![], users: 0, _runtime: runtime }
    }

    /// Where it shows its metrics.
    pub(crate) fn address(&self) -> SocketAddr {
        self.observation.address()
    }

    /// A user comes, asks, and says what it was worth.
    pub(crate) fn serve(&mut self) {
        let business = &self.metrics.business;
        let variant = ["seed", "evolved"][self.users % 2];
        business.assigned("films", variant);
        self.metrics.http.begin("POST", "/films").finish(if self.users % 10 == 7 { 500 } else { 200 });
        if self.users % 3 < 2 {
            business.converted("films", variant);
        }
        business.feedback(
            [Rating::Positive, Rating::Neutral, Rating::Negative, Rating::Positive][self.users % 4],
        );
        if self.sessions.len() < 5 {
            self.sessions.push(business.session());
        }
        self.users += 1;
    }
}
