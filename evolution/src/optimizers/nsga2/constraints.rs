//! What a candidate must keep to.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::candidate::Candidate;
use crate::ledger::Means;
use crate::optimizers::property::Property;

/// What a candidate must keep to; what is absent is no constraint. Limits of built-in properties are above 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Constraints {
    /// Mean price of an evaluation in US dollars, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dollars_per_call: Option<f64>,
    /// 95th percentile of the seconds from question to answer, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_latency_seconds: Option<f64>,
    /// Length of the prompt in characters, examples included, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<f64>,
    /// Mean length of an answer in tokens, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<f64>,
    /// Mean score, at least; up to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// Between what the means of what the evaluator names must lie, by name. What was not given keeps to nothing.
    #[serde(flatten)]
    pub named: BTreeMap<String, Bounds>,
}

/// Between what a mean must lie, ends included: one or both are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// Keys of built-in limits.
const KEYS: [&str; 5] =
    ["max_dollars_per_call", "max_latency_seconds", "max_length", "max_output_tokens", "min_score"];

/// Where a limit lies, and on which side of it is right.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Min(f64),
    Max(f64),
}

impl Limit {
    /// By how much a value is beyond it, in parts of it; plainly, where it is 0.
    fn excess(self, value: f64) -> f64 {
        let (beyond, limit) = match self {
            Self::Min(limit) => (limit - value, limit),
            Self::Max(limit) => (value - limit, limit),
        };
        let scale = if limit == 0.0 { 1.0 } else { limit.abs() };
        if value.is_nan() { f64::INFINITY } else { (beyond / scale).max(0.0) }
    }
}

impl Constraints {
    /// The limits of built-in properties that are set: key, property and limit.
    fn built_in(&self) -> impl Iterator<Item = (&'static str, Property, f64)> {
        let [dollars, latency, length, tokens, score] = KEYS;
        let limits = [
            (dollars, Property::Dollars, self.max_dollars_per_call),
            (latency, Property::Latency, self.max_latency_seconds),
            (length, Property::Length, self.max_length),
            (tokens, Property::OutputTokens, self.max_output_tokens),
            (score, Property::Score, self.min_score),
        ];
        limits.into_iter().filter_map(|(key, property, limit)| Some((key, property, limit?)))
    }

    /// All limits.
    fn limits(&self) -> impl Iterator<Item = (Property, Limit)> {
        let built_in = self.built_in().map(|(_, property, limit)| {
            let limit = if property == Property::Score { Limit::Min(limit) } else { Limit::Max(limit) };
            (property, limit)
        });
        let named = self.named.iter().flat_map(|(name, bounds)| {
            let both = [bounds.min.map(Limit::Min), bounds.max.map(Limit::Max)];
            both.into_iter().flatten().map(|limit| (Property::Named(name.clone()), limit))
        });
        built_in.chain(named)
    }

    /// What is limited; what has two limits comes twice.
    pub(super) fn properties(&self) -> impl Iterator<Item = Property> {
        self.limits().map(|(property, _)| property)
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        for (key, property, limit) in self.built_in() {
            let most = if property == Property::Score { 1.0 } else { f64::MAX };
            if !(f64::MIN_POSITIVE..=most).contains(&limit) {
                let range = if property == Property::Score { "above 0, and 1 at most" } else { "above 0" };
                return Err(format!("`constraints.{key}` is {limit}, and must be {range}"));
            }
        }
        for (name, Bounds { min, max }) in &self.named {
            let key = format!("`constraints.{name}`");
            let ends = [*min, *max];
            if ends == [None, None] {
                return Err(format!("{key} must have `min`, `max` or both"));
            }
            if ends.into_iter().flatten().any(|end| !end.is_finite()) {
                return Err(format!("{key} must have finite ends"));
            }
            if min.zip(*max).is_some_and(|(min, max)| min > max) {
                return Err(format!("{key} has a `min` above its `max`"));
            }
        }
        Ok(())
    }

    /// By how much a candidate breaks them: how far it is beyond each limit, in parts of the limit, in sum. 0 for one
    /// that keeps them, infinite for one of which something limited is not known.
    pub(super) fn violation(&self, candidate: &Candidate, means: &Means) -> f64 {
        let excess = |(property, limit): (Property, Limit)| limit.excess(property.of(candidate, means));
        // An empty sum of floats is -0.
        self.limits().map(excess).fold(0.0, |sum, part| sum + part)
    }
}

/// By hand, so that a misspelt key of a built-in limit is told as such and is not taken for a name of the evaluator's.
impl<'de> Deserialize<'de> for Constraints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Constraints;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of limits")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Constraints, A::Error> {
                let mut constraints = Constraints::default();
                while let Some(key) = map.next_key::<String>()? {
                    let limit = match key.as_str() {
                        "max_dollars_per_call" => &mut constraints.max_dollars_per_call,
                        "max_latency_seconds" => &mut constraints.max_latency_seconds,
                        "max_length" => &mut constraints.max_length,
                        "max_output_tokens" => &mut constraints.max_output_tokens,
                        "min_score" => &mut constraints.min_score,
                        _ => {
                            let bounds = map.next_value_seed(BoundsOf(&key))?;
                            constraints.named.insert(key, bounds);
                            continue;
                        }
                    };
                    *limit = map.next_value()?;
                }
                Ok(constraints)
            }
        }

        deserializer.deserialize_map(Written)
    }
}

/// The bounds under a key that is none of the built-in limits.
struct BoundsOf<'k>(&'k str);

impl BoundsOf<'_> {
    fn unknown<E: Error>(&self) -> E {
        E::unknown_field(self.0, &KEYS)
    }
}

impl<'de> DeserializeSeed<'de> for BoundsOf<'_> {
    type Value = Bounds;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bounds, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BoundsOf<'_> {
    type Value = Bounds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table, as in { min = 0.5 }")
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Bounds, E> {
        Err(self.unknown())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Bounds, E> {
        Err(self.unknown())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Bounds, E> {
        Err(self.unknown())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bounds, A::Error> {
        if Property::built_in_names().any(|name| name == self.0) {
            return Err(self.unknown());
        }
        Bounds::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_counts_in_parts_of_its_limit() {
        let candidate = Candidate::from_instruction("x".repeat(150)).unwrap();
        let named = BTreeMap::from([("tone".to_owned(), -0.5)]);
        let means = Means { score: 0.6, dollars: 0.002, named, ..Means::default() };
        let free = Constraints::default();
        assert_eq!(free.violation(&candidate, &means), 0.0);
        let kept = Constraints {
            max_length: Some(150.0),
            min_score: Some(0.6),
            max_dollars_per_call: Some(0.01),
            ..Constraints::default()
        };
        assert_eq!(kept.violation(&candidate, &means), 0.0);
        let broken = Constraints { max_length: Some(100.0), min_score: Some(0.8), ..Constraints::default() };
        assert!((broken.violation(&candidate, &means) - (0.5 + 0.25)).abs() < 1e-12);
        for (name, min, max, violation) in [
            ("tone", Some(-0.5), Some(-0.5), 0.0),
            ("tone", Some(0.0), None, 0.5),
            ("tone", None, Some(-1.0), 0.5),
            ("rhyme", None, Some(9.0), f64::INFINITY),
        ] {
            let named = BTreeMap::from([(name.to_owned(), Bounds { min, max })]);
            let constraints = Constraints { named, ..Constraints::default() };
            assert_eq!(constraints.violation(&candidate, &means), violation, "{name} {min:?} {max:?}");
        }
    }

    #[test]
    fn names_the_limit_that_is_out_of_range() {
        assert!(Constraints::default().validate().is_ok());
        let said = Constraints { min_score: Some(1.5), ..Constraints::default() }.validate().unwrap_err();
        assert!(said.contains("`constraints.min_score` is 1.5"), "{said}");
        assert!(Constraints { max_length: Some(0.0), ..Constraints::default() }.validate().is_err());
        let nan = Constraints { max_latency_seconds: Some(f64::NAN), ..Constraints::default() };
        assert!(nan.validate().is_err());
        for (min, max) in [(None, None), (Some(1.0), Some(0.0)), (None, Some(f64::INFINITY))] {
            let named = BTreeMap::from([("tone".to_owned(), Bounds { min, max })]);
            let said = Constraints { named, ..Constraints::default() }.validate().unwrap_err();
            assert!(said.contains("`constraints.tone`"), "{said}");
        }
    }

    #[test]
    fn is_written_as_in_a_job_file() {
        let json = r#"{"max_length":900.0,"tone":{"min":0.5},"toxicity":{"max":0.1}}"#;
        let constraints: Constraints = serde_json::from_str(json).unwrap();
        assert_eq!(constraints.max_length, Some(900.0));
        assert_eq!(constraints.named["tone"], Bounds { min: Some(0.5), max: None });
        assert_eq!(serde_json::to_string(&constraints).unwrap(), json);
        let said = |json| serde_json::from_str::<Constraints>(json).unwrap_err().to_string();
        assert!(said(r#"{"max_lenght": 900}"#).contains("unknown field `max_lenght`"));
        assert!(said(r#"{"length": {"max": 900}}"#).contains("expected one of `max_dollars_per_call`"));
        assert!(said(r#"{"tone": {"least": 1}}"#).contains("unknown field `least`"));
        assert!(said(r#"{"tone": true}"#).contains("{ min = 0.5 }"));
    }
}
