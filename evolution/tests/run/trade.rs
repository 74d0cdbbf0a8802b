//! Searches that look at more than the score, where more words bring more of it and cost more.

use std::collections::BTreeSet;
use std::sync::Arc;

use evohub_evolution::diversity::{Shingles, mean_distance};
use evohub_evolution::optimizers::{
    BehaviourAxis, BestOfNConfig, Bounds, Constraints, Division, EliteSelection, GaConfig, MapElitesConfig,
    NoveltySearchConfig, Nsga2Config, Objective, Preference, Property, RandomConfig,
};
use evohub_evolution::rng::RunRng;
use evohub_evolution::{
    Action, AlgorithmConfig, Budget, Candidate, CandidateId, Case, CaseSet, CostModel, Distance, Evaluation,
    Event, FinishReason, IslandSettings, Objectives, Operator, Operators, Outcome, Run, RunSettings,
    VariationContext, VariationLimits,
};
use rand::RngExt;

const CASES: u32 = 60;
fn case_set(count: u32) -> CaseSet {
    let cases = |prefix: &str| (0..count).map(|i| Case::new(format!("{prefix}{i}"), "yes")).collect();
    CaseSet::new(cases("t"), cases("v")).unwrap()
}

const MOST_WORDS: usize = 60;

/// Takes a word out of a prompt, or puts one of forty in.
struct Words;

impl Operator for Words {
    fn name(&self) -> &str {
        "words"
    }

    fn vary(&self, parents: &[&Candidate], _: &VariationContext<'_>, rng: &mut RunRng) -> Option<Candidate> {
        let text = parents.first()?.component("instruction");
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        for _ in 0..rng.random_range(1..=4) {
            let at = rng.random_range(0..words.len());
            if rng.random_bool(0.5) && words.len() > 1 {
                words.remove(at);
            } else if words.len() < MOST_WORDS {
                words.insert(at, format!("w{:02}", rng.random_range(0..40)));
            }
        }
        Candidate::from_instruction(words.join(" ")).ok()
    }
}

fn words(candidate: &Candidate) -> usize {
    candidate.component("instruction").split(' ').count()
}

/// Right on more cases the more words there are, ever less so.
fn score(candidate: &Candidate, case: u32) -> f64 {
    let quality = 0.9 - 0.6 * (-(words(candidate) as f64) / 12.0).exp();
    // Spread evenly, in no order.
    let difficulty = f64::from(case * 37 % CASES) / f64::from(CASES);
    f64::from(u8::from(difficulty < quality))
}

fn truth(candidate: &Candidate) -> f64 {
    (0..CASES).map(|case| score(candidate, case)).sum::<f64>() / f64::from(CASES)
}

struct End {
    chosen: Candidate,
    reason: FinishReason,
    /// Those who make up the population.
    kept: Vec<Candidate>,
    children: usize,
    parents: BTreeSet<CandidateId>,
    dropped: usize,
}

impl End {
    fn mean_distance(&self) -> f64 {
        let shingles: Vec<Shingles> = self.kept.iter().map(Shingles::of).collect();
        mean_distance(&shingles.iter().collect::<Vec<_>>(), 1).mean
    }
}

/// An objective of the evaluator's own, the better when higher; 0 for a prompt of 40 characters.
fn shortness(candidate: &Candidate) -> f64 {
    40.0 - candidate.length() as f64
}

fn seed() -> Candidate {
    Candidate::from_instruction("Answer yes or no now").unwrap()
}

/// A run that is over.
fn run(algorithm: AlgorithmConfig, seed_number: u64) -> Run {
    algorithm.validate().unwrap();
    let settings = RunSettings {
        seed: seed_number,
        seeds: vec![seed()],
        reflection: vec![],
        limits: VariationLimits::default(),
        repeats: 1,
        ranking_cases: CASES as usize / 2,
        algorithm,
        budget: Budget { evaluations: Some(8_000), ..Budget::default() },
        evaluation_cost: CostModel::default(),
        closing_evaluations: 0,
        distance: Distance::default(),
        embedding_cost: CostModel::default(),
        island: IslandSettings::default(),
    };
    let operators = Operators::new(vec![(Arc::new(Words), 1.0)], vec![]);
    let mut run = Run::new(Arc::new(settings), Arc::new(case_set(CASES)), Arc::new(operators));
    while !run.is_finished() {
        for action in run.step(Event::SlotsFree { count: 64 }) {
            let Action::Evaluate(order) = action else { continue };
            let score = score(&order.candidate, order.piece.case);
            let dollars = order.candidate.length() as f64 * 1e-6;
            // What the evaluator names: known on every other case, as it may be.
            let given =
                (order.piece.case % 2 == 0).then(|| ("shortness".to_owned(), shortness(&order.candidate)));
            let named = given.into_iter().collect();
            let evaluation = Evaluation {
                objectives: Objectives { score, dollars, named, ..Objectives::default() },
                output: "yes".into(),
                feedback: String::new(),
                input_tokens: 1,
                output_tokens: 1,
                model_calls: 1,
            };
            run.step(Event::Evaluated { piece: order.piece, evaluation, paid: true });
        }
    }
    run
}

fn search(algorithm: AlgorithmConfig, seed_number: u64) -> End {
    let run = run(algorithm, seed_number);
    let finish = run.finish().unwrap();
    let ledger = run.ledger();
    let of = |id| ledger.candidate(id).cloned().unwrap();
    let born = |outcome| ledger.births().iter().filter(move |born| born.outcome == outcome);
    End {
        chosen: of(finish.best.unwrap()),
        reason: finish.reason,
        kept: born(Outcome::Kept).map(|born| of(born.id)).collect(),
        children: ledger.births().iter().filter(|born| !born.birth.parents.is_empty()).count(),
        parents: ledger.births().iter().flat_map(|born| born.birth.parents.iter().copied()).collect(),
        dropped: born(Outcome::Dropped).count(),
    }
}

fn nsga2(prefer: Preference, constraints: Constraints) -> End {
    let objectives = vec![Objective::maximise(Property::Score), Objective::minimise(Property::Length)];
    let config = Nsga2Config { objectives, prefer, constraints, ..Nsga2Config::default() };
    search(AlgorithmConfig::Nsga2(config), 1)
}

#[test]
fn nsga2_finds_short_and_good_prompts_and_chooses_as_told() {
    let best = nsga2(Preference::Score, Constraints::default());
    let knee = nsga2(Preference::Knee, Constraints::default());
    assert!(truth(&best.chosen) > truth(&seed()) + 0.2, "{}", truth(&best.chosen));
    assert!(truth(&best.chosen) >= truth(&knee.chosen), "the best score is the best");
    assert!(knee.chosen.length() < best.chosen.length(), "{:?} {:?}", knee.chosen, best.chosen);
    let lengths: BTreeSet<usize> = best.kept.iter().map(words).collect();
    assert!(lengths.first() < Some(&4) && lengths.last() > Some(&8), "a front from {lengths:?}");
}

#[test]
fn nsga2_keeps_to_constraints() {
    let free = nsga2(Preference::Score, Constraints::default());
    let limit = free.chosen.length() * 2 / 3;
    let bound = Constraints { max_length: Some(limit as f64), ..Constraints::default() };
    let chosen = nsga2(Preference::Score, bound).chosen;
    assert!(chosen.length() <= limit, "{} of {limit}", chosen.length());
    assert!(truth(&chosen) > truth(&seed()));
    let good = Constraints { min_score: Some(truth(&free.chosen) - 0.1), ..Constraints::default() };
    let chosen = nsga2(Preference::Weights([(Property::Length, 1.0)].into()), good).chosen;
    assert!(truth(&chosen) >= truth(&free.chosen) - 0.15, "{}", truth(&chosen));
}

#[test]
fn what_the_evaluator_names_is_an_objective_like_any_other() {
    let named = || Property::Named("shortness".into());
    let of = |objectives: Vec<Objective>, constraints| {
        let config = Nsga2Config { objectives, constraints, ..Nsga2Config::default() };
        search(AlgorithmConfig::Nsga2(config), 1)
    };
    let score = || Objective::maximise(Property::Score);
    let built_in = nsga2(Preference::Score, Constraints::default());
    let own = of(vec![score(), Objective::maximise(named())], Constraints::default());
    // The same order of candidates gives the same search.
    assert_eq!((own.chosen, own.kept), (built_in.chosen, built_in.kept));

    let min_20 = Bounds { min: Some(20.0), max: None };
    let named_20 = [("shortness".to_owned(), min_20)].into();
    let bound = of(vec![score()], Constraints { named: named_20, ..Constraints::default() });
    assert!(bound.chosen.length() <= 20, "{:?}", bound.chosen);

    let unknown = Objective::maximise(Property::Named("rhyme".into()));
    let lost = of(vec![score(), unknown], Constraints::default());
    assert!(truth(&lost.chosen) > truth(&seed()), "an objective that nobody has decides nothing");
}

fn map_elites(archive: Division, selection: EliteSelection) -> End {
    let axes = vec![BehaviourAxis { name: Property::Length, low: 0.0, high: 120.0, cells: 12 }];
    let config = MapElitesConfig { archive, axes, selection, ..MapElitesConfig::default() };
    search(AlgorithmConfig::MapElites(config), 2)
}

#[test]
fn map_elites_keeps_one_of_every_length() {
    for selection in [EliteSelection::Uniform, EliteSelection::Curiosity] {
        let end = map_elites(Division::Grid, selection);
        let cells: BTreeSet<usize> = end.kept.iter().map(|elite| elite.length() / 10).collect();
        assert_eq!(cells.len(), end.kept.len(), "one for each cell");
        assert!(cells.len() >= 8, "{cells:?}");
        let best = end.kept.iter().map(truth).fold(0.0, f64::max);
        assert!(truth(&end.chosen) >= best - 0.1, "{} of {best}", truth(&end.chosen));
        assert!(end.dropped > 0, "who cannot be the best of its cell falls");
    }
}

#[test]
fn what_the_evaluator_names_spans_an_archive() {
    let axis =
        || BehaviourAxis { name: Property::Named("shortness".into()), low: -80.0, high: 40.0, cells: 12 };
    let by = |archive, name: Property| {
        let axes = vec![BehaviourAxis { name, ..axis() }];
        AlgorithmConfig::MapElites(MapElitesConfig { archive, axes, ..MapElitesConfig::default() })
    };
    let grid = search(by(Division::Grid, axis().name), 2);
    let cells: BTreeSet<i64> =
        grid.kept.iter().map(|elite| (shortness(elite) / 10.0).floor() as i64).collect();
    assert_eq!(cells.len(), grid.kept.len(), "one for each cell");
    assert!(cells.len() >= 8, "{cells:?}");
    let tessellation = search(by(Division::Cvt { cells: 9 }, axis().name), 2);
    assert!((6..=9).contains(&tessellation.kept.len()), "{}", tessellation.kept.len());
    let unknown = run(by(Division::Grid, Property::Named("rhyme".into())), 2);
    let finish = unknown.finish().unwrap();
    assert_eq!((finish.best, finish.reason), (None, FinishReason::Exhausted), "nobody has a cell");
}

#[test]
fn cells_of_a_tessellation_are_filled_too() {
    let end = map_elites(Division::Cvt { cells: 9 }, EliteSelection::Uniform);
    assert!((6..=9).contains(&end.kept.len()), "{}", end.kept.len());
}

#[test]
fn novelty_keeps_more_apart_than_fitness_does() {
    let novelty = |weight| {
        let config = NoveltySearchConfig { weight, ..NoveltySearchConfig::default() };
        search(AlgorithmConfig::Novelty(config), 3)
    };
    let ga = search(AlgorithmConfig::Ga(GaConfig { population: 16, ..GaConfig::default() }), 3);
    let (new, fit) = (novelty(0.0), novelty(1.0));
    assert!(new.mean_distance() > ga.mean_distance() + 0.1, "{} {}", new.mean_distance(), ga.mean_distance());
    assert!(new.mean_distance() > fit.mean_distance(), "{} {}", new.mean_distance(), fit.mean_distance());
    let best = new.kept.iter().map(truth).fold(0.0, f64::max);
    assert!(new.kept.iter().all(|kept| truth(kept) >= 0.65 * best), "the minimal criterion holds");
    assert!(truth(&new.chosen) > truth(&seed()));
}

#[test]
fn best_of_n_makes_n_of_the_seed_and_random_goes_further() {
    let config = BestOfNConfig { n: Some(20), ..BestOfNConfig::default() };
    let best = search(AlgorithmConfig::BestOfN(config), 4);
    assert_eq!((best.children, best.reason), (20, FinishReason::Exhausted));
    assert_eq!(best.parents, BTreeSet::from([seed().id()]));
    let random = search(AlgorithmConfig::Random(RandomConfig::default()), 4);
    assert_eq!((random.parents, random.reason), (BTreeSet::from([seed().id()]), FinishReason::Budget));
    assert!(random.children > 50, "{}", random.children);
    assert!(words(&random.chosen) > words(&seed()) + 4, "more than one operator can add");
}
