//! A model endpoint in simulated time, and a landscape of prompts whose true quality is known.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use evohub_evolution::rng::{RunRng, stream};
use evohub_evolution::variation::rewrite::Rewrite;
use evohub_evolution::variation::{Operator, VariationContext};
use evohub_evolution::{
    Action, AlgorithmConfig, Answer, Budget, Candidate, Case, CaseSet, Checkpoint, CostModel, Digest,
    Evaluation, Event, Finish, IslandSettings, Objectives, Operators, Piece, ProposalOrder, Run, RunEvent,
    RunSettings, Split, VariationLimits,
};
use rand::RngExt;

/// How proposals change what a prompt is worth.
#[derive(Debug, Clone, Copy)]
pub struct Landscape {
    /// Mean change of quality by a proposal.
    pub drift: f64,
    /// Standard deviation of the change.
    pub spread: f64,
    /// A case needs one of so many skills; a proposal changes one.
    pub skills: usize,
}

/// A uniform number in 0..1 that depends on nothing but what is hashed.
fn hash(fields: &[&[u8]]) -> f64 {
    let bytes = Digest::of_fields(fields.iter().copied()).to_bytes();
    u64::from_be_bytes(bytes[..8].try_into().unwrap()) as f64 / u64::MAX as f64
}

pub fn gauss(rng: &mut RunRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random_range(f64::MIN_POSITIVE..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
}

/// The qualities that a text states, one a skill.
fn stated(text: &str) -> Vec<f64> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The qualities of a prompt: who states none has a poor one.
fn qualities(text: &str) -> Vec<f64> {
    let stated = stated(text);
    if stated.is_empty() { vec![0.3 * hash(&[b"poor", text.as_bytes()])] } else { stated }
}

impl Landscape {
    pub fn seed(&self) -> Candidate {
        Candidate::from_instruction(vec!["0.4000"; self.skills].join(" ")).unwrap()
    }

    /// Score of a candidate on the case with this number: right or wrong, the same for ever.
    pub fn score(&self, candidate: &Candidate, number: u32) -> f64 {
        let text = candidate.component("instruction");
        let qualities = qualities(text);
        let quality = qualities[number as usize % qualities.len()];
        let shared = hash(&[b"case", &number.to_le_bytes()]);
        let own = hash(&[b"own", &number.to_le_bytes(), format!("{quality:.4}").as_bytes()]);
        f64::from(u8::from(shared * 0.6 + own * 0.4 < quality))
    }

    /// Long-run accuracy.
    pub fn truth(&self, candidate: &Candidate) -> f64 {
        (5_000..7_000).map(|number| self.score(candidate, number)).sum::<f64>() / 2_000.0
    }

    /// The text of a child.
    fn vary(&self, parent: &str, rng: &mut RunRng) -> String {
        let mut qualities = qualities(parent);
        let skill = rng.random_range(0..qualities.len());
        let scale = if self.skills == 1 { 1.0 } else { 2.0 };
        let change = (self.drift + self.spread * gauss(rng)) * scale;
        qualities[skill] = (qualities[skill] + change).clamp(0.05, 0.97);
        let words: Vec<String> = qualities.iter().map(|quality| format!("{quality:.4}")).collect();
        words.join(" ")
    }

    /// What the reflection model answers: it depends on the question and the proposal alone.
    pub fn answer(&self, order: &ProposalOrder, seed: u64) -> Answer {
        let digest = Digest::of_fields([order.question.as_bytes(), &order.id.0.to_le_bytes()]);
        let mut rng = stream(seed, &digest.to_string(), order.id.0);
        // What stands between fences; the prompts among it state qualities.
        let prompts: Vec<&str> =
            order.question.split("```").skip(1).step_by(2).filter(|text| !stated(text).is_empty()).collect();
        let words = match prompts[..] {
            [] => format!("Do it well, number {}.", order.id.0),
            [parent] => self.vary(parent, &mut rng),
            _ => self.vary(prompts[rng.random_range(0..prompts.len())], &mut rng),
        };
        let text = format!("```\n{words}\n```");
        Answer { text, truncated: false, dollars: 0.01, tokens: 100 }
    }
}

/// Changes a prompt without a model.
struct Shift(Landscape);

impl Operator for Shift {
    fn name(&self) -> &str {
        "shift"
    }

    fn vary(&self, parents: &[&Candidate], _: &VariationContext<'_>, rng: &mut RunRng) -> Option<Candidate> {
        Candidate::from_instruction(self.0.vary(parents[0].component("instruction"), rng)).ok()
    }
}

/// How a simulation goes.
#[derive(Debug, Clone)]
pub struct Setup {
    pub landscape: Landscape,
    pub algorithm: AlgorithmConfig,
    pub seed: u64,
    /// Seed of the latencies: another order of arrival.
    pub latencies: u64,
    pub slots: usize,
    pub budget: Budget,
    pub cases: u32,
    /// Whether there is a reflection model; otherwise an operator without a model makes the same changes.
    pub reflection: bool,
    /// Every result arrives twice.
    pub duplicates: bool,
    /// The run is thrown away at every checkpoint and goes on from its text form.
    pub restarts: bool,
    /// Its place among islands.
    pub island: IslandSettings,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub finish: Finish,
    pub chosen: Option<Candidate>,
    /// Share of the slots that were busy until the end.
    pub busy: f64,
    pub seconds: f64,
    pub calls: u64,
    pub proposals: u64,
    pub dollars: f64,
    /// The family tree: every birth with its parents, operator and outcome.
    pub tree: Vec<String>,
    /// Validation cases that each candidate was measured on.
    pub measured: Vec<u32>,
    pub events: Vec<RunEvent>,
    pub saved: u64,
}

const MEDIAN_CALL: f64 = 0.2;
const MEDIAN_PROPOSAL: f64 = 0.8;
const SIGMA: f64 = 0.8;

/// Number of a piece's case on the landscape: train and validation are different cases.
fn number(piece: &Piece) -> u32 {
    if piece.split == Split::Train { piece.case } else { 1_000 + piece.case }
}

pub fn case_set(count: u32) -> CaseSet {
    let cases = |prefix: &str| (0..count).map(|i| Case::new(format!("{prefix}{i}"), "yes")).collect();
    CaseSet::new(cases("t"), cases("v")).unwrap()
}

pub fn settings(setup: &Setup) -> RunSettings {
    let validation = setup.cases as usize;
    RunSettings {
        seed: setup.seed,
        algorithm: setup.algorithm.clone(),
        seeds: vec![setup.landscape.seed()],
        reflection: setup.reflection,
        limits: VariationLimits::default(),
        ranking_cases: setup.algorithm.ranking_cases(validation, setup.budget.evaluations),
        budget: setup.budget,
        evaluation_cost: CostModel { dollars_per_call: 0.002, ..CostModel::default() },
        proposal_cost: CostModel { dollars_per_call: 0.02, ..CostModel::default() },
        closing_evaluations: 0,
        island: setup.island,
    }
}

pub fn operators(setup: &Setup) -> Operators {
    let rewrites = vec![(Rewrite::Reflect, 1.0), (Rewrite::ModelCrossover, 1.0)];
    let shift: Arc<dyn Operator> = Arc::new(Shift(setup.landscape));
    let plain = if setup.reflection { vec![] } else { vec![(shift, 1.0)] };
    Operators::new(plain, rewrites)
}

/// What comes of a piece of work, and how long it takes in the median; `None` for what is no work.
pub fn result_of(action: &Action, setup: &Setup) -> Option<(f64, Event)> {
    match action {
        Action::Evaluate(order) => {
            let score = setup.landscape.score(&order.candidate, number(&order.piece));
            let evaluation = Evaluation {
                objectives: Objectives { score, dollars: 0.001, ..Objectives::default() },
                output: "o".into(),
                feedback: "f".into(),
                input_tokens: 10,
                output_tokens: 1,
                model_calls: 1,
            };
            Some((MEDIAN_CALL, Event::Evaluated { piece: order.piece, evaluation, paid: true }))
        }
        Action::Propose(order) => {
            let answer = setup.landscape.answer(order, setup.seed);
            Some((MEDIAN_PROPOSAL, Event::Proposed { id: order.id, answer }))
        }
        _ => None,
    }
}

/// The family tree of a run: every birth with its parents, operator and outcome.
pub fn family_tree(run: &Run) -> Vec<String> {
    run.ledger().births().iter().map(|born| format!("{born:?}")).collect()
}

/// Runs a run to its end.
pub fn simulate(setup: &Setup) -> Outcome {
    let (settings, cases) = (Arc::new(settings(setup)), Arc::new(case_set(setup.cases)));
    let operators = Arc::new(operators(setup));
    let mut run = Run::new(Arc::clone(&settings), Arc::clone(&cases), Arc::clone(&operators));
    let mut rng = stream(setup.latencies, "latency", 0);
    // The heap's key is the time in nanoseconds; an arrival number breaks ties.
    let mut arrivals: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut results: HashMap<u64, Event> = HashMap::new();
    let (mut now, mut busy, mut next) = (0.0, 0.0, 0);
    let (mut calls, mut proposals, mut in_flight) = (0, 0, 0);
    let mut events = vec![];
    let mut actions = run.step(Event::SlotsFree { count: setup.slots });
    loop {
        let mut restart = false;
        let mut finish = None;
        for action in actions.drain(..) {
            let Some((median, event)) = result_of(&action, setup) else {
                match action {
                    Action::Checkpoint => restart = setup.restarts,
                    Action::Announce(event) => events.push(event),
                    Action::Finish(end) => finish = Some(end),
                    _ => {}
                }
                continue;
            };
            match event {
                Event::Proposed { .. } => proposals += 1,
                _ => calls += 1,
            }
            let latency = median * (SIGMA * gauss(&mut rng)).exp();
            busy += latency;
            in_flight += 1;
            results.insert(next, event);
            arrivals.push(Reverse((((now + latency) * 1e9) as u64, next)));
            next += 1;
        }
        if let Some(finish) = finish {
            let measured = |id| run.ledger().validation_mean(id).map_or(0, |(_, cases)| cases);
            return Outcome {
                measured: run.ledger().births().iter().map(|born| measured(born.id)).collect(),
                chosen: finish.best.and_then(|id| run.ledger().candidate(id)).cloned(),
                finish,
                busy: busy / (setup.slots as f64 * now),
                seconds: now,
                calls,
                proposals,
                dollars: run.account().spent().dollars,
                tree: family_tree(&run),
                saved: run.progress().saved.total(),
                events,
            };
        }
        if restart {
            let text = run.checkpoint();
            let checkpoint = Checkpoint::from_text(&text).unwrap();
            run = Run::restore(checkpoint, Arc::clone(&settings), Arc::clone(&cases), Arc::clone(&operators))
                .unwrap();
            assert_eq!(run.checkpoint(), text, "a restored run has the same state");
            // What was under way is given out again: here it still is, and every answer is the same.
            assert_eq!(run.in_flight().len(), in_flight);
        }
        let Some(Reverse((at, id))) = arrivals.pop() else {
            panic!("nothing is under way and the run has not finished: {:?}", run.progress());
        };
        now = at as f64 / 1e9;
        in_flight -= 1;
        let event = results.remove(&id).unwrap();
        actions = run.step(event.clone());
        if setup.duplicates {
            actions.extend(run.step(event));
        }
        let free = setup.slots - in_flight - actions.iter().filter(|action| is_work(action)).count();
        actions.extend(run.step(Event::SlotsFree { count: free }));
    }
}

fn is_work(action: &Action) -> bool {
    matches!(action, Action::Evaluate(_) | Action::Propose(_))
}
