//! `eval`: one prompt on a file of cases.

use crate::folder::{Folder, films};
use crate::server::{Reply, Server};

#[test]
fn a_prompt_is_scored_once() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.write("prompt.txt", "Be careful, careful, careful. One word.\n");
    let arguments =
        ["eval", "--prompt", "prompt.txt", "--data", "cases.jsonl", "--job", "job.toml", "--json"];
    let first = folder.run(&arguments).done().json();
    assert_eq!(
        (&first["score"], &first["cases"], &first["saved"]),
        (&0.9.into(), &100.into(), &0.into()),
        "{first}"
    );
    assert!(first["interval"][0].as_f64().unwrap() < 0.9 && first["duration"]["p95"].as_f64().unwrap() > 0.0);
    assert_eq!(server.count(), 100);

    let second = folder.run(&arguments).done().json();
    assert_eq!((&second["score"], &second["saved"]), (&first["score"], &100.into()));
    assert_eq!(server.count(), 100, "nothing is paid for twice");
    folder.run(&[&arguments[..], &["--no-cache"]].concat()).done();
    assert_eq!(server.count(), 200);
}

#[test]
fn a_prompt_needs_no_job_file() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.run(&["run", "job.toml", "-q"]).done();
    let best = folder.run(&["best", "films", "--json"]).done().stdout;
    folder.write("best.json", &best);
    let arguments =
        ["eval", "--prompt", "best.json", "--data", "cases.jsonl", "--model", "openai:student", "--no-cache"];
    let outcome = folder.command(&arguments).env("OPENAI_BASE_URL", server.url()).output().unwrap();
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(outcome.status.success() && text.starts_with("score     1.000 ["), "{text}");
    assert!(text.contains("median") && text.contains("p95"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_said_and_does_not_count() {
    let server =
        Server::start(
            |asked| if asked.last().contains("film 7 ") { Reply::Status(400) } else { films(asked) },
        );
    let folder = Folder::with_job(&server);
    folder.write("prompt.txt", "Be careful.");
    let outcome =
        folder.run(&["eval", "--prompt", "prompt.txt", "--data", "cases.jsonl", "--job", "job.toml"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("on 99 cases") && outcome.stdout.contains("failed    1,"), "{outcome:?}");
    assert!(outcome.stderr.contains("400"), "{outcome:?}");
}

#[test]
fn wrong_files_are_said() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.write("prompt.txt", "Judge {textt}.");
    folder.write("candidate.json", "{\"components\": {}}");
    let cases = [
        (["prompt.txt", "cases.jsonl", "job.toml"], "prompt.txt: component `instruction`, line 1"),
        (["candidate.json", "cases.jsonl", "job.toml"], "candidate.json: is no candidate"),
        (["none.txt", "cases.jsonl", "job.toml"], "none.txt: cannot be read"),
        (["prompt.txt", "none.jsonl", "job.toml"], "none.jsonl: there is no such file"),
        (["prompt.txt", "cases.jsonl", "none.toml"], "none.toml: there is no such file"),
    ];
    for ([prompt, data, job], message) in cases {
        let outcome = folder.run(&["eval", "--prompt", prompt, "--data", data, "--job", job]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(message), "{outcome:?}");
    }
    assert!(!folder.store().exists());
}
