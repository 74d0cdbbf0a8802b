//! An optimizer of one's own, in one file: a hill climber that keeps one candidate and tries one child at a time.
//!
//! It asks for work and is told what came of it; scores, budgets, caches, restarts and the cluster are evohub's
//! matter. Its state is plain data, so that a run goes on after a crash, on another node if need be.
//!
//! ```console
//! $ cargo run --release --example custom_optimizer
//! ```

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::sync::Arc;

use evohub::evaluation::FnEvaluator;
use evohub::evolution::measurements::Measurements;
use evohub::evolution::optimizers::{CustomConfig, OptimizerFactory};
use evohub::evolution::rng::stream;
use evohub::evolution::variation::operators::Drawn;
use evohub::evolution::{
    AlgorithmConfig, Birth, Candidate, CandidateId, Case, CaseSet, Context, FinishReason, Optimizer, Outcome,
    Piece, Saved, Split, Told, VariationContext, VariationLimits, Work,
};
use evohub::{Engine, EngineConfig, EvaluatorSpec, JobBudget, JobData, JobSpec, Toolbox, store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Keeps the best candidate so far, and tries one child of it at a time.
#[derive(Default, Serialize, Deserialize)]
struct HillClimber {
    /// The best so far, the only member of the population.
    best: Vec<CandidateId>,
    /// Who is being measured, and how it was made.
    trial: Option<(CandidateId, Birth)>,
    /// Measurements that the trial waits for.
    measurements: Measurements,
    /// Children tried.
    steps: u64,
    /// Steps in a row that no operator applied to.
    barren: u32,
    over: Option<FinishReason>,
}

const TRIAL: u64 = 0;

impl HillClimber {
    fn try_out(&mut self, candidate: &Candidate, birth: Birth, context: &mut Context<'_>) {
        context.ledger.track(candidate);
        let id = candidate.id();
        let piece = |&case| Piece { candidate: id, split: Split::Validation, case, repeat: 0 };
        let wanted: Vec<Piece> = context.ranked().iter().map(piece).collect();
        self.trial = Some((id, birth));
        if self.measurements.request(TRIAL, wanted, context.ledger) {
            self.judge(context);
        }
    }

    /// The trial is measured: it takes the place of the best if it is better.
    fn judge(&mut self, context: &mut Context<'_>) {
        let Some((id, birth)) = self.trial.take() else { return };
        let Some(candidate) = context.ledger.candidate(id).cloned() else { return };
        let cases = context.ranked().len();
        let score = |id: CandidateId| context.ledger.mean_on(id, context.ranked()).unwrap_or(0.0);
        let is_better = self.best.first().is_none_or(|best| score(id) > score(*best));
        let outcome = if is_better { Outcome::Kept } else { Outcome::Displaced };
        context.bear(&candidate, birth, outcome, cases);
        if is_better {
            self.best = vec![id];
            context.announce_if_best(id);
        }
        context.complete_generation(self);
    }

    /// Begins the next trial.
    fn climb(&mut self, context: &mut Context<'_>) {
        let Some(best) = self.best.first().and_then(|id| context.ledger.candidate(*id)).cloned() else {
            let seed = context.settings.seeds[0].clone();
            let birth = Birth { parents: vec![], operator: "seed".into(), generation: 0 };
            return self.try_out(&seed, birth, context);
        };
        self.steps += 1;
        // A generator of its own for each step: what a step draws depends on nothing else.
        let mut rng = stream(context.seed, "step", self.steps);
        let variation =
            VariationContext { train: context.train, difficulty: &[], limits: context.settings.limits };
        match context.operators.draw(&[&best], false, context.credits, &variation, &mut rng) {
            Some(Drawn::Child(child, operator)) if context.ledger.born(child.id()).is_none() => {
                let birth = Birth { parents: vec![best.id()], operator, generation: self.steps as u32 };
                self.barren = 0;
                self.try_out(&child, birth, context);
            }
            _ => self.barren += 1,
        }
        if self.barren > 100 {
            self.over = Some(FinishReason::Exhausted);
        }
    }
}

impl Optimizer for HillClimber {
    fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work> {
        while self.over.is_none() && self.trial.is_none() {
            self.climb(context);
        }
        self.measurements.take(slots).into_iter().map(Work::Measure).collect()
    }

    fn tell(&mut self, told: Told, context: &mut Context<'_>) {
        match told {
            Told::Measured(piece) => {
                if !self.measurements.told(&piece).is_empty() {
                    self.judge(context);
                }
            }
            Told::BudgetEnded => self.over = Some(FinishReason::Budget),
            Told::Stopped => self.over = Some(FinishReason::Stopped),
            Told::Answered(..) | Told::Unanswered(..) | Told::Immigrated => {}
        }
    }

    fn population(&self) -> &[CandidateId] {
        &self.best
    }

    fn generation(&self) -> u32 {
        self.steps as u32
    }

    fn saved(&self) -> Saved {
        Saved::default()
    }

    fn finished(&self) -> Option<FinishReason> {
        self.over
    }

    fn choice(&self, _: &Context<'_>) -> Option<CandidateId> {
        self.best.first().copied()
    }

    fn save(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

struct HillClimbing;

impl OptimizerFactory for HillClimbing {
    fn name(&self) -> &str {
        "hill-climber"
    }

    fn check(&self, settings: &Value) -> Result<(), String> {
        if settings.is_null() { Ok(()) } else { Err("it has none".into()) }
    }

    fn start(&self, _: &Value) -> Box<dyn Optimizer> {
        Box::new(HillClimber::default())
    }

    fn restore(&self, _: &Value, state: Value) -> serde_json::Result<Box<dyn Optimizer>> {
        Ok(Box::new(serde_json::from_value::<HillClimber>(state)?))
    }
}

/// A greeting is the better the shorter it is, if it names what the case asks for.
fn measured(greeting: &Candidate, case: &Case) -> (f64, String) {
    let text = greeting.component("instruction");
    let says = text.contains(case.expected.as_deref().unwrap_or_default());
    let score = if says { 20.0 / (text.len() as f64).max(20.0) } else { 0.0 };
    (score, format!("{} characters, names it: {says}", text.len()))
}

fn cases(prefix: &str) -> Vec<Case> {
    let wanted = ["hello", "world"];
    (0..12).map(|i| Case::new(format!("{prefix} {i}"), wanted[i % 2])).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut toolbox = Toolbox::default();
    toolbox.add_evaluator("greeting", Arc::new(FnEvaluator::new("greeting/1", measured)));
    toolbox.add_optimizer(Arc::new(HillClimbing));

    let folder = tempfile::tempdir()?;
    let store = store::open(&folder.path().join("greetings.db").to_string_lossy()).await?;
    let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(store) }).await?;
    let text =
        "Dear reader. We say hello to you. It is a fine day. We also greet the whole world. Farewell then.";
    let custom = CustomConfig { optimizer: "hill-climber".into(), ..CustomConfig::default() };
    let data = JobData { search: CaseSet::new(cases("train"), cases("validation"))?, test: cases("test") };
    let evaluator = EvaluatorSpec::Custom("greeting".into());
    let job = JobSpec {
        algorithm: AlgorithmConfig::Custom(custom),
        limits: VariationLimits { max_shots: 0, ..VariationLimits::default() },
        budget: JobBudget { evaluations: Some(600), ..JobBudget::default() },
        ..JobSpec::new("greeting", Candidate::from_instruction(text)?, data, evaluator)
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
