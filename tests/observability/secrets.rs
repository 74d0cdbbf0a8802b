//! Secrets of all sorts go in at every door, and come out at none.
//!
//! What the program is given to keep (keys, tokens) appears nowhere. What it comes across (in prompts, cases, answers
//! of a provider, panics) stands in the records of a job where its user wrote it, and in nothing that tells of the
//! work: logs, errors, metrics, health, spans.

mod outlets;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use evohub::evaluation::{FnEvaluator, Scored};
use evohub::evolution::{Candidate, Case, Failure, FailureKind};
use evohub::monitoring::logs::{LogConfig, LogDestination, LogFile, LogForm, log_panics};
use evohub::monitoring::metrics::{Metrics, MetricsConfig};
use evohub::monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub::monitoring::traces::TraceConfig;
use evohub::{EvaluatorSpec, JobEvent, JobSpec, Toolbox};
use serde_json::json;

use crate::echo::{Echo, Gate, Request};
use crate::folder::Folder;
use crate::http::completion;
use crate::node::Node;

use outlets::{HEARD, Outlets};

/// Known as a key by its form.
const OPENAI_KEY: &str = "sk-proj-ConfidedKq7Wv3Lx9Np2Rt5";
/// Known by its value alone.
const ANTHROPIC_KEY: &str = "harbour/Confided\"tide+";
const LISTENER_TOKEN: &str = "lantern-confided-harbour";
const COLLECTOR_KEY: &str = "confided-lamp";

/// Secrets of all sorts; `place` says in a failure of the test where they came from.
fn secrets(place: &str) -> [String; 8] {
    let heard = format!("{HEARD}-{place}");
    [
        format!("sk-proj-{heard}-Zx9Qw8Er7Ty6"),
        format!("sk-ant-api03-{heard}-Zx9Qw8Er7Ty6"),
        format!("Authorization: Bearer {heard}.Zx9Qw8"),
        format!("https://ann:{heard}@example.org/v1"),
        format!("{heard}.ann@mail.example.org"),
        format!("password={heard}"),
        format!("{{\"api_key\": \"{heard}\"}}"),
        format!("-----BEGIN PRIVATE KEY-----\nMIIEvQ{heard}Zx9Qw8Er7Ty6\n-----END PRIVATE KEY-----"),
    ]
}

/// A provider that answers in the form it is asked in, or fails with what it was sent and what it heard elsewhere.
fn provider(gate: &Arc<Gate>) -> Echo {
    let gate = Arc::clone(gate);
    Echo::start(move |request| {
        if request.number >= 40 {
            gate.pass();
        }
        let number = request.number;
        match number % 5 {
            1 => (500, refusal(request, number / 5)),
            2 => (429, refusal(request, number / 5)),
            // For a candidate with such a failure the search goes on, and for the seed it does not.
            3 if number % 3 == 0 && !is_of_seed(request) => (400, refusal(request, number / 5)),
            3 => (200, secrets("answer-that-is-none").join(" ")),
            _ => (200, answer(request)),
        }
    })
}

/// An error that tells one thing after the other, as only the start of a long one is shown.
fn refusal(request: &Request, turn: usize) -> String {
    let heard = secrets("provider");
    let told = match turn % (heard.len() + 1) {
        0 => &request.head,
        turn => &heard[turn - 1],
    };
    json!({"error": {"message": format!("not with this: {told}"), "type": "scripted"}}).to_string()
}

/// Whether it is asked to do the task with the prompt that the job began with.
fn is_of_seed(request: &Request) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    !request.head.contains("/messages") && !body.contains(REWRITTEN)
}

/// An answer that a model may well give, secrets of its user included.
fn answer(request: &Request) -> String {
    let start = if is_of_seed(request) { "Well" } else { REWRITTEN };
    let text = format!("```\n{start}, and write to {}\n```", secrets("answer").join(" "));
    if !request.head.contains("/messages") {
        return completion(&text).to_string();
    }
    json!({
        "id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 100, "output_tokens": 10},
    })
    .to_string()
}

/// In prompts that were rewritten, and in what is answered to them.
const REWRITTEN: &str = "Be careful";

/// A scorer that likes rewritten prompts, and complains of some cases.
const SCORER: &str = r#"
question=$(cat)
case "$question" in *"Be careful"*) ;; *) echo 0.5; exit ;; esac
case "$question" in
  *"film "[0-9]"1:"*) cat "$0.long" >&2; exit 1 ;;
  *"film "[0-9]"2:"*) cat "$0.short" >&2; exit 1 ;;
  *"film "[0-9]"3:"*) cat "$0.short"; exit 0 ;;
  *) echo 0.6 ;;
esac
"#;

/// A job with secrets wherever a user may write something.
fn folder(provider: &Echo) -> Folder {
    let folder = Folder::new();
    let heard = |place| serde_json::to_string(&secrets(place).join(" ")).unwrap();
    let case = |number| {
        let text = format!("film {number:02}: {}", secrets("case").join(" "));
        json!({"input": text, "expected": secrets("expected").join(" ")}).to_string()
    };
    folder.write("cases.jsonl", &(0..100).map(case).collect::<Vec<_>>().join("\n"));
    folder.write("openai.key", OPENAI_KEY);
    folder.write("anthropic.key", ANTHROPIC_KEY);
    folder.write("score.sh", SCORER);
    folder.write("score.sh.long", &secrets("scorer").join("\n"));
    folder.write("score.sh.short", &secrets("scorer")[1]);
    let address = provider.address;
    let job = format!(
        r#"name = "sk-proj-{HEARD}-Name1"

[seed]
prompts = [{seed}]

[data]
train = "cases.jsonl"

[model]
task = "lab:sk-proj-{HEARD}-Model1"
reflection = "other:{HEARD}.model1@example.org"

[providers.lab]
kind = "openai"
base_url = "http://{address}/v1"
key_file = "openai.key"
max_concurrency = 4
max_retries = 2
retry_base_ms = 1
breaker_failures = 1000

[providers.other]
kind = "anthropic"
base_url = "http://{address}"
key_file = "anthropic.key"
max_retries = 2
retry_base_ms = 1
breaker_failures = 1000

[score]
metric = "command"
command = ["sh", "score.sh"]

[algorithm]
name = "gepa"

[budget]
evaluations = 100
"#,
        seed = heard("prompt"),
    );
    folder.write("job.toml", &job);
    folder
}

/// A collector of traces that does not like the first it gets, and says why.
fn collector() -> Echo {
    Echo::start(|request| match request.number {
        0 => (400, format!("not with this: {} {}", request.head, secrets("collector").join(" "))),
        _ => (200, String::new()),
    })
}

/// The answer to a request with these headers.
fn ask(address: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "{request}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Knocks at the listener with secrets of all sorts.
fn knock(outlets: &mut Outlets, address: &str) {
    let right = format!("Authorization: Bearer {LISTENER_TOKEN}");
    let heard = secrets("header");
    let wrong =
        format!("Authorization: Bearer {HEARD}-wrong-token\r\nCookie: {0}\r\nX-Api-Key: {0}", heard[0]);
    let [first, second, ..] = secrets("path");
    let filter = format!("{}=nonsense[", heard[0]);
    for (request, body, status) in [
        (format!("GET /metrics HTTP/1.1\r\n{right}"), "", "200"),
        (format!("GET /health/detailed HTTP/1.1\r\n{right}"), "", "200"),
        (format!("GET /health HTTP/1.1\r\n{wrong}"), "", "200"),
        (format!("GET /metrics HTTP/1.1\r\n{wrong}"), "", "401"),
        (format!("GET /metrics?api_key={first} HTTP/1.1\r\n{wrong}"), "", "401"),
        (format!("GET /{second} HTTP/1.1\r\n{wrong}"), "", "404"),
        (format!("GET /metrics HTTP/1.1\r\nAuthorization: Basic {HEARD}WrongBasic1"), "", "401"),
        (format!("PUT /admin/log-level HTTP/1.1\r\n{right}"), filter.as_str(), "400"),
        (format!("PUT /admin/log-level HTTP/1.1\r\n{right}"), "trace", "200"),
        // What the requests before have left.
        (format!("GET /metrics HTTP/1.1\r\n{right}"), "", "200"),
    ] {
        let answer = ask(address, &request, body);
        let line = request.lines().next().unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
        outlets.clean(&format!("the answer to {line}"), answer);
    }
}

/// Runs the program on the job, knocks at its listener half-way, and looks at all that it left.
fn run(logs: &[&str], form: &str) {
    let gate = Arc::new(Gate::default());
    let (provider, collector) = (provider(&gate), collector());
    let folder = folder(&provider);
    folder.write("token", LISTENER_TOKEN);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let only_mine = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path().join("token"), only_mine).unwrap();
    }
    let arguments = ["run", "job.toml", form, "--listen", "127.0.0.1:0", "--listen-token-file", "token"];
    let endpoint = format!("http://{}", collector.address);
    let mut program = folder
        .command(&arguments)
        .args(["--log-level", "debug", "--metrics-job-label", "--otlp-endpoint", &endpoint])
        .args(logs)
        .envs([
            ("OTEL_EXPORTER_OTLP_HEADERS", format!("x-api-key={COLLECTOR_KEY}")),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (told, heard) = mpsc::channel();
    let stderr = BufReader::new(program.stderr.take().unwrap());
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(told.send(line))));
    let mut stdout = program.stdout.take().unwrap();
    let stdout = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text).unwrap()
    });
    let mut stderr = String::new();
    let address = loop {
        let line =
            heard.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("it ended: {stderr}"));
        let _ = writeln!(stderr, "{line}");
        if let Some((_, address)) = line.split_once("listening at http://") {
            break address.to_owned();
        }
    };
    let mut outlets = Outlets::default();
    gate.reached();
    knock(&mut outlets, &address);
    gate.open();
    let status = program.wait().unwrap();
    heard.iter().for_each(|line| stderr.push_str(&(line + "\n")));
    let stdout = stdout.join().unwrap();
    let end = stderr.lines().rev().find(|line| line.starts_with("error: "));
    assert!(status.success(), "{end:?}");

    // The secrets did go in.
    let seen = provider.seen();
    let has = |text: &str| seen.iter().any(|request| request.head.contains(text));
    assert!(has(OPENAI_KEY) && has(ANTHROPIC_KEY), "{:?}", seen.first());
    let spans = collector.seen();
    assert!(spans[0].head.contains(COLLECTOR_KEY), "{}", spans[0].head);

    // The name of the job is part of its id, which the user is told.
    let told =
        stderr.lines().filter(|line| !line.starts_with("job sk-proj-") && !line.contains("evohub show"));
    outlets.clean("standard error", told.collect::<Vec<_>>().join("\n"));
    for name in folder.names().iter().filter(|name| name.starts_with("log")) {
        outlets.clean(name, std::fs::read(folder.path().join(name)).unwrap());
    }
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or(stderr);
    assert!(log.contains("tried again") && log.contains("set aside"), "there is nothing in the log");
    for span in spans {
        outlets.clean("spans", span.body);
    }
    match form {
        "--events" => {
            stdout.lines().for_each(|line| outlets.document("events", &serde_json::from_str(line).unwrap()))
        }
        _ => outlets.document("result", &serde_json::from_str(&stdout).unwrap()),
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = evohub::store::open(&folder.store().to_string_lossy()).await.unwrap();
        outlets.store(&folder, &*store).await;
        store.close().await;
    });
    outlets.end();
}

#[test]
fn no_secret_comes_out_of_a_run_that_logs_json_to_a_file() {
    run(&["--log-format", "json", "--log-file", "log"], "--events");
}

#[test]
fn no_secret_comes_out_of_a_run_that_logs_for_people() {
    run(&["--log-format", "human"], "--json");
}

#[test]
fn no_secret_is_in_the_error_of_a_job_whose_key_is_refused() {
    let provider = Echo::start(|request| (401, refusal(request, 0)));
    let folder = folder(&provider);
    for (provider, model) in [("lab", "lab:student"), ("other", "other:student")] {
        let model = format!("model.task={model}");
        let outcome = folder.run(&["run", "job.toml", "--events", "--set", &model]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let error = outcome.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(error.contains("401") && error.contains(provider), "{error}");
        let mut outlets = Outlets::default();
        outlets.clean("the error", error);
        outlets.without_kept("standard error", &outcome.stderr);
        outcome
            .stdout
            .lines()
            .for_each(|line| outlets.document("events", &serde_json::from_str(line).unwrap()));
        let jobs = folder.run(&["jobs", "--json"]).done().json();
        outlets.document("jobs", &jobs);
        outlets.end();
    }
}

#[test]
fn no_secret_is_told_of_bad_input() {
    let provider = Echo::start(|_| panic!("no model is called"));
    let mut outlets = Outlets::default();
    let heard = secrets("setting");
    for (setting, argument) in [
        (format!("providers.lab.base_url=https://ann:{HEARD}@example.org/v1"), None),
        (format!("providers.lab.base_url=https://example.org/v1?key={HEARD}"), None),
        (format!("providers.lab.key_env={}", heard[0]), None),
        (format!("providers.lab.api_key={}", heard[0]), None),
        (format!("model.task={}", heard[0]), None),
        (format!("model.task=nobody:{}", heard[0]), None),
        ("seed.prompts=[]".to_owned(), None),
        ("random_seed=1".to_owned(), Some(["--store", "postgres://ann:overheard@example.org/jobs"])),
        ("random_seed=1".to_owned(), Some(["--otlp-endpoint", "ftp://ann:overheard@example.org"])),
        ("random_seed=1".to_owned(), Some(["--otlp-endpoint", "http://ann:overheard@127.0.0.1:4318"])),
        ("random_seed=1".to_owned(), Some(["--log-level", "sk-proj-overheard-Zx9Qw8=nonsense["])),
    ] {
        let folder = folder(&provider);
        let job = std::fs::read_to_string(folder.path().join("job.toml")).unwrap();
        // Without what stands in the way of the key that is set.
        folder.write("job.toml", &job.replacen("key_file = \"openai.key\"\n", "", 1));
        let mut arguments = vec!["run", "job.toml", "--set", &setting];
        arguments.extend(argument.into_iter().flatten());
        let outcome = folder.run(&arguments);
        assert_eq!(outcome.code, Some(2), "{setting} {argument:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "");
        outlets.clean(&format!("the error about {setting} {argument:?}"), outcome.stderr);
    }
    outlets.end();
}

/// Panics at some cases when it comes to them first, fails at others, and says all that it knows.
fn careless() -> FnEvaluator {
    let calls = AtomicUsize::new(0);
    let seed = secrets("prompt").join(" ");
    FnEvaluator::new_async("careless/1", 4, move |candidate: Candidate, _: Case| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        let is_seed = candidate.component("instruction") == seed;
        async move {
            let heard = secrets("evaluator");
            let one = &heard[call % heard.len()];
            match call % 7 {
                1 if call < 30 => panic!("cannot go on with {one}"),
                2 => Err(Failure {
                    kind: FailureKind::Transient,
                    cause: format!("refused {one}"),
                    message: format!("the service refused {one}"),
                }),
                3 if !is_seed => Err(Failure {
                    kind: FailureKind::Piece,
                    cause: "odd".into(),
                    message: format!("nothing can be made of {one}"),
                }),
                _ => Ok(Scored::new(0.5, "")),
            }
        }
    })
}

/// Fails for good.
fn hopeless() -> FnEvaluator {
    FnEvaluator::new_async("hopeless/1", 4, |_: Candidate, _: Case| async {
        let message = format!("the service is gone: {}", secrets("service").join(" "));
        Err::<Scored, _>(Failure { kind: FailureKind::Systemic, cause: "gone".into(), message })
    })
}

#[test]
fn no_secret_of_an_embedding_program_comes_out() {
    let (provider, collector) = (Echo::start(|_| panic!("no model is called")), collector());
    let folder = folder(&provider);
    let metrics = Metrics::new(&MetricsConfig { job_label: true, ..MetricsConfig::default() });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut outlets = Outlets::default();
    let failures_of_the_test = std::panic::take_hook();
    let jobs = runtime.block_on(async {
        let logs = LogConfig {
            filter: Some("debug".to_owned()),
            form: LogForm::Json,
            destination: LogDestination::File(LogFile::new(folder.path().join("log"))),
        };
        let traces = Some(TraceConfig::new(format!("http://{}/v1/traces", collector.address)));
        // For all threads: each test is a process of its own.
        let telemetry = Telemetry::init(&TelemetryConfig { logs, traces }, Some(&metrics.telemetry)).unwrap();
        let mut toolbox = Toolbox::new(metrics);
        toolbox.add_evaluator("careless", Arc::new(careless()));
        toolbox.add_evaluator("hopeless", Arc::new(hopeless()));
        let node = Node::start(&folder, toolbox).await;
        log_panics();
        let mut jobs = vec![];
        for evaluator in ["careless", "hopeless"] {
            let change = |spec: &mut JobSpec| {
                spec.evaluator = EvaluatorSpec::Custom(evaluator.to_owned());
                spec.reflection.clear();
            };
            jobs.push(node.run_changed(&folder, change).await);
        }
        std::panic::set_hook(failures_of_the_test);
        outlets.clean("metrics", node.get("/metrics").await);
        outlets.clean("health", node.get("/health/detailed").await);
        outlets.store(&folder, &*node.store).await;
        node.end().await;
        tokio::task::spawn_blocking(move || telemetry.shutdown(Duration::from_secs(5))).await.unwrap();
        jobs
    });
    for event in jobs.iter().flat_map(|job| &job.events) {
        outlets.document("events", &serde_json::to_value(event).unwrap());
    }
    let [careless, hopeless] = &jobs[..] else { panic!("two jobs ran") };
    assert_eq!((careless.result.status.as_str(), hopeless.result.status.as_str()), ("done", "failed"));
    assert!(careless.events.iter().any(|event| matches!(event, JobEvent::Retried { .. })));
    assert!(hopeless.result.error.as_ref().unwrap().contains("the service is gone"));
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("panicked: cannot go on") && log.contains("the service refused"), "{log}");
    outlets.clean("the log", log);
    assert!(!collector.seen().is_empty());
    collector.seen().iter().for_each(|request| outlets.clean("spans", &request.body));
    outlets.end();
}
