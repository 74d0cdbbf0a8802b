//! How many calls a second two processes on this machine make of each other.
//!
//! ```text
//! cargo run --release -p evohub-cluster --example calls -- [--calls-at-once 64] [--bytes 1024] [--seconds 5] [--tls]
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use evohub_cluster::{
    Cluster, ClusterConfig, Facts, MembershipConfig, NodeName, Peer, Responder, Service, TlsFiles, Topic,
    TransportLimits,
};
use evohub_monitoring::metrics::{Metrics, MetricsConfig};
use evohub_monitoring::traces::TraceContext;
use secrecy::SecretString;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// Answers each call with what it says, in a task of its own as a service with work to do would.
#[derive(Debug)]
struct Echo;

impl Service for Echo {
    fn cast(&self, _: &Peer, _: Topic, _: TraceContext, _: Bytes) {}

    fn call(&self, _: &Peer, _: Topic, _: TraceContext, body: Bytes, answer: Responder) {
        tokio::spawn(async move { answer.send(Ok(body)) });
    }
}

/// Ends the other process with this one.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Debug, Clone)]
struct Options {
    at_once: usize,
    bytes: usize,
    seconds: u64,
    tls: bool,
    /// The folder with the certificates, for the process that answers.
    answers: Option<String>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self { at_once: 64, bytes: 1024, seconds: 5, tls: false, answers: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--calls-at-once" => options.at_once = value()?.parse()?,
                "--bytes" => options.bytes = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--tls" => options.tls = true,
                "--answer" => options.answers = Some(value()?),
                _ => return Err(format!("what is {word}?").into()),
            }
        }
        Ok(options)
    }
}

fn config(name: &str, seeds: Vec<String>, folder: Option<&Path>) -> Result<ClusterConfig, Failure> {
    let file = |folder: &Path, kind: &str| folder.join(format!("{name}.{kind}"));
    Ok(ClusterConfig {
        name: name.parse()?,
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        seeds,
        cookie: SecretString::from("a cookie for measurements"),
        tls: folder.map(|folder| TlsFiles {
            certificate: file(folder, "pem"),
            key: file(folder, "key"),
            authority: folder.join("authority.pem"),
        }),
        insecure: false,
        facts: Facts::default(),
        membership: MembershipConfig::default(),
        limits: TransportLimits::default(),
    })
}

async fn start(name: &str, seeds: Vec<String>, folder: Option<&Path>) -> Result<Cluster, Failure> {
    let metrics = Metrics::new(&MetricsConfig::default());
    Ok(Cluster::start(config(name, seeds, folder)?, Arc::new(Echo), metrics).await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::read(std::env::args().skip(1))?;
    if let Some(folder) = &options.answers {
        let folder = Some(Path::new(folder)).filter(|_| options.tls);
        let cluster = start("answers", vec![], folder).await?;
        println!("{}", cluster.address());
        std::future::pending::<()>().await;
    }
    let folder = tempfile::tempdir()?;
    evohub_cluster::test_certificates(folder.path(), &["answers", "calls"])?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--answer").arg(folder.path()).args(options.tls.then_some("--tls"));
    let mut other = Other(command.stdout(Stdio::piped()).spawn()?);
    let mut address = String::new();
    let output = other.0.stdout.take().ok_or("the other process has no output")?;
    BufReader::new(output).read_line(&mut address)?;
    let tls = Some(folder.path()).filter(|_| options.tls);
    measure(start("calls", vec![address.trim().to_owned()], tls).await?, &options).await
}

async fn measure(cluster: Cluster, options: &Options) -> Result<(), Failure> {
    let to: NodeName = "answers".parse()?;
    cluster.view().wait_for(|view| view.is_usable(&to)).await?;
    let (begun, time) = (Instant::now(), Duration::from_secs(options.seconds));
    let body = Bytes::from(vec![7; options.bytes]);
    let mut callers = JoinSet::new();
    for _ in 0..options.at_once {
        let (cluster, to, body) = (cluster.clone(), to.clone(), body.clone());
        callers.spawn(async move {
            let mut times = vec![];
            while begun.elapsed() < time {
                let called = Instant::now();
                let (context, limit) = (TraceContext::default(), Duration::from_secs(10));
                cluster.call(&to, Topic(1), &context, body.clone(), limit).await?;
                times.push(called.elapsed());
            }
            Ok::<_, Failure>(times)
        });
    }
    let mut times = vec![];
    while let Some(caller) = callers.join_next().await {
        times.extend(caller??);
    }
    times.sort_unstable();
    let part = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{rate:.0} calls/s, {} at once of {} bytes{}: median {:?}, 99 of 100 within {:?}",
        options.at_once,
        options.bytes,
        if options.tls { " over TLS" } else { "" },
        part(0.5),
        part(0.99),
    );
    cluster.leave().await;
    Ok(())
}
