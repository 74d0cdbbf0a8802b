//! Jobs from the file to the report.

use serde_json::Value;

use crate::folder::{Folder, films};
use crate::server::{Reply, Server};

/// The names of all fields, with dots between levels; arrays by their first item.
fn fields(prefix: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                fields(&format!("{prefix}.{key}"), value, found);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            fields(&format!("{prefix}[]"), &items[0], found);
        }
        _ => found.push(prefix.trim_start_matches('.').to_owned()),
    }
}

#[test]
fn gepa_with_a_teacher_finds_a_better_prompt() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["run", "job.toml", "--json"]).done();
    let result = outcome.json();
    let score = |who: &str| result[who]["test"]["score"].as_f64().unwrap();
    assert_eq!(score("seed"), 0.0);
    assert!(score("best") >= 0.5, "{}", result["best"]);
    assert!(result["p_value"].as_f64().unwrap() < 0.01);
    assert!(result["evaluations"].as_u64().unwrap() <= 150);
    assert!(result["dollars"].as_f64().unwrap() > 0.0);
    assert_eq!(result["model_calls"], server.count());
    assert_eq!(result["seed"]["prompt"], "What is the sentiment?");
    assert_eq!(
        outcome.stdout.lines().count(),
        outcome.stdout.trim().lines().count(),
        "one document, no more"
    );
}

#[test]
fn ga_needs_no_teacher() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let job = std::fs::read_to_string(folder.path().join("job.toml")).unwrap();
    folder.write("job.toml", &job.replace("reflection = \"lab:teacher\"\n", ""));
    let result = folder.run(&["run", "job.toml", "--json", "--set", "algorithm.name=ga"]).done().json();
    assert_eq!(result["algorithm"], "ga");
    assert!(result["best"]["test"]["score"].as_f64() > result["seed"]["test"]["score"].as_f64(), "{result}");
    assert!(server.requests().iter().all(|asked| asked.model == "student"));
}

#[test]
fn the_document_has_the_fields_that_are_promised() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let result = folder.run(&["run", "job.toml", "--json"]).done().json();
    let mut found = vec![];
    // A candidate's content is its own affair.
    let mut shown = result.clone();
    for who in ["seed", "best"] {
        shown[who]["candidate"] = Value::Bool(true);
    }
    fields("", &shown, &mut found);
    insta::assert_snapshot!("run_json_fields", found.join("\n"));
}

#[test]
fn people_get_a_report_and_milestones() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["run", "job.toml"]).done();
    for part in [
        "seed prompt\n  What is the sentiment?",
        "chosen prompt\n",
        "test (sealed)",
        "saved   ",
        "evohub show films-",
    ] {
        assert!(outcome.stdout.contains(part), "{part}: {}", outcome.stdout);
    }
    assert!(outcome.stderr.contains("\nbest 0."), "milestones are plain lines: {}", outcome.stderr);
    assert!(outcome.stderr.contains("evaluations on sealed test cases"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains('\u{1b}'), "no terminal, no escapes: {}", outcome.stderr);
}

#[test]
fn failures_on_the_way_change_nothing() {
    let plain = Server::start(films);
    let expected = Folder::with_job(&plain).run(&["run", "job.toml", "--json"]).done().json();
    let server = Server::start(|asked| match asked.number {
        number if number % 7 == 3 => Reply::Close,
        number if number % 11 == 5 => Reply::Status(500),
        number if number % 13 == 6 => Reply::Status(429),
        _ => films(asked),
    });
    let result = Folder::with_job(&server).run(&["run", "job.toml", "--json"]).done().json();
    for key in ["best", "seed", "p_value", "evaluations", "model_calls", "dollars"] {
        assert_eq!(result[key], expected[key], "{key}");
    }
    assert!(server.count() > plain.count(), "calls were tried again");
}

#[test]
fn quiet_is_quiet() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["run", "job.toml", "-q"]).done();
    assert_eq!(outcome.stderr, "");
}

#[test]
fn events_are_json_lines_and_the_last_has_the_result() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["run", "job.toml", "--events"]).done();
    let events: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["kind"], "started");
    let last = events.last().unwrap();
    assert_eq!((&last["kind"], &last["status"]), (&Value::from("ended"), &Value::from("done")));
    let born = events.iter().filter(|event| event["event"] == "candidate_born").count();
    assert_eq!(last["candidates_born"], born);
}

#[test]
fn the_same_seed_gives_the_same_run_and_nothing_is_paid_for_twice() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let first = folder.run(&["run", "job.toml", "--json"]).done().json();
    let paid = server.requests().iter().filter(|asked| asked.model == "student").count();
    let second = folder.run(&["run", "job.toml", "--json"]).done().json();
    assert_eq!(first["best"], second["best"]);
    assert_eq!(first["evaluations"], second["evaluations"]);
    let paid_in_all = server.requests().iter().filter(|asked| asked.model == "student").count();
    assert_eq!(paid_in_all, paid, "the second run finds all evaluations in the store");
    assert!(second["saved"]["cache"].as_u64().unwrap() > 0);
}

#[test]
fn a_wrong_key_fails_the_job_and_says_what_to_do() {
    let server = Server::start(|_| Reply::Status(401));
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["run", "job.toml", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(outcome.json()["status"], "failed");
    assert!(outcome.stderr.contains("error: ") && outcome.stderr.contains("key"), "{}", outcome.stderr);
}

#[test]
fn a_budget_that_ends_before_any_result_is_said() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&["run", "job.toml", "--set", "budget.dollars=0.0001"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("raise the budget"), "{}", outcome.stderr);
}
