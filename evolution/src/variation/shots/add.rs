//! The operators that add one example.

use rand::RngExt;
use rand::seq::{IndexedRandom, index};

use crate::candidate::{Candidate, Shot};
use crate::diversity::Shingles;
use crate::rng::RunRng;
use crate::variation::child::first_new;
use crate::variation::{Operator, TrainIndex, VariationContext};

/// Most cases compared with the examples there are.
const MOST_COMPARED: usize = 32;
/// What a case without any loss counts beside one that is always lost: rarely, but it can be drawn.
const LEAST_DIFFICULTY: f64 = 0.05;

/// How the case is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShotChoice {
    /// Every case alike.
    Random,
    /// In proportion to the mean loss; cases not measured count as the average one.
    Difficult,
    /// Of some random cases the one whose input is farthest from the nearest of the examples.
    Different,
    /// The nearest neighbour, among some random cases, of a case that is drawn like a difficult one (of any, where
    /// nothing was measured): what comes near many inputs comes often, and near those that go wrong most.
    Similar,
}

/// Adds one example at a random position.
#[derive(Debug, Clone, Copy)]
pub struct AddShot {
    /// How the case is chosen.
    pub choice: ShotChoice,
}

impl Operator for AddShot {
    fn name(&self) -> &str {
        match self.choice {
            ShotChoice::Random => "add_shot",
            ShotChoice::Difficult => "add_difficult_shot",
            ShotChoice::Different => "add_different_shot",
            ShotChoice::Similar => "add_similar_shot",
        }
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        if parent.shots().len() >= context.limits.max_shots {
            return None;
        }
        let usable = context.train.usable(parent.shots());
        first_new(parents, &context.limits, || {
            let case = match self.choice {
                ShotChoice::Random => *usable.choose(rng)?,
                ShotChoice::Difficult => difficult(&usable, context.difficulty, rng)?,
                ShotChoice::Different => different(&usable, context.train, parent.shots(), rng)?,
                ShotChoice::Similar => similar(&usable, context.train, context.difficulty, rng)?,
            };
            let mut shots = parent.shots().to_vec();
            shots.insert(rng.random_range(0..=shots.len()), context.train.shot(case)?.clone());
            Some(parent.with_shots(shots))
        })
    }
}

/// A case in proportion to its difficulty; `None` when nothing has been measured.
fn difficult(usable: &[usize], difficulty: &[Option<f64>], rng: &mut RunRng) -> Option<usize> {
    let loss_of = |index: usize| difficulty.get(index).copied().flatten().filter(|loss| loss.is_finite());
    let losses: Vec<_> =
        usable.iter().map(|index| loss_of(*index).map(|loss| loss.clamp(0.0, 1.0))).collect();
    let known: Vec<f64> = losses.iter().copied().flatten().collect();
    if known.is_empty() {
        return None;
    }
    let average = known.iter().sum::<f64>() / known.len() as f64;
    let positions: Vec<usize> = (0..usable.len()).collect();
    let weight = |position: &usize| losses[*position].unwrap_or(average) + LEAST_DIFFICULTY;
    positions.choose_weighted(rng, weight).ok().map(|position| usable[*position])
}

/// Of some random cases the one least like the examples; `None` when there is no example yet.
fn different(usable: &[usize], train: &TrainIndex, shots: &[Shot], rng: &mut RunRng) -> Option<usize> {
    if shots.is_empty() {
        return None;
    }
    let known =
        |shot: &Shot| train.with_input(&shot.input).next().ok_or_else(|| Shingles::of_text(&shot.input));
    let present: Vec<Result<usize, Shingles>> = shots.iter().map(known).collect();
    let to_nearest = |case: usize| {
        let distances = present.iter().map(|shot| match shot {
            Ok(shown) => train.distance(case, *shown),
            Err(shingles) => train.input_shingles(case).distance(shingles),
        });
        distances.fold(1.0, f64::min)
    };
    let compared = index::sample(rng, usable.len(), usable.len().min(MOST_COMPARED));
    let distances = compared.iter().map(|position| (usable[position], to_nearest(usable[position])));
    distances.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(case, _)| case)
}

/// The nearest neighbour of a case whose answer shall be found; `None` when there are no two cases.
fn similar(
    usable: &[usize],
    train: &TrainIndex,
    difficulty: &[Option<f64>],
    rng: &mut RunRng,
) -> Option<usize> {
    let target = difficult(usable, difficulty, rng).or_else(|| usable.choose(rng).copied())?;
    let compared = index::sample(rng, usable.len(), usable.len().min(MOST_COMPARED + 1));
    let others = compared.iter().map(|position| usable[position]);
    let others =
        others.filter(|case| train.input_number(*case) != train.input_number(target)).take(MOST_COMPARED);
    let distances = others.map(|case| (case, train.distance(target, case)));
    distances.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(case, _)| case)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::rng::stream;
    use crate::variation::VariationLimits;

    fn added(choice: ShotChoice, train: &[Case], difficulty: &[Option<f64>], seed: u64) -> Option<String> {
        let shots = vec![Shot { input: "the cat sat on the mat".into(), output: "x".into() }];
        let parent = Candidate::from_instruction("x").unwrap().with_shots(shots);
        let context = VariationContext {
            train: &train.to_vec().into(),
            difficulty,
            limits: VariationLimits::default(),
        };
        let child = AddShot { choice }.vary(&[&parent], &context, &mut stream(seed, "test", 0))?;
        child
            .shots()
            .iter()
            .map(|shot| shot.input.to_string())
            .find(|input| !parent.shots().iter().any(|s| *s.input == **input))
    }

    #[test]
    fn difficult_cases_come_more_often() {
        let train: Vec<_> = (0..10).map(|number| Case::new(number.to_string(), "y")).collect();
        let mut difficulty = vec![Some(0.0); 10];
        difficulty[3] = Some(1.0);
        let hard = (0..200)
            .filter_map(|seed| added(ShotChoice::Difficult, &train, &difficulty, seed))
            .filter(|input| input == "3")
            .count();
        // 1.05 of 1.05 + 9 x 0.05 is 70 %.
        assert!((120..=160).contains(&hard), "{hard}");
        assert_eq!(added(ShotChoice::Difficult, &train, &[None; 10], 1), None);
        assert!(added(ShotChoice::Difficult, &train, &[Some(f64::NAN), Some(0.5)], 1).is_some());
    }

    #[test]
    fn the_least_alike_case_comes() {
        let train = [
            Case::new("the cat sat on the rug", "x"),
            Case::new("stocks fell sharply today", "y"),
            Case::new("a cat sat on the mat", "x"),
        ];
        for seed in 0..10 {
            let input = added(ShotChoice::Different, &train, &[], seed);
            assert_eq!(input.as_deref(), Some("stocks fell sharply today"));
        }
    }

    #[test]
    fn neighbours_of_what_goes_wrong_come() {
        let train = [
            Case::new("stocks fell sharply on monday", "y"),
            Case::new("stocks fell sharply on tuesday", "y"),
            Case::new("it rained in the mountains", "z"),
        ];
        let difficulty = [Some(0.0), Some(1.0), Some(0.0)];
        let near = (0..100)
            .filter_map(|seed| added(ShotChoice::Similar, &train, &difficulty, seed))
            .filter(|input| input == "stocks fell sharply on monday")
            .count();
        // 1.05 of 1.15 draw the case that goes wrong; its neighbour is the first.
        assert!(near > 80, "{near}");
        assert!(added(ShotChoice::Similar, &train, &[], 1).is_some());
        assert_eq!(added(ShotChoice::Similar, &train[..1], &[], 1), None);
    }
}
