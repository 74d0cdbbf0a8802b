//! evohub inside a program of your own: read a job file, follow the job, use the prompt.
//!
//! ```console
//! $ cargo run --release --example embed
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::path::Path;

use evohub::evolution::RunEvent;
use evohub::job_file::{JobFile, Setting};
use evohub::{Engine, EngineConfig, JobEvent, store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A job can be built in code as well: see `custom_evaluator.rs`.
    let settings = ["budget.evaluations=100", "limits.max_shots=2", "data.split_seed=1"];
    let settings = settings.map(str::parse::<Setting>).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut spec = JobFile::load(Path::new("examples/movie-sentiment.toml"), &settings)?.spec;
    // What a file says can be changed before the job starts: a quarter of the sealed cases is enough to look at.
    spec.data.test.truncate(50);

    let folder = tempfile::tempdir()?;
    let store = store::open(&folder.path().join("embed.db").to_string_lossy()).await?;
    let engine = Engine::start(EngineConfig::new(store)).await?;

    let handle = engine.submit(spec).await?;
    let mut events = handle.events();
    while let Ok(event) = events.recv().await {
        match event {
            JobEvent::Island { event: RunEvent::BestImproved { score, .. }, .. } => {
                println!("better: {score:.2} on the cases that the search ranks on");
            }
            JobEvent::Closing { evaluations } => println!("scoring {evaluations} times on sealed cases"),
            JobEvent::Ended(_) => break,
            _ => {}
        }
    }

    let result = handle.result().await?;
    if let (Some(best), Some(before)) = (&result.best, &result.seed.test) {
        let after = best.test.as_ref().map_or(0.0, |test| test.score);
        println!("{:.2} -> {after:.2} on sealed cases, with this prompt:\n\n{}", before.score, best.prompt);
    }
    engine.shutdown().await;
    Ok(())
}
