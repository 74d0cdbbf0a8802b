//! `evohub node`: a node of a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::{Args, Subcommand};
use evohub::cluster::{Cluster, ClusterConfig, Facts, MembershipConfig, NodeName, TransportLimits};
use evohub::store::{Quota, Tier};
use evohub::{Engine, EngineConfig};
use tokio::sync::mpsc;

use super::failure::Failure;
use super::follow::interrupts;
use super::listen::{ListenArguments, ListenFiles};
use super::output::Output;
use super::process::Process;
use super::remote::{KeyArguments, RemoteArguments};
use super::status::Status;
use super::{Global, place, secret_file, toolbox};

const EXAMPLES: &str = "\
Examples:
  evohub node --store postgres://evohub@db/evohub --cookie-file cookie --http 127.0.0.1:8081
  evohub node --name b --listen 127.0.0.1:7302 --join 127.0.0.1:7301 --store … --cookie-file cookie
  evohub node drain b --to 127.0.0.1:7301 --cookie-file cookie

SIGTERM or Ctrl-C has the node hand its work over to the others and end; a second one ends it at once. What it had
under way is then done again elsewhere.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct NodeArguments {
    #[command(subcommand)]
    command: Option<NodeCommand>,
    #[command(flatten)]
    start: StartArguments,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Have a node hand over its jobs, islands and evaluations; it takes on nothing more until it is started again
    Drain {
        /// The node's name
        #[arg(value_name = "NAME")]
        name: NodeName,
        #[command(flatten)]
        remote: RemoteArguments,
    },
}

/// What a node is started with.
#[derive(Debug, Args)]
pub(crate) struct StartArguments {
    /// What the node is called; no other node of the cluster may have the name [default: node-PORT]
    #[arg(long, value_name = "NAME", env = "EVOHUB_NODE_NAME")]
    name: Option<NodeName>,
    /// Where other nodes and clients reach it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7301")]
    pub(crate) listen: SocketAddr,
    /// Where others reach it, `host:port`, when that is not where it listens
    #[arg(long, value_name = "ADDRESS", env = "EVOHUB_ADVERTISE")]
    advertise: Option<String>,
    /// Nodes to find the others by, `host:port` with commas; they are tried for ever
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', env = "EVOHUB_JOIN")]
    join: Vec<String>,
    /// Evaluations that it runs at once, over all jobs
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) workers: u32,
    #[command(flatten)]
    pub(crate) keys: KeyArguments,
    /// Redis, as a cache that all nodes share and for provider limits that hold for all of them together
    #[arg(long, value_name = "URL", env = "EVOHUB_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// Read that address from this file, where nobody sees the password that it may hold
    #[arg(long, value_name = "FILE", env = "EVOHUB_REDIS_FILE", conflicts_with = "redis")]
    redis_file: Option<PathBuf>,
    /// Serve /metrics and /health here, as in `127.0.0.1:8080`
    #[arg(long, value_name = "ADDRESS", env = "EVOHUB_HTTP")]
    pub(crate) http: Option<SocketAddr>,
    /// Ask for the bearer token in this file at --http, of 16 characters or more
    #[arg(long, value_name = "FILE", requires = "http")]
    pub(crate) http_token_file: Option<PathBuf>,
    /// Certificate chain for TLS at --http, in PEM form
    #[arg(long, value_name = "FILE", requires = "http_key")]
    pub(crate) http_certificate: Option<PathBuf>,
    /// Private key for TLS at --http, in PEM form
    #[arg(long, value_name = "FILE", requires = "http_certificate")]
    pub(crate) http_key: Option<PathBuf>,
    /// Go beyond this machine even without TLS, for nodes and at --http
    #[arg(long)]
    pub(crate) insecure: bool,
}

pub(crate) async fn node(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: NodeArguments,
) -> Result<Status, Failure> {
    let NodeArguments { command, start } = arguments;
    match command {
        Some(NodeCommand::Drain { name, remote }) => drain(process, output, &name, &remote).await,
        None => run(global, process, output, start).await,
    }
}

async fn drain(
    process: &Process,
    output: &Output,
    name: &NodeName,
    remote: &RemoteArguments,
) -> Result<Status, Failure> {
    let client = remote.connect(process.metrics.clone()).await?;
    output.note(&format!("{name} hands over its work: evaluations under way are waited for"));
    client.drain(name).await?;
    output.note(&format!("{name} has handed over all its work and can be ended"));
    Ok(Status::Done)
}

async fn run(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: StartArguments,
) -> Result<Status, Failure> {
    let mut interrupts = interrupts()?;
    let address = place::address(global, None)?;
    let cluster = arguments.cluster()?;
    let name = cluster.name.clone();
    let files = ListenFiles {
        token: arguments.http_token_file.clone(),
        certificate: arguments.http_certificate.clone(),
        key: arguments.http_key.clone(),
    };
    let listen = ListenArguments::at(arguments.http, files, arguments.insecure);
    let observation = listen.start(process, output).await?;
    observation.iter().for_each(|observation| observation.starting("opening the store"));
    let mut toolbox = toolbox::toolbox(process, output);
    let members = Arc::new(OnceLock::new());
    let tier = arguments.redis()?.as_deref().map(Tier::new).transpose()?.map(Arc::new);
    if let Some(tier) = &tier {
        toolbox.share_quota(Arc::new(Quota::new(Arc::clone(tier))), share(&members));
    }
    let store = place::open_shared(&address, tier.as_ref(), &process.metrics).await?;
    let config = EngineConfig {
        toolbox,
        workers: arguments.workers as usize,
        cluster: Some(cluster),
        ..EngineConfig::new(Arc::clone(&store))
    };
    let engine = Engine::start(config).await?;
    if let Some(cluster) = engine.cluster() {
        // It is set once.
        let _ = members.set(cluster.clone());
        output.note(&format!("node {name} at {}, store {address}", cluster.address()));
        observation.iter().for_each(|observation| {
            observation.serve(store.clone(), &engine);
            observation.watch_cluster(cluster);
            tier.iter().for_each(|tier| observation.watch_redis(tier));
        });
    }
    let cluster = engine.cluster().cloned();
    let named_away = async {
        if let Some(cluster) = &cluster {
            let mut view = cluster.view();
            while view.changed().await.is_ok() {}
        }
    };
    tokio::select! {
        _ = interrupts.recv() => {}
        () = named_away => {
            let message = format!("another process has joined the cluster as {name}, and this one ends: names are unique");
            return Err(Failure::failed(message));
        }
    }
    drop(cluster);
    observation.iter().for_each(evohub::Observation::draining);
    output.note("leaving: the work goes to the other nodes; once more ends at once");
    let left = leave(engine, interrupts).await;
    if let Some(observation) = observation {
        observation.finished();
        observation.end().await;
    }
    Ok(if left { Status::Done } else { Status::Interrupted })
}

/// The share of the provider limits that a node keeps to while it cannot agree on them with the others.
fn share(members: &Arc<OnceLock<Cluster>>) -> Arc<dyn Fn() -> f64 + Send + Sync> {
    let members = Arc::clone(members);
    Arc::new(move || {
        let living = members.get().map_or(1, |cluster| cluster.view().borrow().living().count());
        1.0 / living.max(1) as f64
    })
}

/// Leaves the cluster. `false`: somebody did not want to wait for it.
async fn leave(engine: Engine, mut interrupts: mpsc::Receiver<()>) -> bool {
    tokio::select! {
        () = engine.leave() => true,
        _ = interrupts.recv() => false,
    }
}

impl StartArguments {
    /// The address of Redis, where there is one.
    pub(crate) fn redis(&self) -> Result<Option<String>, Failure> {
        match &self.redis_file {
            Some(file) => secret_file::read("Redis", file).map(Some),
            None => Ok(self.redis.clone()),
        }
    }

    /// The node.
    pub(crate) fn cluster(&self) -> Result<ClusterConfig, Failure> {
        let named = format!("node-{}", self.listen.port());
        let name = match &self.name {
            Some(name) => name.clone(),
            None => named.parse().map_err(|error| Failure::bad_input(format!("{error}")))?,
        };
        Ok(ClusterConfig {
            name,
            listen: self.listen,
            advertise: self.advertise.clone(),
            seeds: self.join.clone(),
            cookie: self.keys.cookie()?.into(),
            tls: self.keys.tls(),
            insecure: self.insecure,
            facts: Facts { version: env!("CARGO_PKG_VERSION").to_owned(), ..Facts::default() },
            membership: MembershipConfig::default(),
            limits: TransportLimits::default(),
        })
    }
}
