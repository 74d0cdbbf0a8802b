//! `check`, `init` and `completions`: what calls no model.

use crate::folder::{Folder, cases, films};
use crate::server::Server;
use crate::stable;

#[test]
fn check_says_what_a_job_can_cost_and_writes_nothing() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let before = folder.names();
    let outcome = folder.run(&["check", "job.toml"]).done();
    insta::assert_snapshot!("check", stable(&folder, &outcome.stdout));
    assert_eq!(outcome.stderr, "");
    let unpriced = folder
        .run(&[
            "check",
            "job.toml",
            "--set",
            "model.task=openai:x",
            "--set",
            "providers.openai.kind=openai",
            "--set",
            &format!("providers.openai.base_url={}", server.url()),
        ])
        .done();
    assert!(unpriced.stdout.contains("unknown price: openai:x"), "{}", unpriced.stdout);
    let by_meaning = "diversity={ distance = \"embedding\", model = \"lab:vectors\" }";
    let embedded = folder.run(&["check", "job.toml", "--set", by_meaning]).done();
    let more = embedded.stdout.lines().filter(|line| !outcome.stdout.contains(line));
    insta::assert_snapshot!("check_embeddings", more.collect::<Vec<_>>().join("\n"));
    assert_eq!(folder.names(), before);
    assert_eq!(server.count(), 0);
}

#[test]
fn what_init_writes_is_in_order_once_there_are_cases() {
    let server = Server::start(films);
    let folder = Folder::new();
    folder.run(&["init"]).done();
    let written = std::fs::read_to_string(folder.path().join("job.toml")).unwrap();
    insta::assert_snapshot!("init", written);
    assert_eq!(folder.run(&["init"]).code, Some(2), "nothing is overwritten");
    assert_eq!(folder.run(&["init", "-"]).done().stdout, written);

    folder.write("cases.jsonl", &cases(0..60));
    let lab = format!("providers.lab={{ kind = \"openai\", base_url = \"{}\" }}", server.url());
    folder.run(&["check", "job.toml", "--set", "model.task=lab:student", "--set", &lab]).done();
}

#[test]
fn every_choice_that_init_shows_exists() {
    let server = Server::start(films);
    let folder = Folder::new();
    let template = folder.run(&["init", "-"]).done().stdout;
    // A line that begins with a comment sign and holds a key or a table is a choice.
    let choice = regex::Regex::new(r#"(?m)^# (\[|[a-z_]+ = )"#).unwrap();
    let mut job = choice.replace_all(&template, "$1").into_owned();
    for (old, new) in [
        ("local:smollm2-135m-instruct", "lab:some-model"),
        ("\"openai:gpt-5-mini\"", "\"lab:some-model\""),
        ("openai:text-embedding-3-small", "lab:some-model"),
        ("http://127.0.0.1:8000/v1", server.url()),
        ("key_env = \"LAB_KEY\"\n", ""),
        ("weight = \"weight\"\n", ""),
    ] {
        job = job.replace(old, new);
    }
    folder.write("job.toml", &job);
    folder.write("cases.jsonl", &cases(0..60));
    folder.write("validation.jsonl", &cases(100..130));
    folder.write("test.jsonl", &cases(200..230));
    folder.run(&["check", "job.toml"]).done();
}

#[test]
fn the_example_is_in_order() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/movie-sentiment.toml");
    let server = Server::start(films);
    let folder = Folder::new();
    let lab = format!("providers.lab={{ kind = \"openai\", base_url = \"{}\" }}", server.url());
    let outcome = folder.run(&["check", example, "--set", "model.task=lab:student", "--set", &lab]).done();
    assert!(outcome.stdout.contains("movie_sentiment.val.jsonl"), "{}", outcome.stdout);
}

#[cfg(feature = "local-model")]
#[test]
fn check_loads_no_local_model() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/movie-sentiment.toml");
    let folder = Folder::new();
    let cache = folder.path().join("cache");
    let outcome = folder.command(&["check", example]).env("EVOHUB_CACHE_DIR", &cache).output().unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(folder.names().is_empty());
    let outcome = folder.run(&["check", example, "--set", "model.task=local:no-such.gguf"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("no such file"), "{outcome:?}");
}

#[test]
fn completions_know_all_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.run(&["completions", shell]).done().stdout;
        for command in
            ["run", "init", "check", "compare", "jobs", "show", "best", "resume", "stop", "report", "eval"]
        {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn usage_errors_are_bad_input() {
    let folder = Folder::new();
    for arguments in [&["rnu"][..], &["run"], &["run", "a", "--json", "--events"], &[]] {
        assert_eq!(folder.run(arguments).code, Some(2), "{arguments:?}");
    }
    let outcome = folder.run(&["jobs", "--log-level", "warn,=x="]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
}
