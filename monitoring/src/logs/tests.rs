use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is logged meanwhile.
fn logged(form: LogForm, filter: &str, work: impl FnOnce()) -> String {
    let output = Output::default();
    let (layer, _) = filtered(LogLayer::new(form, output.clone()), filter).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    let bytes = output.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_lines_have_the_keys_and_the_fields() {
    let text = logged(LogForm::Json, "trace", || {
        let job = tracing::info_span!("job", job_id = "movie-1", node = tracing::field::Empty);
        let _job = job.enter();
        job.record("node", "n1");
        let _call = tracing::info_span!("evaluate_prompt", job_id = "movie-2").entered();
        tracing::warn!(target: "evohub_llm", retries = 2, wait = 0.5, cached = false, line = 7, "slow {}", "answer");
        tracing::trace!(bad = f64::NAN);
    });
    let lines = lines(&text);
    let line = &lines[0];
    assert_eq!(line["level"], "WARNING");
    assert_eq!(line["message"], "slow answer");
    assert_eq!(line["logger"], "evohub_llm");
    assert_eq!(line["module"], "evohub_monitoring::logs::tests");
    assert_eq!(line["function"], "evaluate_prompt");
    assert!(line["line"].as_u64() > Some(40));
    assert_eq!(line["job_id"], "movie-2", "the inner span's value");
    assert_eq!(line["node"], "n1", "recorded later");
    assert_eq!(line["retries"], 2);
    assert_eq!(line["wait"], 0.5);
    assert_eq!(line["cached"], false);
    assert_eq!(line["fields.line"], 7);
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b'T', "{timestamp}");
    assert_eq!((&lines[1]["level"], &lines[1]["bad"]), (&"DEBUG".into(), &"NaN".into()));
    assert_eq!(text.lines().next().unwrap().find("\"timestamp\""), Some(1), "in the order of the keys");
}

#[test]
fn lines_for_people_stay_lines() {
    let text = logged(LogForm::Human, "info", || {
        tracing::error!(path = "a b", count = 3, "first\nsecond \x1b[2J \u{202f}é");
        tracing::info!(name = "x", "fine");
    });
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].contains(" ERROR   evohub_monitoring::logs::tests: first\\nsecond \\u{1b}[2J \u{202f}é"),
        "{text}"
    );
    assert!(lines[0].ends_with(" path=\"a b\" count=3"), "{text}");
    assert!(lines[1].ends_with(" INFO    evohub_monitoring::logs::tests: fine name=x"), "{text}");
}

#[derive(Debug)]
struct Failed {
    #[expect(dead_code, reason = "shown by the debug form")]
    password: &'static str,
    source: io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://evohub:hush-display@db.example/evohub does not answer")
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Every way of a value into a line.
fn tell_secrets() {
    let failed = Failed {
        password: "hush-debug",
        source: io::Error::other("refused sk-hush-source-123456 of hush@example.org"),
    };
    let span = tracing::info_span!(
        "outer",
        key = "sk-hush-span-1234",
        authorization = "hush-span-name",
        later = tracing::field::Empty
    );
    let _span = span.enter();
    span.record("later", tracing::field::display("Bearer hush-recorded"));
    tracing::info!("plain sk-hush-literal-1234");
    tracing::info!("formatted {} {:?}", "gsk_hush1234567890", "AIzaHush-1234567890");
    tracing::info!(text = "ghp_hush1234567890", api_key = "hush-name", db.password = 5_550_123, "fields");
    tracing::info!(text = %"Authorization: Basic hush-basic", "display");
    tracing::info!(text = ?Some("x-api-key: hush-header"), "debug");
    tracing::error!(error = &failed as &(dyn Error + 'static), "an error");
    tracing::error!(error = %failed, cause = ?failed, "an error as text");
    tracing::error!(
        body = r#"{"error":{"message":"wrong key","api_key":"hush-json"}}"#,
        "a provider's answer"
    );
    let message = "Bearer hush-named";
    tracing::warn!(message);
}

#[test]
fn secrets_reach_no_line() {
    for form in [LogForm::Human, LogForm::Json] {
        let text = logged(form, "trace", tell_secrets);
        assert_eq!(text.lines().count(), 9, "{text}");
        let hushed = text.to_lowercase();
        assert!(!hushed.contains("hush") && !text.contains("5550123"), "{text}");
        assert!(text.matches("[redacted]").count() >= 9 * 3 + 12, "{text}");
        assert!(text.contains("does not answer: refused"), "the cause of an error is told: {text}");
        if form == LogForm::Json {
            assert_eq!(lines(&text)[2]["text"], "[redacted]");
        }
    }
}

#[test]
fn filters_by_level_and_target_and_caps_the_actor_library() {
    let text = logged(LogForm::Json, "debug", || {
        tracing::debug!(target: "ractor::actor", "noise");
        tracing::info!(target: "ractor::actor", "started");
        tracing::debug!(target: "ractorial", "other");
        tracing::trace!("too fine");
    });
    let messages: Vec<Value> = lines(&text).iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["started", "other"]);

    let text = logged(LogForm::Json, "warn,evohub_llm=debug", || {
        tracing::info!("hidden");
        tracing::debug!(target: "evohub_llm::remote", "shown");
    });
    assert_eq!(lines(&text).len(), 1, "{text}");
}

#[test]
fn says_what_is_wrong_with_a_filter_and_a_form() {
    let layer = LogLayer::new(LogForm::Human, io::sink);
    let error = filtered::<tracing_subscriber::Registry, _>(layer, "evohub=loud").err().unwrap();
    assert!(error.to_string().contains("`evohub=loud`"), "{error}");
    assert_eq!("json".parse::<LogForm>().unwrap(), LogForm::Json);
    assert!("xml".parse::<LogForm>().unwrap_err().to_string().contains("`xml`"));
}

#[test]
fn an_error_may_be_critical() {
    let work = || {
        let _span = tracing::info_span!("job", critical = true).entered();
        tracing::error!(critical = true, job_id = "movie-1", "the store is gone");
        tracing::error!(critical = false, "an error");
        tracing::warn!(critical = true, "a warning");
    };
    let lines = lines(&logged(LogForm::Json, "info", work));
    assert_eq!((&lines[0]["level"], &lines[0]["message"]), (&"CRITICAL".into(), &"the store is gone".into()));
    assert_eq!(lines[0]["critical"], true, "that of the span; the event's is told by the level");
    assert_eq!(lines[0]["job_id"], "movie-1");
    assert_eq!((&lines[1]["level"], &lines[1]["critical"]), (&"ERROR".into(), &false.into()));
    assert_eq!((&lines[2]["level"], &lines[2]["critical"]), (&"WARNING".into(), &true.into()));
    let text = logged(LogForm::Human, "info", || tracing::error!(critical = true, "the store is gone"));
    assert!(text.ends_with(" CRITICAL evohub_monitoring::logs::tests: the store is gone\n"), "{text}");
}

#[test]
fn the_actor_library_leaves_no_trace_in_what_happens_inside_its_spans() {
    let text = logged(LogForm::Json, "trace", || {
        let _job = tracing::info_span!("job", job_id = "movie-1").entered();
        let _actor =
            tracing::error_span!(target: "ractor::actor", "Actor", id = 7, name = "evaluator").entered();
        tracing::info!("inside");
    });
    let line = &lines(&text)[0];
    assert_eq!((&line["function"], &line["job_id"]), (&"job".into(), &"movie-1".into()));
    assert!(line["id"].is_null() && line["name"].is_null(), "{text}");
}

#[test]
fn the_filter_can_be_changed_while_the_program_runs() {
    let output = Output::default();
    let (layer, control) = filtered(LogLayer::new(LogForm::Json, output.clone()), "warn").unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    let copy = control.clone();
    tracing::subscriber::with_default(subscriber, || {
        for filter in ["info", "off", "error,evohub_monitoring=debug"] {
            tracing::info!("under {}", control.filter());
            control.set_filter(filter).unwrap();
        }
        tracing::info!("under {}", copy.filter());
        let error = control.set_filter("evohub=loud").unwrap_err().to_string();
        assert!(error.contains("`evohub=loud`"), "{error}");
        assert!(control.set_filter(" ").unwrap_err().to_string().contains("empty"));
        tracing::info!("still under {}", copy.filter());
    });
    let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
    let messages: Vec<Value> = lines(&text).iter().map(|line| line["message"].clone()).collect();
    let last = "error,evohub_monitoring=debug";
    assert_eq!(messages, ["under info".to_owned(), format!("under {last}"), format!("still under {last}")]);
    assert!(matches!(control.set_filter("info"), Err(LogError::Ended)), "the subscriber has gone");
    assert_eq!(control.filter(), last);
}

/// What is logged to a file meanwhile.
fn logged_to(file: &LogFile, work: impl FnOnce()) {
    let config = LogConfig {
        filter: Some("info".to_owned()),
        form: LogForm::Json,
        destination: LogDestination::File(file.clone()),
    };
    let (layer, _logs) = Logs::layer(&config, None).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
}

#[test]
fn a_file_is_followed_by_another_when_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let file = LogFile { path: folder.path().join("evohub.log"), size: 2_000, kept: 2 };
    logged_to(&file, || (0..50).for_each(|number| tracing::info!(number, "line")));
    logged_to(&file, || tracing::info!(number = 50, "after a new start"));
    let mut found: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["evohub.log", "evohub.log.1", "evohub.log.2"]);
    let mut numbers = vec![];
    for path in [&found[2], &found[1], &found[0]] {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        }
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.len() < 2_500, "{path:?} has grown to {} bytes", text.len());
        numbers.extend(lines(&text).iter().map(|line| line["number"].as_i64().unwrap()));
    }
    let last: Vec<i64> = (numbers[0]..=50).collect();
    assert!(numbers.len() > 20 && numbers[0] > 0, "{numbers:?}");
    assert_eq!(numbers, last, "whole lines, none missing but the oldest");
}

#[test]
fn says_why_a_file_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |path: &std::path::Path, size| {
        let file = LogFile { size, ..LogFile::new(path) };
        let config = LogConfig { destination: LogDestination::File(file), ..LogConfig::default() };
        Logs::layer::<tracing_subscriber::Registry>(&config, None).err().unwrap().to_string()
    };
    let missing = folder.path().join("missing/evohub.log");
    let error = problem(&missing, 1);
    assert!(error.contains("missing/evohub.log") && error.contains("folder does not exist"), "{error}");
    assert!(!missing.parent().unwrap().exists(), "it is not created behind the user's back");
    assert!(problem(folder.path(), 1).contains("cannot be written"), "a folder is no file");
    assert!(problem(&folder.path().join("a.log"), 0).contains("size of zero"));
}
