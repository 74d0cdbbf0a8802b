//! A service with a listener.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use evohub_monitoring::health::{Health, Phase};
use evohub_monitoring::listener::{Access, LevelControl, Limits, Listener, ListenerConfig, Sources, Token};
use evohub_monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
pub(crate) const TOKEN: &str = "correct-horse-battery-staple";
pub(crate) const RIGHT: &str = "Authorization: Bearer correct-horse-battery-staple";

/// Takes any filter but `bad`.
pub(crate) struct Levels(Mutex<String>);

impl LevelControl for Levels {
    fn filter(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn set_filter(&self, filter: &str) -> Result<(), String> {
        if filter == "bad" {
            return Err("log filter `bad` is not understood".into());
        }
        *self.0.lock().unwrap() = filter.to_owned();
        Ok(())
    }
}

pub(crate) struct Service {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Health,
    pub(crate) levels: Arc<Levels>,
    pub(crate) listener: Listener,
    pub(crate) address: SocketAddr,
}

pub(crate) fn sources() -> (Sources, Arc<Levels>) {
    let build = BuildInfo { version: "1.0.0".into(), revision: "0123abc".into(), rustc: "1.95.0".into() };
    let health = Health::for_service("service", "a service of the tests", "1.0.0");
    health.set_phase(Phase::Ready);
    let levels = Arc::new(Levels(Mutex::new("warn".into())));
    let shown: Arc<dyn LevelControl> = Arc::clone(&levels) as _;
    (Sources { metrics: Metrics::new(&MetricsConfig::new(build)), health, levels: Some(shown) }, levels)
}

/// A service that is ready and has no checks.
pub(crate) async fn start(access: Access, limits: Limits) -> Service {
    let (sources, levels) = sources();
    let (metrics, health) = (Arc::clone(&sources.metrics), sources.health.clone());
    let config = ListenerConfig { access, limits, ..ListenerConfig::new(LOOPBACK) };
    let listener = Listener::bind(config, sources).await.expect("a listener");
    let address = listener.local_address();
    Service { metrics, health, levels, listener, address }
}

pub(crate) async fn open() -> Service {
    start(Access::default(), Limits::default()).await
}

pub(crate) fn token() -> Token {
    Token::new(&TOKEN.into()).expect("a token")
}

pub(crate) async fn guarded() -> Service {
    start(Access { token: Some(token()), ..Access::default() }, Limits::default()).await
}
