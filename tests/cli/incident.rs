//! What `evohub incident` collects, and that no secret is in it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::archive;
use crate::folder::{Folder, Outcome, films};
use crate::server::Server;

/// In all secrets of these tests.
const SECRET: &str = "overheard";

/// Secrets of all sorts that may stand in any text.
fn secrets() -> String {
    [
        format!("sk-proj-{SECRET}-Zx9Qw8Er7Ty6"),
        format!("Authorization: Bearer {SECRET}.Zx9Qw8"),
        format!("postgres://ann:{SECRET}@db/evohub"),
        format!("{SECRET}.ann@mail.example.org"),
        format!("cookie={SECRET}"),
        format!("api_key: {SECRET}"),
    ]
    .join(" ")
}

fn json(files: &BTreeMap<String, String>, name: &str) -> Value {
    serde_json::from_str(files.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", files.keys()))).unwrap()
}

/// What is missing by the manifest, each with the reason.
fn missing(files: &BTreeMap<String, String>) -> Vec<String> {
    let manifest = json(files, "manifest.json");
    let missing = manifest["missing"].as_array().unwrap();
    let text = |missing: &Value, key: &str| missing[key].as_str().unwrap().to_owned();
    missing.iter().map(|missing| format!("{}: {}", text(missing, "what"), text(missing, "why"))).collect()
}

/// A process whose pages are full of secrets.
fn careless_process() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let _ = reader.read_line(&mut line);
            let body = match line.split(' ').nth(1) {
                Some("/metrics") => format!("# HELP x {0}\nx{{y=\"{0}\"}} 1\n# EOF\n", secrets()),
                _ => serde_json::json!({"status": "degraded", "checks": {"x": {"status": "x", "message": secrets()}}})
                    .to_string(),
            };
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            // What else it was asked must be read, or the answer may be lost with the connection.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = reader.read_to_end(&mut vec![]);
        }
    });
    address
}

/// A folder with a job that has run, with secrets wherever its user may have written some, and its id.
fn folder(server: &Server) -> (Folder, String) {
    let folder = Folder::with_job(server);
    let job = std::fs::read_to_string(folder.path().join("job.toml")).unwrap();
    let seed = format!("What is the sentiment? Do not tell {}", secrets());
    folder.write("job.toml", &job.replace("What is the sentiment?", &seed));
    let result = folder.run(&["run", "job.toml", "--json"]).done().json();
    (folder, result["job"].as_str().unwrap().to_owned())
}

fn incident(folder: &Folder, arguments: &[&str]) -> Outcome {
    let output = folder
        .command(&[&["incident"], arguments].concat())
        .env("EVOHUB_REDIS", format!("redis://ann:{SECRET}@127.0.0.1:1/"))
        .env("EVOHUB_COOKIE_FILE", "cookie")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {SECRET}"))
        .env("OPENAI_API_KEY", SECRET)
        .env("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
        .output();
    output.unwrap().into()
}

#[test]
fn a_job_is_told_of_and_no_secret() {
    let server = Server::start(films);
    let (folder, job) = folder(&server);
    folder.write("cookie", &format!("{SECRET}-is-long-enough-for-a-cookie"));
    let lines = format!("{{\"message\": \"it says {}\"}}\n", secrets().replace('"', "'")).repeat(3);
    folder.write("evohub.log", &lines);
    let target = careless_process();
    let arguments = ["-o", "incident.zip", "--target", &target, "--logs", "evohub.log,gone.log"];
    let outcome = incident(&folder, &[&[job.as_str()][..], &arguments].concat()).done();
    let files = archive::files(&folder.path().join("incident.zip"));
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let pages = format!("nodes/{}", target.replace(':', "_"));
    let (health, metrics) = (format!("{pages}/health.json"), format!("{pages}/metrics.txt"));
    let expected = [
        "build.json",
        "configuration.json",
        "doctor.json",
        "doctor.txt",
        "job/candidates.json",
        "job/curves.json",
        "job/record.json",
        "job/result.json",
        "job/spec.json",
        "jobs.json",
        "logs/evohub.log",
        "manifest.json",
        &health,
        &metrics,
        "summary.txt",
    ];
    assert_eq!(names, expected);
    for (name, text) in &files {
        assert!(!text.contains(SECRET), "{name} tells a secret: {text}");
        assert!(
            !text.contains("sentiment?") && !text.contains("film 3"),
            "{name} tells a prompt or a case: {text}"
        );
    }
    assert!(!format!("{outcome:?}").contains(SECRET), "{outcome:?}");

    let record = json(&files, "job/record.json");
    assert_eq!((&record["job"], &record["standing"]), (&Value::from(job.as_str()), &"done".into()));
    assert_eq!(record["budget"]["evaluations"], 150);
    assert!(record["totals"]["evaluations"].as_u64().unwrap() > 0, "{record}");
    let candidates = json(&files, "job/candidates.json");
    let born = candidates.as_array().unwrap();
    assert_eq!(record["candidates"], born.len());
    assert!(born[0]["outcome"].is_string() && born[0]["operator"] == "seed" && born[0]["prompt"].is_null());
    assert_eq!(json(&files, "job/spec.json")["data"]["train"].as_u64().map(|cases| cases > 0), Some(true));
    assert!(!json(&files, "job/curves.json").as_array().unwrap().is_empty());
    assert!(files["logs/evohub.log"].contains("it says [redacted]"), "{}", files["logs/evohub.log"]);
    let configuration = json(&files, "configuration.json");
    let variables = configuration["variables_set"].as_array().unwrap();
    assert!(variables.contains(&"OPENAI_API_KEY".into()), "{configuration}");
    let missing = missing(&files);
    assert!(
        missing.iter().any(|missing| missing.starts_with("the log gone.log: No such file")),
        "{missing:?}"
    );
    let mode = std::fs::metadata(folder.path().join("incident.zip")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let manifest = json(&files, "manifest.json");
    let listed: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(listed.len() + 1, files.len());
    assert!(listed.iter().all(|name| files.contains_key(*name)), "{listed:?}");
}

#[test]
fn prompts_and_cases_come_when_they_are_asked_for_without_their_secrets() {
    let server = Server::start(films);
    let (folder, job) = folder(&server);
    incident(&folder, &[&job, "-o", "with.zip", "--with-content"]).done();
    let files = archive::files(&folder.path().join("with.zip"));
    assert!(files["job/spec.json"].contains("film 3 was"), "cases");
    assert!(files["job/candidates.json"].contains("What is the sentiment? Do not tell"), "prompts");
    for (name, text) in &files {
        assert!(!text.contains(SECRET), "{name} tells a secret: {text}");
    }
}

#[test]
fn it_is_made_although_everything_is_away() {
    let folder = Folder::new();
    let output = folder
        .command(&["incident", "films-1a2b3c4d", "-o", "away.zip", "--target", "127.0.0.1:1"])
        .env("EVOHUB_STORE", "postgres://ann@127.0.0.1:1/evohub")
        .output()
        .unwrap();
    let outcome = Outcome::from(output).done();
    let files = archive::files(&folder.path().join("away.zip"));
    let missing = missing(&files);
    for what in ["what the store knows", "what `films-1a2b3c4d` is", "/metrics of 127.0.0.1:1", "logs"] {
        assert!(missing.iter().any(|missing| missing.starts_with(what)), "{what}: {missing:?}");
        assert!(outcome.stdout.contains(what), "{what}: {}", outcome.stdout);
    }
    assert_eq!(folder.names(), ["away.zip"]);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let server = Server::start(films);
    let (folder, job) = folder(&server);
    folder.write("there.zip", "");
    for (arguments, said) in [
        (&[job.as_str(), "-o", "there.zip"][..], "is there already"),
        (&[job.as_str(), "-o", "none/incident.zip"], "no such folder"),
        (&["nothing-of-this-name", "-o", "incident.zip"], "there is no job `nothing-of-this-name`"),
    ] {
        let outcome = folder.run(&[&["incident"], arguments].concat());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
    assert!(!folder.path().join("incident.zip").exists());
    assert_eq!(std::fs::read(folder.path().join("there.zip")).unwrap(), b"");
}
