//! What the tests of a race save, and what they cost.
//!
//! On five landscapes a search measures every child on all validation cases. The same children are then raced, in
//! the order of their birth, each against the best of those that were kept, so that all tests meet the same ones.
//! Prints for each test the validation calls saved, the share wrongly dropped of those better than their reference
//! over all cases, how often the final choice scores what it does without a race, and the mean loss where it does
//! not. Below that, the share dropped of candidates that are better by a single case, looked at after every case:
//! what `alpha` promises to limit.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

use evohub_evolution::optimizers::suite::Landscape;
use evohub_evolution::race::{RaceConfig, RaceTest};
use evohub_evolution::rng::{RunRng, stream};
use evohub_evolution::selection::tournament;
use evohub_evolution::{Candidate, ProposalId, ProposalOrder};
use rand::RngExt;
use rand::seq::SliceRandom;

/// Children of a search; fewer where one was perfect.
const CHILDREN: u64 = 40;
/// The best so many can become parents.
const PARENTS: usize = 8;
/// Candidates at the edge of what may be dropped.
const EDGE: u64 = 1_000;

fn races() -> Vec<(&'static str, RaceConfig)> {
    let anytime = RaceConfig::default();
    vec![
        ("anytime", anytime),
        ("  after every case", RaceConfig { block: Some(1), ..anytime }),
        ("  alpha 0.1", RaceConfig { alpha: 0.1, ..anytime }),
        ("  alpha 0.3", RaceConfig { alpha: 0.3, ..anytime }),
        ("bayes", RaceConfig::of(RaceTest::Bayes)),
        ("paired-t", RaceConfig::of(RaceTest::PairedT)),
    ]
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// The scores of a search's candidates on all cases, in one random order; the seed first.
fn search(landscape: Landscape, cases: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = stream(seed, "search", cases as u64);
    let mut numbers: Vec<u32> = (0..cases as u32).map(|case| 10_000 + seed as u32 * 1_000 + case).collect();
    numbers.shuffle(&mut rng);
    let scores = |candidate: &Candidate| -> Vec<f64> {
        numbers.iter().map(|number| landscape.score(candidate, *number)).collect()
    };
    let first = landscape.seed();
    let mut found = vec![(scores(&first), first)];
    for number in 0..CHILDREN {
        let mut best: Vec<usize> = (0..found.len()).collect();
        best.sort_by(|one, other| mean(&found[*other].0).total_cmp(&mean(&found[*one].0)));
        best.truncate(PARENTS);
        let fitness: Vec<f64> = best.iter().map(|at| mean(&found[*at].0)).collect();
        if fitness[0] == 1.0 {
            break;
        }
        let parent = &found[best[tournament(&fitness, 3, &mut rng)]].1;
        let question = format!("```\n{}\n```", parent.component("instruction"));
        let order = ProposalOrder { id: ProposalId(number), operator: "reflect".into(), model: 0, question };
        let answer = landscape.answer(&order, 0.01, seed);
        let child = Candidate::from_instruction(answer.text.trim_matches(['`', '\n'])).unwrap();
        found.push((scores(&child), child));
    }
    found.into_iter().map(|(scores, _)| scores).collect()
}

/// What came of racing the candidates of a search.
#[derive(Default)]
struct Raced {
    calls: usize,
    calls_without: usize,
    better: usize,
    wrong: usize,
    searches: usize,
    unchanged: usize,
    lost: f64,
}

impl Raced {
    fn add(&mut self, race: &RaceConfig, scores: &[Vec<f64>]) {
        let cases = scores[0].len();
        let looks = race.looks(cases);
        let mut best = &scores[0];
        for candidate in &scores[1..] {
            let fell = looks[..looks.len() - 1]
                .iter()
                .copied()
                .find(|&seen| race.is_hopeless(&candidate[..seen], best, cases));
            let is_better = mean(candidate) > mean(best) + 1e-9;
            self.calls += fell.unwrap_or(cases);
            self.calls_without += cases;
            self.better += usize::from(is_better);
            self.wrong += usize::from(is_better && fell.is_some());
            if is_better && fell.is_none() {
                best = candidate;
            }
        }
        let lost = scores.iter().map(|scores| mean(scores)).fold(0.0, f64::max) - mean(best);
        self.searches += 1;
        self.unchanged += usize::from(lost < 1e-9);
        self.lost += lost;
    }
}

/// A candidate that is better than its reference by one case; they differ on 2 to 22 % of the cases and one more.
fn at_the_edge(cases: usize, rng: &mut RunRng) -> (Vec<f64>, Vec<f64>) {
    let each = (rng.random_range(0.01..0.11) * cases as f64) as usize;
    let mut pairs: Vec<(f64, f64)> = (0..cases)
        .map(|case| match case {
            case if case <= each => (1.0, 0.0),
            case if case <= 2 * each => (0.0, 1.0),
            _ => (1.0, 1.0),
        })
        .collect();
    pairs.shuffle(rng);
    pairs.into_iter().unzip()
}

fn main() {
    let seeds = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u64);
    for cases in [100, 300] {
        for (name, landscape) in Landscape::ALL {
            println!("{name}, {cases} cases, {seeds} seeds");
            println!("  {:20} {:>6} {:>12} {:>10} {:>10}", "", "saved", "wrong drops", "unchanged", "loss");
            let searches: Vec<_> = (0..seeds).map(|seed| search(landscape, cases, seed)).collect();
            for (label, race) in races() {
                let mut raced = Raced::default();
                searches.iter().for_each(|scores| raced.add(&race, scores));
                println!(
                    "  {label:20} {:>6.3} {:>12.3} {:>10.3} {:>10.5}",
                    1.0 - raced.calls as f64 / raced.calls_without as f64,
                    raced.wrong as f64 / raced.better.max(1) as f64,
                    raced.unchanged as f64 / raced.searches as f64,
                    raced.lost / raced.searches as f64,
                );
            }
        }
        println!(
            "better by one of {cases} cases, {EDGE} candidates: dropped when looked at after every case"
        );
        for (label, race) in races().into_iter().filter(|(_, race)| race.block != Some(1)) {
            let dropped = (0..EDGE).filter(|&number| {
                let (scores, reference) = at_the_edge(cases, &mut stream(number, "edge", cases as u64));
                (race.first_look..cases).any(|seen| race.is_hopeless(&scores[..seen], &reference, cases))
            });
            println!("  {label:20} {:>6.3}", dropped.count() as f64 / EDGE as f64);
        }
    }
}
