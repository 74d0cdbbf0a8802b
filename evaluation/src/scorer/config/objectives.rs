//! What a score gives beside the score.

use evohub_evolution::optimizers::Property;

use super::{Metric, ScoreConfig};
use crate::nearest::{hint, list};

/// What the parts of a score are called.
pub(super) fn names(parts: &[ScoreConfig]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let metric = part.metric.map_or("", Metric::as_str);
        let earlier = parts[..at].iter().filter(|other| other.name.is_none() && other.metric == part.metric);
        names.push(match (&part.name, earlier.count()) {
            (Some(name), _) => name.clone(),
            (None, 0) => metric.to_owned(),
            (None, earlier) => format!("{metric}-{}", earlier + 1),
        });
    }
    names
}

impl ScoreConfig {
    /// The objectives that it gives beside the score: one for each part. `None` when a command may give others.
    pub fn objectives(&self) -> Option<Vec<String>> {
        let has_command = self.metric == Some(Metric::Command)
            || self.parts.iter().any(|part| part.metric == Some(Metric::Command));
        (!has_command).then(|| names(&self.parts))
    }

    /// Whether it gives all these objectives, as far as that can be known before anything was scored.
    ///
    /// # Errors
    /// The first that it does not give, with those that it gives.
    pub fn check_objectives(&self, wanted: &[String]) -> Result<(), UnknownObjective> {
        let Some(given) = self.objectives() else { return Ok(()) };
        match wanted.iter().find(|name| !given.contains(name)) {
            Some(name) => Err(UnknownObjective::new(name, given.iter().map(String::as_str))),
            None => Ok(()),
        }
    }
}

/// An objective that is looked at and not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no objective `{name}`: {given}")]
pub struct UnknownObjective {
    /// Its name.
    pub name: String,
    /// What is given, in words.
    given: String,
}

impl UnknownObjective {
    /// One of this name, where these are given.
    pub fn new<'a>(name: &str, given: impl Iterator<Item = &'a str> + Clone) -> Self {
        let said = match given.clone().next() {
            None => {
                "the score gives none; a score of `parts` gives one for each, and a `command` may print some"
                    .to_owned()
            }
            Some(_) => format!("the score gives {}{}", list(given.clone()), hint(name, given)),
        };
        let built_in: Vec<&str> = Property::built_in_names().collect();
        let given = format!("{said}; built in are {}", list(built_in));
        Self { name: name.to_owned(), given }
    }
}
