//! A provider of models that can be made to misbehave.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::http::completion;
use crate::server::{Asked, Reply, Server};

/// How long an answer takes when all is well: so that a cluster is busy, and two processors are not.
const PACE: Duration = Duration::from_millis(400);
/// What is slow to everybody.
const SLOW: Duration = Duration::from_secs(4);
/// Tokens of an answer whose provider charges too much.
const DEAR: u64 = 2_000;
/// One of so many questions is not answered by a provider that has its faults.
const FLAW: usize = 9;
/// How many in ten films a prompt has right that says nothing of its stage.
const SKILL: u32 = 7;
/// What prompts are made of.
const WORDS: [&str; 40] = [
    "answer", "briefly", "calm", "decide", "every", "film", "given", "honest", "input", "judge", "keep",
    "label", "mood", "name", "only", "please", "quick", "read", "say", "tone", "use", "viewer", "word",
    "exact", "yield", "zeal", "actor", "bright", "critic", "drama", "ending", "frame", "genre", "humour",
    "irony", "joy", "lens", "music", "plot", "scene",
];

/// How the provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Well,
    /// Answers most questions.
    Flawed,
    /// Answers every other question with status 503: often enough to be told of, and not so often that it is left alone
    /// for longer than rates look back in the quicker time.
    Failing,
    /// Takes very long.
    Slow,
    /// Charges very much.
    Dear,
    /// Rewrites every prompt to nearly the same, which does better than what there was.
    Alike,
    /// Does not answer.
    Hanging,
}

/// An OpenAI-compatible server with a student, who judges films, and a teacher, who writes prompts. Each prompt says
/// its stage, and a prompt of a later stage does better: so a population follows the teacher wherever he goes.
pub(crate) struct Provider {
    server: Server,
    mood: Arc<Mutex<Mood>>,
    stage: Arc<AtomicU32>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let (mood, stage) = (Arc::new(Mutex::new(Mood::Well)), Arc::new(AtomicU32::new(SKILL)));
        let (shared, reached) = (Arc::clone(&mood), Arc::clone(&stage));
        let server = Server::start(move |asked| {
            let mood = *shared.lock().unwrap();
            answer(asked, mood, reached.load(Ordering::SeqCst))
        });
        Self { server, mood, stage }
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// Has the teacher write better prompts from now on.
    pub(crate) fn improve(&self) {
        self.stage.fetch_add(1, Ordering::SeqCst);
    }

    /// Has it behave otherwise from now on.
    pub(crate) fn set(&self, mood: Mood) {
        let before = std::mem::replace(&mut *self.mood.lock().unwrap(), mood);
        // What the teacher writes now is to replace what he wrote before.
        if before == Mood::Alike || mood == Mood::Alike {
            self.improve();
        }
        if before == Mood::Hanging {
            self.server.open_gate();
        }
    }
}

fn answer(asked: &Asked, mood: Mood, stage: u32) -> Reply {
    let text = match asked.model.as_str() {
        "teacher" => format!("Here it is:\n```\n{}\n```", prompt(asked.number, mood, stage)),
        _ => judgement(asked).to_owned(),
    };
    match mood {
        Mood::Failing if asked.number.is_multiple_of(2) => Reply::Status(503),
        Mood::Flawed if asked.number.is_multiple_of(FLAW) => Reply::Status(503),
        Mood::Slow => Reply::After(SLOW, text),
        Mood::Hanging => Reply::Wait(text),
        Mood::Dear => Reply::Body(PACE, dear(&text)),
        Mood::Well | Mood::Flawed | Mood::Failing | Mood::Alike => Reply::After(PACE, text),
    }
}

/// What the student says of a film.
fn judgement(asked: &Asked) -> &'static str {
    let said = asked.turns.iter().flat_map(|(_, content)| content.split("Stage ").skip(1));
    let stages = said.filter_map(|rest| rest.split('.').next()?.parse().ok());
    let skill: u32 = stages.max().unwrap_or(SKILL);
    let film = asked.last().split(' ').find_map(|word| word.parse::<u32>().ok()).unwrap_or_default();
    match (film % 10 < skill, asked.last().contains("fine")) {
        (false, _) => "Well, it depends.",
        (true, true) => "positive",
        (true, false) => "negative",
    }
}

/// What the teacher writes.
fn prompt(number: usize, mood: Mood, stage: u32) -> String {
    let mut random = StdRng::seed_from_u64(number as u64);
    let words = |random: &mut StdRng, count: usize| {
        let words: Vec<&str> = (0..count).map(|_| *WORDS.choose(random).unwrap()).collect();
        words.join(" ")
    };
    if mood == Mood::Alike {
        let same = words(&mut StdRng::seed_from_u64(0), 150);
        return format!("Stage {stage}. {same} {}", random.random_range(0..1_000_000));
    }
    format!("Stage {stage}. {}", words(&mut random, 14))
}

fn dear(text: &str) -> Value {
    let mut body = completion(text);
    body["usage"] = json!({"prompt_tokens": 100, "completion_tokens": DEAR, "total_tokens": 100 + DEAR});
    body
}

/// A job that this provider has work with until somebody ends it, or for so many evaluations.
pub(crate) fn job(url: &str, evaluations: u32) -> String {
    const UNUSED: [&str; 26] = [
        "draw_shots",
        "cover_shots",
        "replace_shot",
        "drop_shot",
        "resize_shots",
        "shuffle_shots",
        "add_shot",
        "add_difficult_shot",
        "add_different_shot",
        "add_similar_shot",
        "move_placement",
        "add_phrase",
        "replace_phrase",
        "delete_text",
        "swap_text",
        "move_text",
        "shuffle_text",
        "duplicate_text",
        "uniform_crossover",
        "transplant_shots",
        "sentence_crossover",
        "reflect",
        "expand",
        "compress",
        "model_crossover",
        "crossover_mutate",
    ];
    let operators: String = UNUSED.iter().map(|operator| format!("{operator} = 0\n")).collect();
    format!(
        r#"name = "films"
slots = 6

[seed]
prompts = ["What is the sentiment?"]

[data]
train = "cases.jsonl"

[model]
task = "lab:student"
reflection = "lab:teacher"

[providers.lab]
kind = "openai"
base_url = "{url}"
key_env = "LAB_KEY"
max_concurrency = 6
max_retries = 1
retry_base_ms = 50
breaker_seconds = 1

[prices."lab:*"]
input = 0.1
output = 1.0

[score]
metric = "label"

[algorithm]
name = "ga"
population = 6
crossover = 0.0
ranking_cases = 12
finals = 0.0
race = {{ enabled = false }}

[operators]
paraphrase = 100
{operators}
[islands]
count = 3
every = 2

[budget]
evaluations = {evaluations}
"#
    )
}
