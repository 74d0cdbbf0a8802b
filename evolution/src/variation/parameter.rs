//! Numeric parameters (`temperature`, `top_p`, …) that evolve beside the text.

pub mod range;

pub use range::{ParameterRange, ParameterRangeError, Scale};

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_distr::{Distribution, StandardNormal};

use super::child::first_new;
use super::{Operator, VariationContext};
use crate::candidate::Candidate;
use crate::rng::RunRng;

/// Standard deviation of a step, as a share of the range on its scale.
const STEP: f64 = 0.2;

/// Changes one parameter by a normally distributed step on its scale (an evolution strategy's mutation, Rechenberg
/// 1973), within its range. A parameter that a candidate leaves to the model is first drawn evenly from the range.
/// Without ranges it never applies.
#[derive(Debug, Clone)]
pub struct TuneParameter {
    ranges: BTreeMap<String, ParameterRange>,
}

impl TuneParameter {
    /// Of parameters, each with the range in which it may move.
    pub fn new(ranges: BTreeMap<String, ParameterRange>) -> Self {
        Self { ranges }
    }
}

impl Operator for TuneParameter {
    fn name(&self) -> &str {
        "tune_parameter"
    }

    fn vary(
        &self,
        parents: &[&Candidate],
        context: &VariationContext<'_>,
        rng: &mut RunRng,
    ) -> Option<Candidate> {
        let parent = *parents.first()?;
        first_new(parents, &context.limits, || {
            let (name, range) = self.ranges.iter().choose(rng)?;
            let mut parameters = parent.parameters().clone();
            let value = match parameters.get(name) {
                Some(&value) => stepped(range, value, StandardNormal.sample(rng)),
                None => range.nearest(range.value(rng.random_range(0.0..=1.0))),
            };
            parameters.insert(name.clone(), value);
            parent.with_parameters(parameters).ok()
        })
    }
}

/// A value moved by a number of standard deviations; where values have a distance, to the next one at least.
fn stepped(range: &ParameterRange, value: f64, deviations: f64) -> f64 {
    // A seed may stand outside.
    let value = range.nearest(value);
    let moved = range.nearest(range.value(range.position(value) + STEP * deviations));
    match range.step() {
        Some(step) if moved == value => range.nearest(moved + step.copysign(deviations)),
        _ => moved,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rng::stream;
    use crate::variation::VariationLimits;
    use crate::variation::suite::check_operator;

    fn tuned(ranges: &[(&str, ParameterRange)], parent: &Candidate, seed: u64) -> Option<Candidate> {
        let ranges = ranges.iter().map(|(name, range)| ((*name).to_owned(), *range)).collect();
        let context =
            VariationContext { train: &vec![].into(), difficulty: &[], limits: VariationLimits::default() };
        TuneParameter::new(ranges).vary(&[parent], &context, &mut stream(seed, "test", 0))
    }

    fn with(value: f64) -> Candidate {
        let parameters = BTreeMap::from([("temperature".to_owned(), value)]);
        Candidate::from_instruction("x").unwrap().with_parameters(parameters).unwrap()
    }

    #[test]
    fn passes_the_suite() {
        let ranges = [("temperature", 0.0, 2.0), ("top_p", 0.1, 1.0)];
        let ranges = ranges.map(|(name, low, high)| {
            (name.to_owned(), ParameterRange::new(low, high, Scale::Linear, None).unwrap())
        });
        check_operator(&TuneParameter::new(ranges.into()));
    }

    #[test]
    fn nothing_moves_without_ranges() {
        assert_eq!(tuned(&[], &with(1.0), 0), None);
    }

    #[test]
    fn steps_stay_near_and_inside() {
        let range = ParameterRange::new(0.0, 1.0, Scale::Linear, None).unwrap();
        let values: Vec<f64> = (0..400)
            .filter_map(|seed| tuned(&[("temperature", range)], &with(0.9), seed))
            .map(|child| child.parameters()["temperature"])
            .collect();
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        let near = values.iter().filter(|value| (**value - 0.9).abs() <= 0.2).count();
        // Within a deviation on the side that is open (34 %), and all that is cut off at 1 (50 %).
        assert!((300..=370).contains(&near), "{near}");
    }

    #[test]
    fn what_is_not_set_is_drawn_from_the_whole_range() {
        let range = ParameterRange::new(1.0, 100.0, Scale::Log, None).unwrap();
        let child = |seed| tuned(&[("top_k", range)], &with(0.5), seed).unwrap();
        let drawn: Vec<f64> = (0..200).map(|seed| child(seed).parameters()["top_k"]).collect();
        let low = drawn.iter().filter(|value| **value < 10.0).count();
        assert!((70..=130).contains(&low), "half of a logarithmic range is below 10: {low}");
        assert_eq!(child(0).parameters()["temperature"], 0.5);
    }

    #[test]
    fn a_coarse_step_moves_all_the_same() {
        let range = ParameterRange::new(0.0, 100.0, Scale::Linear, Some(50.0)).unwrap();
        let child = |seed| tuned(&[("temperature", range)], &with(50.0), seed);
        let values: BTreeSet<String> =
            (0..20).map(|seed| child(seed).unwrap().parameters()["temperature"].to_string()).collect();
        assert_eq!(values, BTreeSet::from(["0".to_owned(), "100".to_owned()]));
    }
}
