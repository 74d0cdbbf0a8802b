//! Examines what a process needs to work: its settings, its machine, its servers, its cluster. Nothing is changed
//! anywhere: no migration is run, no table and no file is made.

mod certificates;
mod clock;
mod configuration;
mod database;
mod export;
mod finding;
mod machine;
mod members;
mod ports;
mod prometheus;
mod providers;
mod redis;
mod scrape;
mod settings;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use evohub_cluster::{PortState, port_state};
use evohub_monitoring::metrics::Metrics;
use evohub_store::{Examination, StoreError, StoreErrorKind};
use tokio::time::timeout;

use crate::target::Address;
use clock::Elsewhere;
use ports::{Holder, Port};
use scrape::Scraped;

pub use finding::{Check, Diagnosis, Finding, Verdict};
pub use members::{Told, Unheard};
pub use settings::{HttpSettings, NodeSettings, Settings, TargetSettings};

/// How long each check may take.
const LIMIT: Duration = Duration::from_secs(15);

/// What was found, and what it was found by that others may want to see, too.
pub struct Examined {
    /// What was found.
    pub diagnosis: Diagnosis,
    /// What the nodes said, where they could be asked.
    pub nodes: Vec<Told>,
    /// The store, as it was found.
    pub store: Result<Examination, StoreError>,
}

/// Looks at everything, at the same time, for at most half a minute. `metrics` count what goes over links meanwhile.
pub async fn examine(settings: &Settings, metrics: &Arc<Metrics>) -> Examined {
    let (store, redis, providers, nodes, pages, listens, serves, export) = tokio::join!(
        examine_store(settings),
        limited(Check::Redis, redis::check(settings.redis.as_deref())),
        limited(Check::Providers, providers::check(settings.job.as_ref())),
        ask_nodes(settings, metrics),
        scrape::ask(settings),
        state(settings.node.as_ref().map(|node| node.listen)),
        state(settings.http.as_ref().map(|http| http.listen)),
        limited(Check::Export, export::check(&settings.traces)),
    );
    let addresses: Vec<Address> = pages.iter().map(|page| page.address.clone()).collect();
    let prometheus = limited(Check::Prometheus, prometheus::check(settings, &addresses)).await;

    let is_up = matches!(listens, Some(PortState::Held));
    let is_served = matches!(serves, Some(PortState::Held));
    let own_page = settings.http.as_ref().and_then(HttpSettings::target);
    let mut clocks = nodes.as_deref().map_or_else(|_| vec![], members::clocks);
    clocks.extend(clock_of(&store));
    let cluster = members::judge(&nodes, &own(settings), is_up);
    let scraped = scrape::judge(&pages, |address| !is_served && own_page.as_ref() == Some(address));
    let ports = judge_ports(settings, (listens, serves), &nodes, &pages);
    let findings = [
        configuration::check(settings),
        ports,
        clock::judge(SystemTime::now(), &clocks),
        database::judge(&store, settings.node.is_some()),
        redis,
        providers,
        certificates::check(settings, SystemTime::now()),
        cluster,
        scraped,
        prometheus,
        export,
        machine::check(settings),
    ];
    let diagnosis = Diagnosis::new(findings.into_iter().flatten().collect());
    Examined { diagnosis, nodes: nodes.unwrap_or_default(), store }
}

/// The findings of a check, or that it did not come to an end.
async fn limited(check: Check, findings: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    timeout(LIMIT, findings).await.unwrap_or_else(|_| {
        let found = format!("it could not be found out within {} s", LIMIT.as_secs());
        vec![Finding::problem(check, found, "see what does not answer: network, DNS, a server that hangs")]
    })
}

async fn examine_store(settings: &Settings) -> Result<Examination, StoreError> {
    timeout(LIMIT, evohub_store::examine(&settings.store)).await.unwrap_or_else(|_| {
        let (store, limit) = (&settings.store, LIMIT.as_secs());
        let message =
            format!("the store {store} does not answer within {limit} s: see whether its server runs");
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    })
}

async fn ask_nodes(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Vec<Told>, String> {
    let Some(node) = &settings.node else {
        return Err("the process is no node of a cluster: no --cookie-file is named".to_owned());
    };
    let asked = timeout(LIMIT, members::ask(node, metrics)).await;
    asked.unwrap_or_else(|_| Err(format!("the nodes did not answer within {} s", LIMIT.as_secs())))
}

async fn state(address: Option<std::net::SocketAddr>) -> Option<PortState> {
    match address.filter(|address| address.port() != 0) {
        Some(address) => Some(port_state(address).await),
        None => None,
    }
}

/// Where other nodes reach the node.
fn own(settings: &Settings) -> String {
    let Some(node) = &settings.node else { return String::new() };
    let advertised = node.config.as_ref().ok().and_then(|config| config.advertise.clone());
    advertised.unwrap_or_else(|| node.listen.to_string())
}

fn clock_of(store: &Result<Examination, StoreError>) -> Option<Elsewhere> {
    let Ok(Examination::Postgres(server)) = store else { return None };
    let uncertain = i64::try_from(server.latency.as_millis()).unwrap_or(i64::MAX) / 2 + 1;
    Some(Elsewhere { name: "the PostgreSQL server".to_owned(), ahead: server.clock_ahead, uncertain })
}

fn judge_ports(
    settings: &Settings,
    (listens, serves): (Option<PortState>, Option<PortState>),
    nodes: &Result<Vec<Told>, String>,
    pages: &[Scraped],
) -> Vec<Finding> {
    let mut findings = vec![];
    if let Some((node, state)) = settings.node.as_ref().zip(listens) {
        let told =
            nodes.as_ref().ok().and_then(|nodes| nodes.iter().find(|told| told.address == own(settings)));
        let holder = match told.map(|told| &told.status) {
            Some(Ok(status)) => Holder::Evohub(format!("node `{}`", status.by)),
            // Without a certificate for clients nobody can be asked who it is.
            None if nodes.is_err() => Holder::NotAsked,
            _ => Holder::Stranger,
        };
        let port = Port { of: "nodes", option: "--listen", address: node.listen, state, holder };
        findings.push(port.judge());
    }
    if let Some((http, state)) = settings.http.as_ref().zip(serves) {
        let own = http.target();
        let page = pages.iter().find(|page| Some(&page.address) == own.as_ref()).or(pages.first());
        let version = page.and_then(Scraped::version);
        let holder = version.map_or(Holder::Stranger, |version| Holder::Evohub(format!("evohub {version}")));
        let port = Port { of: "metrics and health", option: "--http", address: http.listen, state, holder };
        findings.push(port.judge());
    }
    if findings.is_empty() {
        let why = "no port is named: neither --cookie-file, without which there is no node, nor --http";
        findings.push(Finding::not_applicable(Check::Ports, why));
    }
    findings
}
