//! The trace of a job as a collector gets it: its tree, its counts, and what must not be in it.

use std::collections::{HashMap, HashSet};
use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use evohub::Toolbox;
use evohub::job_file::JobFile;
use evohub::monitoring::metrics::{Metrics, MetricsConfig};
use evohub::monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub::monitoring::traces::TraceProtocol;
use evohub::store::{self, HistoryRecord, JobId, Totals};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Is;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;
use tokio::runtime::Runtime;
use tracing::Instrument as _;

use crate::collector::{Collector, Received, attribute, by_name, text};
use crate::folder::{Folder, Outcome, films, job};
use crate::node::Node;
use crate::process::{Process, command, until};
use crate::server::{Asked, Reply, Server};

/// The key that the model server is asked with.
const KEY: &str = "sk-proj-Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1";
/// The token that the collector is sent.
const TOKEN: &str = "hush-0123456789abcdef";
/// The flush of the last spans and log lines takes no longer than six seconds; the rest is for a slow machine.
const EXIT: Duration = Duration::from_secs(12);

/// The films, but some questions fail when they are asked first, in two ways.
fn failing(failed: &Arc<AtomicUsize>) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let (failed, asked_before) = (Arc::clone(failed), Mutex::new(HashSet::new()));
    move |asked| {
        let is_first = asked_before.lock().unwrap().insert(asked.turns.clone());
        let film = asked.last().split(' ').find_map(|word| word.parse::<u32>().ok());
        let reply = match film.map(|film| film % 14) {
            Some(3) if is_first => Reply::Status(500),
            Some(10) if is_first => Reply::Close,
            _ => return films(asked),
        };
        if asked.model != "student" {
            return films(asked);
        }
        failed.fetch_add(1, Ordering::SeqCst);
        reply
    }
}

/// A folder with a job whose calls need a key and are not tried again below the actors.
fn folder(server: &Server) -> Folder {
    let folder = Folder::with_job(server);
    let provider = "kind = \"openai\"\nkey_env = \"LAB_KEY\"\nbreaker_failures = 1000";
    let job = job(server.url()).replace("kind = \"openai\"", provider);
    folder.write("job.toml", &job.replace("max_retries = 4", "max_retries = 0"));
    folder
}

/// Settings that send traces to a port.
fn settings(port: u16, protocol: &str) -> [(&'static str, String); 6] {
    [
        ("LAB_KEY", KEY.to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{TOKEN}")),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ]
}

/// What the store knows of a job.
fn records(folder: &Folder, job: &str) -> (Totals, Vec<HistoryRecord>) {
    Runtime::new().unwrap().block_on(async {
        let store = store::open(folder.store().to_str().unwrap()).await.unwrap();
        let job = JobId(job.to_owned());
        let records = (store.totals(&job).await.unwrap(), store.history(&job).await.unwrap());
        store.close().await;
        records
    })
}

/// The spans of one trace, to be asked for what belongs to what.
struct Tree<'a> {
    spans: &'a [Span],
    by_id: HashMap<&'a [u8], &'a Span>,
}

impl<'a> Tree<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let by_id: HashMap<_, _> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
        assert_eq!(by_id.len(), spans.len(), "each span came once");
        assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id), "it is one trace");
        Self { spans, by_id }
    }

    fn named(&self, name: &str) -> Vec<&'a Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    fn parent(&self, span: &Span) -> Option<&'a Span> {
        self.by_id.get(span.parent_span_id.as_slice()).copied()
    }

    /// Name of the span above; empty above the root.
    fn above(&self, span: &Span) -> &'a str {
        self.parent(span).map_or("", |parent| parent.name.as_str())
    }

    fn children(&self, span: &Span) -> Vec<&'a Span> {
        self.spans.iter().filter(|child| child.parent_span_id == span.span_id).collect()
    }

    /// That every span stands where it belongs.
    fn check(&self) {
        for span in self.spans {
            let above = self.above(span);
            let right = match span.name.as_str() {
                "job" => above.is_empty() && span.parent_span_id.is_empty(),
                "generation" => above == "job",
                // Those of the report belong to no generation.
                "evaluate_prompt" => match attribute(&span.attributes, "split") {
                    Some(split) if *split == text("Test") => above == "job",
                    _ => above == "generation",
                },
                "propose" => above == "generation",
                "chat student" | "calculate_fitness" => above == "evaluate_prompt",
                "chat teacher" => above == "propose",
                _ => false,
            };
            assert!(right, "`{above}` above {span:?}");
            if let Some(parent) = self.parent(span) {
                assert!(parent.start_time_unix_nano <= span.start_time_unix_nano, "{parent:?} {span:?}");
            }
        }
    }
}

#[track_caller]
fn integer(span: &Span, key: &str) -> i64 {
    match attribute(&span.attributes, key) {
        Some(Is::IntValue(value)) => *value,
        other => panic!("`{key}` is no integer but {other:?}: {span:?}"),
    }
}

fn has_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// Counts of failed spans by the type of their error; each has one, and no other span has.
fn failures(spans: &[&Span]) -> HashMap<String, usize> {
    let mut failures = HashMap::new();
    for span in spans {
        let error = attribute(&span.attributes, "error.type");
        assert_eq!(error.is_some(), has_failed(span), "{span:?}");
        if let Some(Is::StringValue(error)) = error {
            *failures.entry(error.clone()).or_default() += 1;
        }
    }
    failures
}

/// That nothing of prompts, answers and secrets is anywhere in what was sent.
fn check_that_nothing_is_told(received: &Received) {
    let told = format!("{:?} {:?}", received.spans, received.resource);
    for secret in
        ["sentiment", "film ", "fine", "poor", "positive", "depends", "careful", "ractor", KEY, TOKEN]
    {
        let place = told.find(secret).map(|at| &told[at.saturating_sub(300)..(at + 100).min(told.len())]);
        assert_eq!(place, None, "`{secret}` was told");
    }
}

/// That each call of a model has what OpenTelemetry's conventions ask of it.
fn check_calls(calls: &[&Span], model: &str, server: &Server) {
    let port = server.url().trim_end_matches("/v1").rsplit(':').next().unwrap().parse::<i64>().unwrap();
    for call in calls {
        assert_eq!(call.kind, SpanKind::Client as i32, "{call:?}");
        for (key, value) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "lab"),
            ("gen_ai.request.model", model),
            ("server.address", "127.0.0.1"),
        ] {
            assert_eq!(attribute(&call.attributes, key), Some(&text(value)), "{key}: {call:?}");
        }
        assert_eq!(integer(call, "server.port"), port);
        if has_failed(call) {
            assert_eq!(attribute(&call.attributes, "gen_ai.usage.input_tokens"), None);
            continue;
        }
        assert_eq!(attribute(&call.attributes, "gen_ai.response.finish_reasons"), Some(&text("stop")));
        assert_eq!(integer(call, "gen_ai.usage.input_tokens"), 100);
        assert_eq!(integer(call, "gen_ai.usage.output_tokens"), 10);
    }
}

fn run_with_traces(protocol: &str) {
    let failed = Arc::default();
    let server = Server::start(failing(&failed));
    let folder = folder(&server);
    let collector = Collector::start();
    let mut command = command(&folder, &["run", "job.toml", "--json"]);
    command.envs(settings(collector.port(), protocol));
    let result = Outcome::from(command.output().unwrap()).done().json();
    let received = collector.received();
    let (totals, history) = records(&folder, result["job"].as_str().unwrap());
    let failed = failed.load(Ordering::SeqCst);
    assert!(failed > 10, "{failed}");

    let tree = Tree::new(&received.spans);
    tree.check();
    let [job] = tree.named("job")[..] else { panic!("one job: {:?}", by_name(&received)) };
    assert_eq!(attribute(&job.attributes, "job_id"), Some(&text(result["job"].as_str().unwrap())));
    assert_eq!(attribute(&job.attributes, "status"), Some(&text("done")));
    assert_eq!(integer(job, "evaluations"), result["evaluations"].as_i64().unwrap());

    let generations = tree.named("generation");
    let mut numbers: Vec<_> = generations.iter().map(|span| integer(span, "generation")).collect();
    numbers.sort_unstable();
    // The last was under way when the budget ended, and its end is told as well.
    assert_eq!(numbers, (0..history.len() as i64).collect::<Vec<_>>());
    for generation in generations {
        assert_eq!(attribute(&generation.attributes, "island"), Some(&Is::IntValue(0)));
        assert!(integer(generation, "evaluations") > 0);
        assert!(attribute(&generation.attributes, "diversity").is_some(), "{generation:?}");
    }

    let evaluations = tree.named("evaluate_prompt");
    let failed_evaluations = failures(&evaluations);
    assert_eq!(failed_evaluations.values().sum::<usize>(), failed, "{failed_evaluations:?}");
    assert!(failed_evaluations["server"] > 0 && failed_evaluations["connection"] > 0);
    assert_eq!(evaluations.len() - failed, totals.evaluations as usize);
    for evaluation in &evaluations {
        let mut inside: Vec<_> = tree.children(evaluation).iter().map(|span| span.name.as_str()).collect();
        inside.sort_unstable();
        let (call, score) = ("chat student", "calculate_fitness");
        assert_eq!(inside, if has_failed(evaluation) { vec![call] } else { vec![score, call] });
        assert!(integer(evaluation, "attempt") >= 1 && integer(evaluation, "repeat") >= 0);
    }
    let in_report = evaluations.iter().filter(|span| tree.above(span) == "job" && !has_failed(span)).count();
    let in_search = evaluations.len() - failed - in_report;
    assert_eq!(in_search as u64, result["evaluations"].as_u64().unwrap(), "nothing was cached");

    let (students, teachers) = (tree.named("chat student"), tree.named("chat teacher"));
    let asked = |model: &str| server.requests().iter().filter(|asked| asked.model == model).count();
    assert_eq!((students.len(), teachers.len()), (asked("student"), asked("teacher")));
    assert_eq!(tree.named("propose").len(), teachers.len());
    assert_eq!(failures(&students), failed_evaluations);
    check_calls(&students, "student", &server);
    check_calls(&teachers, "teacher", &server);
    assert_eq!(students.len() + teachers.len() - failed, totals.model_calls as usize);
    assert_eq!(result["model_calls"], totals.model_calls);

    check_that_nothing_is_told(&received);
    assert_eq!(attribute(&received.resource, "service.name"), Some(&text("evohub")));
    assert_eq!(attribute(&received.resource, "deployment.environment.name"), Some(&text("test")));
    let bearer = format!("Bearer {TOKEN}");
    assert!(received.headers.iter().all(|headers| headers["authorization"] == *bearer));
}

#[test]
fn a_job_is_one_tree_over_http() {
    run_with_traces("http/protobuf");
}

#[test]
fn a_job_is_one_tree_over_grpc() {
    run_with_traces("grpc");
}

#[test]
fn a_job_belongs_to_the_span_of_whoever_submits_it() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let collector = Collector::start();
    Runtime::new().unwrap().block_on(async {
        let metrics = Metrics::new(&MetricsConfig::default());
        let traces = Some(collector.config(TraceProtocol::Grpc));
        let config = TelemetryConfig { traces, ..TelemetryConfig::default() };
        // For all threads: each test is a process of its own.
        let telemetry = Telemetry::init(&config, Some(&metrics.telemetry)).unwrap();
        let node = Node::start(&folder, Toolbox::new(metrics)).await;
        let file = JobFile::load(&folder.path().join("job.toml"), &[]).unwrap();
        let request = tracing::info_span!("request");
        let handle = node.engine.submit(file.spec).instrument(request).await.unwrap();
        assert_eq!(handle.result().await.unwrap().status, "done");
        node.end().await;
        tokio::task::spawn_blocking(move || telemetry.shutdown(EXIT)).await.unwrap();
    });
    let received = collector.received();
    let tree = Tree::new(&received.spans);
    let (request, job) = (received.named("request"), received.named("job"));
    assert!(request.parent_span_id.is_empty());
    assert_eq!(tree.parent(job), Some(request));
    assert_eq!(tree.children(request), [job]);
    assert_eq!(tree.named("chat student").len() + tree.named("chat teacher").len(), server.count());
}

/// The last event of a run, which has the result.
fn last(mut events: impl Iterator<Item = std::io::Result<String>>) -> Value {
    let ended =
        |line: String| Some(serde_json::from_str(&line).unwrap()).filter(|e: &Value| e["kind"] == "ended");
    events.find_map(|line| ended(line.unwrap())).expect("an end")
}

/// That a job does not mind a collector that takes nothing.
fn check_that_nobody_minds(port: u16, protocol: &str) {
    const ANSWERED: usize = 120;
    let plain = Server::start(films);
    let undisturbed = folder(&plain);
    let mut undisturbed = command(&undisturbed, &["run", "job.toml", "--json"]);
    let expected = Outcome::from(undisturbed.env("LAB_KEY", KEY).output().unwrap()).done().json();
    let server = Server::start(|asked| match films(asked) {
        Reply::Text(text) if asked.number >= ANSWERED => Reply::Wait(text),
        reply => reply,
    });
    let folder = folder(&server);
    let mut command = command(&folder, &["run", "job.toml", "--events", "--listen", "127.0.0.1:0"]);
    command.envs(settings(port, protocol)).env("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
    let mut process = Process::start(command);
    server.wait_for(ANSWERED + 1);
    let lost = ["failed", "dropped"].map(|outcome| format!("trace_spans_total{{outcome=\"{outcome}\"}}"));
    until("lost spans are counted", || {
        let count: f64 = lost.iter().map(|series| process.value(series)).sum();
        (count > 0.0).then_some(())
    });
    assert_eq!(process.value("trace_spans_total{outcome=\"exported\"}"), 0.0);
    server.open_gate();
    let result = last(process.stdout().lines());
    let ended = Instant::now();
    let outcome = process.end();
    assert!(ended.elapsed() < EXIT, "it took {:?} to end", ended.elapsed());
    let outcome = outcome.done();
    for key in ["best", "seed", "p_value", "evaluations", "model_calls", "dollars", "candidates_born"] {
        assert_eq!(result[key], expected[key], "{key}");
    }
    assert_eq!(server.count(), plain.count());
    let told = outcome.stderr.lines().filter(|line| line.contains(&port.to_string())).count();
    assert_eq!(told, 1, "the loss is told, and told once: {}", outcome.stderr);
    assert!(!outcome.stderr.contains(TOKEN) && !outcome.stderr.contains(KEY), "{}", outcome.stderr);
}

#[test]
fn a_dead_collector_changes_nothing() {
    // Taken, so that nobody else gets it, and not listened at.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = socket.local_addr().unwrap().port();
    for protocol in ["http/protobuf", "grpc"] {
        check_that_nobody_minds(port, protocol);
    }
}

#[test]
fn a_frozen_collector_changes_nothing() {
    // Connections are made by the system; nobody ever reads from them.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    for protocol in ["http/protobuf", "grpc"] {
        check_that_nobody_minds(port, protocol);
    }
}

#[test]
fn the_end_waits_for_a_frozen_collector_for_seconds_only() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::start(films);
    let end = &|protocol| {
        let folder = folder(&server);
        let mut command = command(&folder, &["run", "job.toml", "--events", "--listen", "127.0.0.1:0"]);
        // The standard time for one batch is longer than that for the end.
        command.envs(settings(port, protocol));
        let mut process = Process::start(command);
        last(process.stdout().lines());
        let ended = Instant::now();
        process.end().done();
        ended.elapsed()
    };
    let took = std::thread::scope(|scope| {
        let ends = ["http/protobuf", "grpc"].map(|protocol| scope.spawn(move || end(protocol)));
        ends.map(|end| end.join().unwrap())
    });
    assert!(took.iter().all(|took| *took < EXIT), "{took:?}");
}

#[test]
fn with_a_ratio_of_zero_the_failed_evaluations_are_kept_alone() {
    let failed = Arc::default();
    let server = Server::start(failing(&failed));
    let folder = folder(&server);
    let collector = Collector::start();
    let mut command = command(&folder, &["run", "job.toml", "--json", "--trace-failed"]);
    command.envs(settings(collector.port(), "http/protobuf"));
    command.env("OTEL_TRACES_SAMPLER", "traceidratio").env("OTEL_TRACES_SAMPLER_ARG", "0");
    Outcome::from(command.output().unwrap()).done();
    let received = collector.received();
    let tree = Tree::new(&received.spans);
    tree.check();
    let names = by_name(&received);
    let failed = failed.load(Ordering::SeqCst);
    assert!(failed > 10, "{failed}");
    let expected = [
        ("job", 1),
        ("generation", tree.named("generation").len()),
        ("evaluate_prompt", failed),
        ("chat student", failed),
    ];
    assert_eq!(names, HashMap::from(expected));
    assert!(tree.named("evaluate_prompt").iter().all(|span| has_failed(span)));
}
