use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

fn metrics() -> Arc<Metrics> {
    Metrics::new(&MetricsConfig::default())
}

/// Something of everything, so that every family has a series.
fn exercise(metrics: &Metrics) -> impl Sized {
    metrics.http.begin("GET", "/metrics").finish(200);
    metrics.evolution.generation_completed();
    metrics.evolution.candidate("reflect", "kept");
    let job = metrics.evolution.job(Duration::ZERO);
    job.spent(0.5);
    let island = metrics.evolution.island("films");
    island.set(IslandFigures { best: 0.75, mean: 0.5, diversity: 0.25, population: 8 });
    metrics.evaluation.succeeded();
    metrics.evaluation.failed("timeout");
    metrics.evaluation.cached(CacheTier::Store);
    metrics.evaluation.missed(CacheTier::Store, 2);
    metrics.evaluation.took(Duration::from_millis(30));
    metrics.evaluation.waited(Duration::from_micros(30));
    metrics.evaluation.saved(SavedBy::Racing, 7);
    let model = metrics.llm.model("lab", "student");
    model.called("success");
    model.used(10, 4, 2, 0.5, Duration::from_millis(20));
    model.overhead(OverheadCause::Work, Duration::from_micros(200));
    model.retried("server");
    let limit = metrics.llm.limit("lab", LimitKind::Concurrency);
    limit.set(8);
    metrics.business.fitness("score", 0.5);
    metrics.business.assigned("tone", "b");
    metrics.business.converted("tone", "b");
    metrics.business.feedback(Rating::Positive);
    metrics.actors.mailbox("journal").seal("note").open();
    metrics.actors.restarted("journal", RestartCause::Panic);
    metrics.cluster.links(|| Some(vec![("b".to_owned(), Duration::from_millis(20))]));
    metrics.cluster.permits("b", 4);
    metrics.store.operation("commit", true, Duration::from_millis(1));
    metrics.store.journaled(3);
    metrics.store.journal_lag(Duration::from_millis(2));
    metrics.telemetry.spans(SpanOutcome::Exported, 5);
    (job, island, limit, model.begin())
}

/// Names of the families on a page, as queries write them.
fn families(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let name = |line: &str| {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        }
    };
    types.map(name).collect()
}

#[tokio::test]
async fn what_is_declared_is_what_is_served() {
    let metrics = metrics();
    let _held = exercise(&metrics);
    let page = metrics.encode();
    let declared: BTreeSet<String> = metrics.catalogue().iter().map(|metric| metric.name.clone()).collect();
    assert_eq!(families(&page), declared);
    for Declaration { name, labels, help, .. } in metrics.catalogue() {
        let help = format!("{} {help}", name.trim_end_matches("_total").trim_end_matches("_info"));
        assert!(page.contains(&format!("# HELP {help}")), "{help}");
        let sample =
            |line: &&str| line.strip_prefix(name.as_str()).is_some_and(|rest| !rest.starts_with(' '));
        if let Some(sample) = page.lines().find(sample).filter(|_| !labels.is_empty()) {
            assert!(
                labels.iter().all(|label| sample.contains(&format!("{label}=\""))),
                "{sample}: {labels:?}"
            );
        }
    }
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn names_follow_the_conventions() {
    for Declaration { name, kind, help, .. } in metrics().catalogue() {
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(!help.ends_with('.') && help.chars().next().unwrap().is_uppercase(), "{name}: {help}");
    }
}

#[test]
fn a_million_models_users_and_operators_make_few_series() {
    let metrics = metrics();
    for number in 0..1_000_000_u32 {
        let name = format!("m{number}");
        metrics.evolution.candidate(&name, "kept");
        if number % 10 == 0 {
            metrics.business.assigned(&name, "b");
            metrics.llm.model("lab", &name).called("success");
        }
    }
    let page = metrics.encode();
    let series = |name: &str| page.lines().filter(|line| line.starts_with(name)).count();
    for family in ["evolution_candidates_total{", "ab_test_assignments_total{", "llm_api_calls_total{"] {
        assert!((200..=257).contains(&series(family)), "{family}: {}", series(family));
    }
    let lines = page.lines().count();
    assert!(lines < 20_000, "{lines} lines");
    let other = "evolution_candidates_total{operator=\"other\",outcome=\"kept\"} 999744";
    assert!(page.contains(other), "nothing is lost");
    assert!(page.contains("metrics_series_folded_total{family=\"evolution_candidates_total\"} 999744"));
}

#[test]
fn populations_are_shown_while_they_live() {
    let metrics = metrics();
    let gauge = |name: &str| {
        let page = metrics.encode();
        let line = page.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
    };
    assert_eq!(gauge("evolution_best_fitness"), None);
    let (a, b) = (metrics.evolution.island("x"), metrics.evolution.island("y"));
    a.set(IslandFigures { best: 0.75, mean: 0.5, diversity: 0.5, population: 8 });
    b.set(IslandFigures { best: 0.5, mean: 0.25, diversity: 0.25, population: 4 });
    assert_eq!(gauge("evolution_best_fitness"), Some(0.75));
    assert_eq!(gauge("evolution_mean_fitness"), Some(0.375));
    assert_eq!(gauge("evolution_population_diversity"), Some(0.25));
    assert_eq!(gauge("evolution_population_size"), Some(12.0));
    let probability =
        |operator: &str| gauge(&format!("evolution_operator_probability{{operator=\"{operator}\"}}"));
    assert_eq!(probability("reflect"), None);
    a.set_operators([("reflect".to_owned(), 0.75), ("own".to_owned(), 0.25)].into());
    b.set_operators([("reflect".to_owned(), 0.25)].into());
    assert_eq!((probability("reflect"), probability("own")), (Some(0.5), Some(0.125)));
    b.set_operators((0..200).map(|number| (format!("own_{number:03}"), 0.005)).collect());
    let series =
        metrics.encode().lines().filter(|line| line.starts_with("evolution_operator_probability{")).count();
    assert_eq!(series, 101, "the rest is together under `other`");
    drop(a);
    assert_eq!(gauge("evolution_best_fitness"), Some(0.5));
    drop(b);
    assert_eq!((gauge("evolution_best_fitness"), probability("own_000")), (None, None));
}

#[test]
fn with_a_job_label_each_job_has_its_series_for_as_long_as_it_runs() {
    let metrics = Metrics::new(&MetricsConfig { job_label: true, ..MetricsConfig::default() });
    let figures = IslandFigures { best: 0.5, ..IslandFigures::default() };
    let jobs: Vec<IslandMetrics> = (0..60)
        .map(|number| {
            let island = metrics.evolution.island(&format!("job-{number:02}"));
            island.set(figures);
            island
        })
        .collect();
    let count =
        || metrics.encode().lines().filter(|line| line.starts_with("evolution_best_fitness{")).count();
    assert_eq!(count(), MOST_JOBS + 1, "the rest is together under `other`");
    assert!(metrics.encode().contains("evolution_best_fitness{job=\"job-07\"} 0.5"));
    drop(jobs);
    assert_eq!(count(), 0);
}

#[test]
fn embedding_services_add_their_own() {
    let metrics = metrics();
    let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
    metrics.extend(|registry| registry.register("greetings", "Greetings said", counter.clone()));
    counter.inc();
    assert!(metrics.encode().contains("greetings_total 1\n"));
}
