//! Evaluations that take no time, on another node: what the way there and back costs, with everything durable.

use std::time::{Duration, Instant};

use evohub::evolution::{Evaluation, Objectives, Split};
use evohub::store::{EvaluationRecord, JobId, NewJob, Results, open};
use evohub::{Engine, JobSpec};

use crate::job::{self, EVALUATOR};
use crate::node::{self, Other, Setup};
use crate::pauses::{Pauses, Ran};
use crate::process::processor;
use crate::servers::Servers;

/// Bytes of a prompt.
const BYTES: usize = 1_024;
const PROMPTS: usize = 100;
const CASES: usize = 600;
/// Evaluations at once.
const SLOTS: usize = 64;
/// With these a pool has places for a few more than that.
const WORKERS: usize = 51;
/// Records that are written to the store as one, as many as are under way.
const GROUP: usize = SLOTS;

/// What a job took.
struct Taken {
    /// Evaluations a second, without the first and the last tenth.
    rate: f64,
    /// Microseconds of processor time for each evaluation: the owner's, the other node's, the database's.
    processors: [f64; 3],
}

/// Against plain calls, of which there are so many a second.
pub(crate) async fn measure(servers: &Servers, calls: f64) {
    println!(
        "evaluations that take no time, prompts of {BYTES} bytes, {SLOTS} at once, durable in PostgreSQL"
    );
    let store = store(servers).await;
    println!("  store alone   {store:.0} records/s, {GROUP} to a transaction");
    let alone = alone(servers).await;
    alone.show("one process");
    let there = there(servers).await;
    there.show("another node");
    println!(
        "  another node does {:.2} times as many as one process, {:.2} times the records of the store alone, and {:.2} \
         times the plain calls",
        there.rate / alone.rate,
        there.rate / store,
        there.rate / calls
    );
}

impl Taken {
    fn show(&self, who: &str) {
        let [owner, other, database] = self.processors;
        println!(
            "  {who:<13} {:.0} evaluations/s; processor time of each: owner {owner:.0} us, other node {other:.0} us, \
             PostgreSQL {database:.0} us",
            self.rate
        );
    }
}

/// A second's worth of the middle.
fn rate(ran: &[Ran]) -> f64 {
    let mut ends: Vec<f64> = ran.iter().map(|ran| ran.end).collect();
    ends.sort_by(f64::total_cmp);
    let (first, last) = (ends.len() / 10, ends.len() * 9 / 10);
    (last - first) as f64 / (ends[last] - ends[first])
}

fn spec(name: &str) -> JobSpec {
    job::spec(name, job::prompts(name, PROMPTS, BYTES), CASES, Some(SLOTS))
}

/// Runs a job; all of it is in the store when this returns.
async fn run(engine: &Engine, servers: &Servers, name: &str) {
    let job = engine.submit(spec(name)).await.unwrap();
    let result = job.result().await.unwrap();
    assert_eq!(result.status, "done", "{:?}", result.error);
    let store = open(servers.postgres()).await.unwrap();
    let kept = store.totals(job.id()).await.unwrap().evaluations;
    // One for the report on top.
    assert!(kept > (PROMPTS * CASES) as u64, "only {kept} are in the store");
    store.close().await;
}

/// Microseconds for each evaluation since the processes had used so much.
fn spent(before: [f64; 3], after: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| (after[i] - before[i]) * 1e6 / (PROMPTS * CASES) as f64)
}

/// All in this process.
async fn alone(servers: &Servers) -> Taken {
    let setup = Setup {
        name: "alone".into(),
        seeds: vec![],
        store: servers.postgres().into(),
        workers: WORKERS,
        pauses: Pauses::none(WORKERS + SLOTS),
    };
    let (engine, record) = setup.start_alone().await;
    let used = || [processor(std::process::id()), 0.0, servers.processor()];
    let before = used();
    run(&engine, servers, "alone").await;
    let processors = spent(before, used());
    engine.shutdown().await;
    Taken { rate: rate(&record.so_far().ran), processors }
}

/// The job here, its evaluations in another process: here an evaluator has one place and takes a quarter of a second.
async fn there(servers: &Servers) -> Taken {
    let slow = Pauses { delay: Duration::from_millis(250), ..Pauses::none(1) };
    let setup = Setup {
        name: "owner".into(),
        seeds: vec![],
        store: servers.postgres().into(),
        // The island goes to the node with the most free workers.
        workers: 2 * WORKERS,
        pauses: slow,
    };
    let (engine, _) = setup.start().await;
    let other = Setup {
        name: "other".into(),
        seeds: vec![node::address(&engine)],
        workers: WORKERS,
        pauses: Pauses::none(WORKERS + SLOTS),
        ..setup
    };
    let mut other = Other::start(&other).await;
    node::see(&engine, &["owner", "other"]).await;
    let pid = other.pid();
    let used = || [processor(std::process::id()), processor(pid), servers.processor()];
    let before = used();
    run(&engine, servers, "there").await;
    let processors = spent(before, used());
    let ran = other.done().await.ran;
    let all = (PROMPTS * CASES) as f64;
    assert!(ran.len() as f64 > 0.95 * all, "only {} of {all} were made by the other node", ran.len());
    drop(other);
    engine.shutdown().await;
    Taken { rate: rate(&ran), processors }
}

/// Records a second that the store takes when nobody does anything else, one group after the other.
async fn store(servers: &Servers) -> f64 {
    let store = open(servers.postgres()).await.unwrap();
    let job = JobId("store-alone".into());
    let new = NewJob {
        id: job.clone(),
        name: job.0.clone(),
        algorithm: "ga".into(),
        spec: serde_json::Value::Null,
        created_at: 0,
    };
    store.insert_job(&new).await.unwrap();
    let (evaluator, _) = Pauses::none(1).evaluator();
    let fingerprint = evohub::evaluation::Evaluator::fingerprint(&evaluator);
    let cases = job::cases("validation", CASES);
    let records: Vec<EvaluationRecord> = job::prompts(EVALUATOR, PROMPTS, BYTES)
        .iter()
        .flat_map(|prompt| cases.iter().map(move |case| (prompt, case)))
        .map(|(prompt, case)| EvaluationRecord {
            key: evohub::evaluation::evaluation_key(&fingerprint, prompt, case, 0),
            job: job.clone(),
            candidate: prompt.id(),
            case: case.id(),
            split: Split::Validation,
            repeat: 0,
            evaluation: Evaluation {
                objectives: Objectives { score: 0.5, ..Objectives::default() },
                output: String::new(),
                feedback: String::new(),
                input_tokens: 0,
                output_tokens: 0,
                model_calls: 0,
            },
            at: 0,
        })
        .collect();
    let groups: Vec<Results> = records
        .chunks(GROUP)
        .map(|group| Results { evaluations: group.to_vec(), proposals: vec![] })
        .collect();
    let began = Instant::now();
    for group in &groups {
        store.keep(group).await.unwrap();
    }
    let rate = records.len() as f64 / began.elapsed().as_secs_f64();
    store.close().await;
    rate
}
