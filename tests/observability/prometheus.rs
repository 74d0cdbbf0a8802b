//! A real Prometheus, for one test.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// How long it may take to start, and to come to know something.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file of its configuration, in its folder.
pub(crate) const CONFIGURED: &str = "prometheus.yml";
const CONFIGURATION: &str = r#"
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: evohub
    static_configs:
      - targets: ["TARGET"]
"#;

/// A Prometheus that scrapes one target; it ends when dropped.
pub(crate) struct Prometheus {
    program: Child,
    address: String,
    _folder: TempDir,
}

/// When a scrape was made, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(f64);

impl Prometheus {
    /// Starts one that scrapes a target and does nothing else.
    pub(crate) fn scraping(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join(CONFIGURED);
        std::fs::write(configuration, CONFIGURATION.replace("TARGET", &target.to_string())).unwrap();
        Self::start(folder, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &[])
    }

    /// Starts one at an address as a folder has it configured, where its data go, too.
    pub(crate) fn start(folder: TempDir, address: SocketAddr, more: &[String]) -> Self {
        let program = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join(CONFIGURED).display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage")
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "`prometheus` cannot be started ({error}): install it (on Debian: apt-get install prometheus)"
                )
            });
        let mut prometheus = Self { program, address: String::new(), _folder: folder };
        prometheus.address = prometheus.listening();
        prometheus
    }

    /// Waits until it listens, and says where.
    fn listening(&mut self) -> String {
        let lines = BufReader::new(self.program.stderr.take().unwrap()).lines();
        let (told, heard) = mpsc::channel();
        // Reads to the end, so that it is never held up.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(told.send(line))));
        let mut log = String::new();
        loop {
            let line = heard.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("Prometheus does not listen; it said:\n{log}"));
            if let Some((_, address)) = line.split_once("\"Listening on\" address=") {
                return address.trim().to_owned();
            }
            log.push_str(&line);
            log.push('\n');
        }
    }

    /// What its HTTP interface answers.
    pub(crate) async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.try_ask(path, parameters).await.unwrap_or_else(|error| panic!("{path} {parameters:?}: {error}"))
    }

    /// The same for what it may refuse.
    pub(crate) async fn try_ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        if answer["status"] == "success" { Ok(answer["data"].take()) } else { Err(text) }
    }

    /// The value of an expression, now or at a moment; `None` when it has no series then.
    pub(crate) async fn value(&self, expression: &str, moment: Option<Moment>) -> Option<f64> {
        let mut parameters = vec![("query", expression)];
        let time = moment.map(|moment| format!("{:.3}", moment.0));
        parameters.extend(time.iter().map(|time| ("time", time.as_str())));
        let data = self.ask("query", &parameters).await;
        let series = data["result"].as_array().unwrap();
        assert!(series.len() <= 1, "{expression} has several series: {data}");
        Some(series.first()?["value"][1].as_str().unwrap().parse().unwrap())
    }

    /// Waits until a series has a value, and says when it was seen. At this moment all of the page is known: later
    /// ones may be hidden by a scrape that failed.
    pub(crate) async fn until(&self, series: &str, value: f64) -> Moment {
        let mut last = None;
        let ask = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            loop {
                ticks.tick().await;
                last = self.value(series, None).await;
                if last == Some(value)
                    && let Some(time) = self.value(&format!("timestamp({series})"), None).await
                {
                    return Moment(time);
                }
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, ask).await;
        outcome.unwrap_or_else(|_| panic!("{series} is {last:?} and never {value}"))
    }

    /// Exemplars of the series that a selector names, of the last hour.
    pub(crate) async fn exemplars(&self, selector: &str) -> Vec<Value> {
        let data = self.ask("query", &[("query", "time()")]).await;
        let now: f64 = data["result"][1].as_str().unwrap().parse().unwrap();
        let (start, end) = ((now - 3600.0).to_string(), (now + 60.0).to_string());
        let parameters = [("query", selector), ("start", &start), ("end", &end)];
        let data = self.ask("query_exemplars", &parameters).await;
        let series = data.as_array().unwrap().iter();
        series.flat_map(|series| series["exemplars"].as_array().unwrap().clone()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
