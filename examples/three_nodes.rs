//! Three nodes of a cluster, and a job whose islands and evaluations spread over them. In the middle one node leaves.
//!
//! The nodes stand in one program here, so that the example is one file. In earnest each is a process on a machine of
//! its own: `evohub node`, or a service that starts its engine like this. They share a PostgreSQL database.
//!
//! ```console
//! $ createdb evohub
//! $ cargo run --release --example three_nodes -- postgres://postgres@127.0.0.1/evohub
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evohub::cluster::{ClusterConfig, Facts, MembershipConfig, NodeName, TransportLimits, new_cookie};
use evohub::evaluation::FnEvaluator;
use evohub::evaluation::scorer::Scored;
use evohub::evolution::optimizers::GaConfig;
use evohub::evolution::{AlgorithmConfig, Candidate, Case, CaseSet, RunEvent};
use evohub::{
    Engine, EngineConfig, EvaluatorSpec, IslandsSpec, JobBudget, JobData, JobEvent, JobSpec, Toolbox, store,
};

const NAMES: [&str; 3] = ["a", "b", "c"];
const SIGN: &str = "Welcome to our office. Please ring the bell and please wait. Somebody will be with you soon. Visitors \
                    sign the book. Parcels go to the back door. Dogs stay outside, and so do umbrellas. We are closed \
                    on Sundays and on all holidays. Thank you very much for your kind attention.";

/// What a visitor looks for, and how much of a sign they read until they find it. It takes as long as a quick service.
async fn found(sign: Candidate, case: Case) -> Scored {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let text = sign.component("instruction").to_lowercase();
    let wanted = case.expected.as_deref().unwrap_or_default();
    let patience: f64 = case.input.parse().unwrap_or(100.0);
    match text.contains(wanted) {
        true => Scored::from((patience / text.len() as f64).min(1.0)),
        false => Scored::from(0.0),
    }
}

/// A visitor's patience in characters, and what they look for.
fn visitors(first: usize, count: usize) -> Vec<Case> {
    let wants = ["ring the bell", "sign the book", "back door", "closed on sundays"];
    (first..first + count).map(|i| Case::new(format!("{}", 60 + 7 * (i % 13)), wants[i % 4])).collect()
}

fn job() -> Result<JobSpec, Box<dyn Error>> {
    // A sign has no examples, and nothing but its text: only operators that cut and swap sentences.
    let others = [
        "draw_shots",
        "add_shot",
        "add_difficult_shot",
        "add_different_shot",
        "replace_shot",
        "drop_shot",
        "shuffle_shots",
        "move_placement",
        "add_phrase",
        "replace_phrase",
        "transplant_shots",
    ];
    let data = JobData { search: CaseSet::new(visitors(0, 13), visitors(13, 26))?, test: visitors(39, 52) };
    let evaluator = EvaluatorSpec::Custom("visitor".into());
    Ok(JobSpec {
        seed: 1,
        algorithm: AlgorithmConfig::Ga(GaConfig { population: 16, ..GaConfig::default() }),
        operators: others.map(|name| (name.to_owned(), 0.0)).into_iter().collect::<BTreeMap<_, _>>(),
        budget: JobBudget { evaluations: Some(9_000), ..JobBudget::default() },
        islands: IslandsSpec { count: 3, ..IslandsSpec::default() },
        ..JobSpec::new("sign", Candidate::from_instruction(SIGN)?, data, evaluator)
    })
}

/// A node that counts what is measured on it.
async fn node(
    name: &str,
    shared: &Shared,
    seeds: Vec<String>,
) -> Result<(Engine, Arc<AtomicU64>), Box<dyn Error>> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let evaluator = FnEvaluator::new_async(&shared.version, 16, move |sign, case| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(found(sign, case).await) }
    });
    let mut toolbox = Toolbox::default();
    toolbox.add_evaluator("visitor", Arc::new(evaluator));
    let cluster = ClusterConfig {
        name: name.parse()?,
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        seeds,
        cookie: shared.cookie.clone().into(),
        tls: None,
        insecure: false,
        facts: Facts { version: env!("CARGO_PKG_VERSION").into(), ..Facts::default() },
        membership: MembershipConfig::default(),
        limits: TransportLimits::default(),
    };
    let store = store::open(&shared.store).await?;
    let engine = Engine::start(EngineConfig { store, toolbox, workers: 16, cluster: Some(cluster) }).await?;
    Ok((engine, count))
}

/// What all nodes must have alike.
struct Shared {
    store: String,
    cookie: String,
    /// Of the evaluator. Results of one version are never measured twice, so each run of the example has its own.
    version: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(store) = std::env::args().nth(1).or_else(|| std::env::var("EVOHUB_STORE").ok()) else {
        println!("Several nodes need a PostgreSQL database that they share. Make one and name it:\n");
        println!("  createdb evohub");
        println!("  cargo run --release --example three_nodes -- postgres://USER@HOST/evohub");
        return Ok(());
    };
    let shared = Shared { store, cookie: new_cookie(), version: format!("visitor/1 {}", new_cookie()) };

    let (mut nodes, mut counts, mut seeds) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    for name in NAMES {
        let (engine, count) = node(name, &shared, seeds.clone()).await?;
        seeds.extend(engine.cluster().map(|cluster| cluster.address().to_string()));
        nodes.insert(name, engine);
        counts.insert(name, count);
    }
    // One that came a moment ago has not said yet what it can do.
    if let Some(cluster) = nodes["a"].cluster() {
        let names = NAMES.map(|name| name.parse::<NodeName>()).into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut view = cluster.view();
        view.wait_for(|view| names.iter().all(|name| view.is_usable(name))).await?;
    }
    println!("three nodes at {}", seeds.join(", "));

    let handle = nodes["a"].submit(job()?).await?;
    let mut events = handle.events();
    let mut leaving = nodes.remove("b");
    let mut best = 0.0;
    while let Ok(event) = events.recv().await {
        match event {
            JobEvent::Placed { island, node } => println!("island {island} is hosted by {node}"),
            JobEvent::Island { island, event: RunEvent::BestImproved { score, .. } } if score > best => {
                best = score;
                println!("better: {score:.2} on island {island}");
            }
            JobEvent::Closing { evaluations } => println!("scoring {evaluations} times on sealed cases"),
            JobEvent::Ended(_) => break,
            _ => {}
        }
        if handle.progress().borrow().evaluations > 3_000
            && let Some(node) = leaving.take()
        {
            println!("b leaves: what it does goes to the others");
            tokio::spawn(node.leave());
        }
    }

    let result = handle.result().await?;
    for (name, count) in counts {
        println!("measured by {name}: {}", count.load(Ordering::Relaxed));
    }
    if let (Some(best), Some(before)) = (&result.best, &result.seed.test) {
        let after = best.test.as_ref().map_or(0.0, |test| test.score);
        println!("{:.2} -> {after:.2} on sealed cases, with this sign:\n\n{}", before.score, best.prompt);
    }
    for engine in nodes.into_values() {
        engine.leave().await;
    }
    Ok(())
}
