//! Commands that look at what is stored.

use std::process::Stdio;

use crate::folder::{Folder, films};
use crate::server::Server;
use crate::stable;

#[test]
fn a_job_is_listed_shown_and_piped() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    let result = folder.run(&["run", "job.toml", "--json"]).done().json();
    let id = result["job"].as_str().unwrap();

    let listed = folder.run(&["jobs", "--json"]).done().json();
    assert_eq!((&listed[0]["job"], &listed[0]["status"]), (&result["job"], &"done".into()));
    let listed = folder.run(&["jobs"]).done().stdout;
    assert!(listed.lines().nth(1).unwrap().starts_with(id), "{listed}");

    let mut shown = folder.run(&["show", &id[..8], "--json"]).done().json();
    let candidates = shown.as_object_mut().unwrap().remove("candidates").unwrap();
    assert_eq!(shown, result, "the document is that of `run`, with the candidates");
    let candidates = candidates.as_array().unwrap();
    assert_eq!(candidates.len() as u64, result["candidates_born"].as_u64().unwrap());
    assert_eq!(candidates[0]["operator"], "seed");
    let child = &candidates[1];
    assert!(child["parents"][0].is_string() && child["generation"].is_u64(), "{child}");
    let best = candidates.iter().find(|candidate| candidate["id"] == result["best"]["id"]).unwrap();
    assert_eq!(best["candidate"], result["best"]["candidate"]);

    let shown = folder.run(&["show", id]).done().stdout;
    assert!(shown.contains("chosen prompt") && shown.contains("operator"), "{}", stable(&folder, &shown));

    let best = folder.run(&["best", id]).done();
    assert_eq!(best.stdout.trim_end(), result["best"]["prompt"].as_str().unwrap());
    assert_eq!(best.stderr, "");
    assert_eq!(folder.run(&["best", id, "--json"]).done().json(), result["best"]["candidate"]);

    folder.run(&["report", id, "-o", "page.html"]).done();
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains(id), "{page}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let server = Server::start(films);
    let folder = Folder::with_job(&server);
    folder.run(&["run", "job.toml", "-q"]).done();
    for arguments in [&["best", "films"][..], &["show", "films", "--json"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = folder.command(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_catalogue_of_metrics_is_what_the_program_says() {
    let said = Folder::new().run(&["metrics"]).done().stdout;
    let written = include_str!("../../docs/metrics.md");
    assert!(said == written, "docs/metrics.md is out of date: run scripts/generate");
}
