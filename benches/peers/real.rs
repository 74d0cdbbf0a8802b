//! Searches on real data with a real model: the local one, for the task and for the proposals.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evohub::evaluation::data::split;
use evohub::evaluation::scorer::{self, Metric};
use evohub::evaluation::{DataConfig, Dataset, ScoreConfig, ScoreContext};
use evohub::evolution::{Candidate, Case, CaseSet, Placement, Shot};
use futures::StreamExt;

use crate::job::ANSWER_TOKENS;
use crate::local_server::Local;
use crate::program::Assignment;
use crate::server::{STUDENT, Server, TEACHER};
use crate::stub::SLOTS;
use crate::sweep::{self, Plan, Row};
use crate::system::{Chosen, System};

/// Tokens of a proposal: enough for a prompt, and little, for this model seldom comes to an end.
const PROPOSAL_TOKENS: u32 = 128;
/// Examples of a prompt that is no search's.
const SHOTS: usize = 8;
/// More different answers than this are no labels.
const MOST_LABELS: usize = 20;

/// What is searched for, and on what.
#[derive(Clone)]
pub(crate) struct Task {
    name: String,
    /// Half of the file that searches may see is for learning, half for ranking.
    search: CaseSet,
    /// Sealed.
    test: Vec<Case>,
    labels: Vec<String>,
    description: String,
    /// Prompts to start from.
    prompts: Vec<String>,
}

/// Runs the data sets of some folders, `NAME.train.jsonl` with `NAME.val.jsonl`: those named, or all.
pub(crate) async fn measure(plan: &Plan, folders: &[PathBuf], names: &[String]) -> Result<(), String> {
    let local = Arc::new(Local::open().await?);
    let mut rows = vec![];
    for task in tasks(folders, names)? {
        let Task { name, .. } = &task;
        println!(
            "\nData set: {name}, {} train, {} validation and {} test cases; {} task calls",
            task.search.train.len(),
            task.search.validation.len(),
            task.test.len(),
            plan.evaluations
        );
        task.say_gradient(&local, plan.seeds == 0).await?;
        sweep::run(plan, "model", &mut rows, |system, seed| task.run(&local, system, seed, plan.evaluations))
            .await;
    }
    Ok(())
}

fn tasks(folders: &[PathBuf], names: &[String]) -> Result<Vec<Task>, String> {
    let mut found: BTreeMap<String, &Path> = BTreeMap::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let file = entry.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".train.jsonl"));
            found.extend(name.map(|name| (name.to_owned(), folder.as_path())));
        }
    }
    let wanted = if names.is_empty() { found.keys().cloned().collect() } else { names.to_vec() };
    let task = |name: &String| match found.get(name) {
        Some(folder) => Task::read(folder, name),
        None => Err(format!(
            "there is no data set {name}, but {}",
            found.keys().cloned().collect::<Vec<_>>().join(", ")
        )),
    };
    wanted.iter().map(task).collect()
}

impl Task {
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let read = |part: &str| {
            let path = folder.join(format!("{name}.{part}.jsonl"));
            Dataset::read(&path, &DataConfig::default()).map_err(|error| error.to_string())
        };
        let (known, sealed) = (read("train")?, read("val")?);
        let mut parts = split(known.cases, &[0.5, 0.5], 0).map_err(|error| error.to_string())?;
        let validation = parts.pop().unwrap_or_default();
        let train = parts.pop().unwrap_or_default();
        let answers: BTreeSet<String> =
            train.iter().chain(&validation).filter_map(|case| case.expected.clone()).collect();
        let labels = if answers.len() > MOST_LABELS { vec![] } else { answers.into_iter().collect() };
        let (description, prompts) = start(name);
        Ok(Self {
            name: name.to_owned(),
            search: CaseSet::new(train, validation).map_err(|error| error.to_string())?,
            test: sealed.cases,
            labels,
            description,
            prompts,
        })
    }

    /// Says what the prompt to start from is worth in both turns, and with the first examples there are: how much there is
    /// for a search to find. `all`: what the other prompts are worth, too.
    async fn say_gradient(&self, local: &Local, all: bool) -> Result<(), String> {
        let shots: Vec<Shot> = self.search.train.iter().filter_map(Case::shot).take(SHOTS).collect();
        let said = if all { self.prompts.len() } else { 1 };
        for prompt in self.prompts.iter().take(said) {
            let system = self.worth(local, prompt, Placement::System, &[]).await?;
            let user = self.worth(local, prompt, Placement::User, &[]).await?;
            let shown = self.worth(local, prompt, Placement::User, &shots).await?;
            println!(
                "  {prompt:?}: {system:.3} in the system turn, {user:.3} in the user turn, {shown:.3} with {SHOTS} examples"
            );
        }
        Ok(())
    }

    /// What a prompt that no search made is worth on the sealed cases.
    pub(crate) async fn worth(
        &self,
        local: &Local,
        prompt: &str,
        placement: Placement,
        shots: &[Shot],
    ) -> Result<f64, String> {
        let candidate = Candidate::from_instruction(prompt).map_err(|error| error.to_string())?;
        let candidate = candidate.with_placement(placement).with_shots(shots.to_vec());
        self.test(local, &Chosen::Candidate(candidate)).await
    }

    /// The same from another prompt, under another name.
    pub(crate) fn starting_from(&self, name: &str, prompt: &str) -> Self {
        Self { name: name.to_owned(), prompts: vec![prompt.to_owned()], ..self.clone() }
    }

    /// The prompt that most searches start from.
    pub(crate) fn start(&self) -> &str {
        &self.prompts[0]
    }

    pub(crate) async fn run(&self, local: &Arc<Local>, system: &System, seed: u64, evaluations: u64) -> Row {
        let server = Server::start(Arc::<Local>::clone(local)).await;
        let assignment = Assignment {
            url: &server.url(),
            student: STUDENT,
            teacher: TEACHER,
            slots: SLOTS,
            seed,
            prompts: &self.prompts,
            // As the peers' programs ask.
            placement: Placement::User,
            description: &self.description,
            labels: &self.labels,
            search: &self.search,
            evaluations,
            answer_tokens: ANSWER_TOKENS,
            proposal_tokens: PROPOSAL_TOKENS,
        };
        let outcome = match system.run(&assignment, self.test[0].clone(), BTreeMap::new()).await {
            Ok(chosen) => self.test(local, &chosen).await.map(|accuracy| (chosen, accuracy)),
            Err(error) => Err(error),
        };
        Row::new((&self.name, system, seed), &server.calls(), outcome)
    }

    /// The share of sealed cases that a prompt answers right, scored alike for all systems.
    async fn test(&self, local: &Local, chosen: &Chosen) -> Result<f64, String> {
        let config = ScoreConfig { metric: Some(Metric::Label), ..ScoreConfig::default() };
        let known = self.search.train.iter().chain(&self.search.validation).chain(&self.test);
        let scorer =
            scorer::build(&config, &ScoreContext::new("", known)).map_err(|error| error.to_string())?;
        let scores = self.test.iter().map(async |case| {
            let (answer, _) = local.ask(chosen.turns(case), ANSWER_TOKENS).await?;
            let scored = scorer.score(case, &answer).await.map_err(|failure| failure.message)?;
            Ok::<f64, String>(scored.score)
        });
        let scores: Vec<_> = futures::stream::iter(scores).buffer_unordered(SLOTS).collect().await;
        let scores = scores.into_iter().collect::<Result<Vec<f64>, String>>()?;
        Ok(scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// What the task is, and prompts to start from. Who takes only one takes the first.
fn start(name: &str) -> (String, Vec<String>) {
    let (description, prompts): (&str, &[&str]) = match name {
        "movie_sentiment" => (
            "Say whether a snippet of a film review is positive or negative.",
            &[
                "Classify the review as positive or negative. Answer with one word.",
                "Is this review positive or negative?",
                "Say whether the critic liked the film: positive or negative.",
                "Classify the review as positive or negative.",
                "Answer with one word, positive or negative.",
            ],
        ),
        "product_sentiment" => (
            "Say whether a sentence of a product review is positive or negative.",
            &[
                "Classify the review as positive or negative. Answer with one word.",
                "Is this review positive or negative?",
                "Say whether the customer liked the product: positive or negative.",
                "Classify the review as positive or negative.",
                "Answer with one word, positive or negative.",
            ],
        ),
        "editorial_sentiment" => (
            "Say whether a sentence of a newspaper's editorial is positive or negative.",
            &[
                "Classify the sentence as positive or negative. Answer with one word.",
                "Is this sentence positive or negative?",
                "Say whether the sentence is about something good or bad: positive or negative.",
                "Classify the sentence as positive or negative.",
                "Answer with one word, positive or negative.",
            ],
        ),
        "tweet_sentiment" => (
            "Say whether a tweet is positive or negative.",
            &[
                "Classify the tweet as positive or negative. Answer with one word.",
                "Is this tweet positive or negative?",
                "Say whether its author is happy or not: positive or negative.",
                "Classify the tweet as positive or negative.",
                "Answer with one word, positive or negative.",
            ],
        ),
        "sports_understanding" => (
            "Say whether a sentence about sports is plausible or implausible.",
            &[
                "Say whether the sentence is plausible or implausible. Answer with one word.",
                "Is this sentence plausible or implausible?",
                "Say whether this could happen in the sport: plausible or implausible.",
                "Classify the sentence as plausible or implausible.",
                "Answer with one word, plausible or implausible.",
            ],
        ),
        "implicatures" => (
            "Say whether Speaker 2 means yes or no.",
            &[
                "Say whether Speaker 2 means yes or no. Answer with one word.",
                "Does Speaker 2 mean yes or no?",
                "Say what Speaker 2 implies: yes or no.",
                "Classify the answer of Speaker 2 as yes or no.",
                "Answer with one word, yes or no.",
            ],
        ),
        "object_counting" => (
            "Count the objects, and say their number.",
            &[
                "Count the objects. Answer with the number.",
                "How many objects are there?",
                "Count the objects and say their number.",
                "Say the number of objects as a number.",
                "Answer with one number.",
            ],
        ),
        "date_understanding" => (
            "Find out the date that is asked for, of those in the options.",
            &[
                "Find out the date. Answer with one of the options.",
                "What is the date?",
                "Choose the right date of the options.",
                "Write the date in the form MM/DD/YYYY.",
                "Answer with one of the options.",
            ],
        ),
        _ => (
            "Answer the question.",
            &[
                "Answer the question.",
                "What is the answer?",
                "Answer in short.",
                "Say the answer and nothing else.",
                "Answer with one word.",
            ],
        ),
    };
    (description.to_owned(), prompts.iter().map(|prompt| (*prompt).to_owned()).collect())
}
