//! What Prometheus knows after a job is what the job's own records say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use evohub::evolution::{Outcome, RunEvent};
use evohub::monitoring::metrics::{Metrics, MetricsConfig};
use evohub::monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub::monitoring::traces::TraceConfig;
use evohub::{JobEvent, Toolbox};

use crate::folder::{Folder, films, job};
use crate::node::{Node, Told};
use crate::prometheus::Prometheus;
use crate::server::{Asked, Reply, Server};

/// What went out, by its kind.
type Sent = Arc<Mutex<HashMap<&'static str, u32>>>;

/// The films, with failures: of the questions about a film, by its last digit, the first two fail (1), the first is
/// refused (2), or answered with something that is no answer (3). What is asked anew is answered.
fn troubled(sent: &Sent) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let (sent, asked_before) = (Arc::clone(sent), Mutex::new(HashMap::<String, u32>::new()));
    move |asked| {
        let film = asked.last().split(' ').find_map(|word| word.parse::<u32>().ok());
        let film = film.filter(|_| asked.model == "student");
        let before = {
            let mut asked_before = asked_before.lock().unwrap();
            let before = asked_before.entry(asked.last().to_owned()).or_default();
            *before += 1;
            *before - 1
        };
        let (kind, reply) = match (film.map(|film| film % 10), before) {
            (Some(1), 0 | 1) => ("server", Reply::Status(500)),
            (Some(2), 0) => ("rate_limited", Reply::Status(429)),
            (Some(3), 0) => ("malformed_response", Reply::Status(200)),
            _ => ("success", films(asked)),
        };
        *sent.lock().unwrap().entry(kind).or_default() += 1;
        reply
    }
}

fn folder(server: &Server) -> Folder {
    let folder = Folder::with_job(server);
    // One retry within a call, so that some attempts fail as a whole and are made again.
    let limits = "max_retries = 1\nbreaker_failures = 1000";
    folder.write("job.toml", &job(server.url()).replace("max_retries = 4", limits));
    folder
}

/// How many events of all jobs are such.
fn count(jobs: &[&Told], is_such: impl Fn(&JobEvent) -> bool) -> f64 {
    jobs.iter().flat_map(|told| &told.events).filter(|event| is_such(event)).count() as f64
}

#[test]
fn what_prometheus_knows_is_what_the_records_say() {
    let sent = Sent::default();
    let server = Server::start(troubled(&sent));
    let folder = folder(&server);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let node = Node::start(&folder, Toolbox::new(Metrics::new(&MetricsConfig::default()))).await;
        let prometheus = Prometheus::scraping(node.observation.address());
        // The second finds in the store what the first has paid for.
        let (first, second) = (node.run(&folder).await, node.run(&folder).await);
        let moment = Some(prometheus.until(r#"evolution_jobs{state="done"}"#, 2.0).await);
        let jobs = [&first, &second];

        let mut totals = evohub::store::Totals::default();
        for told in jobs {
            assert_eq!(told.result.status, "done");
            let of_job = node.store.totals(&evohub::store::JobId(told.result.job.clone())).await.unwrap();
            totals.evaluations += of_job.evaluations;
            totals.model_calls += of_job.model_calls;
            totals.dollars += of_job.dollars;
            totals.input_tokens += of_job.input_tokens;
            totals.output_tokens += of_job.output_tokens;
        }
        let sent = sent.lock().unwrap().clone();
        assert!(
            ["server", "rate_limited", "malformed_response"].iter().all(|kind| sent[kind] > 0),
            "{sent:?}"
        );
        assert!(second.result.saved.cache > 0);

        let of_results =
            |value: fn(&evohub::JobResult) -> f64| jobs.iter().map(|told| value(&told.result)).sum::<f64>();
        assert_eq!(of_results(|result| result.model_calls as f64), totals.model_calls as f64);
        let closing = second.events.iter().find_map(|event| match event {
            JobEvent::Closing { evaluations } => Some(*evaluations),
            _ => None,
        });
        let failed = |cause: &'static str| {
            count(&jobs, |event| matches!(event, JobEvent::Retried { cause: told, .. } if told == cause))
        };
        let island = |is_such: fn(&RunEvent) -> bool| {
            count(&jobs, |event| matches!(event, JobEvent::Island { event, .. } if is_such(event)))
        };
        let attempts =
            totals.evaluations as f64 + count(&jobs, |event| matches!(event, JobEvent::Retried { .. }));

        for (expression, records) in [
            (r#"up{job="evohub"}"#, 1.0),
            (r#"sum(prompt_evaluations_total{outcome="success"})"#, totals.evaluations as f64),
            (r#"sum(prompt_evaluations_total{outcome=~"success|failed"})"#, attempts),
            ("sum(evaluation_duration_seconds_count)", attempts),
            (r#"prompt_evaluations_failed_total{error_type="server"}"#, failed("server")),
            (r#"sum(llm_api_calls_total{outcome="success"})"#, totals.model_calls as f64),
            (r#"sum(llm_api_calls_total{outcome="success"})"#, f64::from(sent["success"])),
            (r#"llm_api_calls_total{model="student",outcome="server"}"#, failed("server")),
            (
                r#"llm_api_retries_total{model="student",error_type="server"}
                   + on() llm_api_calls_total{model="student",outcome="server"}"#,
                f64::from(sent["server"]),
            ),
            (r#"sum(llm_api_retries_total{error_type="rate_limited"})"#, f64::from(sent["rate_limited"])),
            (
                r#"sum(llm_api_retries_total{error_type="malformed_response"})"#,
                f64::from(sent["malformed_response"]),
            ),
            (r#"sum(llm_api_duration_seconds_count)"#, totals.model_calls as f64),
            (r#"sum(llm_tokens_total{direction="input"})"#, totals.input_tokens as f64),
            (r#"sum(llm_tokens_total{direction="output"})"#, totals.output_tokens as f64),
            (
                r#"sum(llm_tokens_total{direction=~"input|output"})"#,
                of_results(|result| result.tokens as f64),
            ),
            (
                r#"evolution_generations_completed_total"#,
                island(|event| matches!(event, RunEvent::GenerationCompleted(_))),
            ),
            (
                r#"sum(evolution_candidates_total)"#,
                island(|event| {
                    // One that races on settles later.
                    matches!(event, RunEvent::CandidateSettled { outcome, .. } if *outcome != Outcome::Open)
                }),
            ),
            (
                r#"sum(evaluation_cache_hits_total{tier="store"})"#,
                (second.result.saved.cache + closing.unwrap()) as f64,
            ),
            (
                r#"sum(prompt_evaluations_total{outcome="cached"})"#,
                (second.result.saved.cache + closing.unwrap()) as f64,
            ),
            ("sum(llm_api_in_flight)", 0.0),
            ("sum(actor_restarts_total) or vector(0)", 0.0),
            ("sum(actor_dead_letters_total) or vector(0)", 0.0),
        ] {
            assert_eq!(prometheus.value(expression, moment).await, Some(records), "{expression}");
        }
        // The order in which dollars were added differs.
        let dollars = prometheus.value("sum(llm_api_cost_dollars_total)", moment).await.unwrap();
        assert!(dollars > 0.0);
        for records in [totals.dollars, of_results(|result| result.dollars)] {
            assert!((dollars - records).abs() < 1e-9 * records, "{dollars} {records}");
        }
        let absent = prometheus.value("evolution_best_fitness", moment).await;
        assert_eq!(absent, None, "no job runs any more");
        node.end().await;
    });
}

#[test]
fn a_slow_bucket_leads_to_a_trace() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let metrics = Metrics::new(&MetricsConfig::default());
        // Nobody takes the spans, which are sampled all the same.
        let traces = Some(TraceConfig::new("http://127.0.0.1:9/v1/traces"));
        let config = TelemetryConfig { traces, ..TelemetryConfig::default() };
        // For all threads: each test is a process of its own.
        let telemetry = Telemetry::init(&config, Some(&metrics.telemetry)).unwrap();
        let node = Node::start(&folder, Toolbox::new(metrics)).await;
        let prometheus = Prometheus::scraping(node.observation.address());
        node.run(&folder).await;
        prometheus.until(r#"evolution_jobs{state="done"}"#, 1.0).await;
        for family in ["evaluation_duration_seconds_bucket", "llm_api_duration_seconds_bucket"] {
            let exemplars = prometheus.exemplars(family).await;
            assert!(!exemplars.is_empty(), "{family}");
            for exemplar in exemplars {
                let id = exemplar["labels"]["trace_id"].as_str().unwrap_or_default();
                let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_id && id.bytes().any(|byte| byte != b'0'), "{exemplar}");
            }
        }
        node.end().await;
        tokio::task::spawn_blocking(move || telemetry.shutdown(std::time::Duration::from_millis(100)))
            .await
            .unwrap();
    });
}
