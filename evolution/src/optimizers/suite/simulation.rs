//! A model endpoint in simulated time: lognormal latencies, any order of arrival, failures, runs that die.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};

use super::landscape::hash;
use super::setup::Setup;
use super::watched::{Seen, Watched};
use crate::candidate::Candidate;
use crate::case::Split;
use crate::diversity::{Distance, Embedding};
use crate::evaluation::{Evaluation, Failure, FailureKind, Objectives};
use crate::event::{Action, Event, Finish, RunEvent};
use crate::model_credits::ModelTally;
use crate::optimizers::Optimizer;
use crate::piece::Piece;
use crate::rng::stream;
use crate::run::{Checkpoint, Run};

/// Median seconds of a measurement.
const MEDIAN_CALL: f64 = 0.2;
/// Standard deviation of the logarithm of both.
const SIGMA: f64 = 0.8;

/// What came of a simulation.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How the run ended.
    pub finish: Finish,
    /// The candidate that it chose.
    pub chosen: Option<Candidate>,
    /// Share of the slots that were busy until the end, 0 to 1.
    pub busy: f64,
    /// Simulated seconds.
    pub seconds: f64,
    /// Measurements made.
    pub calls: u64,
    /// Questions asked.
    pub proposals: u64,
    /// US dollars spent.
    pub dollars: f64,
    /// What each reflection model brought.
    pub models: Vec<ModelTally>,
    /// The family tree: every birth with its parents, operator and outcome.
    pub tree: Vec<String>,
    /// Validation cases that each candidate was measured on, in the order of births.
    pub measured: Vec<u32>,
    /// What observers were told.
    pub events: Vec<RunEvent>,
    /// Evaluations that were not needed.
    pub saved: u64,
}

/// The family tree of a run: every birth with its parents, operator and outcome.
pub fn family_tree(run: &Run) -> Vec<String> {
    run.ledger().births().iter().map(|born| format!("{born:?}")).collect()
}

/// What comes of a piece of work, and how many seconds it takes in the median; `None` for what is no work.
pub fn result_of(action: &Action, setup: &Setup) -> Option<(f64, Event)> {
    let fails = |work: &dyn Debug| {
        setup.failures > 0.0 && hash(&[b"failure", format!("{work:?}").as_bytes()]) < setup.failures
    };
    match action {
        Action::Evaluate(order) => {
            let piece = order.piece;
            if fails(&piece) {
                return Some((MEDIAN_CALL, Event::EvaluationFailed { piece, failure: failure() }));
            }
            let score = setup.landscape.score(&order.candidate, number(&piece));
            let luck = || hash(&[b"luck", &setup.seed.to_le_bytes(), format!("{piece:?}").as_bytes()]);
            let score = if setup.noise > 0.0 && luck() < setup.noise { 1.0 - score } else { score };
            let tone = hash(&[b"tone", &piece.candidate.to_bytes(), &piece.case.to_le_bytes()]);
            let named = [("tone".to_owned(), tone)].into();
            let evaluation = Evaluation {
                objectives: Objectives { score, dollars: 0.001, named, ..Objectives::default() },
                output: "o".into(),
                feedback: "f".into(),
                input_tokens: 10,
                output_tokens: 1,
                model_calls: 1,
            };
            Some((MEDIAN_CALL, Event::Evaluated { piece, evaluation, paid: true }))
        }
        Action::Embed(order) => {
            let candidate = order.candidate;
            if fails(&candidate) {
                return Some((MEDIAN_CALL, Event::EmbeddingFailed { candidate, failure: failure() }));
            }
            let value = |axis: u8| hash(&[b"embedding", &candidate.to_bytes(), &[axis]]) as f32 - 0.5;
            let embedding = Embedding::new((0..4).map(value).collect()).ok()?;
            Some((MEDIAN_CALL, Event::Embedded { candidate, embedding, dollars: 0.0001, tokens: 5 }))
        }
        Action::Propose(order) => {
            let id = order.id;
            if fails(&id) {
                return Some((setup.proposal_seconds, Event::ProposalFailed { id, failure: failure() }));
            }
            let (landscape, price) = setup.model(order.model);
            let answer = landscape.answer(order, price, setup.seed);
            Some((setup.proposal_seconds, Event::Proposed { id, answer }))
        }
        _ => None,
    }
}

fn failure() -> Failure {
    Failure { kind: FailureKind::Piece, cause: "refused".into(), message: "it is refused".into() }
}

/// Number of a piece's case on the landscape: train and validation are different cases.
fn number(piece: &Piece) -> u32 {
    if piece.split == Split::Train { piece.case } else { 1_000 + piece.case }
}

/// Runs a run to its end, and checks all that its optimizer asks for.
///
/// # Panics
/// When the optimizer asks for what cannot be, when a run that was restored differs from the one before, and when a
/// run stands still before its end.
pub fn simulate(setup: &Setup) -> Outcome {
    let (settings, cases, operators) =
        (Arc::new(setup.settings()), Arc::new(setup.cases()), Arc::new(setup.operators()));
    let parts = || (Arc::clone(&settings), Arc::clone(&cases), Arc::clone(&operators));
    let seen = Seen::default();
    let optimizer = Box::new(Watched::new(setup.start(), &seen));
    let (given, known, at_hand) = parts();
    let mut run = Run::with_optimizer(given, known, at_hand, optimizer);
    let mut rng = stream(setup.latencies, "latency", 0);
    // The heap's key is the time in nanoseconds; an arrival number breaks ties.
    let mut arrivals: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut results: HashMap<u64, Event> = HashMap::new();
    let (mut now, mut busy, mut next) = (0.0, 0.0, 0);
    let (mut calls, mut proposals, mut in_flight, mut arrived) = (0, 0, 0, 0);
    let (mut events, mut looked_up) = (vec![], vec![]);
    let mut under_way: HashMap<u64, Action> = HashMap::new();
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
            match &action {
                Action::Propose(_) => proposals += 1,
                Action::Embed(_) => {}
                _ => calls += 1,
            }
            let noise: f64 = StandardNormal.sample(&mut rng);
            let latency = median * (SIGMA * noise).exp();
            busy += latency;
            in_flight += 1;
            results.insert(next, event);
            under_way.insert(next, action);
            arrivals.push(Reverse((((now + latency) * 1e9) as u64, next)));
            next += 1;
        }
        assert!(in_flight <= setup.slots, "{in_flight} calls under way in {} slots", setup.slots);
        if let Some(finish) = finish {
            assert_eq!(calls, run.account().evaluations(), "what was measured is what was counted");
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
                models: run.models().tallies().collect(),
                tree: family_tree(&run),
                saved: run.progress().saved.total(),
                events,
            };
        }
        if restart {
            let text = run.checkpoint();
            let checkpoint = Checkpoint::from_text(&text).unwrap();
            let restore = |state| -> serde_json::Result<Box<dyn Optimizer>> {
                Ok(Box::new(Watched::new(setup.restore(state)?, &seen)))
            };
            let (given, known, at_hand) = parts();
            run = Run::restore_with(checkpoint, given, known, at_hand, restore).unwrap();
            assert_eq!(run.checkpoint(), text, "a restored run has the same state");
            // What was under way is given out again: here it still is, and every answer is the same.
            looked_up.clear();
            let open = run.in_flight();
            let is_lost = |action: &Action| !under_way.values().any(|other| other == action);
            let lost: Vec<Action> = open.iter().filter(|action| is_lost(action)).cloned().collect();
            assert_eq!(open.len() - lost.len(), in_flight, "a restored run has the same work under way");
            // What only waited for an embedding is looked up again, and so are the embeddings that were known.
            for action in lost {
                assert_eq!(setup.distance, Distance::Embedding, "{action:?} is not under way");
                let Some((_, event)) = result_of(&action, setup) else { continue };
                looked_up.push(event);
            }
        }
        if let Some(event) = looked_up.pop() {
            actions = run.step(event);
            let free =
                setup.slots.saturating_sub(in_flight + actions.iter().filter(|it| is_work(it)).count());
            actions.extend(run.step(Event::SlotsFree { count: free }));
            continue;
        }
        let Some(Reverse((at, id))) = arrivals.pop() else {
            panic!("nothing is under way and the run has not finished: {:?}", run.progress());
        };
        now = at as f64 / 1e9;
        in_flight -= 1;
        arrived += 1;
        let event = results.remove(&id).unwrap();
        under_way.remove(&id);
        actions = run.step(event.clone());
        if setup.duplicates {
            actions.extend(run.step(event));
        }
        if setup.stop == Some(arrived) {
            actions.extend(run.step(Event::StopAsked));
        }
        let free = setup.slots - in_flight - actions.iter().filter(|action| is_work(action)).count();
        actions.extend(run.step(Event::SlotsFree { count: free }));
    }
}

fn is_work(action: &Action) -> bool {
    matches!(action, Action::Evaluate(_) | Action::Propose(_) | Action::Embed(_))
}
