//! An operator of one's own, in one file: it makes children in a way that only who knows the task can.
//!
//! The task is a message to callers on hold, measured by a function. The operator knows how the company likes to say
//! things in fewer words. It needs no model, keeps no state, and draws all chance from the generator it is given, so
//! that a run can be repeated.
//!
//! ```console
//! $ cargo run --release --example custom_operator
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use evohub::evaluation::FnEvaluator;
use evohub::evolution::rng::RunRng;
use evohub::evolution::{Candidate, Case, CaseSet, Operator, VariationContext, VariationLimits};
use evohub::{Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobSpec, Toolbox, store};
use rand::seq::IndexedRandom;

const MESSAGE: &str = "Thank you for calling, and thank you for your patience. All of our agents are presently \
                       engaged with other callers. Please stay on the line. Have your customer number at hand.";

/// Replaces one phrase by a shorter one.
struct Shorten;

const SHORTER: [(&str, &str); 4] = [
    ("Thank you for calling, and thank you for your patience.", "Thank you for waiting."),
    ("All of our agents are presently engaged with other callers.", "All lines are busy."),
    ("Have your customer number at hand.", "Have your customer number ready."),
    ("Please stay on the line.", "Stay on the line."),
];

impl Operator for Shorten {
    fn name(&self) -> &str {
        "shorten"
    }

    fn vary(&self, parents: &[&Candidate], _: &VariationContext<'_>, rng: &mut RunRng) -> Option<Candidate> {
        let text = parents[0].component("instruction");
        let applicable: Vec<_> = SHORTER.iter().filter(|(long, _)| text.contains(long)).collect();
        let (long, short) = applicable.choose(rng)?;
        parents[0].with_component("instruction", text.replacen(long, short, 1)).ok()
    }
}

/// How well a message says what a caller needs to hear within the seconds that the case allows.
fn heard(message: &Candidate, case: &Case) -> (f64, String) {
    let text = message.component("instruction").to_lowercase();
    let seconds = text.split_whitespace().count() as f64 / 2.5;
    let patience: f64 = case.input.parse().unwrap_or(10.0);
    let said = f64::from(u8::from(text.contains(case.expected.as_deref().unwrap_or(""))));
    (said * (patience / seconds).min(1.0), format!("takes {seconds:.0} s of a patience of {patience} s"))
}

fn callers(first: usize, count: usize) -> Vec<Case> {
    let needs = ["stay on the line", "customer number"];
    (first..first + count).map(|i| Case::new(format!("{}.{i}", 3 + i % 7), needs[i % 2])).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut toolbox = Toolbox::default();
    toolbox.add_evaluator("caller", Arc::new(FnEvaluator::new("caller/2", heard)));
    // The standard operators weigh about 100 together.
    toolbox.add_operator(Arc::new(Shorten), 100.0);

    let folder = tempfile::tempdir()?;
    let store = store::open(&folder.path().join("callers.db").to_string_lossy()).await?;
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(store) }).await?;
    let data = JobData { search: CaseSet::new(callers(0, 12), callers(12, 24))?, test: callers(36, 14) };
    let evaluator = EvaluatorSpec::Custom("caller".into());
    let job = JobSpec {
        limits: VariationLimits { max_shots: 0, ..VariationLimits::default() },
        // Phrases that help a language model do not help a caller.
        operators: ["add_phrase", "replace_phrase"].map(|name| (name.to_owned(), 0.0)).into(),
        budget: JobBudget { evaluations: Some(1_000), ..JobBudget::default() },
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
