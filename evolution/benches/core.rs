//! What the core itself takes, without a model, on one core: a generation of 10,000 candidates, the survivors of
//! NSGA-II, cells of behaviour, and the diversity of 100,000.
//!
//! Prints a table of medians, in time of the processor where the system tells it, so that other work on the machine
//! matters little. `nsga2.py` measures NSGA-II in pymoo the same way.

#![expect(clippy::print_stdout, reason = "a benchmark reports to its user")]

use std::collections::{BTreeMap, HashSet};
use std::hint::black_box;
use std::time::Duration;

use evohub_evolution::archive::{Axis, Cvt, Elite, EliteArchive, Grid, Niches};
use evohub_evolution::diversity::{
    LikenessCache, Likenesses, LshIndex, MinHash, NoveltyFilter, Shingles, mean_sketched_distance,
};
use evohub_evolution::rng::{RunRng, stream};
use evohub_evolution::selection::{nondominated_ranks, nsga2_survivors, tournament, truncation};
use evohub_evolution::variation::OperatorCredits;
use evohub_evolution::variation::operators::Drawn;
use evohub_evolution::variation::standard::standard_operators;
use evohub_evolution::{Candidate, Case, Operators, TrainIndex, VariationContext, VariationLimits};
use rand::RngExt;

/// Repetitions of which the median is printed.
const RUNS: usize = 7;
const POPULATION: usize = 10_000;
const MANY: usize = 100_000;
/// Part of the children that have two parents.
const CROSSOVER: f64 = 0.16;

fn main() {
    println!("{:64} {:>10}", "median, one core", "ms");
    let population = generations();
    survivors();
    tessellation();
    diversity(population);
}

/// Generations of a genetic algorithm, and an archive of its children.
fn generations() -> Vec<Candidate> {
    let train = TrainIndex::from((0..60).map(case).collect::<Vec<_>>());
    let difficulty = vec![None; train.cases().len()];
    let limits = VariationLimits::default();
    let context = VariationContext { train: &train, difficulty: &difficulty, limits };
    let operators = Operators::new(standard_operators(), vec![]);
    let before = resident();
    let mut population = vec![seed(); POPULATION];
    let mut archive = EliteArchive::new(Niches::Grid(grid()));
    let mut laps = Laps::default();
    for generation in 0..2 * RUNS {
        // The first generations are too alike to be typical.
        laps.counts = generation >= RUNS;
        let rng = &mut stream(1, "generation", generation as u64);
        let fitness = scores(&population);
        let parents = laps.take("select 10,000 pairs of parents by tournament", || {
            (0..POPULATION).map(|_| parents(&fitness, rng)).collect::<Vec<_>>()
        });
        let children = laps.take("vary them without a model", || {
            let children = parents.iter().filter_map(|(one, other)| match other {
                None => child(&operators, &[&population[*one]], &context, rng),
                Some(other) => child(&operators, &[&population[*one], &population[*other]], &context, rng),
            });
            children.collect::<Vec<_>>()
        });
        let children = laps.take("leave out whom there is already", || {
            let mut known: HashSet<_> = population.iter().map(Candidate::id).collect();
            children.into_iter().filter(|child| known.insert(child.id())).collect::<Vec<_>>()
        });
        laps.take("put the children to an archive of 900 cells", || {
            children.iter().for_each(|child| {
                archive.insert(elite(child));
            });
        });
        population.extend(children);
        let fitness = scores(&population);
        population = laps.take("keep the best 10,000", || {
            let stay = truncation(&fitness, POPULATION);
            stay.into_iter().map(|index| population[index].clone()).collect()
        });
    }
    laps.print("a generation of 10,000");
    let lengths: usize = population.iter().map(Candidate::length).sum();
    println!(
        "{:64} {:>10}",
        format!("  bytes of memory a member, children and all; {} of text", lengths / POPULATION),
        resident().zip(before).map_or("-".into(), |(now, before)| ((now - before) / POPULATION).to_string())
    );
    population
}

fn survivors() {
    let mut laps = Laps { counts: true, ..Laps::default() };
    for run in 0..RUNS as u64 {
        let rng = &mut stream(run, "objectives", 0);
        let mut random = |_| [(); 3].map(|()| rng.random::<f64>());
        let cloud: Vec<[f64; 3]> = (0..POPULATION).map(&mut random).collect();
        let on_sphere = |row: &[f64; 3]| row.map(|x| x / row.iter().map(|x| x * x).sum::<f64>().sqrt());
        let front: Vec<[f64; 3]> = cloud.iter().map(on_sphere).collect();
        let five: Vec<Vec<f64>> =
            cloud.iter().zip(cloud.iter().rev()).map(|(a, b)| [&a[..], &b[..2]].concat()).collect();
        laps.take("non-dominated ranks, 10,000 x 3", || nondominated_ranks(&cloud, &[]));
        laps.take("non-dominated ranks, 10,000 x 3 in one front", || nondominated_ranks(&front, &[]));
        // The second and third objective alone make one front: the longest staircase there can be.
        let opposed: Vec<[f64; 3]> = cloud.iter().map(|[x, y, _]| [*x, *y, -y]).collect();
        laps.take("non-dominated ranks, 10,000 x 3, two opposed", || nondominated_ranks(&opposed, &[]));
        laps.take("non-dominated ranks, 10,000 x 5", || nondominated_ranks(&five, &[]));
        laps.take("survivors of NSGA-II, all of 10,000 x 3", || nsga2_survivors(&cloud, &[], POPULATION));
        laps.take("survivors of NSGA-II, 5,000 of 10,000 x 3", || {
            nsga2_survivors(&cloud, &[], POPULATION / 2)
        });
    }
    laps.print_each();
}

fn tessellation() {
    let mut laps = Laps { counts: true, ..Laps::default() };
    let axes = || (0..4).map(|axis| Axis::new(axis.to_string(), 0.0, 1.0)).collect::<Vec<_>>();
    for run in 0..RUNS as u64 {
        let cvt = laps.take("a tessellation of 1,000 cells on 4 axes", || Cvt::new(axes(), 1_000, run));
        let cvt = cvt.expect("the axes are sound");
        let rng = &mut stream(run, "behaviours", 0);
        let behaviours: Vec<_> = (0..POPULATION).map(|_| [(); 4].map(|()| rng.random::<f64>())).collect();
        laps.take("  the cells of 10,000 behaviours", || {
            behaviours.iter().filter_map(|behaviour| cvt.cell_of(behaviour)).sum::<usize>()
        });
    }
    laps.print_each();
}

/// Of ten times the population that the generations left, told apart by a sentence.
fn diversity(population: Vec<Candidate>) {
    let many: Vec<Candidate> = (0..MANY)
        .map(|index| {
            let candidate = &population[index % POPULATION];
            let text = candidate.component("instruction");
            let text = format!("{text} This is attempt number {} of many.", index / POPULATION);
            candidate.with_component("instruction", text).expect("there is a text")
        })
        .collect();
    let members: Vec<&Candidate> = many.iter().collect();
    let mut laps = Laps { counts: true, ..Laps::default() };
    let (mut sampled, mut sketched) = (None, None);
    for _ in 0..RUNS / 2 {
        let mut cache = LikenessCache::default();
        sampled = Some(laps.take("mean distance of 100,000, by sampled pairs", || {
            cache.mean_distance(&members, &Likenesses::default(), 1)
        }));
        laps.take("  the same one generation later", || {
            cache.mean_distance(&members, &Likenesses::default(), 1)
        });
        let sketches = laps.take("MinHash sketches of 100,000, texts and all", || {
            members.iter().map(|member| MinHash::of(&Shingles::of(member))).collect::<Vec<_>>()
        });
        sketched = Some(laps.take("  mean distance by sketches", || mean_sketched_distance(&sketches)));
        let index = laps.take("  an index of them for distances up to 0.1", || {
            let mut index = LshIndex::new(0.1);
            sketches.iter().for_each(|sketch| {
                index.insert(sketch.clone());
            });
            index
        });
        laps.take("  1,000 nearest neighbours", || {
            sketches.iter().step_by(MANY / 1_000).filter_map(|own| index.nearest(own)).count()
        });
        laps.take("filter of 10,000 by novelty, threshold 0.1", || {
            let mut filter = NoveltyFilter::new(0.1);
            population.iter().filter(|candidate| filter.admit(candidate).is_ok()).count()
        });
    }
    laps.print_each();
    for (how, found) in [("sampled pairs", sampled), ("sketches", sketched)] {
        let found = found.unwrap_or_default();
        println!("  by {how}: {:.4}, standard error {:.4}", found.mean, found.standard_error);
    }
}

/// Durations by what was done, in the order in which it was done first.
#[derive(Default)]
struct Laps {
    /// Whether what is taken now is kept.
    counts: bool,
    order: Vec<&'static str>,
    durations: BTreeMap<&'static str, Vec<Duration>>,
}

impl Laps {
    fn take<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = clock();
        let done = black_box(work());
        let duration = clock() - start;
        if self.counts {
            if !self.order.contains(&name) {
                self.order.push(name);
            }
            self.durations.entry(name).or_default().push(duration);
        }
        done
    }

    fn median(&self, name: &str) -> f64 {
        let mut durations = self.durations[name].clone();
        durations.sort_unstable();
        durations[durations.len() / 2].as_secs_f64() * 1_000.0
    }

    fn print_each(&self) {
        for name in &self.order {
            println!("{name:64} {:>10.1}", self.median(name));
        }
    }

    /// Prints the sum of all, and the parts.
    fn print(&self, whole: &str) {
        println!("{whole:64} {:>10.1}", self.order.iter().map(|name| self.median(name)).sum::<f64>());
        for name in &self.order {
            println!("{:64} {:>10.1}", format!("  {name}"), self.median(name));
        }
    }
}

/// What this thread has used of a processor.
#[cfg(unix)]
fn clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What has passed on a clock.
#[cfg(not(unix))]
fn clock() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

fn seed() -> Candidate {
    let text = "Read the review of a film below. Say whether its author liked it. Think about what is meant, and \
                not about single words. Answer with one word.";
    Candidate::from_instruction(text).expect("there is a text")
}

fn case(index: usize) -> Case {
    let (label, word) =
        if index.is_multiple_of(2) { ("positive", "splendid") } else { ("negative", "tedious") };
    Case::new(
        format!("I saw number {index} last night, and what can I say: it was {word} from start to end."),
        label,
    )
}

fn grid() -> Grid {
    let axes = vec![(Axis::new("length", 0.0, 3_000.0), 100), (Axis::new("shots", 0.0, 9.0), 9)];
    Grid::new(axes).expect("the axes are sound")
}

/// One parent or two.
fn parents(fitness: &[f64], rng: &mut RunRng) -> (usize, Option<usize>) {
    let one = tournament(fitness, 3, rng);
    (one, rng.random_bool(CROSSOVER).then(|| tournament(fitness, 3, rng)))
}

fn child(
    operators: &Operators,
    parents: &[&Candidate],
    context: &VariationContext<'_>,
    rng: &mut RunRng,
) -> Option<Candidate> {
    match operators.draw(parents, false, &OperatorCredits::default(), context, rng)? {
        Drawn::Child(child, _) => Some(child),
        Drawn::Ask(_) => None,
    }
}

fn scores(population: &[Candidate]) -> Vec<f64> {
    population.iter().map(score).collect()
}

/// Anything at all, the same for the same candidate.
fn score(candidate: &Candidate) -> f64 {
    let [head, ..] = candidate.id().to_bytes();
    f64::from(head) / 255.0
}

fn elite(candidate: &Candidate) -> Elite {
    let behaviour = vec![candidate.length() as f64, candidate.shots().len() as f64];
    Elite { id: candidate.id(), fitness: score(candidate), behaviour }
}

/// Bytes of memory in use, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? * 1_024)
}
