//! The properties that every optimizer has, in simulated time; to be run on users' own optimizers too.
//!
//! [`check_optimizer`] asks whether a run goes as it must, whatever happens to it, [`check_improvement`] whether it
//! finds better prompts than another search does.

mod landscape;
mod setup;
mod simulation;
mod watched;

pub use landscape::Landscape;
pub use setup::{Factory, Setup};
pub use simulation::{Outcome, family_tree, result_of, simulate};

use crate::account::Budget;
use crate::event::{FinishReason, Progress, RunEvent};
use crate::statistics::paired_test;

/// Whether the order in which results arrive may change what an optimizer decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It may not: the same seed and scores give the same run.
    Fixed,
    /// It may: it acts on what is known, and waits for nobody. The same results in the same order give the same run.
    ByArrival,
}

/// Seeds of [`check_improvement`].
const SEEDS: u64 = 20;
/// How likely an improvement may be that is none.
const SIGNIFICANCE: f64 = 0.05;
/// Evaluations of a run of [`check_improvement`].
const EVALUATIONS: u64 = 2_500;

/// Checks that an optimizer asks for nothing that cannot be (measurements of unknown candidates, on cases that are not
/// the search's, of what is known or asked for already, or more than there are slots for), gives the same run again for
/// the same results in the same order, goes on from every checkpoint as if nothing had been, does not mind results that
/// arrive twice, ends whatever fails, whenever it is asked to and where nothing is left to try, and never spends more than it may. How results may
/// be ordered is what `course` says.
///
/// Of the subject (for an optimizer of one's own [`Setup::custom`]), the optimizer counts and whether there is a reflection model; the rest is varied.
///
/// # Panics
/// With the setup in which a property does not hold.
pub fn check_optimizer(subject: &Setup, course: Course) {
    for (seed, slots, evaluations) in [(1, 1, 150), (2, 7, 300), (3, 32, 400)] {
        let budget = Budget { evaluations: Some(evaluations), ..Budget::default() };
        let base = Setup { seed, slots, budget, ..subject.clone() };
        let run = ends_well(&base);
        assert_same(&run, &ends_well(&base), "the same results in the same order");
        let restored = ends_well(&Setup { restarts: true, ..base.clone() });
        assert_same(&run, &restored, "a run that dies at every checkpoint");
        let doubled = ends_well(&Setup { duplicates: true, ..base.clone() });
        assert_same(&run, &doubled, "results that arrive twice");
        for (latencies, slots) in [(2, slots), (3, 3), (4, 50)] {
            let other = ends_well(&Setup { latencies, slots, ..base.clone() });
            if course == Course::Fixed {
                assert_same(&run, &other, "another order of arrival");
            }
        }
        let failing = Setup { failures: 0.1, ..base.clone() };
        ends_well(&failing);
        ends_well(&Setup { failures: 1.0, ..failing });
        for stop in [1, 20, evaluations / 2] {
            ends_well(&Setup { stop: Some(stop), ..base.clone() });
        }
    }
    // Where every proposal is its parent once more, nothing is left to try.
    let landscape = Landscape { drift: 0.0, spread: 0.0, ..Landscape::HELPFUL };
    let budget = Budget { evaluations: Some(400), ..Budget::default() };
    ends_well(&Setup { landscape, budget, ..subject.clone() });
    for (evaluations, dollars) in
        [(Some(1), None), (Some(13), Some(1.0)), (Some(400), Some(0.15)), (None, Some(0.3))]
    {
        let budget = Budget { evaluations, dollars, tokens: None };
        ends_well(&Setup { budget, ..subject.clone() });
    }
}

/// Where improvement is looked for: proposals help on average, hurt but differ widely, or mostly hurt.
const LANDSCAPES: [Landscape; 3] = [Landscape::HELPFUL, Landscape::WIDE, Landscape::HARMFUL];

/// What a search reaches, for others to be compared with.
#[derive(Debug, Clone)]
pub struct Baseline(Vec<Vec<f64>>);

impl Baseline {
    /// Runs it.
    pub fn of(setup: &Setup) -> Self {
        let on = |landscape| reached(&Setup { landscape, ..setup.clone() });
        Self(LANDSCAPES.into_iter().map(on).collect())
    }
}

/// Checks that an optimizer chooses better prompts than another does on each of three landscapes: where proposals help
/// on average, where they hurt but differ widely, and where they mostly hurt. 20 runs of 2,500 evaluations for each; the
/// one-sided paired permutation test of the chosen prompts' true accuracy must have a p-value below 0.05 on each.
///
/// # Panics
/// With the landscape and the test where it does not.
pub fn check_improvement(subject: &Setup, baseline: &Baseline) {
    for (landscape, reference) in LANDSCAPES.into_iter().zip(&baseline.0) {
        let accuracies = reached(&Setup { landscape, ..subject.clone() });
        let test = paired_test(&accuracies, reference, &[1.0; SEEDS as usize], 0);
        let name = subject.algorithm.name();
        assert!(test.first_better < SIGNIFICANCE, "{name} is no better on {landscape:?}: {test:?}");
    }
}

/// True accuracy of the prompts that runs of all seeds choose; 0 where one chooses none.
fn reached(setup: &Setup) -> Vec<f64> {
    let budget = Budget { evaluations: Some(EVALUATIONS), ..Budget::default() };
    let of_seed = |seed| {
        let run = simulate(&Setup { seed, latencies: seed, budget, ..setup.clone() });
        run.chosen.map_or(0.0, |chosen| setup.landscape.truth(&chosen))
    };
    (0..SEEDS).map(of_seed).collect()
}

/// The outcome of a run that ends as it must.
fn ends_well(setup: &Setup) -> Outcome {
    let run = simulate(setup);
    let Budget { evaluations, dollars, .. } = setup.budget;
    assert!(run.calls <= evaluations.unwrap_or(u64::MAX), "{} calls in {setup:?}", run.calls);
    assert!(run.dollars <= dollars.unwrap_or(f64::MAX) + 1e-9, "{} dollars in {setup:?}", run.dollars);
    if setup.stop.is_some_and(|stop| stop < run.calls) {
        assert_eq!(run.finish.reason, FinishReason::Stopped, "in {setup:?}");
    }
    let is_disturbed = setup.stop.is_some() || setup.failures > 0.0;
    let is_enough = evaluations.is_none_or(|evaluations| evaluations >= u64::from(setup.cases));
    assert!(run.chosen.is_some() || is_disturbed || !is_enough, "no choice in {setup:?}");
    run
}

/// Checks that two runs took the same course.
///
/// # Panics
/// With what differs.
pub fn assert_same(one: &Outcome, other: &Outcome, what: &str) {
    assert_eq!(one.tree, other.tree, "{what}");
    assert_eq!(one.finish, other.finish, "{what}");
    assert_eq!((one.calls, one.proposals), (other.calls, other.proposals), "{what}");
    assert_eq!(told(&one.events), told(&other.events), "{what}");
}

/// What observers were told, without what had been spent until then: that is the one thing that does depend on the
/// order of arrival.
pub fn told(events: &[RunEvent]) -> Vec<RunEvent> {
    let without_spending = |event: &RunEvent| match event {
        RunEvent::GenerationCompleted(progress) => {
            RunEvent::GenerationCompleted(Progress { evaluations: 0, dollars: 0.0, ..*progress })
        }
        event => event.clone(),
    };
    events.iter().map(without_spending).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::candidate::CandidateId;
    use crate::context::Context;
    use crate::event::Saved;
    use crate::optimizers::{
        AlgorithmConfig, BanditConfig, GaConfig, Optimizer, OptimizerFactory, Told, Work,
    };
    use crate::piece::ProposalId;

    /// What is wrong with an optimizer.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fault {
        /// It asks for more than there are slots.
        Greedy,
        /// It asks for everything twice.
        Repeating,
        /// It asks for measurements of nobody.
        Inventing,
        /// It forgets how it ended.
        Endless,
        /// It begins anew when it is restored.
        Forgetful,
        /// It gives all its questions one number.
        Careless,
    }

    /// A genetic algorithm with a fault.
    struct Faulty(Box<dyn Optimizer>, Fault);

    impl Optimizer for Faulty {
        fn ask(&mut self, slots: usize, context: &mut Context<'_>) -> Vec<Work> {
            let slots = if self.1 == Fault::Greedy { slots + 1 } else { slots };
            let mut work = self.0.ask(slots, context);
            let has_room = work.len() < slots;
            match (self.1, work.first_mut()) {
                (Fault::Repeating, Some(first)) if has_room => {
                    let first = first.clone();
                    work.push(first);
                }
                (Fault::Inventing, Some(Work::Measure(piece))) => {
                    piece.candidate = CandidateId::of_fields([]);
                }
                (Fault::Careless, Some(Work::Ask(order))) => order.id = ProposalId(0),
                _ => {}
            }
            work
        }

        fn tell(&mut self, told: Told, context: &mut Context<'_>) {
            self.0.tell(told, context);
        }

        fn population(&self) -> &[CandidateId] {
            self.0.population()
        }

        fn score(&self, id: CandidateId, context: &Context<'_>) -> Option<f64> {
            self.0.score(id, context)
        }

        fn generation(&self) -> u32 {
            self.0.generation()
        }

        fn saved(&self) -> Saved {
            self.0.saved()
        }

        fn finished(&self) -> Option<FinishReason> {
            if self.1 == Fault::Endless { None } else { self.0.finished() }
        }

        fn choice(&self, context: &Context<'_>) -> Option<CandidateId> {
            self.0.choice(context)
        }

        fn save(&self) -> Value {
            self.0.save()
        }
    }

    struct Broken(Fault);

    impl OptimizerFactory for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn check(&self, _: &Value) -> Result<(), String> {
            Ok(())
        }

        fn start(&self, _: &Value) -> Box<dyn Optimizer> {
            Box::new(Faulty(AlgorithmConfig::Ga(GaConfig::default()).start(), self.0))
        }

        fn restore(&self, settings: &Value, state: Value) -> serde_json::Result<Box<dyn Optimizer>> {
            match self.0 {
                Fault::Forgetful => Ok(self.start(settings)),
                fault => {
                    let inner = AlgorithmConfig::Ga(GaConfig::default()).restore(state)?;
                    Ok(Box::new(Faulty(inner, fault)))
                }
            }
        }
    }

    fn check(fault: Fault) {
        check_optimizer(&Setup::custom(Arc::new(Broken(fault)), Value::Null, 0), Course::Fixed);
    }

    #[test]
    #[should_panic(expected = "pieces of work for")]
    fn more_work_than_slots_is_found() {
        check(Fault::Greedy);
    }

    #[test]
    #[should_panic(expected = "the same measurement twice")]
    fn a_repeated_measurement_is_found() {
        check(Fault::Repeating);
    }

    #[test]
    #[should_panic(expected = "that nobody tracks")]
    fn a_measurement_of_nobody_is_found() {
        check(Fault::Inventing);
    }

    #[test]
    #[should_panic(expected = "the run has not finished")]
    fn a_run_without_an_end_is_found() {
        check(Fault::Endless);
    }

    #[test]
    #[should_panic(expected = "has the same state")]
    fn a_forgotten_state_is_found() {
        check(Fault::Forgetful);
    }

    #[test]
    #[should_panic(expected = "a second question of one number")]
    fn a_number_given_twice_is_found() {
        check(Fault::Careless);
    }

    #[test]
    #[should_panic(expected = "another order of arrival")]
    fn who_heeds_the_order_of_arrival_is_found() {
        let algorithm = AlgorithmConfig::Bandit(BanditConfig::default());
        check_optimizer(&Setup::new(algorithm, 0), Course::Fixed);
    }

    #[test]
    #[should_panic(expected = "is no better on")]
    fn no_search_is_better_than_itself() {
        let setup = Setup::new(AlgorithmConfig::Ga(GaConfig::default()), 0);
        check_improvement(&setup, &Baseline::of(&setup));
    }
}
