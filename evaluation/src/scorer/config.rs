//! Scorers from configuration.

mod objectives;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evohub_evolution::Case;
use evohub_evolution::optimizers::Property;
use evohub_llm::ChatModel;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    CommandScorer, ContainsScorer, ExactScorer, Invocation, JsonScorer, JudgeScorer, LabelPlace, LabelScorer,
    NumericScorer, RegexScorer, Scorer, Similarity, SimilarityScorer, WeightedScorer,
};
use crate::nearest::{hint, list};

pub use objectives::UnknownObjective;
use objectives::names;

/// More distinct expected answers than this are no labels.
const MOST_LABELS: usize = 20;
const COMMAND_TIMEOUT_SECONDS: f64 = 30.0;
const JUDGE_OUTPUT_TOKENS: u32 = 1_024;

/// A way to score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Metric {
    /// The answer is the expected text: [`ExactScorer`].
    Exact,
    /// The expected text stands in the answer: [`ContainsScorer`].
    Contains,
    /// The answer matches a pattern: [`RegexScorer`].
    Regex,
    /// The last number of the answer is the expected one: [`NumericScorer`].
    Numeric,
    /// The answer is JSON of the right form and content: [`JsonScorer`].
    Json,
    /// The answer is like the expected text: [`SimilarityScorer`].
    Similarity,
    /// The answer gives the expected label: [`LabelScorer`].
    Label,
    /// A model judges the answer: [`JudgeScorer`].
    Judge,
    /// A command judges the answer: [`CommandScorer`].
    Command,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Exact,
        Self::Contains,
        Self::Regex,
        Self::Numeric,
        Self::Json,
        Self::Similarity,
        Self::Label,
        Self::Judge,
        Self::Command,
    ];

    /// The name used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Regex => "regex",
            Self::Numeric => "numeric",
            Self::Json => "json",
            Self::Similarity => "similarity",
            Self::Label => "label",
            Self::Judge => "judge",
            Self::Command => "command",
        }
    }

    /// The keys of a configuration that say something to it.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Exact | Self::Contains => &["ignore_case"],
            Self::Regex => &["pattern", "ignore_case"],
            Self::Numeric => &["tolerance", "relative_tolerance"],
            Self::Json => &["schema", "schema_file", "fields"],
            Self::Similarity => &["method", "ignore_case"],
            Self::Label => &["labels", "place"],
            Self::Judge => &["rubric", "max_output_tokens"],
            Self::Command => &["command", "shell", "timeout_seconds", "version"],
        }
    }
}

impl TryFrom<String> for Metric {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let names = || Self::ALL.map(Self::as_str);
        Self::ALL.into_iter().find(|metric| metric.as_str() == name).ok_or_else(|| {
            format!("there is no metric `{name}` (there are {}){}", list(names()), hint(&name, names()))
        })
    }
}

impl From<Metric> for &'static str {
    fn from(metric: Metric) -> Self {
        metric.as_str()
    }
}

/// How answers are scored, as a user writes it: one `metric` with its keys, or several `parts`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreConfig {
    /// The way to score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Several ways, whose weighted mean is the score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ScoreConfig>,
    /// Of a part: what feedback and objectives call it; its metric unless said, with a number where that comes again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of a part: how much it counts, above 0; 1 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// exact, contains, regex, similarity: whether upper and lower case are the same; false unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_case: Option<bool>,
    /// regex: the pattern. Its first group, if it has one, is compared with the expected answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// numeric: how far off the number may be; 0 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// numeric: how far off it may be as a share of the expected number; 0 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_tolerance: Option<f64>,
    /// json: a JSON Schema that the answer must satisfy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// json: a file with that schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_file: Option<PathBuf>,
    /// json: the fields compared with the expected JSON; all of them unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// similarity: the measure; `edit` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Similarity>,
    /// label: all labels there are; those of the cases unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// label: where the label must stand; `anywhere` when `labels` are given, else `start`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<LabelPlace>,
    /// judge: what makes an answer good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rubric: Option<String>,
    /// judge: its answer is cut after this many tokens; 1024 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// command: the program and its arguments, run in the folder of the job file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// command: a line for `sh -c`, instead of `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// command: the time it has for one answer; 30 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    /// command: any text; another one makes stored scores void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a scorer is built with, beside its configuration.
#[derive(Clone, Default)]
pub struct ScoreContext {
    /// What paths are relative to, and where commands run.
    pub folder: PathBuf,
    /// The columns that patterns and rubrics may name.
    pub columns: BTreeSet<String>,
    /// The distinct expected answers.
    pub answers: BTreeSet<String>,
    /// The model that judges.
    pub judge: Option<Arc<dyn ChatModel>>,
}

impl ScoreContext {
    /// The context of these cases.
    pub fn new<'a>(folder: impl Into<PathBuf>, cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut context = Self { folder: folder.into(), ..Self::default() };
        for case in cases {
            context.columns.extend(case.columns.keys().cloned());
            context.answers.extend(case.expected.clone());
        }
        context
    }

    /// The same with a model that judges.
    #[must_use]
    pub fn with_judge(self, judge: Arc<dyn ChatModel>) -> Self {
        Self { judge: Some(judge), ..self }
    }
}

/// A configuration that gives no scorer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreConfigError {
    /// The key, below the table of the scorer, as in `parts[1].pattern`.
    pub key: String,
    /// What is wrong with it.
    pub kind: ScoreConfigErrorKind,
}

/// What is wrong with a key of a scorer's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreConfigErrorKind {
    /// It must be there.
    #[error("is missing; {0}")]
    Missing(String),
    /// It says nothing to this metric.
    #[error("does not belong here; {0}")]
    Unused(String),
    /// Its value cannot be used.
    #[error("{0}")]
    Invalid(String),
}

impl fmt::Display for ScoreConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`score.{}` {}", self.key, self.kind)
    }
}

impl std::error::Error for ScoreConfigError {}

/// Builds the scorer that a configuration asks for.
///
/// # Errors
/// The first key that is missing, superfluous or wrong.
pub fn build(config: &ScoreConfig, context: &ScoreContext) -> Result<Arc<dyn Scorer>, ScoreConfigError> {
    if let Some(name) = &config.name {
        let message = format!("only parts have a name, and this (`{name}`) is the whole");
        return Err(ScoreConfigError { key: "name".into(), kind: ScoreConfigErrorKind::Unused(message) });
    }
    if let Some(weight) = config.weight {
        let message = format!("only parts have a weight, and this ({weight}) is the whole");
        return Err(ScoreConfigError { key: "weight".into(), kind: ScoreConfigErrorKind::Unused(message) });
    }
    if config.parts.is_empty() {
        return Keys { config, context, prefix: String::new() }.scorer();
    }
    let whole = Keys { config, context, prefix: String::new() };
    whole.refuse_all_but(&["parts"], "a score of parts takes its keys in the parts")?;
    let mut parts = Vec::<(String, f64, Arc<dyn Scorer>)>::with_capacity(config.parts.len());
    for (index, (config, name)) in config.parts.iter().zip(names(&config.parts)).enumerate() {
        let keys = Keys { config, context, prefix: format!("parts[{index}].") };
        if !config.parts.is_empty() {
            return Err(keys.unused("parts", "a part has no parts of its own"));
        }
        let weight = config.weight.unwrap_or(1.0);
        if !(weight.is_finite() && weight > 0.0) {
            return Err(keys.invalid("weight", format!("must be a number above 0, not {weight}")));
        }
        if Property::built_in_names().any(|built_in| built_in == name) {
            return Err(
                keys.invalid("name", format!("`{name}` is the name of something built in; take another"))
            );
        }
        if parts.iter().any(|(other, ..)| *other == name) {
            return Err(
                keys.invalid("name", format!("there are two parts `{name}`; give one another `name`"))
            );
        }
        parts.push((name, weight, keys.scorer()?));
    }
    WeightedScorer::new(parts)
        .map(|scorer| Arc::new(scorer) as Arc<dyn Scorer>)
        .ok_or_else(|| whole.invalid("parts", "there is none"))
}

/// The keys of one scorer, and where they stand.
struct Keys<'a> {
    config: &'a ScoreConfig,
    context: &'a ScoreContext,
    prefix: String,
}

impl Keys<'_> {
    fn error(&self, key: &str, kind: ScoreConfigErrorKind) -> ScoreConfigError {
        ScoreConfigError { key: format!("{}{key}", self.prefix), kind }
    }

    fn missing(&self, key: &str, what: impl Into<String>) -> ScoreConfigError {
        self.error(key, ScoreConfigErrorKind::Missing(what.into()))
    }

    fn unused(&self, key: &str, why: impl Into<String>) -> ScoreConfigError {
        self.error(key, ScoreConfigErrorKind::Unused(why.into()))
    }

    fn invalid(&self, key: &str, why: impl fmt::Display) -> ScoreConfigError {
        self.error(key, ScoreConfigErrorKind::Invalid(why.to_string()))
    }

    fn refuse_all_but(&self, known: &[&str], why: &str) -> Result<(), ScoreConfigError> {
        let Ok(Value::Object(given)) = serde_json::to_value(self.config) else { return Ok(()) };
        match given.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(self.unused(key, why)),
            None => Ok(()),
        }
    }

    fn scorer(&self) -> Result<Arc<dyn Scorer>, ScoreConfigError> {
        let Some(metric) = self.config.metric else {
            let names = list(Metric::ALL.map(Metric::as_str));
            return Err(self.missing("metric", format!("write one of {names}")));
        };
        let keys = metric.keys();
        let why = format!("the metric `{}` has the keys {}", metric.as_str(), list(keys.iter().copied()));
        self.refuse_all_but(&[keys, &["metric", "name", "weight"]].concat(), &why)?;
        let ignore_case = self.config.ignore_case.unwrap_or_default();
        Ok(match metric {
            Metric::Exact => Arc::new(ExactScorer { ignore_case }),
            Metric::Contains => Arc::new(ContainsScorer { ignore_case }),
            Metric::Similarity => {
                Arc::new(SimilarityScorer { method: self.config.method.unwrap_or_default(), ignore_case })
            }
            Metric::Regex => {
                let pattern = self.config.pattern.as_ref().ok_or_else(|| {
                    self.missing("pattern", "write a regular expression such as 'Answer: (\\w+)'")
                })?;
                let scorer = RegexScorer::new(pattern, ignore_case, &self.context.columns);
                Arc::new(scorer.map_err(|error| self.invalid("pattern", error))?)
            }
            Metric::Numeric => Arc::new(NumericScorer {
                tolerance: self.tolerance("tolerance", self.config.tolerance)?,
                relative_tolerance: self.tolerance("relative_tolerance", self.config.relative_tolerance)?,
            }),
            Metric::Json => Arc::new(self.json()?),
            Metric::Label => Arc::new(self.label()?),
            Metric::Judge => Arc::new(self.judge()?),
            Metric::Command => Arc::new(self.command()?),
        })
    }

    fn tolerance(&self, key: &str, value: Option<f64>) -> Result<f64, ScoreConfigError> {
        let value = value.unwrap_or_default();
        match value.is_finite() && value >= 0.0 {
            true => Ok(value),
            false => Err(self.invalid(key, format!("must be a number of at least 0, not {value}"))),
        }
    }

    fn json(&self) -> Result<JsonScorer, ScoreConfigError> {
        let (key, schema) = match (&self.config.schema, &self.config.schema_file) {
            (Some(_), Some(_)) => return Err(self.unused("schema_file", "there is a `schema` already")),
            (schema, None) => ("schema", schema.clone()),
            (None, Some(path)) => {
                let path = self.context.folder.join(path);
                let invalid = |error: &dyn fmt::Display| {
                    self.invalid("schema_file", format!("{}: {error}", path.display()))
                };
                let text = std::fs::read_to_string(&path).map_err(|error| invalid(&error))?;
                ("schema_file", Some(serde_json::from_str(&text).map_err(|error| invalid(&error))?))
            }
        };
        JsonScorer::new(schema, self.config.fields.clone().unwrap_or_default())
            .map_err(|error| self.invalid(key, format!("is no JSON Schema: {error}")))
    }

    fn label(&self) -> Result<LabelScorer, ScoreConfigError> {
        let given = self.config.labels.as_ref();
        if given.is_some_and(Vec::is_empty) {
            return Err(self.invalid("labels", "must name at least one label"));
        }
        let place = self.config.place.unwrap_or(match given {
            Some(_) => LabelPlace::Anywhere,
            None => LabelPlace::Start,
        });
        let answers = &self.context.answers;
        let labels: Vec<&str> = match given {
            Some(labels) => labels.iter().map(String::as_str).collect(),
            None if answers.len() <= MOST_LABELS => answers.iter().map(String::as_str).collect(),
            None if place == LabelPlace::Anywhere => {
                let why =
                    format!("the cases have {} expected answers; name those that are labels", answers.len());
                return Err(self.missing("labels", why));
            }
            None => Vec::new(),
        };
        // What is wrong with a case's own answer is said of that case.
        let labels = labels.into_iter().filter(|label| given.is_some() || !label.trim().is_empty());
        LabelScorer::new(place, labels, given.is_some()).map_err(|error| self.invalid("labels", error))
    }

    fn judge(&self) -> Result<JudgeScorer, ScoreConfigError> {
        let rubric = self.config.rubric.as_ref().ok_or_else(|| {
            self.missing("rubric", "say what makes an answer good, as in \"Is it polite and to the point?\"")
        })?;
        let judge = self.context.judge.clone().ok_or_else(|| {
            self.invalid("metric", "is `judge`, and there is no model that judges; name one as `model.judge`")
        })?;
        let tokens = self.config.max_output_tokens.unwrap_or(JUDGE_OUTPUT_TOKENS);
        if tokens == 0 {
            return Err(self.invalid("max_output_tokens", "must be above 0"));
        }
        JudgeScorer::new(judge, rubric, tokens, &self.context.columns)
            .map_err(|error| self.invalid("rubric", error))
    }

    fn command(&self) -> Result<CommandScorer, ScoreConfigError> {
        let invocation = match (&self.config.command, &self.config.shell) {
            (Some(_), Some(_)) => return Err(self.unused("shell", "there is a `command` already")),
            (None, None) => {
                return Err(self.missing(
                    "command",
                    "write a program and its arguments, as in [\"python3\", \"score.py\"]",
                ));
            }
            (Some(words), None) if words.first().is_none_or(String::is_empty) => {
                return Err(self.invalid("command", "must name a program"));
            }
            (Some(words), None) => Invocation::Program(words.clone()),
            (None, Some(line)) => Invocation::Shell(line.clone()),
        };
        let seconds = self.config.timeout_seconds.unwrap_or(COMMAND_TIMEOUT_SECONDS);
        let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero());
        let timeout = timeout.ok_or_else(|| {
            self.invalid("timeout_seconds", format!("must be a number above 0, not {seconds}"))
        })?;
        let version = self.config.version.as_deref().unwrap_or_default();
        Ok(CommandScorer::new(invocation, &self.context.folder, timeout, version))
    }
}

#[cfg(test)]
mod tests;
