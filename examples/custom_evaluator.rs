//! Evolving a text against a measure of your own: no language model has part in it.
//!
//! The text is a system message to callers on hold. It is measured by a function: it should be short, say what a
//! caller needs to hear, and be read at a pleasant pace. Any measure will do: a test suite, a simulation, a service.
//!
//! ```console
//! $ cargo run --release --example custom_evaluator
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeMap;
use std::sync::Arc;

use evohub::evaluation::FnEvaluator;
use evohub::evolution::optimizers::GaConfig;
use evohub::evolution::{AlgorithmConfig, Candidate, Case, CaseSet};
use evohub::{Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobSpec, Toolbox, store};

const MESSAGE: &str = "Thank you for calling, and thank you for your patience. All of our agents are presently \
                       engaged with other callers. Your call is important to us. Your call will be answered in the \
                       order in which it was received. You may also write to us. Please stay on the line. Have your \
                       customer number at hand.";

/// What a caller needs to hear, and a measure of how well a message says it within the time that the case allows.
fn heard(message: &Candidate, case: &Case) -> (f64, String) {
    let text = message.component("instruction").to_lowercase();
    let seconds = text.split_whitespace().count() as f64 / 2.5;
    let patience: f64 = case.input.parse().unwrap_or(10.0);
    let wanted = case.expected.as_deref().unwrap_or("");
    let said = f64::from(u8::from(text.contains(wanted)));
    let in_time = (patience / seconds).min(1.0);
    (said * in_time, format!("takes {seconds:.0} s of a patience of {patience} s; says \"{wanted}\": {said}"))
}

/// A caller's patience in seconds, and what they need to hear.
fn callers(first: usize, count: usize) -> Vec<Case> {
    let needs = ["stay on the line", "customer number", "write to us"];
    (first..first + count).map(|i| Case::new(format!("{}", 4 + i % 17), needs[i % 3])).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut toolbox = Toolbox::default();
    toolbox.add_evaluator("caller", Arc::new(FnEvaluator::new("caller/1", heard)));

    // Only operators that edit the text itself: a message on hold has no examples.
    const EDITS: [&str; 6] =
        ["delete_text", "move_text", "shuffle_text", "swap_text", "uniform_crossover", "sentence_crossover"];
    let others = toolbox.operator_names().into_iter().filter(|name| !EDITS.contains(&name.as_str()));

    let folder = tempfile::tempdir()?;
    let store = store::open(&folder.path().join("callers.db").to_string_lossy()).await?;
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(store) }).await?;

    let data = JobData { search: CaseSet::new(callers(0, 12), callers(12, 24))?, test: callers(36, 15) };
    let evaluator = EvaluatorSpec::Custom("caller".into());
    let job = JobSpec {
        algorithm: AlgorithmConfig::Ga(GaConfig { population: 20, elites: 4, ..GaConfig::default() }),
        operators: others.map(|name| (name, 0.0)).collect::<BTreeMap<_, _>>(),
        budget: JobBudget { evaluations: Some(5_000), ..JobBudget::default() },
        ..JobSpec::new("on-hold", Candidate::from_instruction(MESSAGE)?, data, evaluator)
    };
    let result = engine.submit(job).await?.result().await?;
    let score = |test: &Option<evohub::Measured>| test.as_ref().map_or(0.0, |test| test.score);
    if let Some(best) = &result.best {
        println!("{:.2} -> {:.2} in {:.1} s", score(&result.seed.test), score(&best.test), result.seconds);
        println!("{}", best.prompt);
    }
    engine.shutdown().await;
    Ok(())
}
