//! A model with a fixed number of slots and lognormal latency, whose answers are those of a landscape.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use evohub::evolution::rng::stream;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::landscape::{FRESH, Landscape, case_number, gauss, turns};
use crate::server::{Call, Model, Reply, STUDENT, TEACHER};

/// Calls served at once.
pub(crate) const SLOTS: usize = 32;
/// Median latencies in seconds.
const TASK: f64 = 0.2;
const PROPOSAL: f64 = 0.8;
const SIGMA: f64 = 0.8;

pub(crate) struct Stub {
    landscape: Landscape,
    /// Seed of latencies and proposals. The n-th proposal moves its parent alike, whoever asks for it.
    seed: u64,
    slots: Semaphore,
    calls: AtomicU64,
    proposals: AtomicU64,
}

impl Stub {
    pub(crate) fn new(landscape: Landscape, seed: u64) -> Self {
        let slots = Semaphore::new(SLOTS);
        Self { landscape, seed, slots, calls: AtomicU64::new(0), proposals: AtomicU64::new(0) }
    }

    fn text(&self, body: &Value, is_proposal: bool) -> Result<String, String> {
        let turns = turns(body);
        if !is_proposal {
            return self.landscape.answer(&turns).ok_or_else(|| "the last turn names no case".to_owned());
        }
        let question = turns.last().ok_or("there is no question")?;
        let number = self.proposals.fetch_add(1, Ordering::Relaxed);
        Ok(self.landscape.propose(question, &mut stream(self.seed, "proposal", number)))
    }
}

#[async_trait]
impl Model for Stub {
    async fn answer(&self, body: &Value) -> Result<Reply, String> {
        let is_proposal = match body["model"].as_str() {
            Some(STUDENT) => false,
            Some(TEACHER) => true,
            _ => return Err(format!("there are the models {STUDENT} and {TEACHER}")),
        };
        let text = self.text(body, is_proposal)?;
        // What a report asks is none of the search.
        if !is_proposal && case_number(&turns(body)).is_some_and(|number| FRESH.contains(&number)) {
            return Ok(Reply { text, truncated: false, call: None });
        }
        let _slot = self.slots.acquire().await.map_err(|error| error.to_string())?;
        let begin = Instant::now();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let median = if is_proposal { PROPOSAL } else { TASK };
        let latency = median * (SIGMA * gauss(&mut stream(self.seed, "latency", number))).exp();
        let latency = Duration::from_secs_f64(latency);
        tokio::time::sleep(latency).await;
        let end = Instant::now();
        let late = end.duration_since(begin).saturating_sub(latency);
        Ok(Reply { text, truncated: false, call: Some(Call { is_proposal, begin, end, late }) })
    }
}
