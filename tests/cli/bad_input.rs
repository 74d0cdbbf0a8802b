//! What is wrong is said with its place and what to do, ends with status 2, and leaves nothing behind.

use std::fmt::Write as _;

use crate::folder::{Folder, cases, films};
use crate::server::Server;
use crate::stable;

/// A change that makes the job wrong: of the text of the job file, or of the files beside it.
enum Slip {
    Replace(&'static str, &'static str),
    Write(&'static str, String),
    Set(&'static str),
}

use Slip::{Replace, Set, Write as File};

fn slips() -> Vec<(&'static str, Slip)> {
    let cases = |rest: &str| format!("{}{rest}", cases(0..40));
    vec![
        ("unknown table", Replace("[budget]", "[budgets]")),
        ("unknown key", Replace("evaluations =", "evaluatons =")),
        ("unknown key of the seed", Replace("prompts =", "promps =")),
        ("unknown key of a provider", Replace("base_url =", "base_ur1 =")),
        ("unknown key of the algorithm", Replace("name = \"gepa\"", "name = \"gepa\"\nin_fligth = 3")),
        ("unknown key of the score", Replace("metric = \"label\"", "metric = \"label\"\nlables = [\"a\"]")),
        (
            "unknown key of another metric",
            Replace("metric = \"label\"", "metric = \"label\"\nignore_case = true"),
        ),
        ("unknown key of a price", Replace("input = 1.0", "inputs = 1.0")),
        ("unknown algorithm", Replace("\"gepa\"", "\"gepta\"")),
        ("unknown metric", Replace("\"label\"", "\"lable\"")),
        ("unknown operator", Replace("[budget]", "[operators]\nreflekt = 2.0\n\n[budget]")),
        ("no TOML", Replace("[score]", "[score")),
        ("wrong type", Replace("evaluations = 150", "evaluations = \"many\"")),
        ("missing file", Replace("\"cases.jsonl\"", "\"casses.jsonl\"")),
        ("unknown format", Replace("\"cases.jsonl\"", "\"cases.txt\"")),
        ("empty data", File("cases.jsonl", String::new())),
        ("wrong column", Replace("train = \"cases.jsonl\"", "train = \"cases.jsonl\"\nexpected = \"anser\"")),
        ("invalid JSON", File("cases.jsonl", cases("{\"input\": \"x\", \n"))),
        ("unscorable case", File("cases.jsonl", cases("{\"input\": \"no answer\"}\n"))),
        (
            "test cases that are train cases",
            Replace("train = \"cases.jsonl\"", "train = \"cases.jsonl\"\ntest = \"cases.jsonl\""),
        ),
        (
            "unknown variable of the template",
            Replace("[score]", "[template]\nuser = \"{inputt}\"\n\n[score]"),
        ),
        (
            "the answer in the template",
            Replace("[score]", "[template]\nuser = \"{input} {expected}\"\n\n[score]"),
        ),
        ("unknown variable of a prompt", Replace("the sentiment?", "the sentiment of {text}?")),
        ("no prompt", Replace("prompts = [\"What is the sentiment?\"]", "prompts = []")),
        ("empty prompt", Replace("\"What is the sentiment?\"", "\"What?\", \" \"")),
        ("no model", Replace("task = \"lab:student\"\n", "")),
        ("no model name", Replace("\"lab:student\"", "\"student\"")),
        ("unknown provider", Replace("\"lab:student\"", "\"labb:student\"")),
        (
            "missing key",
            Replace("kind = \"openai\"", "kind = \"openai\"\nkey_env = \"EVOHUB_TEST_NO_SUCH_KEY\""),
        ),
        ("missing key of a built-in provider", Replace("\"lab:teacher\"", "\"openai:gpt-5-mini\"")),
        ("wrong number of a provider", Replace("max_concurrency = 8", "max_concurrency = 0")),
        ("missing judge", Replace("metric = \"label\"", "metric = \"judge\"\nrubric = \"Is it right?\"")),
        ("budget of zero", Replace("evaluations = 150", "evaluations = 0")),
        ("budget below zero", Replace("evaluations = 150", "dollars = -1.5")),
        ("no budget", Replace("evaluations = 150", "")),
        ("budget too small for the data", Replace("evaluations = 150", "evaluations = 20")),
        ("dollars without prices", Replace("[prices.\"lab:*\"]\ninput = 1.0\noutput = 2.0\n", "")),
        ("wrong setting", Set("algorithm.minibatch=0")),
        ("unknown setting", Set("algorithm.minibach=2")),
        ("setting of the wrong type", Set("budget.evaluations=many")),
        ("setting that is none", Set("budget")),
        ("foreign database", File("store.db", "this is no database, however long it goes on".repeat(40))),
    ]
}

#[test]
fn every_slip_is_said_with_its_place_and_leaves_nothing_behind() {
    let server = Server::start(films);
    let mut told = String::new();
    for (name, slip) in slips() {
        let folder = Folder::with_job(&server);
        let mut arguments = vec!["run", "job.toml"];
        let job = std::fs::read_to_string(folder.path().join("job.toml")).unwrap();
        match slip {
            Replace(old, new) => {
                assert!(job.contains(old), "{name}: there is no {old}");
                let mut job = job.replacen(old, new, 1);
                if name == "dollars without prices" {
                    job = job.replace("evaluations = 150", "dollars = 1.0");
                }
                folder.write("job.toml", &job);
            }
            File(file, text) => folder.write(file, &text),
            Set(setting) => arguments.extend(["--set", setting]),
        }
        folder.write("cases.txt", "");
        let before = folder.names();
        let outcome = folder.run(&arguments);
        assert_eq!(outcome.code, Some(2), "{name}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{name}");
        assert_eq!(folder.names(), before, "{name}: {outcome:?}");
        let _ = writeln!(told, "# {name}\n{}\n", stable(&folder, outcome.stderr.trim_end()));
    }
    assert_eq!(server.count(), 0, "no model is called");
    insta::assert_snapshot!("bad_input", told);
}

#[test]
fn what_is_odd_is_warned_of() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.write("cases.jsonl", &format!("{}{}", cases(0..100), cases(5..6)));
    folder.write("test.jsonl", "{\"input\": \"FILM 7 was poor\", \"expected\": \"negative\"}\n");
    let outcome = folder.run(&["check", "job.toml", "--set", "data.test=test.jsonl"]).done();
    insta::assert_snapshot!("warnings", stable(&folder, &outcome.stderr));
}

#[test]
fn a_store_that_cannot_be_made_is_said() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.write("file", "");
    let outcome = folder.run(&["run", "job.toml", "--store", "file/store.db"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("file"), "{outcome:?}");
    assert_eq!(server.count(), 0);
}

#[test]
fn a_store_that_may_only_be_read_is_said() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.run(&["run", "job.toml", "-q"]).done();
    let asked = server.count();
    let mut permissions = std::fs::metadata(folder.store()).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(folder.store(), permissions).unwrap();
    let outcome = folder.run(&["run", "job.toml"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("is read-only"), "{outcome:?}");
    assert_eq!(server.count(), asked);
}

#[test]
fn a_job_that_is_not_there_comes_with_those_that_are() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let id = folder.run(&["run", "job.toml", "--json"]).done().json()["job"].as_str().unwrap().to_owned();
    let mistyped = id.replacen('l', "", 1);
    for command in ["show", "best", "resume", "stop", "report"] {
        let outcome = folder.run(&[command, &mistyped]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{command}");
        assert!(outcome.stderr.contains(&format!("did you mean `{id}`?")), "{outcome:?}");
    }
    let second = folder.run(&["run", "job.toml", "--json"]).done().json();
    let outcome = folder.run(&["best", "films"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("2 jobs") && outcome.stderr.contains(&id), "{outcome:?}");
    folder.run(&["best", second["job"].as_str().unwrap()]).done();
}

#[test]
fn looking_makes_no_store() {
    let folder = Folder::new();
    for arguments in
        [&["jobs"][..], &["show", "x"], &["best", "x"], &["resume", "x"], &["stop", "x"], &["report", "x"]]
    {
        let outcome = folder.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains("there is no store at"), "{outcome:?}");
    }
    assert!(folder.names().is_empty());
}
