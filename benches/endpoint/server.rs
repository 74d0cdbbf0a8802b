//! An endpoint with a fixed number of slots and lognormal latency, which keeps a record of its use.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use evohub::evolution::rng::{RunRng, stream};
use rand::RngExt;
use serde_json::Value;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::http::{completion, read, write};

/// Calls served at once.
pub(crate) const SLOTS: usize = 32;
const SIGMA: f64 = 0.8;

/// How the endpoint was used.
pub(crate) struct Usage {
    /// Share of the slots that was busy.
    pub(crate) busy: f64,
    pub(crate) seconds: f64,
    /// Milliseconds from the end of a call to the beginning of the next one that takes its slot.
    pub(crate) median_gap: f64,
    pub(crate) p95_gap: f64,
}

pub(crate) struct Server {
    address: std::net::SocketAddr,
    calls: Arc<Mutex<Vec<(Instant, Instant)>>>,
}

struct Shared {
    slots: Semaphore,
    calls: Arc<Mutex<Vec<(Instant, Instant)>>>,
    rng: Mutex<RunRng>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::default();
        let shared = Arc::new(Shared {
            slots: Semaphore::new(SLOTS),
            calls: Arc::clone(&calls),
            rng: Mutex::new(stream(1, "latency", 0)),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, calls }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The use from the first call until `without_last` calls before the last one began.
    pub(crate) fn usage(&self, without_last: usize) -> Usage {
        let mut calls = self.calls.lock().unwrap().clone();
        calls.sort_by_key(|(begin, _)| *begin);
        let (first, last) = (calls[0].0, calls[calls.len() - 1 - without_last].0);
        let seconds = (last - first).as_secs_f64();
        let within = |begin: Instant, end: Instant| end.min(last).saturating_duration_since(begin.min(last));
        let busy: f64 = calls.iter().map(|(begin, end)| within(*begin, *end).as_secs_f64()).sum();
        // The call that takes a slot is the n-th to begin after the n-th has ended, all slots being full before.
        let mut ends: Vec<Instant> = calls.iter().map(|(_, end)| *end).collect();
        ends.sort();
        let begins = calls.iter().skip(SLOTS).map(|(begin, _)| *begin);
        let gaps = begins.zip(ends).filter(|(begin, _)| *begin <= last);
        let mut gaps: Vec<f64> =
            gaps.map(|(begin, end)| begin.saturating_duration_since(end).as_secs_f64() * 1e3).collect();
        gaps.sort_by(f64::total_cmp);
        let at = |share: f64| gaps.get((gaps.len() as f64 * share) as usize).copied().unwrap_or(0.0);
        Usage { busy: busy / (SLOTS as f64 * seconds), seconds, median_gap: at(0.5), p95_gap: at(0.95) }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (_, body) = read(&mut stream).await?;
        let slot = shared.slots.acquire().await.ok()?;
        let begin = Instant::now();
        let is_task = body["model"] == "task";
        let median = if is_task { 0.2 } else { 0.8 };
        let latency = median * (SIGMA * gauss(&mut shared.rng.lock().unwrap())).exp();
        tokio::time::sleep(Duration::from_secs_f64(latency)).await;
        let text = if is_task { answer(&body) } else { propose(&body, &mut shared.rng.lock().unwrap()) };
        shared.calls.lock().unwrap().push((begin, Instant::now()));
        drop(slot);
        write(&mut stream, 200, &completion(&text)).await?;
    }
}

fn gauss(rng: &mut RunRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random_range(f64::MIN_POSITIVE..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn content(body: &Value, turn: usize) -> &str {
    body["messages"][turn]["content"].as_str().unwrap_or_default()
}

/// Right or wrong by the quality that the prompt states, by how hard the case is, and by how the two get on.
fn answer(body: &Value) -> String {
    let (prompt, case) = (content(body, 0).trim(), content(body, 1));
    let quality: f64 = prompt.parse().unwrap_or(0.0);
    let uniform = |purpose: &str| stream(0, purpose, 0).random_range(0.0..1.0);
    let right = 0.6 * uniform(case) + 0.4 * uniform(&format!("{prompt} {case}")) < quality;
    if right { "yes" } else { "no" }.to_owned()
}

/// A prompt whose quality is that of the one in question, moved at random: the same question has many answers.
fn propose(body: &Value, rng: &mut RunRng) -> String {
    let question = content(body, 0);
    let parent = question.split("```\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap_or("0.4");
    let quality: f64 = parent.trim().parse().unwrap_or(0.4);
    format!("```\n{:.4}\n```", (quality + 0.01 + 0.05 * gauss(rng)).clamp(0.05, 0.97))
}
