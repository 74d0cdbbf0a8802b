//! Algorithms side by side.

use std::io::{BufRead as _, BufReader};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::folder::{Folder, films};
use crate::server::{Reply, Server};
use crate::stable;

/// Two algorithms with two seeds each.
const COMPARE: [&str; 6] = ["compare", "job.toml", "--algorithms", "gepa,ga", "--seeds", "2"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    COMPARE.iter().chain(more).copied().collect()
}

fn runs(document: &Value) -> &Vec<Value> {
    document["runs"].as_array().unwrap()
}

#[test]
fn two_algorithms_with_two_seeds_each() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let outcome = folder.run(&with(&[])).done();
    let table = &outcome.stdout;
    for part in [
        "films: 2 algorithms with 2 seeds each, 150 evaluations a run",
        "algorithm    runs  test (sealed)",
        "\nseed prompt        0.000",
        "\nga less gepa ",
        "note: 2 seeds are too few for a test",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(outcome.stderr.matches(" of 4)\n").count(), 4, "{}", outcome.stderr);
    let page = std::fs::read_to_string(folder.path().join("comparison.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    for part in
        ["films – evohub comparison", "Score over evaluations", "Score over US dollars", "tournament = 3"]
    {
        assert!(page.contains(part), "{part}");
    }

    // The same again asks for nothing, and says the same.
    let paid = server.count();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    let again = folder.run(&with(&["--json", "-o", "again.html", "--pictures", "pictures"])).done();
    for picture in ["test-scores", "score-over-evaluations", "score-over-dollars", "score-over-minutes"] {
        let svg = std::fs::read_to_string(folder.path().join(format!("pictures/{picture}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains(">gepa</text>"), "{picture}: {svg}");
    }
    assert_eq!(server.count(), paid);
    assert!(again.stderr.contains("4 of 4 runs had ended before"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(folder.path().join("again.html")).unwrap(), page);
    let document = again.json();
    let seen: Vec<(&str, u64)> = runs(&document)
        .iter()
        .map(|run| (run["algorithm"].as_str().unwrap(), run["random_seed"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen, [("gepa", 0), ("gepa", 1), ("ga", 0), ("ga", 1)]);
    let calls: u64 = runs(&document)
        .iter()
        .map(|run| {
            assert!(run["evaluations"].as_u64().unwrap() <= 150, "{run}");
            assert!(
                run["dollars"].as_f64().unwrap() > 0.0 && run["seconds"].as_f64().unwrap() > 0.0,
                "{run}"
            );
            let curve = run["curve"].as_array().unwrap();
            assert!(curve.last().unwrap()["evaluations"].as_u64().unwrap() <= 150, "{run}");
            run["proposals"].as_u64().unwrap()
        })
        .sum();
    let asked = server.requests().iter().filter(|asked| asked.model == "teacher").count();
    assert_eq!(calls, asked as u64, "a proposal is a call of the reflection model");
    let summary = &document["summary"];
    for algorithm in summary["algorithms"].as_array().unwrap() {
        assert_eq!(algorithm["test"]["runs"], 2);
        let (name, median) = (&algorithm["algorithm"], &algorithm["test"]["median"]);
        let row = format!("\n{:<11}  2     {:.3}", name.as_str().unwrap(), median.as_f64().unwrap());
        assert!(table.contains(&row), "{row}: {table}");
    }
    assert_eq!(summary["differences"][0]["p_value"], Value::Null);

    // A run is a job like any other, in a store of its own.
    let run = &runs(&document)[0];
    let (job, store) = (run["job"].as_str().unwrap(), run["store"].as_str().unwrap());
    let shown = folder.run(&["show", job, "--store", store, "--json"]).done().json();
    assert_eq!(shown["best"]["test"]["score"], run["test"]["score"]);
}

#[test]
fn no_run_finds_what_another_has_paid_for() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let alone = folder.run(&["run", "job.toml", "--json"]).done().json();
    let document = folder.run(&with(&["--json"])).done().json();
    let same = &runs(&document)[0];
    for key in ["evaluations", "dollars"] {
        assert_eq!(same[key], alone[key], "{key}");
    }
    assert_eq!(same["test"], alone["best"]["test"]);

    let shared = folder.run(&with(&["--json", "--share-cache", "--jobs", "2"])).done().json();
    assert!(runs(&shared)[0]["dollars"].as_f64() < alone["dollars"].as_f64(), "{shared}");
    assert_eq!(runs(&shared)[0]["test"], alone["best"]["test"]);
    let remarks = shared["summary"]["remarks"].to_string();
    assert!(remarks.contains("shared a cache") && remarks.contains("2 runs at a time"), "{remarks}");
    assert_eq!(folder.run(&["jobs", "--json"]).done().json().as_array().unwrap().len(), 5);
    let outcome = folder.run(&with(&["--share-cache", "--set", "budget.dollars=1"]));
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("not equal"), "{}", outcome.stderr);
}

#[test]
fn an_interrupted_comparison_goes_on() {
    let gate = 300;
    let server = Server::start(move |asked| match films(asked) {
        Reply::Text(text) if asked.number >= gate => Reply::Wait(text),
        reply => reply,
    });
    let folder = Folder::with_job(&server);
    let mut child = folder.start(&with(&[]));
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    server.wait_for(gate + 1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(told.any(|line| line.starts_with("interrupted")));
    server.open_gate();
    assert!(told.any(|line| line.ends_with("of 4 runs have ended; the same command goes on")));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!folder.path().join("comparison.html").exists());

    let document = folder.run(&with(&["--json"])).done().json();
    let count = server.count();
    let undisturbed = Server::start(films);
    let expected = Folder::with_job(&undisturbed).run(&with(&["--json"])).done().json();
    for (run, expected) in runs(&document).iter().zip(runs(&expected)) {
        for key in ["prompt", "test", "validation", "evaluations", "proposals"] {
            assert_eq!(run[key], expected[key], "{key}");
        }
    }
    assert_eq!(count, undisturbed.count(), "nothing is paid for twice");

    folder.run(&with(&["--fresh"])).done();
    assert_eq!(server.count(), 2 * count, "all was run anew");
}

#[test]
fn runs_that_fail_are_told_and_tried_again() {
    let refusing = Server::start(|asked| if asked.number < 300 { films(asked) } else { Reply::Status(401) });
    let folder = Folder::with_job(&refusing);
    let outcome = folder.run(&with(&[]));
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("runs failed; the same command tries them again"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("ga with seed 1 failed and is left out"), "{}", outcome.stdout);
}

#[test]
fn what_cannot_be_compared_is_said_before_anything_is_run() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let told = |arguments: &[&str]| {
        let outcome = folder.run(arguments);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        stable(&folder, &outcome.stderr)
    };
    assert!(told(&["compare", "job.toml", "--algorithms", "gpa"]).contains("gepa"));
    assert!(told(&["compare", "job.toml", "-o", "none/page.html"]).contains("there is no folder none"));
    let pictures = told(&["compare", "job.toml", "--pictures", "none"]);
    assert!(pictures.contains("--pictures: there is no folder none"), "{pictures}");
    let small = told(&["compare", "job.toml", "--algorithms", "gepa,ga", "--set", "budget.evaluations=25"]);
    assert!(small.contains("too few"), "{small}");
    let store = "postgres://nobody@127.0.0.1:1/none";
    assert!(told(&["compare", "job.toml", "--store", store]).contains("--share-cache"));
    assert_eq!(server.count(), 0);
    assert_eq!(folder.names(), ["cases.jsonl", "job.toml"]);
}
