//! What it costs to be watched: evaluations a second with everything on (metrics scraped every second, JSON logs at
//! `info`, traces sampled at 10 %) against no logs, no traces and nobody who looks; and how long a scrape of 10,000
//! series takes.
//!
//! The evaluations ask an endpoint on loopback: one that answers after 20 ms, which is quick for a model, and one that
//! answers at once, so that all the time is evohub's and the endpoint's own. Each round runs in a process of its own, on and off in turn. Metrics are always counted; what that costs
//! is measured apart, by counting what an evaluation counts, and added.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

#[path = "../../tests/support/http.rs"]
mod http;
mod peers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evohub::evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig, scorer::Metric};
use evohub::evolution::optimizers::GaConfig;
use evohub::evolution::{AlgorithmConfig, Candidate, Case, CaseSet, VariationLimits};
use evohub::llm::{ProviderConfig, ProviderKind};
use evohub::monitoring::listener::ListenerConfig;
use evohub::monitoring::logs::{LogConfig, LogDestination, LogFile, LogForm};
use evohub::monitoring::metrics::{CacheTier, Metrics, MetricsConfig, OverheadCause};
use evohub::monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub::monitoring::traces::TraceConfig;
use evohub::{
    Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobSpec, Observation, ObservationConfig,
    PromptSpec, Toolbox, store,
};

use peers::{Collector, Endpoint, scrape};

const EVALUATIONS: u64 = 10_000;
const ROUNDS: usize = 5;
/// Calls at once.
const SLOTS: usize = 32;
const SERIES: usize = 10_000;
/// What a round is told: where endpoint and collector are, and what is on.
const ENDPOINT: &str = "EVOHUB_BENCH_ENDPOINT";
const COLLECTOR: &str = "EVOHUB_BENCH_COLLECTOR";
const WATCHED: &str = "EVOHUB_BENCH_WATCHED";

/// What is on in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    Nothing,
    Logs,
    Traces,
    Everything,
}

impl Watched {
    const ALL: [Self; 4] = [Self::Nothing, Self::Logs, Self::Traces, Self::Everything];

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nobody looks",
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Everything => "everything on",
        }
    }

    fn of_environment() -> Option<Self> {
        let name = std::env::var(WATCHED).ok()?;
        Self::ALL.into_iter().find(|watched| watched.name() == name)
    }
}

fn cases(prefix: &str, count: usize) -> Vec<Case> {
    (0..count).map(|i| Case::new(format!("{prefix} {i}"), "yes")).collect()
}

/// One prompt on many cases, and a generation that never comes.
fn spec(endpoint: &str) -> JobSpec {
    let mut provider = ProviderConfig::new(ProviderKind::OpenAi);
    provider.base_url = Some(endpoint.to_owned());
    provider.max_concurrency = SLOTS;
    let evaluator = PromptSpec {
        model: "lab:task".parse().unwrap(),
        template: "{input}".into(),
        columns: DataConfig::default(),
        generation: GenerationConfig { max_output_tokens: Some(8), ..GenerationConfig::default() },
        output: OutputConfig::default(),
        score: ScoreConfig { metric: Some(Metric::Exact), ..ScoreConfig::default() },
        judge: None,
        folder: String::new(),
    };
    let algorithm =
        GaConfig { ranking_cases: Some(EVALUATIONS as usize), finals: 0.0, ..GaConfig::default() };
    JobSpec {
        name: "overhead".into(),
        seed: 1,
        seeds: vec![Candidate::from_instruction("Answer.").unwrap()],
        data: JobData {
            search: CaseSet::new(cases("train", 10), cases("validation", EVALUATIONS as usize)).unwrap(),
            test: cases("test", 1),
        },
        evaluator: EvaluatorSpec::Prompt(Box::new(evaluator)),
        reflection: vec![],
        algorithm: AlgorithmConfig::Ga(algorithm),
        limits: VariationLimits::default(),
        operators: BTreeMap::new(),
        parameters: BTreeMap::new(),
        budget: JobBudget { evaluations: Some(EVALUATIONS), ..JobBudget::default() },
        slots: None,
        providers: BTreeMap::from([("lab".to_owned(), provider)]),
        prices: BTreeMap::new(),
        islands: evohub::IslandsSpec::default(),
        repeats: evohub::RepeatsSpec::default(),
        hedge: evohub::Hedge::default(),
        diversity: evohub::DiversitySpec::default(),
    }
}

/// One round: prints its seconds.
async fn round(watched: Watched) {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::new(&MetricsConfig::default());
    let logs = matches!(watched, Watched::Logs | Watched::Everything);
    let traces = matches!(watched, Watched::Traces | Watched::Everything)
        .then(|| TraceConfig { sample_ratio: 0.1, ..TraceConfig::new(std::env::var(COLLECTOR).unwrap()) });
    let config = TelemetryConfig {
        logs: LogConfig {
            filter: Some(if logs { "info" } else { "off" }.into()),
            form: LogForm::Json,
            destination: LogDestination::File(LogFile::new(folder.path().join("log"))),
        },
        traces,
    };
    let is_watched = watched != Watched::Nothing;
    let telemetry = is_watched.then(|| Telemetry::init(&config, Some(&metrics.telemetry)).unwrap());
    let observation = match watched {
        Watched::Everything => {
            let listen = ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
            let config = ObservationConfig::new(listen);
            Some(Observation::start(config, Arc::clone(&metrics), None).await.unwrap())
        }
        _ => None,
    };
    if let Some(address) = observation.as_ref().map(Observation::address) {
        tokio::spawn(async move {
            loop {
                scrape(address).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
    let store = store::open(&folder.path().join("bench.db").to_string_lossy()).await.unwrap();
    let toolbox = Toolbox::new(metrics);
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(store) }).await.unwrap();
    let began = Instant::now();
    let result =
        engine.submit(spec(&std::env::var(ENDPOINT).unwrap())).await.unwrap().result().await.unwrap();
    assert_eq!(result.status, "done", "{:?}", result.error);
    println!("{}", began.elapsed().as_secs_f64());
    engine.shutdown().await;
    if let Some(telemetry) = telemetry {
        let counts =
            tokio::task::spawn_blocking(move || telemetry.shutdown(Duration::from_secs(5))).await.unwrap();
        assert_eq!(counts.lost(), 0, "{counts:?}");
    }
}

/// Microseconds for an evaluation, in a process of its own.
fn measured(watched: Watched, endpoint: &str, collector: &str) -> f64 {
    let variables = [(WATCHED, watched.name()), (ENDPOINT, endpoint), (COLLECTOR, collector)];
    let output = Command::new(std::env::current_exe().unwrap()).envs(variables).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seconds: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    seconds * 1e6 / EVALUATIONS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Microseconds for all that is counted of one evaluation: eight messages, the pool, the call, the evaluation, the journal.
fn counting() -> f64 {
    const TIMES: u32 = 200_000;
    let metrics = Metrics::new(&MetricsConfig::default());
    let mailbox = metrics.actors.mailbox("generation");
    let pool = metrics.actors.pool("evaluator", &["evaluate"]);
    let model = metrics.llm.model("lab", "task");
    let moment = Duration::from_micros(50);
    let began = Instant::now();
    for _ in 0..TIMES {
        for _ in 0..8 {
            mailbox.seal("ended").open();
        }
        drop(pool.begin("evaluate", moment));
        drop(model.begin());
        model.called("success");
        model.used(10, 0, 1, 0.0, moment);
        for cause in [OverheadCause::Limits, OverheadCause::Retries, OverheadCause::Work] {
            model.overhead(cause, moment);
        }
        metrics.evaluation.missed(CacheTier::Store, 1);
        metrics.evaluation.waited(moment);
        metrics.evaluation.took(moment);
        metrics.evaluation.succeeded();
        metrics.store.journal_lag(moment);
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// Milliseconds that a scrape of so many series takes, from the request to the end of the page.
async fn scraping() -> (f64, usize) {
    let metrics = Metrics::new(&MetricsConfig { max_series: SERIES, ..MetricsConfig::default() });
    for number in 0..SERIES / 2 {
        metrics.evolution.candidate(&format!("operator-{number}"), "kept");
        metrics.business.assigned(&format!("experiment-{number}"), "b");
    }
    let listen = ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    let observation = Observation::start(ObservationConfig::new(listen), metrics, None).await.unwrap();
    let mut times = vec![];
    let mut series = 0;
    for _ in 0..50 {
        let began = Instant::now();
        let page = scrape(observation.address()).await;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        series = page.lines().filter(|line| !line.starts_with('#')).count();
    }
    (median(times), series)
}

/// Rounds with nothing, parts and all of it on, in turn.
async fn compare(latency: Duration, counting: f64) {
    let (endpoint, collector) = (Endpoint::start(latency).await, Collector::start().await);
    let mut times = Watched::ALL.map(|_| vec![]);
    for _ in 0..ROUNDS {
        for (watched, times) in Watched::ALL.into_iter().zip(&mut times) {
            let (endpoint, collector) = (endpoint.url(), collector.url());
            let measured = tokio::task::spawn_blocking(move || measured(watched, &endpoint, &collector));
            times.push(measured.await.unwrap());
        }
    }
    let medians = times.map(median);
    for (watched, each) in Watched::ALL.into_iter().zip(medians) {
        println!("  {:<13} {:>7.0} evaluations/s ({each:.1} us each)", watched.name(), 1e6 / each);
    }
    println!("  counting      {counting:>7.1} us of each, measured apart");
    // What is counted is counted in all of them. Where the endpoint is the limit, it takes nothing from the rate.
    let on = if latency.is_zero() { (medians[0] - counting, medians[3]) } else { (medians[0], medians[3]) };
    println!("  overhead      {:>7.1} % of everything on against nothing", (on.1 / on.0 - 1.0) * 100.0);
}

#[tokio::main]
async fn main() {
    if let Some(watched) = Watched::of_environment() {
        return round(watched).await;
    }
    let counting = counting();
    for latency in [20, 0].map(Duration::from_millis) {
        println!("an endpoint of {SLOTS} slots that answers after {} ms", latency.as_millis());
        compare(latency, counting).await;
    }
    let (milliseconds, series) = scraping().await;
    println!("scrape         {milliseconds:>7.1} ms for {series} series (median of 50)");
}
