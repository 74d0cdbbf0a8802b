//! A node of a cluster: in this process, or in one of its own.

use std::process::Stdio;
use std::sync::Arc;

use evohub::cluster::{ClusterConfig, Facts, MembershipConfig, NodeName, TransportLimits};
use evohub::{Engine, EngineConfig, Toolbox, store};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, stdin};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::job::EVALUATOR;
use crate::pauses::{Done, Pauses, Record};

pub(crate) const COOKIE: &str = "a cookie for measurements";
/// What a process is told that is to be a node.
const SETUP: &str = "EVOHUB_BENCH_NODE";

/// How a node is set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) name: String,
    pub(crate) seeds: Vec<String>,
    pub(crate) store: String,
    pub(crate) workers: usize,
    pub(crate) pauses: Pauses,
}

impl Setup {
    /// What this process is to be, when it is not the benchmark itself.
    pub(crate) fn of_environment() -> Option<Self> {
        std::env::var(SETUP).ok().map(|text| serde_json::from_str(&text).unwrap())
    }

    /// Starts it in this process.
    pub(crate) async fn start(&self) -> (Engine, Record) {
        self.engine(Some(config(&self.name, self.seeds.clone()))).await
    }

    /// Starts it in this process, without a cluster.
    pub(crate) async fn start_alone(&self) -> (Engine, Record) {
        self.engine(None).await
    }

    async fn engine(&self, cluster: Option<ClusterConfig>) -> (Engine, Record) {
        let (evaluator, record) = self.pauses.evaluator();
        let mut toolbox = Toolbox::default();
        toolbox.add_evaluator(EVALUATOR, Arc::new(evaluator));
        let store = store::open(&self.store).await.unwrap();
        let config = EngineConfig { toolbox, workers: self.workers, cluster, store };
        (Engine::start(config).await.unwrap(), record)
    }
}

fn config(name: &str, seeds: Vec<String>) -> ClusterConfig {
    ClusterConfig {
        name: name.parse().unwrap(),
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        seeds,
        cookie: COOKIE.to_owned().into(),
        tls: None,
        insecure: false,
        facts: Facts::default(),
        membership: MembershipConfig::default(),
        limits: TransportLimits::default(),
    }
}

/// Where a node of this process is reached.
pub(crate) fn address(engine: &Engine) -> String {
    engine.cluster().unwrap().address().to_string()
}

/// Waits until all these nodes can be given work, and have said how much.
pub(crate) async fn see(engine: &Engine, names: &[&str]) {
    let names: Vec<NodeName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let mut view = engine.cluster().unwrap().view();
    let ready = view.wait_for(|view| {
        let works = |name| view.member(name).is_some_and(|member| member.load.workers > 0);
        names.iter().all(|name| view.is_usable(name) && works(name))
    });
    ready.await.unwrap();
}

/// Waits until another node can be given work.
pub(crate) async fn see_member(engine: &Engine, name: &str) {
    let name: NodeName = name.parse().unwrap();
    let mut view = engine.cluster().unwrap().view();
    view.wait_for(|view| view.is_usable(&name)).await.unwrap();
}

/// Is a node until nobody is left at the other end: says where it is reached, and when asked what it has done so far.
pub(crate) async fn serve(setup: Setup) {
    let (engine, record) = setup.start().await;
    println!("{}", address(&engine));
    let mut asked = BufReader::new(stdin()).lines();
    while let Ok(Some(_)) = asked.next_line().await {
        println!("{}", serde_json::to_string(&record.so_far()).unwrap());
    }
}

/// A node in a process of its own; it ends with this.
pub(crate) struct Other {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub(crate) address: String,
}

impl Other {
    pub(crate) async fn start(setup: &Setup) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(SETUP, serde_json::to_string(setup).unwrap()).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut output = BufReader::new(output).lines();
        let address = output.next_line().await.unwrap().expect("a node says where it is");
        Self { child, input, output, address }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// What its evaluator has done so far.
    pub(crate) async fn done(&mut self) -> Done {
        self.input.write_all(b"\n").await.unwrap();
        let line = self.output.next_line().await.unwrap().expect("a node says what it did");
        serde_json::from_str(&line).unwrap()
    }
}
