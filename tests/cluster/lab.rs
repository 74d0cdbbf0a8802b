//! The model that all nodes ask. It keeps count of who asked what, and every answer says which question it is of: so
//! it can be told of each question whether its answer has reached the store.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::database::Database;
use crate::folder::films;
use crate::node::Moment;
use crate::server::{Asked, Reply, Server};

/// A question by its content: a number as good as unique.
pub(crate) type Question = u64;

/// How often something happened to each question.
pub(crate) type Counts = BTreeMap<Question, usize>;

/// A question as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) question: Question,
    /// `student` or `teacher`.
    model: String,
    tag: String,
    /// The node that asked.
    pub(crate) node: String,
    pub(crate) at: Moment,
    /// What was asked.
    turns: Vec<(String, String)>,
}

impl Asking {
    /// What its answer is known by.
    pub(crate) fn mark(&self) -> String {
        mark(self.question, &self.tag)
    }
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { question, model, at, node, turns, .. } = self;
        let (_, last) = &turns[turns.len() - 1];
        write!(f, "{question:016x} {at} {node} {model} {} turns, {last:?}", turns.len())
    }
}

/// An OpenAI-compatible server that takes its time. Models are named `student-TAG` and `teacher-TAG`; what they say
/// does not depend on the tag, and each job has a tag of its own.
pub(crate) struct Lab {
    server: Server,
    latency: Arc<AtomicU64>,
    askings: Arc<Mutex<Vec<Asking>>>,
}

impl Lab {
    /// Starts one that answers after so many milliseconds.
    pub(crate) fn start(latency: u64) -> Self {
        let (latency, askings) = (Arc::new(AtomicU64::new(latency)), Arc::default());
        let (shared, kept) = (Arc::clone(&latency), Arc::clone(&askings));
        let server = Server::start(move |asked| answer(asked, shared.load(Ordering::Relaxed), &kept));
        Self { server, latency, askings }
    }

    /// The address for `base_url`.
    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// Where it listens.
    pub(crate) fn place(&self) -> SocketAddr {
        self.server.place()
    }

    /// Answers after so many milliseconds from now on.
    pub(crate) fn set_latency(&self, milliseconds: u64) {
        self.latency.store(milliseconds, Ordering::Relaxed);
    }

    /// How many questions came.
    pub(crate) fn count(&self) -> usize {
        self.server.count()
    }

    /// Blocks until so many questions have come.
    pub(crate) fn wait_for(&self, questions: usize) {
        self.server.wait_for(questions);
    }

    /// The questions of a job, in the order in which they came.
    pub(crate) fn askings(&self, tag: &str) -> Vec<Asking> {
        let askings = self.askings.lock().unwrap();
        askings.iter().filter(|asking| asking.tag == tag).cloned().collect()
    }

    /// How often each question of a job was asked.
    pub(crate) fn questions(&self, tag: &str) -> Counts {
        counts(self.askings(tag).iter())
    }

    /// How many questions of a job each node has asked.
    pub(crate) fn askers(&self, tag: &str) -> BTreeMap<String, usize> {
        let mut askers = BTreeMap::new();
        self.askings(tag).into_iter().for_each(|asking| *askers.entry(asking.node).or_insert(0) += 1);
        askers
    }

    /// The questions of a job that these nodes have asked without that the answers are in the store, and how often.
    pub(crate) fn open(&self, tag: &str, nodes: &[&str], database: &Database) -> Counts {
        let marks = "SELECT substring(output from '#([0-9a-f]{16})') FROM evaluations \
                     UNION ALL SELECT substring(text from '#([0-9a-f]{16})') FROM proposals";
        let mut kept = BTreeMap::new();
        for mark in database.column(marks) {
            *kept.entry(mark).or_insert(0) += 1;
        }
        // Only now, because a question may have been on its way here.
        let askings = self.askings(tag);
        let all = counts(askings.iter());
        let theirs = counts(askings.iter().filter(|asking| nodes.contains(&asking.node.as_str())));
        let is_open = |(question, count): (Question, usize)| {
            let kept = kept.get(&mark(question, tag)).copied().unwrap_or(0);
            let open = count.min(all[&question].saturating_sub(kept));
            (open > 0).then_some((question, open))
        };
        theirs.into_iter().filter_map(is_open).collect()
    }
}

fn counts<'a>(askings: impl Iterator<Item = &'a Asking>) -> Counts {
    let mut counts = Counts::new();
    askings.for_each(|asking| *counts.entry(asking.question).or_insert(0) += 1);
    counts
}

/// The model without its tag, and the tag.
fn names(asked: &Asked) -> (&str, &str) {
    asked.model.split_once('-').unwrap_or((&asked.model, ""))
}

fn question(asked: &Asked) -> Question {
    let mut hasher = DefaultHasher::new();
    (names(asked).0, &asked.turns).hash(&mut hasher);
    hasher.finish()
}

/// What an answer is known by.
fn mark(question: Question, tag: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (question, tag).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn answer(asked: &Asked, latency: u64, askings: &Mutex<Vec<Asking>>) -> Reply {
    let (model, tag) = names(asked);
    let question = question(asked);
    let mark = mark(question, tag);
    askings.lock().unwrap().push(Asking {
        question,
        model: model.to_owned(),
        tag: tag.to_owned(),
        node: asked.key.clone(),
        at: Moment::now(),
        turns: asked.turns.clone(),
    });
    match films(&Asked { model: model.to_owned(), ..asked.clone() }) {
        Reply::Text(text) => {
            // What the teacher writes differs with what it is asked.
            let text = text.replace("One word.", &format!("One word. Way {}.", question % 9_973));
            Reply::After(Duration::from_millis(latency), format!("{text} #{mark}"))
        }
        other => other,
    }
}

/// What a job is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No two islands ever breed the same candidate by themselves.
    Apart,
    /// Islands often breed the same candidates, at the same time.
    Alike,
}

/// A job of about 500 questions: a genetic algorithm on three islands that exchange after every generation.
pub(crate) fn job(url: &str, tag: &str, kind: Kind) -> String {
    let (seed, operators) = match kind {
        Kind::Apart => (
            3,
            "reflect = 0\nparaphrase = 0\nexpand = 0\ncompress = 0\ncrossover_mutate = 0\nmove_text = 0\n\
            shuffle_text = 0\nmodel_crossover = 30\nadd_phrase = 1\nreplace_phrase = 1\n\
            move_placement = 1\nduplicate_text = 0\ndelete_text = 0\nswap_text = 0",
        ),
        // A reflection shows the student's answers, which have the mark of the job.
        Kind::Alike => (7, "reflect = 0\nparaphrase = 330"),
    };
    format!(
        r#"name = "films-{tag}"
random_seed = {seed}

[seed]
prompts = ["What is the sentiment?"]

[data]
train = "cases.jsonl"

[model]
task = "lab:student-{tag}"
reflection = "lab:teacher-{tag}"

[providers.lab]
kind = "openai"
base_url = "{url}"
key_env = "LAB_KEY"
max_concurrency = 8
retry_base_ms = 20

[prices."lab:*"]
input = 1.0
output = 2.0

[score]
metric = "label"

[algorithm]
name = "ga"
population = 6

[operators]
{operators}

[islands]
count = 3
every = 1

[budget]
evaluations = 600
"#
    )
}
