//! `evohub eval`: the score of one prompt.

mod measurement;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use evohub::evaluation::scorer::{self, Metric};
use evohub::evaluation::{
    DataConfig, Dataset, GenerationConfig, OutputConfig, Renderer, ScoreConfig, ScoreContext, Variables,
};
use evohub::evolution::optimizers::GepaConfig;
use evohub::evolution::{AlgorithmConfig, Candidate, CaseSet, VariationLimits};
use evohub::job_file::{JobFile, UnopenedModel};
use evohub::llm::{ModelName, PriceConfig, ProviderConfig};
use evohub::{EngineError, EvaluatorSpec, JobBudget, JobData, JobSpec, PromptSpec};

use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::status::Status;
use super::{Global, place, toolbox};

use measurement::measure;
use summary::Summary;

const EXAMPLES: &str = "\
Examples:
  evohub eval --prompt prompt.txt --data cases.jsonl --model local:smollm2-135m-instruct
  evohub eval --prompt candidate.json --data cases.csv --model openai:gpt-5-mini --metric contains
  evohub eval --prompt prompt.txt --data new.jsonl --job job.toml    scored as in the job";

/// More distinct answers than this are no labels.
const MOST_LABELS: usize = 20;
/// At most so many failures are told.
const SHOWN_FAILURES: usize = 3;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvalArguments {
    /// The prompt: a text, or a candidate as `evohub best --json` prints it
    #[arg(long, value_name = "FILE")]
    prompt: PathBuf,
    /// The cases: JSONL, JSON, CSV or TSV
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The model, as provider:model
    #[arg(long, value_name = "MODEL", required_unless_present = "job")]
    model: Option<ModelName>,
    /// A job file that says all else: columns, template, generation, score, providers, prices
    #[arg(long, value_name = "JOB.toml", conflicts_with_all = ["metric", "input", "expected", "template"])]
    job: Option<PathBuf>,
    /// How answers are judged [default: label for up to 20 different answers, else exact]
    #[arg(long)]
    metric: Option<String>,
    /// The column that the model is given
    #[arg(long, value_name = "COLUMN", default_value = "input")]
    input: String,
    /// The column that it should answer
    #[arg(long, value_name = "COLUMN", default_value = "expected")]
    expected: String,
    /// The user turn
    #[arg(long, value_name = "TEXT", default_value = "{input}")]
    template: String,
    /// Answers are cut after this many tokens
    #[arg(long, value_name = "N")]
    max_output_tokens: Option<u32>,
    /// Neither look up nor keep evaluations in the store
    #[arg(long)]
    no_cache: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn eval(
    global: &Global,
    process: &Process,
    output: &Output,
    arguments: &EvalArguments,
) -> Result<Status, Failure> {
    let candidate = read_candidate(&arguments.prompt)?;
    let (setup, dataset) = Setup::new(arguments)?;
    dataset.warnings.iter().for_each(|warning| output.warning(&warning.to_string()));
    check(&setup.prompt, &dataset, &candidate, arguments)?;
    let spec = setup.spec(candidate, &dataset);
    let model = setup.prompt.model.clone();

    let toolbox = toolbox::toolbox(process, output);
    output.show_bar();
    let opened =
        tokio::task::spawn_blocking(move || Ok::<_, EngineError>((toolbox.open(&spec)?, spec))).await;
    let (tools, spec) = opened.map_err(|error| Failure::failed(error.to_string()))??;
    let store = match arguments.no_cache {
        true => None,
        false => Some(place::open(&place::address(global, None)?).await?),
    };
    let measured = measure(tools.evaluator(), &spec, store.as_ref(), output).await;
    if let Some(store) = store {
        store.close().await;
    }
    output.bar().finish_and_clear();
    let measured = measured?;
    let summary = Summary::new(&spec, &model, &measured);
    for failure in measured.failures.iter().take(SHOWN_FAILURES) {
        output.error(&format!("a case could not be measured: {failure}"));
    }
    if arguments.json {
        let json =
            serde_json::to_string_pretty(&summary).map_err(|error| Failure::failed(error.to_string()))?;
        output.result(&json)?;
    } else {
        output.result(&summary.to_string())?;
    }
    Ok(if measured.failures.is_empty() { Status::Done } else { Status::Failed })
}

/// Checks the texts and the cases before any model is opened.
fn check(
    prompt: &PromptSpec,
    dataset: &Dataset,
    candidate: &Candidate,
    arguments: &EvalArguments,
) -> Result<(), Failure> {
    let variables = Variables::of_task(&dataset.columns, &prompt.columns);
    let renderer = Renderer::new(&prompt.template, variables)
        .map_err(|error| Failure::bad_input(format!("--template: {error}")))?;
    renderer
        .check(candidate)
        .map_err(|error| Failure::bad_input(format!("{}: {error}", arguments.prompt.display())))?;
    let mut context = ScoreContext::new(&prompt.folder, &dataset.cases);
    if let Some(judge) = &prompt.judge {
        context = context.with_judge(Arc::new(UnopenedModel::new(judge.clone())));
    }
    let scorer = scorer::build(&prompt.score, &context)
        .map_err(|error| Failure::bad_input(format!("--metric: {error}; name a job file with --job")))?;
    dataset.check(|case| scorer.check(case)).map_err(|error| Failure::bad_input(error.to_string()))
}

/// A candidate in JSON, or else a text.
fn read_candidate(path: &Path) -> Result<Candidate, Failure> {
    let failed = |what: String| Failure::bad_input(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json {
        return serde_json::from_str(&text).map_err(|error| {
            failed(format!("is no candidate ({error}); write one as `evohub best --json` prints it"))
        });
    }
    Candidate::from_instruction(text.trim_end()).map_err(|error| failed(error.to_string()))
}

/// How the prompt is measured.
struct Setup {
    prompt: PromptSpec,
    providers: BTreeMap<String, ProviderConfig>,
    prices: BTreeMap<String, PriceConfig>,
}

impl Setup {
    fn new(arguments: &EvalArguments) -> Result<(Self, Dataset), Failure> {
        let read = |columns: &DataConfig| {
            Dataset::read(&arguments.data, columns).map_err(|error| Failure::bad_input(error.to_string()))
        };
        let (mut setup, dataset) = match &arguments.job {
            Some(job) => {
                let file = JobFile::load(job, &[])?;
                let EvaluatorSpec::Prompt(prompt) = file.spec.evaluator else {
                    return Err(Failure::bad_input("the job measures with an evaluator of another program"));
                };
                let dataset = read(&prompt.columns)?;
                (Self { prompt: *prompt, providers: file.spec.providers, prices: file.spec.prices }, dataset)
            }
            None => Self::of_arguments(arguments, read)?,
        };
        if let Some(model) = &arguments.model {
            setup.prompt.model = model.clone();
        }
        if let Some(tokens) = arguments.max_output_tokens {
            setup.prompt.generation.max_output_tokens = Some(tokens);
        }
        Ok((setup, dataset))
    }

    fn of_arguments(
        arguments: &EvalArguments,
        read: impl Fn(&DataConfig) -> Result<Dataset, Failure>,
    ) -> Result<(Self, Dataset), Failure> {
        let columns =
            DataConfig { input: arguments.input.clone(), expected: arguments.expected.clone(), weight: None };
        let dataset = read(&columns)?;
        let answers: std::collections::BTreeSet<_> =
            dataset.cases.iter().map(|case| &case.expected).collect();
        let metric = match &arguments.metric {
            Some(name) => Metric::try_from(name.clone())
                .map_err(|error| Failure::bad_input(format!("--metric: {error}")))?,
            None if answers.len() <= MOST_LABELS => Metric::Label,
            None => Metric::Exact,
        };
        let Some(model) = arguments.model.clone() else {
            return Err(Failure::bad_input("name a model with --model"));
        };
        let prompt = PromptSpec {
            model,
            template: arguments.template.clone(),
            columns,
            generation: GenerationConfig::default(),
            output: OutputConfig::default(),
            score: ScoreConfig { metric: Some(metric), ..ScoreConfig::default() },
            judge: None,
            folder: ".".to_owned(),
        };
        Ok((Self { prompt, providers: BTreeMap::new(), prices: BTreeMap::new() }, dataset))
    }

    /// A job whose only work is its report.
    fn spec(&self, candidate: Candidate, dataset: &Dataset) -> JobSpec {
        JobSpec {
            name: "eval".to_owned(),
            seed: 0,
            seeds: vec![candidate],
            data: JobData {
                search: CaseSet { train: vec![], validation: vec![] },
                test: dataset.cases.clone(),
            },
            evaluator: EvaluatorSpec::Prompt(Box::new(self.prompt.clone())),
            reflection: vec![],
            algorithm: AlgorithmConfig::Gepa(GepaConfig::default()),
            limits: VariationLimits::default(),
            operators: BTreeMap::new(),
            parameters: BTreeMap::new(),
            budget: JobBudget::default(),
            slots: None,
            providers: self.providers.clone(),
            prices: self.prices.clone(),
            islands: evohub::IslandsSpec::default(),
            repeats: evohub::RepeatsSpec::default(),
            hedge: evohub::Hedge::default(),
            diversity: evohub::DiversitySpec::default(),
        }
    }
}
