//! A look at a process that works.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::folder::Folder;

/// What a job of a hundred evaluations left behind, without the time at which the process started.
const PAGE: &str = r#"# TYPE evohub_build info
evohub_build_info{version="0.1.0",revision="8b3fbee",rustc="rustc 1.95.0"} 1
# TYPE evolution_jobs gauge
evolution_jobs{state="running"} 1
evolution_jobs{state="done"} 2
# TYPE evolution_generations_completed counter
evolution_generations_completed_total 12
evolution_best_fitness 0.925
evolution_mean_fitness 0.8
evolution_population_diversity 0.25
evolution_population_size 24
evolution_candidates_total{operator="reflect",outcome="accepted"} 7
evolution_candidates_total{operator="merge",outcome="accepted"} 1
evolution_candidates_total{operator="merge",outcome="rejected"} 4
prompt_evaluations_total{outcome="success"} 90
prompt_evaluations_total{outcome="failed"} 10
prompt_evaluations_total{outcome="cached"} 30
prompt_evaluations_failed_total{error_type="timeout"} 8
prompt_evaluations_failed_total{error_type="an \"odd\" one\u001b[2J"} 2
evaluation_cache_hits_total{tier="store"} 30
evaluation_cache_misses_total{tier="store"} 90
evaluations_saved_total{by="racing"} 40
# TYPE evaluation_duration_seconds histogram
evaluation_duration_seconds_bucket{le="0.5"} 50 # {trace_id="00f067aa0ba902b7"} 0.4 1700000000.123
evaluation_duration_seconds_bucket{le="1.0"} 90
evaluation_duration_seconds_bucket{le="2.0"} 100 # {trace_id="4bf92f3577b34da6"} 1.75 1700000000.456
evaluation_duration_seconds_bucket{le="+Inf"} 100
evaluation_duration_seconds_sum 60.0
evaluation_duration_seconds_count 100
llm_api_calls_total{provider="lab",model="student",outcome="success"} 95
llm_api_calls_total{provider="lab",model="student",outcome="timeout"} 5
llm_api_cost_dollars_total{provider="lab",model="student"} 0.125
llm_tokens_total{provider="lab",model="student",direction="input"} 9500
llm_tokens_total{provider="lab",model="student",direction="cached"} 500
llm_tokens_total{provider="lab",model="student",direction="output"} 950
llm_api_duration_seconds_bucket{provider="lab",model="student",le="0.5"} 95
llm_api_duration_seconds_bucket{provider="lab",model="student",le="+Inf"} 95
llm_api_duration_seconds_sum{provider="lab",model="student"} 19.0
llm_api_retries_total{provider="lab",model="student",error_type="timeout"} 3
llm_api_in_flight{provider="lab",model="student"} 4
llm_api_limit{provider="lab",kind="concurrency"} 16
actors_alive{actor="population"} 2
actor_mailbox_depth{actor="population"} 5
actor_messages_total{actor="population",message="evaluated"} 60
actor_messages_total{actor="population",message="checkpoint"} 40
actor_handle_seconds_bucket{actor="population",le="0.25"} 100
actor_handle_seconds_bucket{actor="population",le="+Inf"} 100
actor_restarts_total{actor="population",cause="panic"} 1
actor_dead_letters_total{actor="population"} 2
process_resident_memory_bytes 134217728
process_open_fds 34
process_max_fds 1024
some_family_of_later_versions{with="labels"} NaN
# EOF
"#;

const UNHEALTHY: &str = r#"{"status": "unhealthy", "timestamp": "2026-01-01T00:00:00Z", "version": "0.1.0", "checks": {
    "store": {"status": "unhealthy", "response_time_ms": 12.5, "message": "database is locked"},
    "llm_apis": {"lab": {"status": "healthy", "response_time_ms": 3.0}}
}}"#;

const TOKEN: &str = "correct-horse-battery-staple";

/// What is asked: a path, and the value of `Authorization`.
type Answer = dyn Fn(&str, &str) -> (u16, String) + Send + Sync;

/// A process with these pages; it ends when dropped.
struct Process {
    address: String,
    runtime: Option<Runtime>,
}

impl Process {
    fn start(
        tls: Option<ServerConfig>,
        answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer: Arc<Answer> = Arc::new(answer);
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => serve(acceptor.accept(stream).await.ok()?, &*answer).await,
                        None => serve(stream, &*answer).await,
                    }
                });
            }
        });
        Self { address, runtime: Some(runtime) }
    }

    /// One that is unhealthy and tells everybody all.
    fn with_page(page: impl Into<String>) -> Self {
        let page = page.into();
        Self::start(None, move |path, _| pages(path, &page))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn pages(path: &str, metrics: &str) -> (u16, String) {
    match path {
        "/metrics" => (200, metrics.to_owned()),
        "/health/detailed" => (503, UNHEALTHY.to_owned()),
        _ => (404, "not found".to_owned()),
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, answer: &Answer) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut path, mut authorization) = (String::new(), String::new());
        let mut line = String::new();
        while stream.read_line(&mut line).await.ok()? > 0 && !line.trim_end().is_empty() {
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    authorization = value.into()
                }
                Some(_) => {}
                None => path = line.split(' ').nth(1)?.to_owned(),
            }
            line.clear();
        }
        if path.is_empty() {
            return None;
        }
        let (status, body) = answer(&path, &authorization);
        let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
}

#[test]
fn a_look_tells_all_figures() {
    let process = Process::with_page(PAGE.replace("\\u001b", "\u{1b}"));
    let told = Folder::new().run(&["top", &process.address, "--once"]).done();
    assert_eq!(told.stderr, "");
    assert!(!told.stdout.contains('\u{1b}'), "no page steers the terminal: {told:?}");
    insta::assert_snapshot!(told.stdout.replace(&process.address, "[ADDRESS]"));
}

#[test]
fn without_a_terminal_there_is_no_live_view() {
    let process = Process::with_page(PAGE);
    let told = Folder::new().run(&["top", &process.address]).done();
    assert!(told.stdout.starts_with("process "), "{told:?}");
}

#[test]
fn the_figures_are_those_of_the_page() {
    let started = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - 60.0;
    let process =
        Process::with_page(PAGE.replace("# EOF", &format!("process_start_time_seconds {started}\n# EOF")));
    let figures = Folder::new().run(&["top", &process.address, "--json"]).done().json();
    let figure = |pointer: &str| {
        let value = figures.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}: {figures:#}"));
        value.as_f64().unwrap_or_else(|| panic!("{pointer} is {value}"))
    };
    for (pointer, expected) in [
        ("/jobs/by_state/done", 2.0),
        ("/jobs/generations_completed", 12.0),
        ("/jobs/candidates/accepted", 8.0),
        ("/jobs/populations/0/best_fitness", 0.925),
        ("/evaluations/by_outcome/success", 90.0),
        ("/evaluations/failed_by_type/timeout", 8.0),
        ("/evaluations/error_rate", 0.1),
        ("/evaluations/cache_hit_rate", 0.25),
        ("/evaluations/duration/p50_seconds", 0.5),
        ("/evaluations/duration/p95_seconds", 1.5),
        ("/evaluations/duration/mean_seconds", 0.6),
        ("/evaluations/slow/seconds", 1.75),
        ("/llm/calls/timeout", 5.0),
        ("/llm/error_rate", 0.05),
        ("/llm/dollars", 0.125),
        ("/llm/in_flight_limit", 16.0),
        ("/llm/models/0/tokens", 10_450.0),
        ("/actors/0/mailbox_depth", 5.0),
        ("/actors/0/messages", 100.0),
        ("/actors/0/dead_letters", 2.0),
        ("/process/resident_memory_bytes", 134_217_728.0),
    ] {
        assert!((figure(pointer) - expected).abs() < 1e-9, "{pointer}: {figures:#}");
    }
    // What is by time depends on how fast this test is.
    let uptime = figure("/uptime_seconds");
    assert!((60.0..600.0).contains(&uptime), "{uptime}");
    assert!((figure("/evaluations/per_second") - 90.0 / uptime).abs() < 1e-6, "{figures:#}");
    assert!((figure("/llm/dollars_per_minute") - 0.125 * 60.0 / uptime).abs() < 1e-6, "{figures:#}");
    assert_eq!(figures["health"]["status"], "unhealthy", "an unhealthy process answers with status 503");
    assert_eq!(figures["health"]["checks"][1]["message"], "database is locked");
    assert_eq!(figures["build"]["revision"], "8b3fbee");
}

#[test]
fn a_process_may_want_a_token() {
    let process = Process::start(None, |path, authorization| {
        if authorization == format!("Bearer {TOKEN}") { pages(path, PAGE) } else { (401, String::new()) }
    });
    let folder = Folder::new();
    folder.write("token", &format!("{TOKEN}\n"));
    folder.write("old", "another-token");
    let run = |more: &[&str]| folder.run(&[&["top", &process.address, "--once"], more].concat());

    let refused = run(&[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("wants a token for /metrics: give it with --token-file FILE"),
        "{refused:?}"
    );
    let refused = run(&["--token-file", "old"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("does not take the token of --token-file"), "{refused:?}");
    assert!(!refused.stderr.contains("another-token"), "{refused:?}");
    assert!(run(&["--token-file", "token"]).done().stdout.contains("database is locked"));
}

#[test]
fn figures_are_told_when_health_is_not() {
    let process = Process::start(None, |path, _| match path {
        "/metrics" => (200, PAGE.to_owned()),
        _ => (401, String::new()),
    });
    let folder = Folder::new();
    let told = folder.run(&["top", &process.address, "--once"]).done().stdout;
    assert!(told.contains("health       unknown: ") && told.contains("--token-file"), "{told}");
    let told = folder.run(&["top", &process.address, "--json"]).done().json();
    assert!(told["health"]["status"].is_null() && told["health"]["error"].is_string(), "{told}");
}

#[test]
fn what_does_not_answer_or_is_no_page_is_named() {
    let folder = Folder::new();
    let error = |address: &str| {
        let outcome = folder.run(&["top", address, "--once"]);
        assert_eq!((outcome.code, &*outcome.stdout), (Some(1), ""), "{outcome:?}");
        outcome.stderr
    };
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(error(&gone), format!("error: no answer from {gone}: connection refused\n"));

    let process = Process::with_page("<!DOCTYPE html>\n<html></html>\n");
    let told = error(&process.address);
    assert!(told.contains("is no whole page of metrics: line 1 is no metric: <!DOCTYPE html>"), "{told}");
    let told = error(&format!("{}/elsewhere", process.address));
    assert!(told.contains("status 404") && told.contains("is an evohub process at this address?"), "{told}");
    let told = error(&format!("https://{}", process.address));
    assert!(told.contains("it does not seem to speak TLS"), "{told}");

    let process = Process::with_page(&PAGE[..PAGE.len() / 2]);
    let told = error(&process.address);
    assert!(told.contains("it was cut short after line"), "{told}");

    let process = Process::with_page("a 1\n".repeat(5 << 20));
    let told = error(&process.address);
    assert!(told.contains("/metrics of 127.0.0.1:") && told.contains("is longer than 16 MiB"), "{told}");
}

#[test]
fn a_private_certificate_can_be_trusted() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let process = Process::start(Some(config), |path, _| pages(path, PAGE));
    let folder = Folder::new();
    folder.write("ca.pem", &made.cert.pem());

    let address = format!("https://{}", process.address);
    let refused = folder.run(&["top", &address, "--once"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("certificate") && refused.stderr.contains("--ca-file"), "{refused:?}");
    folder.run(&["top", &address, "--once", "--ca-file", "ca.pem"]).done();
    // With a certificate, TLS is meant.
    folder.run(&["top", &process.address, "--once", "--ca-file", "ca.pem"]).done();
    let refused = folder.run(&["top", &process.address, "--once"]);
    assert!(refused.stderr.contains("https://"), "{refused:?}");
}

#[test]
fn a_command_line_that_cannot_be_meant_is_bad_input() {
    let folder = Folder::new();
    folder.write("empty", "\n");
    folder.write("lines", "a\nb");
    for (arguments, told) in [
        (&["--interval", "0.05"][..], "from 0.1 to 60"),
        (&["--interval", "soon"], "from 0.1 to 60"),
        (&["ftp://host"], "`ftp` is not spoken here"),
        (&["host:99999"], "invalid port"),
        (&["http://me:secret@host"], "--token-file"),
        (&["http://127.0.0.1:1", "--ca-file", "empty"], "write https:// instead of http://"),
        (&["127.0.0.1:1", "--ca-file", "empty"], "no certificate"),
        (&["127.0.0.1:1", "--token-file", "none"], "none: "),
        (&["127.0.0.1:1", "--token-file", "empty"], "empty: it is empty"),
        (&["127.0.0.1:1", "--token-file", "lines"], "lines: a token is one line"),
    ] {
        let outcome = folder.run(&[&["top", "--once"], arguments].concat());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains(told), "{arguments:?}: {outcome:?}");
    }
}
