//! The page of metrics, read by the parser that Python's client library has for the form.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use evohub::Toolbox;
use evohub::monitoring::metrics::{CacheTier, IslandFigures, Metrics, MetricsConfig, Rating, RestartCause};
use evohub::monitoring::telemetry::{Telemetry, TelemetryConfig};
use evohub::monitoring::traces::TraceConfig;
use serde::Deserialize;

use crate::folder::{Folder, films, job};
use crate::node::Node;
use crate::server::{Asked, Server};

/// Reads a page and writes its families as JSON.
const PARSER: &str = r#"
import json, sys
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    sys.exit("no parser")
page = sys.stdin.buffer.read().decode("utf-8")
json.dump([
    {
        "name": family.name,
        "kind": family.type,
        "samples": [
            {"name": s.name, "labels": s.labels, "exemplar": s.exemplar.labels if s.exemplar else None}
            for s in family.samples
        ],
    }
    for family in text_string_to_metric_families(page)
], sys.stdout)
"#;

#[derive(Debug, Deserialize)]
struct Family {
    /// Without the suffix of its samples.
    name: String,
    kind: String,
    samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    exemplar: Option<BTreeMap<String, String>>,
}

impl Family {
    /// The name that the catalogue has.
    fn declared_name(&self) -> String {
        match self.kind.as_str() {
            "counter" => format!("{}_total", self.name),
            "info" => format!("{}_info", self.name),
            _ => self.name.clone(),
        }
    }
}

fn parse(page: &str) -> Vec<Family> {
    let mut python = Command::new("python3")
        .args(["-c", PARSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`python3` cannot be started ({error}): install Python 3"));
    let mut stdin = python.stdin.take().unwrap();
    let text = page.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        !complaint.contains("no parser"),
        "python3 has no `prometheus_client`: install it (python3 -m pip install prometheus-client)"
    );
    assert!(output.status.success(), "the page is not in order: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Told of in any case, with a value where there is one: a Redis, a limit, a job.
const MAY_BE_EMPTY: [&str; 4] =
    ["redis_up", "process_memory_limit_bytes", "evolution_job_idle_seconds", "evolution_budget_spent_ratio"];

/// Compares families with the catalogue. `absent` are those that have no series.
fn check_against_catalogue(families: &[Family], metrics: &Metrics, absent: &[&str]) {
    let declared: BTreeMap<&str, _> =
        metrics.catalogue().iter().map(|one| (one.name.as_str(), one)).collect();
    let found: BTreeSet<String> = families.iter().map(Family::declared_name).collect();
    assert_eq!(found.len(), families.len(), "a family stands on the page twice");
    let expected: BTreeSet<String> =
        declared.keys().filter(|name| !absent.contains(name)).map(|name| (*name).to_owned()).collect();
    assert_eq!(found, expected);
    for family in families {
        let declaration = declared[family.declared_name().as_str()];
        assert_eq!(family.kind, declaration.kind.to_string(), "{}", family.name);
        assert!(
            !family.samples.is_empty() || MAY_BE_EMPTY.contains(&family.name.as_str()),
            "{}",
            family.name
        );
        for sample in &family.samples {
            let names: BTreeSet<&str> =
                sample.labels.keys().map(String::as_str).filter(|name| *name != "le").collect();
            assert_eq!(names, declaration.labels.iter().copied().collect(), "{}", sample.name);
        }
    }
}

/// A name with all that the form escapes, and letters of several alphabets.
const ODD_NAME: &str = "the \"best\" \\ of {both}\n= мир, é 🎬 # {a=\"b\"} 1";

#[test]
fn the_page_of_a_job_is_in_order_and_holds_what_the_catalogue_says() {
    let server = Server::start(|asked| {
        let model = if asked.model == ODD_NAME { "student".to_owned() } else { asked.model.clone() };
        films(&Asked { model, ..asked.clone() })
    });
    let folder = Folder::with_job(&server);
    let name = serde_json::to_string(&format!("lab:{ODD_NAME}")).unwrap();
    folder.write("job.toml", &job(server.url()).replace("\"lab:student\"", &name));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let metrics = Metrics::new(&MetricsConfig::default());
        let traces = Some(TraceConfig::new("http://127.0.0.1:9/v1/traces"));
        let config = TelemetryConfig { traces, ..TelemetryConfig::default() };
        // For all threads: each test is a process of its own.
        let telemetry = Telemetry::init(&config, Some(&metrics.telemetry)).unwrap();
        let node = Node::start(&folder, Toolbox::new(metrics)).await;
        node.run(&folder).await;
        // The first counts the requests that the second shows.
        node.get("/metrics").await;
        let families = parse(&node.get("/metrics").await);
        // Nothing of the kind has happened, and no job runs any more.
        let absent = [
            "ab_test_assignments_total",
            "ab_test_conversions_total",
            "actor_restarts_total",
            "cluster_link_heartbeat_seconds",
            "cluster_permits",
            "evaluation_cache_hits_total",
            "evolution_best_fitness",
            "evolution_mean_fitness",
            "evolution_operator_probability",
            "evolution_population_diversity",
            "evolution_population_size",
            "llm_api_retries_total",
            "prompt_evaluations_failed_total",
            "prompt_feedback_total",
        ];
        check_against_catalogue(&families, node.metrics(), &absent);

        // The rest has series too, once it happens.
        let metrics = node.metrics();
        metrics.cluster.permits("b", 4);
        metrics.cluster.links(|| Some(vec![("b".into(), Duration::from_secs(1))]));
        metrics.business.assigned("greeting", "short");
        metrics.business.converted("greeting", "short");
        metrics.business.feedback(Rating::Positive);
        metrics.actors.restarted("population", RestartCause::Panic);
        metrics.evaluation.cached(CacheTier::Store);
        metrics.evaluation.failed("timeout");
        metrics.llm.model("lab", "student").retried("timeout");
        let island = metrics.evolution.island("films");
        island.set(IslandFigures { best: 0.5, mean: 0.25, diversity: 0.125, population: 3 });
        island.set_operators([("reflect".to_owned(), 0.5)].into());
        check_against_catalogue(&parse(&node.get("/metrics").await), metrics, &[]);
        drop(island);

        let calls = families.iter().find(|family| family.name == "llm_api_calls").unwrap();
        let models: BTreeSet<&str> =
            calls.samples.iter().map(|sample| sample.labels["model"].as_str()).collect();
        assert_eq!(models, [ODD_NAME, "teacher"].into());
        let evaluation = families.iter().find(|family| family.name == "evaluation_duration_seconds").unwrap();
        let exemplars: Vec<_> =
            evaluation.samples.iter().filter_map(|sample| sample.exemplar.as_ref()).collect();
        assert!(!exemplars.is_empty());
        assert!(exemplars.iter().all(|exemplar| exemplar["trace_id"].len() == 32), "{exemplars:?}");
        node.end().await;
        tokio::task::spawn_blocking(move || telemetry.shutdown(Duration::from_millis(100))).await.unwrap();
    });
}

#[test]
fn a_page_of_many_series_is_in_order_and_complete() {
    let metrics = Metrics::new(&MetricsConfig { max_series: 2_000, ..MetricsConfig::default() });
    for number in 0..1_500 {
        let model = metrics.llm.model("lab", &format!("{ODD_NAME} {number}"));
        model.called("success");
        model.used(100, 10, 1, 0.001, Duration::from_millis(number));
    }
    let page = metrics.encode();
    let families = parse(&page);
    let samples: usize = families.iter().map(|family| family.samples.len()).sum();
    let lines = page.lines().filter(|line| !line.starts_with('#')).count();
    assert!(samples > 10_000, "{samples}");
    assert_eq!(samples, lines);
    let calls = families.iter().find(|family| family.name == "llm_api_calls").unwrap();
    assert_eq!(calls.samples.len(), 1_500);
    assert!(calls.samples.iter().all(|sample| sample.labels["model"].starts_with(ODD_NAME)));
}
