//! `evohub check`: what a job would do and cost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use evohub::evolution::candidate::INSTRUCTION;
use evohub::evolution::{Candidate, Case, Split};
use evohub::job_file::{JobFile, UnopenedModel};
use evohub::llm::price::ASSUMED_OUTPUT_TOKENS;
use evohub::llm::registry::LOCAL;
use evohub::llm::{ChatMessage, ChatRequest, ModelName, ModelRegistry};
use evohub::{EvaluatorSpec, JobSpec, PreparedJob, PromptSpec, Toolbox};

use super::failure::Failure;
use super::output::Output;
use super::run::SettingArguments;
use super::status::Status;
use super::{Global, place};

const EXAMPLES: &str = "\
Examples:
  evohub check job.toml
  evohub check job.toml --set model.task=openai:gpt-5-mini";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArguments {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArguments,
}

pub(crate) fn check(global: &Global, output: &Output, arguments: &CheckArguments) -> Result<Status, Failure> {
    let file = JobFile::load(&arguments.file, &arguments.settings.settings()?)?;
    let address = place::address(global, file.store.as_deref())?;
    let mut toolbox = Toolbox::default();
    file.check_operators(&toolbox.operator_names())?;
    // Local models are looked up and not loaded.
    let local = file.spec.models().into_iter().filter(|name| name.provider() == LOCAL);
    local.for_each(|name| toolbox.add_model(Arc::new(UnopenedModel::new(name.clone()))));
    if let Some(name) = file.spec.diversity.model.as_ref().filter(|name| name.provider() == LOCAL) {
        toolbox.add_embedding_model(Arc::new(UnopenedModel::new(name.clone())));
    }
    let prepared = PreparedJob::new(file.spec.clone(), &toolbox)?;
    file.warnings.iter().for_each(|warning| output.warning(warning));
    let mut lines = overview(&file);
    lines.extend(Bill::new(&file.spec, &prepared)?.lines());
    lines.push(("store", format!("{address} (not opened)")));
    let text: Vec<String> = lines.iter().map(|(name, what)| format!("{name:<13}{what}")).collect();
    output.result(&format!("{} is in order\n{}", file.path.display(), text.join("\n")))?;
    Ok(Status::Done)
}

/// What the job would do.
fn overview(file: &JobFile) -> Vec<(&'static str, String)> {
    let spec = &file.spec;
    let mut lines = vec![("name", spec.name.clone()), ("seeds", spec.seeds.len().to_string())];
    for part in &file.parts {
        lines.push((part.split.as_str(), format!("{} cases, {}", part.cases, part.origin)));
        if part.split == Split::Validation {
            let cases: BTreeSet<usize> =
                (0..spec.islands.count).map(|island| spec.ranking_cases_on(island)).collect();
            let cases: Vec<String> = cases.iter().map(ToString::to_string).collect();
            lines.push(("", format!("the search ranks on {} of them", cases.join(" or "))));
        }
    }
    if let EvaluatorSpec::Prompt(prompt) = &spec.evaluator {
        lines.push(("task", prompt.model.to_string()));
        if let Some(tokens) = prompt.generation.max_output_tokens {
            lines.push(("", format!("answers are cut after {tokens} tokens")));
        }
    }
    let reflection: Vec<String> = spec.reflection.iter().map(|model| model.model.to_string()).collect();
    lines.push(match reflection.is_empty() {
        true => ("reflection", "none; operators that need no model vary prompts".to_owned()),
        false => ("reflection", reflection.join(", ")),
    });
    if reflection.len() > 1 {
        lines.push(("", "who brings most improvement for its price is asked most".to_owned()));
    }
    if let Some(model) = &spec.diversity.model {
        lines.push(("diversity", format!("by embeddings of {model}")));
    }
    lines.push(("algorithm", spec.algorithm.name().to_owned()));
    lines.extend(file.choice.map(|reason| ("", format!("chosen: {reason}"))));
    let own = (0..).zip(&spec.islands.each).filter_map(|(island, own)| {
        Some(("", format!("on island {island}: {}", own.algorithm.as_ref()?.name())))
    });
    lines.extend(own);
    lines
}

/// What a job can cost.
struct Bill {
    /// Evaluations of the search at most; `None` when their number is not limited.
    evaluations: Option<u64>,
    /// Evaluations of the report at most.
    closing: u64,
    /// Model calls of one evaluation.
    calls: u64,
    /// Questions to the reflection model, about.
    proposals: Option<u64>,
    /// Reflection models.
    models: usize,
    /// Dollars of an evaluation, with an embedding where candidates have one: of the seed, and of a prompt that has grown
    /// to its limits.
    evaluation_dollars: Option<(f64, f64)>,
    /// Dollars of a proposal at most, by the dearest reflection model.
    proposal_dollars: Option<f64>,
    unpriced: Vec<ModelName>,
    /// Tokens after which answers are cut, where the job says so.
    answers: Option<u32>,
    limit: Option<f64>,
    is_local: bool,
}

impl Bill {
    fn new(spec: &JobSpec, prepared: &PreparedJob) -> Result<Self, Failure> {
        let EvaluatorSpec::Prompt(prompt) = &spec.evaluator else {
            return Err(Failure::bad_input("the job measures with an evaluator of another program"));
        };
        let registry = ModelRegistry::new(spec.providers.clone(), spec.prices.clone())?;
        let limit = |name: &ModelName, request: &ChatRequest| {
            if name.provider() == LOCAL {
                return Ok(Some(0.0));
            }
            Ok::<_, Failure>(registry.open(name)?.cost_limit(request))
        };
        let mut unpriced = vec![];
        if let Some(name) = &spec.diversity.model
            && prepared.tools.embedding_limit(&spec.seeds[0]).is_none()
        {
            unpriced.push(name.clone());
        }
        for name in spec.models() {
            if limit(name, &ChatRequest::new(vec![]))?.is_none() && !unpriced.contains(name) {
                unpriced.push(name.clone());
            }
        }
        let mut proposal_dollars = Some(0.0);
        for reflection in &spec.reflection {
            let question = "x".repeat(4 * spec.limits.max_component_length);
            let request = ChatRequest {
                max_output_tokens: Some(reflection.max_output_tokens),
                ..ChatRequest::new(vec![ChatMessage::user(question)])
            };
            let dollars = limit(&reflection.model, &request)?;
            proposal_dollars =
                proposal_dollars.zip(dollars).map(|(most, dollars): (f64, f64)| most.max(dollars));
        }
        let evaluations = spec.budget.evaluations;
        let count = spec.islands.count;
        let evaluation_dollars = evaluation_dollars(spec, prepared);
        let question = evaluation_dollars.zip(proposal_dollars).map(|((near, _), question)| question / near);
        let question = question.filter(|price| price.is_finite() && *price > 0.0);
        let proposals = |most: u64| {
            let share = most / u64::from(count);
            (0..count).map(|island| spec.algorithm_on(island).proposals(share, question)).sum()
        };
        Ok(Self {
            evaluations,
            closing: 2 * spec.data.test.len() as u64 * u64::from(spec.repeats.test),
            calls: 1 + judges(prompt),
            proposals: evaluations.filter(|_| !spec.reflection.is_empty()).map(proposals),
            evaluation_dollars,
            proposal_dollars,
            models: spec.reflection.len(),
            unpriced,
            answers: prompt.generation.max_output_tokens,
            limit: spec.budget.dollars,
            is_local: spec
                .models()
                .into_iter()
                .chain(&spec.diversity.model)
                .all(|name| name.provider() == LOCAL),
        })
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut calls = match self.evaluations {
            Some(search) => {
                let all = (search + self.closing) * self.calls;
                format!(
                    "at most {all}: {search} evaluations of the search and {} of the report",
                    self.closing
                )
            }
            None => format!("as many as the budget pays for, and {} evaluations of the report", self.closing),
        };
        if self.calls > 1 {
            calls.push_str(&format!(", {} calls each", self.calls));
        }
        let mut lines = vec![("model calls", calls)];
        if let Some(proposals) = self.proposals {
            lines.push((
                "",
                format!(
                    "and about {proposals} questions to {}",
                    if self.models > 1 { "the reflection models" } else { "the reflection model" }
                ),
            ));
        }
        lines.push(("dollars", self.dollars()));
        lines
    }

    fn dollars(&self) -> String {
        if self.is_local {
            return "0: the models run in this process".to_owned();
        }
        let limit = self
            .limit
            .map(|limit| format!("; the budget ends the search at ${limit:.2}"))
            .unwrap_or_default();
        let (Some((near, far)), Some(proposal)) = (self.evaluation_dollars, self.proposal_dollars) else {
            let names: Vec<String> = self.unpriced.iter().map(ToString::to_string).collect();
            return format!("unknown price: {}{limit}", names.join(", "));
        };
        let Some(search) = self.evaluations else { return format!("not limited by evaluations{limit}") };
        let evaluations = (search + self.closing) as f64;
        let questions = self.proposals.unwrap_or(0) as f64 * proposal;
        let (near, far) = (near * evaluations + questions, far * evaluations + questions);
        let answers = self.answers.map_or_else(
            || format!("; reckoned with answers of {ASSUMED_OUTPUT_TOKENS} tokens, set generation.max_output_tokens"),
            |_| String::new(),
        );
        format!(
            "up to ${near:.4} with prompts as long as the seed, ${far:.4} with the longest allowed{answers}{limit}"
        )
    }
}

/// Judges asked in one evaluation.
fn judges(prompt: &PromptSpec) -> u64 {
    let whole = std::iter::once(&prompt.score);
    whole.chain(&prompt.score.parts).filter(|score| score.rubric.is_some()).count() as u64
}

/// The most that an evaluation can cost, with the longest seed and with a prompt that has grown to its limits. Where
/// candidates are embedded, each evaluation may be the first of another.
fn evaluation_dollars(spec: &JobSpec, prepared: &PreparedJob) -> Option<(f64, f64)> {
    let all = || spec.data.search.train.iter().chain(&spec.data.search.validation).chain(&spec.data.test);
    let case = all().max_by_key(|case| case.input.len())?;
    let tools = &prepared.tools;
    let dollars = |candidate: &Candidate| {
        Some(tools.evaluator().cost_limit(candidate, case)? + tools.embedding_limit(candidate)?)
    };
    let seeds = (0..spec.islands.count).flat_map(|island| spec.seeds_on(island)).chain(&spec.seeds[..1]);
    let near = seeds.map(dollars).collect::<Option<Vec<f64>>>()?.into_iter().max_by(f64::total_cmp)?;
    let grown = BTreeMap::from([(INSTRUCTION.to_owned(), "x".repeat(spec.limits.max_component_length))]);
    let mut shots: Vec<_> = all().filter_map(Case::shot).collect();
    shots.sort_by_key(|shot| std::cmp::Reverse(shot.input.len() + shot.output.len()));
    shots.truncate(spec.limits.max_shots);
    let grown = Candidate::new(grown, spec.seeds[0].placement(), shots).ok()?;
    Some((near, near.max(dollars(&grown)?)))
}
