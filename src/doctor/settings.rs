//! What is examined.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use evohub_cluster::{ClientConfig, ClusterConfig, TlsFiles, TransportLimits};
use evohub_monitoring::traces::TraceConfig;
use evohub_store::Address as StoreAddress;

use crate::job_file::{JobFile, JobFileError};
use crate::target::Address;

/// The settings of a process that is there or is to be, as `evohub node` and `evohub run` take them.
pub struct Settings {
    /// Where jobs are kept.
    pub store: StoreAddress,
    /// The shared Redis, by its URL, which may hold a password.
    pub redis: Option<String>,
    /// The node; `None`: the process is no node of a cluster.
    pub node: Option<NodeSettings>,
    /// Evaluations that it runs at once.
    pub workers: u32,
    /// Its listener for metrics and health.
    pub http: Option<HttpSettings>,
    /// Pages that are scraped; where there are none, that of [`Settings::http`].
    pub targets: TargetSettings,
    /// The Prometheus that should scrape it.
    pub prometheus: Option<Address>,
    /// Where its traces go, or why that is not understood.
    pub traces: Result<Option<TraceConfig>, String>,
    /// The file that it logs to, where that is not standard error.
    pub log_file: Option<PathBuf>,
    /// A job that it is to run, or why its file cannot be used.
    pub job: Option<Result<JobFile, JobFileError>>,
}

impl Settings {
    /// Where processes are scraped, each with the file of its token: the targets that are named, else the process's own
    /// listener.
    pub fn scraped(&self) -> Vec<(Address, Option<&Path>)> {
        let token = self.targets.token_file.as_deref();
        if self.targets.addresses.is_empty() {
            let own = self
                .http
                .as_ref()
                .and_then(|http| Some((http.target()?, token.or(http.token_file.as_deref()))));
            return own.into_iter().collect();
        }
        self.targets.addresses.iter().map(|address| (address.clone(), token)).collect()
    }
}

/// A node of a cluster.
pub struct NodeSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file with its cookie.
    pub cookie_file: PathBuf,
    /// All of it, or why it cannot be.
    pub config: Result<ClusterConfig, String>,
    /// The certificate to ask the cluster with, where that of the node is not good for `client`.
    pub client: Option<TlsFiles>,
    /// Nodes to ask besides those that the node joins, `host:port`.
    pub ask: Vec<String>,
}

impl NodeSettings {
    /// How to ask the nodes at these addresses; `None` when the node's settings cannot be used, or there is no address.
    pub fn client_config(&self, addresses: Vec<String>) -> Option<ClientConfig> {
        let config = self.config.as_ref().ok().filter(|_| !addresses.is_empty())?;
        Some(ClientConfig {
            addresses,
            cookie: config.cookie.clone(),
            tls: self.client.clone().or_else(|| config.tls.clone()),
            insecure: config.insecure,
            limits: TransportLimits::default(),
        })
    }
}

/// A listener for metrics and health.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file with the token that it asks for.
    pub token_file: Option<PathBuf>,
    /// Its certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Other machines may reach it without token or TLS.
    pub insecure: bool,
}

impl HttpSettings {
    /// Where it is scraped from this machine.
    pub(super) fn target(&self) -> Option<Address> {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            let own = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            address = SocketAddr::new(own, address.port());
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}").parse().ok()
    }
}

/// Processes that are scraped.
#[derive(Debug, Clone, Default)]
pub struct TargetSettings {
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// The file with the token that they ask for.
    pub token_file: Option<PathBuf>,
    /// The file with certificates of authorities to trust.
    pub ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_all_is_asked_at_this_machine() {
        let http = |listen: &str, tls: bool| HttpSettings {
            listen: listen.parse().unwrap(),
            token_file: None,
            tls: tls.then(|| ("a.pem".into(), "a.key".into())),
            insecure: false,
        };
        let own = |listen, tls| http(listen, tls).target().unwrap().to_string();
        assert_eq!(own("0.0.0.0:8080", false), "127.0.0.1:8080");
        assert_eq!(own("[::]:8080", true), "https://[::1]:8080");
        assert_eq!(own("10.0.0.1:8080", false), "10.0.0.1:8080");
    }
}
