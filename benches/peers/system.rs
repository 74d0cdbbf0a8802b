//! What is compared: an algorithm of evohub's, or a program of others.

use std::collections::BTreeMap;

use evohub::evaluation::{DataConfig, Renderer, Variables};
use evohub::evolution::{AlgorithmConfig, Candidate, Case};
use evohub::llm::ChatMessage;
use evohub::{JobSpec, prompt_text};
use serde_json::{Value, json};

use crate::job;
use crate::program::{Assignment, PROGRAMS, Program, Said};

#[derive(Debug, Clone)]
pub(crate) enum System {
    Program(Program),
    Algorithm {
        /// As its user wrote it.
        word: String,
        config: Box<AlgorithmConfig>,
        /// Whether it may ask the reflection model.
        reflection: bool,
    },
}

/// Before the name of an algorithm that has no reflection model.
const ALONE: &str = "alone:";

/// The prompt that a search ended with.
#[derive(Debug)]
pub(crate) enum Chosen {
    Candidate(Candidate),
    Said(Said),
}

impl System {
    /// A program by its word, an algorithm by its name, or an algorithm with settings as JSON without spaces:
    /// `{"name":"gepa","in_flight":8}`. After `alone:` it makes all candidates without a reflection model.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        if let Some(program) = PROGRAMS.into_iter().find(|program| program.word == word) {
            return Ok(Self::Program(program));
        }
        let name = word.strip_prefix(ALONE).unwrap_or(word);
        let config = if name.starts_with('{') {
            serde_json::from_str::<Value>(name).map_err(|error| format!("{word}: {error}"))?
        } else {
            json!({"name": name})
        };
        let config = serde_json::from_value(config).map_err(|error| {
            let programs: Vec<&str> = PROGRAMS.iter().map(|program| program.word).collect();
            format!("{word} is no algorithm ({error}), and none of {}", programs.join(", "))
        })?;
        Ok(Self::Algorithm { word: word.to_owned(), config, reflection: !word.starts_with(ALONE) })
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::Program(program) => program.label.to_owned(),
            Self::Algorithm { word, .. } => format!("evohub {word}"),
        }
    }

    /// Searches. `operators` are weights for the operators of evohub's, which others have not.
    pub(crate) async fn run(
        &self,
        assignment: &Assignment<'_>,
        sealed: Case,
        operators: BTreeMap<String, f64>,
    ) -> Result<Chosen, String> {
        let (config, has_reflection) = match self {
            Self::Program(program) => return program.run(assignment).await.map(Chosen::Said),
            Self::Algorithm { config, reflection, .. } => (config.as_ref().clone(), *reflection),
        };
        let search = assignment.search.clone();
        let start = &assignment.prompts[0];
        let mut spec = job::spec(assignment.url, start, search, sealed, config, assignment.evaluations);
        spec.seeds = spec.seeds.into_iter().map(|seed| seed.with_placement(assignment.placement)).collect();
        if !has_reflection {
            spec.reflection.clear();
        }
        for reflection in &mut spec.reflection {
            reflection.max_output_tokens = assignment.proposal_tokens;
        }
        let result = job::run(JobSpec { seed: assignment.seed, operators, ..spec }).await?;
        result.best.map(|best| Chosen::Candidate(best.candidate)).ok_or_else(|| "chose no prompt".to_owned())
    }
}

impl Chosen {
    /// The prompt for people to read.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Candidate(candidate) => prompt_text(candidate),
            Self::Said(said) => said.prompt.clone(),
        }
    }

    /// The conversation in which its system asks about a case.
    pub(crate) fn turns(&self, case: &Case) -> Vec<ChatMessage> {
        match self {
            Self::Candidate(candidate) => {
                let variables = Variables::of_task([], &DataConfig::default());
                Renderer::new("{input}", variables).unwrap().render(candidate, case)
            }
            Self::Said(said) => {
                let mut turns = said.before_input.clone();
                if let Some(last) = turns.last_mut() {
                    last.content.push_str(&case.input);
                }
                turns
            }
        }
    }

    /// Seconds of processor time, where the search had a process of its own.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        match self {
            Self::Candidate(_) => None,
            Self::Said(said) => Some(said.cpu_seconds),
        }
    }
}
