//! What a search makes better.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::property::Property;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Higher.
    Maximise,
    /// Lower.
    Minimise,
}

/// What a search makes better: a property of candidates, and which way is better.
///
/// In files a text names a built-in property with the goal that is natural to it: the score is to be high, all others
/// low. With another goal, or for what the evaluator names, it is a table: `{ name = "politeness", goal = "maximise" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// What is to be made better.
    pub property: Property,
    /// Which way is better.
    pub goal: Goal,
}

impl Objective {
    /// A property that is better when higher.
    pub fn maximise(property: Property) -> Self {
        Self { property, goal: Goal::Maximise }
    }

    /// A property that is better when lower.
    pub fn minimise(property: Property) -> Self {
        Self { property, goal: Goal::Minimise }
    }

    /// A property with the goal that is natural to it; `None` for what the evaluator names.
    pub fn natural(property: Property) -> Option<Self> {
        match property {
            Property::Named(_) => None,
            Property::Score => Some(Self::maximise(property)),
            _ => Some(Self::minimise(property)),
        }
    }

    /// A value as a gain, better when higher.
    pub fn gain(&self, value: f64) -> f64 {
        match self.goal {
            Goal::Maximise => value,
            Goal::Minimise => -value,
        }
    }
}

/// The table of an objective.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Property,
    goal: Goal,
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if Self::natural(self.property.clone()).as_ref() == Some(self) {
            return self.property.serialize(serializer);
        }
        Table { name: self.property.clone(), goal: self.goal }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Objective;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a table with `name` and `goal`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Objective, E> {
                Objective::natural(Property::from(name.to_owned())).ok_or_else(|| {
                    let built_in: Vec<&str> = Property::built_in_names().collect();
                    E::custom(format!(
                        "`{name}` is none of {}; if the evaluator gives it, say which way is better: \
                         {{ name = \"{name}\", goal = \"maximise\" }}, or \"minimise\"",
                        built_in.join(", ")
                    ))
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Objective, A::Error> {
                let Table { name, goal } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Objective { property: name, goal })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Objective, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn is_written_as_in_a_job_file() {
        for (json, objective) in [
            (r#""score""#, Objective::maximise(Property::Score)),
            (r#""length""#, Objective::minimise(Property::Length)),
            (r#"{"name":"readability","goal":"maximise"}"#, Objective::maximise(Property::Readability)),
            (
                r#"{"name":"toxicity","goal":"minimise"}"#,
                Objective::minimise(Property::Named("toxicity".into())),
            ),
        ] {
            assert_eq!(read(json).as_ref(), Ok(&objective));
            assert_eq!(serde_json::to_string(&objective).unwrap(), json);
        }
    }

    #[test]
    fn what_the_evaluator_names_needs_a_goal() {
        let said = read(r#""lenght""#).unwrap_err();
        assert!(said.contains("`lenght` is none of score, dollars") && said.contains("goal ="), "{said}");
        assert!(read(r#"{"name": "x"}"#).unwrap_err().contains("missing field `goal`"));
        assert!(read(r#"{"name": "x", "goal": "up"}"#).unwrap_err().contains("`maximise`"));
        assert!(read(r#"{"name": "x", "gaol": "maximise"}"#).unwrap_err().contains("unknown field `gaol`"));
    }
}
