//! How a command reaches a cluster.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use evohub::ClusterClient;
use evohub::cluster::{ClientConfig, TlsFiles, TransportLimits};
use evohub::monitoring::metrics::Metrics;
use evohub::store::Store;

use super::failure::Failure;
use super::place::Whereabouts;
use super::{Global, place, secret_file};

/// What keeps others out of a cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct KeyArguments {
    /// The file with the secret that all nodes and clients share, of 16 characters or more
    #[arg(long, value_name = "FILE", env = "EVOHUB_COOKIE_FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
    /// Certificate chain for mutual TLS, in PEM form: for the node's name, or for `client`
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "tls_authority"])]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Certificate of the authority that all certificates of the cluster come from, in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_authority: Option<PathBuf>,
}

impl KeyArguments {
    /// The shared secret.
    pub(crate) fn cookie(&self) -> Result<String, Failure> {
        let Some(path) = &self.cookie_file else {
            return Err(Failure::bad_input(
                "a cluster needs a secret that its nodes share: write one to a file, as in `openssl rand -hex 32 > \
                 cookie`, and name it with --cookie-file",
            ));
        };
        secret_file::read("cookie", path)
    }

    /// The certificates, where there are any.
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.tls_certificate.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles { certificate, key, authority: self.tls_authority.clone()? })
    }
}

/// A cluster to ask instead of a store of one's own.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct RemoteArguments {
    /// Ask the cluster that these nodes belong to, as in `127.0.0.1:7301`; several with commas, tried in this order
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', env = "EVOHUB_CLUSTER")]
    pub(crate) to: Vec<String>,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    /// Reach other machines even without TLS
    #[arg(long, requires = "to")]
    cluster_insecure: bool,
}

impl RemoteArguments {
    /// Links to the cluster.
    pub(crate) async fn connect(&self, metrics: Arc<Metrics>) -> Result<ClusterClient, Failure> {
        if self.to.is_empty() {
            return Err(Failure::bad_input("which cluster? name the address of a node with --to"));
        }
        let config = ClientConfig {
            addresses: self.to.clone(),
            cookie: self.keys.cookie()?.into(),
            tls: self.keys.tls(),
            insecure: self.cluster_insecure,
            limits: TransportLimits::default(),
        };
        Ok(ClusterClient::connect(config, metrics).await?)
    }

    /// The store to read: of the cluster where one is named, else that of the command line.
    pub(crate) async fn store(
        &self,
        global: &Global,
        metrics: &Arc<Metrics>,
    ) -> Result<Arc<dyn Store>, Failure> {
        if self.to.is_empty() {
            return place::open_existing(global).await;
        }
        Ok(Arc::new(self.connect(Arc::clone(metrics)).await?.store()))
    }

    /// Where what is shown is kept, for people.
    pub(crate) fn whereabouts(&self, global: &Global) -> Result<Whereabouts, Failure> {
        match self.to.as_slice() {
            [] => Ok(Whereabouts::of_store(&place::address(global, None)?)),
            _ => Ok(self.of_cluster()),
        }
    }

    /// The cluster, and what finds it again.
    pub(crate) fn of_cluster(&self) -> Whereabouts {
        let nodes = self.to.join(",");
        let cookie =
            self.keys.cookie_file.as_deref().map(|file| format!(" --cookie-file {}", file.display()));
        let options = format!(" --to {nodes}{}", cookie.unwrap_or_default());
        Whereabouts { place: format!("the cluster at {}", self.to.join(", ")), options }
    }
}
