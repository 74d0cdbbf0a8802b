//! What a candidate must keep to.

use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::ledger::Means;
use crate::optimizers::property::Property;

/// What a candidate must keep to; what is absent is no constraint. Limits are above 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constraints {
    /// Mean price of an evaluation in US dollars, at most.
    pub max_dollars_per_call: Option<f64>,
    /// 95th percentile of the seconds from question to answer, at most.
    pub max_latency_seconds: Option<f64>,
    /// Length of the prompt in characters, examples included, at most.
    pub max_length: Option<f64>,
    /// Mean length of an answer in tokens, at most.
    pub max_output_tokens: Option<f64>,
    /// Mean score, at least; up to 1.
    pub min_score: Option<f64>,
}

impl Constraints {
    /// Each limit that is set: its key, what it is about and where it lies.
    fn limits(&self) -> impl Iterator<Item = (&'static str, Property, f64)> {
        let limits = [
            ("max_dollars_per_call", Property::Dollars, self.max_dollars_per_call),
            ("max_latency_seconds", Property::Latency, self.max_latency_seconds),
            ("max_length", Property::Length, self.max_length),
            ("max_output_tokens", Property::OutputTokens, self.max_output_tokens),
            ("min_score", Property::Score, self.min_score),
        ];
        limits.into_iter().filter_map(|(key, property, limit)| Some((key, property, limit?)))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        for (key, property, limit) in self.limits() {
            let most = if property == Property::Score { 1.0 } else { f64::MAX };
            if !(f64::MIN_POSITIVE..=most).contains(&limit) {
                let range = if property == Property::Score { "above 0, and 1 at most" } else { "above 0" };
                return Err(format!("`constraints.{key}` is {limit}, and must be {range}"));
            }
        }
        Ok(())
    }

    /// By how much a candidate breaks them: how far it is beyond each limit, in parts of the limit, in sum. 0 for one
    /// that keeps them.
    pub(super) fn violation(&self, candidate: &Candidate, means: &Means) -> f64 {
        let beyond = |(_, property, limit): (_, Property, f64)| {
            ((property.gain(limit) - property.gain(property.of(candidate, means))) / limit).max(0.0)
        };
        // An empty sum of floats is -0.
        self.limits().map(beyond).fold(0.0, |sum, part| sum + part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_counts_in_parts_of_its_limit() {
        let candidate = Candidate::from_instruction("x".repeat(150)).unwrap();
        let means = Means { score: 0.6, dollars: 0.002, ..Means::default() };
        let free = Constraints::default();
        assert_eq!(free.violation(&candidate, &means), 0.0);
        let kept = Constraints {
            max_length: Some(150.0),
            min_score: Some(0.6),
            max_dollars_per_call: Some(0.01),
            ..free
        };
        assert_eq!(kept.violation(&candidate, &means), 0.0);
        let broken = Constraints { max_length: Some(100.0), min_score: Some(0.8), ..free };
        assert!((broken.violation(&candidate, &means) - (0.5 + 0.25)).abs() < 1e-12);
    }

    #[test]
    fn names_the_limit_that_is_out_of_range() {
        let free = Constraints::default();
        assert!(free.validate().is_ok());
        let said = Constraints { min_score: Some(1.5), ..free }.validate().unwrap_err();
        assert!(said.contains("`constraints.min_score` is 1.5"), "{said}");
        assert!(Constraints { max_length: Some(0.0), ..free }.validate().is_err());
        assert!(Constraints { max_latency_seconds: Some(f64::NAN), ..free }.validate().is_err());
    }
}
