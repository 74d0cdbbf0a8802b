//! A cluster of real processes, its model, its database, and what is to come of the jobs that it is given.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use evohub::cluster::{ClientConfig, TransportLimits};
use evohub::monitoring::metrics::{BuildInfo, Metrics, MetricsConfig};
use evohub::store::JobId;
use evohub::{ClusterClient, JobResult};
use tokio::runtime::Runtime;

use crate::database::Database;
use crate::folder::{Folder, Outcome, cases};
use crate::lab::{Asking, Counts, Kind, Lab, job};
use crate::node::{LONG, Moment, Node};
use crate::process::until;
use crate::undisturbed::{CASES, Family, family, undisturbed};

/// Milliseconds that the model takes, unless a test says otherwise.
pub(crate) const LATENCY: u64 = 15;
/// Pieces of work that a node does at once.
pub(crate) const WORKERS: usize = 8;
/// Two islands that measure the same at the same time meet in one pool, unless that is slow or nodes come and go: so
/// many may miss each other.
const AT_ONCE: usize = 25;
/// How long it may take until an answer is known to all.
const ACKNOWLEDGED: Duration = Duration::from_millis(500);
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Where a node runs, and how it gets there.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// For nodes and clients, and for metrics and health.
    pub(crate) addresses: [SocketAddr; 2],
    /// What its command line begins with.
    pub(crate) before: Vec<String>,
    /// Its store, where it is not that of all.
    pub(crate) store: Option<String>,
    /// The file of its secret.
    pub(crate) cookie: String,
    /// Whether it has the model's key.
    pub(crate) has_key: bool,
}

/// Addresses of the loopback network that nobody else uses: its ports are free, now and when a node starts anew.
struct Loopback {
    network: [u8; 2],
    /// Whoever holds this port has the network.
    _held: TcpListener,
}

impl Loopback {
    fn take() -> Self {
        loop {
            let network: [u8; 2] = [rand::random_range(1..=254), rand::random_range(0..=255)];
            let holder = Ipv4Addr::new(127, network[0], network[1], 254);
            if let Ok(held) = TcpListener::bind((holder, 7300)) {
                return Self { network, _held: held };
            }
        }
    }

    fn seat(&self, number: u8) -> Seat {
        let address = Ipv4Addr::new(127, self.network[0], self.network[1], number + 1);
        Seat {
            addresses: [7301, 8301].map(|port| (address, port).into()),
            before: vec![],
            store: None,
            cookie: "cookie".to_owned(),
            has_key: true,
        }
    }
}

/// A job that was given to the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) tag: String,
    kind: Kind,
}

/// The cluster. All of it ends when it is dropped.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) lab: Lab,
    pub(crate) database: Database,
    pub(crate) folder: Folder,
    /// Where nodes reach the model.
    pub(crate) model: String,
    seats: Vec<Seat>,
    more: Vec<String>,
    runtime: Runtime,
    /// Jobs under way, and the questions of each that nodes had open when they were lost.
    lost: BTreeMap<String, Counts>,
    _loopback: Loopback,
}

impl Cluster {
    /// Starts so many nodes that share a database of their own on the server of all tests.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_on(Database::shared(), count, &[])
    }

    /// The same on another server, with more arguments for each node.
    pub(crate) fn start_on(database: Database, count: usize, more: &[&str]) -> Self {
        let mut cluster = Self::new(database, more);
        (0..count).for_each(|number| cluster.add(number));
        cluster.until_whole();
        cluster
    }

    /// One that has no nodes yet.
    pub(crate) fn new(database: Database, more: &[&str]) -> Self {
        let (folder, lab, loopback) = (Folder::new(), Lab::start(LATENCY), Loopback::take());
        folder.write("cases.jsonl", &cases(CASES));
        folder.write("cookie", "a secret that is long enough\n");
        let model = lab.url().to_owned();
        Self {
            nodes: vec![],
            lab,
            model,
            database,
            folder,
            seats: (0..NAMES.len() as u8).map(|number| loopback.seat(number)).collect(),
            more: more.iter().map(|argument| (*argument).to_owned()).collect(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            lost: BTreeMap::new(),
            _loopback: loopback,
        }
    }

    /// Has a node run elsewhere.
    pub(crate) fn seat(&mut self, number: usize) -> &mut Seat {
        &mut self.seats[number]
    }

    /// The command that starts a node.
    pub(crate) fn command(&self, number: usize) -> Command {
        let (name, seat) = (NAMES[number], &self.seats[number]);
        let [listen, http] = seat.addresses.map(|address| address.to_string());
        let seeds: Vec<String> = self.seats.iter().map(|seat| seat.addresses[0].to_string()).collect();
        let seeds = seeds.join(",");
        let arguments = [
            &["node", "--name", name, "--listen", &listen, "--http", &http, "--join", &seeds][..],
            &["--workers", &WORKERS.to_string(), "--cookie-file", &seat.cookie],
        ];
        let mut command = self.folder.command(&arguments.concat());
        command.args(&self.more);
        if seat.has_key {
            command.env("LAB_KEY", name);
        }
        command.env("EVOHUB_STORE", seat.store.clone().unwrap_or_else(|| self.database.url()));
        let Some((program, before)) = seat.before.split_first() else { return command };
        let mut outer = Command::new(program);
        outer.args(before).arg(command.get_program()).args(command.get_args());
        outer.current_dir(self.folder.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        outer
    }

    /// Starts a node: the next, or one that has ended.
    pub(crate) fn add(&mut self, number: usize) {
        let [_, http] = self.seats[number].addresses;
        let node = Node::start(self.command(number), self.folder.path(), NAMES[number], http);
        match self.nodes.get_mut(number) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
        self.nodes[number].until_ready();
    }

    /// Blocks until all nodes that run know and reach each other.
    pub(crate) fn until_whole(&mut self) {
        let running: Vec<usize> = self.running();
        for number in &running {
            let node = &self.nodes[*number];
            until(&format!("{} reaches all", node.name), || {
                let page = node.try_get("/metrics")?.body;
                let alive = format!("cluster_nodes{{state=\"alive\"}} {}", running.len());
                let health = node.cluster_check();
                let is_whole = health["message"].is_null() || health["status"] == "healthy";
                (page.contains(&alive) && is_whole).then_some(())
            });
        }
    }

    /// The nodes whose processes run.
    pub(crate) fn running(&mut self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|number| self.nodes[*number].is_running()).collect()
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        self.nodes.iter().position(|node| node.name == name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// Arguments that lead to a node.
    pub(crate) fn run(&self, arguments: &[&str], to: usize) -> Outcome {
        let to = self.seats[to].addresses[0].to_string();
        let arguments = [arguments, &["--to", &to, "--cookie-file", "cookie", "--cluster-insecure"]].concat();
        self.folder.command(&arguments).env("LAB_KEY", "client").output().unwrap().into()
    }

    /// Gives a job to a node, which owns it then.
    pub(crate) fn submit(&mut self, to: usize, tag: &str) -> Job {
        self.submit_as(to, tag, Kind::Apart)
    }

    pub(crate) fn submit_as(&mut self, to: usize, tag: &str, kind: Kind) -> Job {
        let file = format!("job-{tag}.toml");
        self.folder.write(&file, &job(&self.model, tag, kind));
        // Known now, so that the job is not half over when it is asked for.
        undisturbed(kind);
        let submitted = self.run(&["submit", &file, "--detach"], to).done();
        self.lost.insert(tag.to_owned(), Counts::new());
        Job { id: JobId(submitted.stdout.trim().to_owned()), tag: tag.to_owned(), kind }
    }

    /// A way in by any of the nodes that run.
    pub(crate) fn client(&mut self) -> ClusterClient {
        let running = self.running();
        let config = ClientConfig {
            addresses: running.iter().map(|number| self.seats[*number].addresses[0].to_string()).collect(),
            cookie: "a secret that is long enough".to_owned().into(),
            tls: None,
            insecure: true,
            limits: TransportLimits::default(),
        };
        let metrics = Metrics::new(&MetricsConfig::new(BuildInfo::default()));
        self.runtime.block_on(ClusterClient::connect(config, metrics)).unwrap()
    }

    /// What comes of a job.
    pub(crate) fn result(&mut self, job: &Job) -> JobResult {
        let client = self.client();
        let result = self.runtime.block_on(async {
            let mut job = client.job(job.id.clone());
            tokio::time::timeout(LONG, job.result()).await
        });
        match result {
            Ok(result) => result.unwrap_or_else(|error| panic!("{}: {error}", job.id)),
            Err(_) => panic!("{} does not end:\n{}", job.id, self.last_words()),
        }
    }

    /// The candidates of a job.
    fn family(&mut self, job: &Job) -> Vec<Family> {
        let store = self.client().store();
        let candidates = self.runtime.block_on(evohub::store::Store::candidates(&store, &job.id));
        candidates.unwrap().into_iter().map(family).collect()
    }

    /// Where the islands of a job are, as their owners have logged it.
    pub(crate) fn hosts(&self, job: &Job) -> BTreeMap<u64, usize> {
        let lines = self.nodes.iter().flat_map(|node| node.logged("an island is placed", Moment::FIRST));
        let mut lines: Vec<_> = lines.filter(|line| line["job_id"] == *job.id.0).collect();
        lines.sort_by_key(Moment::of);
        lines
            .iter()
            .map(|l| (l["island"].as_u64().unwrap(), self.number(l["node"].as_str().unwrap())))
            .collect()
    }

    /// Blocks until the model was asked so many questions more.
    pub(crate) fn wait_for_more(&self, questions: usize) {
        self.lab.wait_for(self.lab.count() + questions);
    }

    /// Freezes nodes. What they have under way now may be asked for once more.
    pub(crate) fn freeze(&mut self, numbers: &[usize]) -> Moment {
        let now = Moment::now();
        numbers.iter().for_each(|number| self.nodes[*number].freeze());
        let names: Vec<&str> = numbers.iter().map(|number| NAMES[*number]).collect();
        for (tag, lost) in &mut self.lost {
            for (question, count) in self.lab.open(tag, &names, &self.database) {
                *lost.entry(question).or_insert(0) += count;
            }
        }
        now
    }

    /// Kills nodes. It is known to the last what they had under way: they are frozen for a moment before, which nobody
    /// notices.
    pub(crate) fn kill(&mut self, numbers: &[usize]) -> Moment {
        self.freeze(numbers);
        let now = Moment::now();
        numbers.iter().for_each(|number| self.nodes[*number].kill());
        now
    }

    /// That a job ends as if nothing had been: with the same result, the same family, and without that anything was
    /// paid for twice but what lost nodes had under way.
    pub(crate) fn check(&mut self, job: &Job) -> JobResult {
        self.check_with(job, 0)
    }

    /// The same, where so many questions may be asked once more although their answers were known.
    pub(crate) fn check_with(&mut self, job: &Job, tolerated: usize) -> JobResult {
        let result = self.result(job);
        let expected = undisturbed(job.kind);
        let words = self.last_words();
        let told = |result: &JobResult| {
            let mut told = serde_json::to_value(result).unwrap();
            for key in ["job", "name", "seconds", "dollars", "saved"] {
                told.as_object_mut().unwrap().remove(key);
            }
            // Each job has models of its own name.
            for model in told["models"].as_array_mut().unwrap() {
                model["model"].take();
            }
            told
        };
        assert_eq!(result.status, "done", "{result:?}\n{words}");
        assert_eq!(told(&result), told(&expected.result), "{words}");
        assert_eq!(self.family(job), expected.candidates, "the same family\n{words}");

        let of_job = format!("job = (SELECT number FROM jobs WHERE id = '{}')", job.id);
        let evaluations =
            self.database.column(&format!("SELECT count(DISTINCT key) FROM evaluations WHERE {of_job}"));
        assert_eq!(evaluations, [expected.evaluations.to_string()], "each evaluation is kept once");

        let lost = self.lost.remove(&job.tag).unwrap();
        let questions = self.lab.questions(&job.tag);
        let missing: Vec<_> =
            expected.questions.keys().filter(|question| !questions.contains_key(question)).collect();
        assert!(missing.is_empty(), "{} questions were never asked", missing.len());
        let (mut again, mut in_vain) = (0, BTreeMap::new());
        for (question, count) in &questions {
            let needed = expected.questions.get(question).copied().unwrap_or(0);
            let allowed = lost.get(question).copied().unwrap_or(0);
            let more = count.saturating_sub(needed);
            again += more.min(allowed);
            if more > allowed {
                in_vain.insert(*question, more - allowed);
            }
        }
        let known = self.database.times(&job.id.0);
        let mut askings = self.lab.askings(&job.tag);
        askings.retain(|asking| in_vain.contains_key(&asking.question));
        askings.sort_by_key(|asking| (asking.question, asking.at));
        let is_known = |asking: &Asking| {
            known.get(&asking.mark()).is_some_and(|at| asking.at.is_later(*at, ACKNOWLEDGED))
        };
        let late = askings.iter().filter(|asking| is_known(asking)).count();
        let at_once = in_vain.values().sum::<usize>().saturating_sub(late);
        println!(
            "{}: {} questions; {} were open on lost nodes, {again} of those were asked again; of others, {at_once} were \
             asked twice at once, and {late} although their answers were known",
            job.id,
            questions.values().sum::<usize>(),
            lost.values().sum::<usize>(),
        );
        if late > tolerated || at_once > AT_ONCE {
            let told: Vec<String> = askings.iter().map(ToString::to_string).collect();
            panic!("questions were paid for twice that were not lost:\n{}\n{words}", told.join("\n"));
        }
        result
    }

    /// The newest lines of all logs.
    pub(crate) fn last_words(&self) -> String {
        let mut lines: Vec<_> = self.nodes.iter().flat_map(Node::last_words).collect();
        lines.sort();
        lines.join("\n")
    }
}
