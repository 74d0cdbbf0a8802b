use serde_json::{Value, json};

use super::*;

fn answer(result: CheckResult) -> impl Into<Check> {
    move || std::future::ready(result.clone())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A report without what differs from run to run.
fn timeless(text: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match name.as_str() {
                        "timestamp" | "time" => *value = "T".into(),
                        _ => strip(value),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = parsed(text);
    strip(&mut value);
    value
}

fn ready() -> Health {
    let health = Health::new("1.0.0");
    health.set_phase(Phase::Ready);
    health
}

#[tokio::test(start_paused = true)]
async fn the_shapes_of_answers() {
    let health = Health::for_service("evohub", "evolves prompts", "1.0.0");
    health.set_phase(Phase::Ready);
    let database = Check::new(async || {
        tokio::time::sleep(std::time::Duration::from_millis(12)).await;
        CheckResult::healthy()
    });
    let cluster = CheckResult::healthy().with("nodes_active", 3).with("workers_available", 24);
    let _checks = [
        health.register("database", Importance::Critical, database.component(Component::Datastore)),
        health.register("cluster", Importance::Critical, answer(cluster)),
        health.register_in("llm_apis", "openai", Importance::Degrading, answer(CheckResult::healthy())),
        health.register("cache", Importance::Degrading, answer(CheckResult::degraded("slow"))),
        health.register_in(
            "llm_apis",
            "anthropic",
            Importance::Degrading,
            answer(CheckResult::unhealthy("503")),
        ),
    ];

    let report = health.overall().await;
    assert_eq!(
        timeless(&report.json(Detail::Verdict)),
        json!({ "status": "degraded", "timestamp": "T", "version": "1.0.0" })
    );
    assert_eq!(
        timeless(&report.json(Detail::Checks)),
        json!({
            "status": "degraded",
            "timestamp": "T",
            "version": "1.0.0",
            "checks": {
                "database": { "status": "healthy", "response_time_ms": 12 },
                "cluster": { "status": "healthy", "response_time_ms": 0, "nodes_active": 3, "workers_available": 24 },
                "llm_apis": {
                    "openai": { "status": "healthy", "response_time_ms": 0 },
                    "anthropic": { "status": "unhealthy", "response_time_ms": 0, "message": "503" },
                },
                "cache": { "status": "degraded", "response_time_ms": 0, "message": "slow" },
            },
        })
    );
    let text = report.json(Detail::Checks);
    let places: Vec<_> =
        ["\"status\"", "\"timestamp\"", "\"database\"", "\"cluster\"", "\"llm_apis\"", "\"cache\""]
            .map(|name| text.find(name).unwrap())
            .into();
    assert!(places.is_sorted(), "in the order of registration: {text}");

    let entry = |id: &str, kind: &str, value: u64, status: &str| json!({ "componentId": id, "componentType": kind, "observedValue": value, "status": status, "time": "T" });
    let time = |id: &str, kind: &str, value: u64, status: &str, output: Option<&str>| {
        let mut entry = entry(id, kind, value, status);
        entry["observedUnit"] = "ms".into();
        if let Some(output) = output {
            entry["output"] = output.into();
        }
        entry
    };
    assert_eq!(
        timeless(&report.health_json(Detail::Checks)),
        json!({
            "status": "warn",
            "version": "1.0.0",
            "serviceId": "evohub",
            "description": "evolves prompts",
            "checks": {
                "database:responseTime": [time("database", "datastore", 12, "pass", None)],
                "cluster:responseTime": [time("cluster", "component", 0, "pass", None)],
                "cluster:nodes_active": [entry("cluster", "component", 3, "pass")],
                "cluster:workers_available": [entry("cluster", "component", 24, "pass")],
                "llm_apis:responseTime": [
                    time("openai", "component", 0, "pass", None),
                    time("anthropic", "component", 0, "fail", Some("503")),
                ],
                "cache:responseTime": [time("cache", "component", 0, "warn", Some("slow"))],
            },
        })
    );
}

#[tokio::test]
async fn what_faults_mean() {
    use Importance::{Critical, Degrading};
    for (importance, result, verdict, is_ready) in [
        (Critical, CheckResult::healthy(), Verdict::Healthy, true),
        (Critical, CheckResult::degraded("d"), Verdict::Degraded, true),
        (Critical, CheckResult::unhealthy("u"), Verdict::Unhealthy, false),
        (Degrading, CheckResult::healthy(), Verdict::Healthy, true),
        (Degrading, CheckResult::degraded("d"), Verdict::Degraded, true),
        (Degrading, CheckResult::unhealthy("u"), Verdict::Degraded, true),
    ] {
        let health = ready();
        let _well = health.register("well", Critical, answer(CheckResult::healthy()));
        let _check = health.register("x", importance, answer(result.clone()));
        assert_eq!(health.overall().await.verdict(), verdict, "{importance:?} {result:?}");
        let readiness = health.readiness().await;
        assert_eq!(readiness.is_well(), is_ready, "{importance:?} {result:?}");
        assert_eq!(readiness.reason(), (!is_ready).then_some("x: u"));
        assert!(health.liveness().await.is_well(), "no dependency has part in it");
    }
}

#[tokio::test]
async fn phases() {
    let health = Health::new("1.0.0");
    assert_eq!(health.readiness().await.reason(), Some("starting"));
    health.set_phase(Phase::Starting { doing: "migrating the database".into() });
    let report = health.readiness().await;
    assert_eq!(
        timeless(&report.json(Detail::Reason)),
        json!({ "status": "not_ready", "timestamp": "T", "version": "1.0.0", "reason": "starting: migrating the database" })
    );
    assert_eq!(
        timeless(&report.json(Detail::Verdict)).as_object().unwrap().len(),
        3,
        "no reason for anybody"
    );
    assert_eq!(parsed(&report.health_json(Detail::Verdict)), json!({ "status": "fail", "version": "1.0.0" }));
    assert_eq!(health.overall().await.verdict(), Verdict::Degraded);

    health.set_phase(Phase::Ready);
    assert_eq!(health.readiness().await.verdict(), Verdict::Ready);
    assert_eq!(health.overall().await.verdict(), Verdict::Healthy);

    health.set_phase(Phase::Draining);
    health.set_phase(Phase::Ready);
    assert_eq!(health.phase(), Phase::Draining, "a late start does not call work back");
    assert_eq!(health.readiness().await.verdict(), Verdict::NotReady);
    assert_eq!(health.overall().await.verdict(), Verdict::Degraded);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_supervisor() {
    let health = ready();
    health.set_liveness(answer(CheckResult::degraded("busy")));
    assert_eq!(health.liveness().await.verdict(), Verdict::Alive);
    health.set_liveness(std::future::pending);
    let report = health.liveness().await;
    assert_eq!((report.verdict(), report.reason()), (Verdict::Stuck, Some("no answer within 2 s")));
    assert!(health.readiness().await.is_well(), "who restarts is another than who sends work");
}

#[tokio::test]
async fn registrations() {
    let health = ready();
    let names = async || {
        let report = parsed(&health.overall().await.json(Detail::Checks));
        let mut names = vec![];
        for (name, check) in report["checks"].as_object().unwrap() {
            match check.get("status") {
                Some(_) => names.push(name.clone()),
                None => {
                    names.extend(check.as_object().unwrap().keys().map(|member| format!("{name}/{member}")))
                }
            }
        }
        names
    };
    let well = || answer(CheckResult::healthy());
    let a = health.register("a", Importance::Critical, well());
    let b = health.register_in("b", "x", Importance::Critical, well());
    assert_eq!(names().await, ["a", "b/x"]);
    let again = health.register("a", Importance::Critical, answer(CheckResult::unhealthy("new")));
    drop(a);
    assert_eq!(health.overall().await.verdict(), Verdict::Unhealthy, "the newer one stays");
    drop(again);
    assert_eq!(names().await, ["b/x"]);
    // A name is a check or a group.
    let c = health.register("b", Importance::Critical, well());
    assert_eq!(names().await, ["b"]);
    let d = health.register_in("b", "y", Importance::Critical, well());
    assert_eq!(names().await, ["b/y"]);
    drop((b, c));
    assert_eq!(names().await, ["b/y"]);
    d.forever();
    assert_eq!(names().await, ["b/y"]);
}
