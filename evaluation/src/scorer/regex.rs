//! The answer matches a pattern.

use std::collections::BTreeSet;

use ::regex::{Regex, RegexBuilder};
use async_trait::async_trait;
use evohub_evolution::{Case, Failure};

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, folded, has_expected, unscorable};
use crate::template::{EXPECTED, Template, Variables};

/// Compares an answer with a regular expression. A pattern without a group: 1 when it matches anywhere. A
/// pattern with a group: 1 when the first group of the first match is the expected answer. `{expected}`,
/// `{input}` and columns in the pattern stand for their text, literally.
#[derive(Debug, Clone)]
pub struct RegexScorer {
    pattern: String,
    ignore_case: bool,
    variables: Variables,
    form: Form,
    groups: bool,
}

#[derive(Debug, Clone)]
enum Form {
    Constant(Regex),
    PerCase(Template),
}

impl RegexScorer {
    /// A scorer for a pattern in the syntax of the crate `regex`. `columns` are those of the cases.
    ///
    /// # Errors
    /// When the pattern is no regular expression, or would be none with text in place of its columns.
    pub fn new(
        pattern: &str,
        ignore_case: bool,
        columns: &BTreeSet<String>,
    ) -> Result<Self, Box<::regex::Error>> {
        let variables = Variables::of_scorer(columns);
        let template = Template::parse(pattern, &variables);
        // Braces mean much in patterns (`\p{L}`, `{2}`), so only a pattern with variables is read as a template.
        let (form, sample) = if template.variables().next().is_some() {
            let sample = compile(&template.fill(|_| "x".into()), ignore_case)?;
            (Form::PerCase(template), sample)
        } else {
            let regex = compile(pattern, ignore_case)?;
            (Form::Constant(regex.clone()), regex)
        };
        let groups = sample.captures_len() > 1;
        Ok(Self { pattern: pattern.to_owned(), ignore_case, variables, form, groups })
    }

    fn regex(&self, case: &Case) -> Result<Regex, Failure> {
        match &self.form {
            Form::Constant(regex) => Ok(regex.clone()),
            Form::PerCase(template) => {
                let value = |name: &str| ::regex::escape(self.variables.value(name, case)).into();
                compile(&template.fill(value), self.ignore_case)
                    .map_err(|error| unscorable(format!("the pattern with this case's columns: {error}")))
            }
        }
    }
}

fn compile(pattern: &str, ignore_case: bool) -> Result<Regex, Box<::regex::Error>> {
    RegexBuilder::new(pattern).case_insensitive(ignore_case).build().map_err(Box::new)
}

#[async_trait]
impl Scorer for RegexScorer {
    fn fingerprint(&self) -> String {
        format!("regex/1 ignore_case={} {}", self.ignore_case, self.pattern)
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        let shown = |template: &Template| template.variables().any(|name| name == EXPECTED);
        if self.groups || matches!(&self.form, Form::PerCase(template) if shown(template)) {
            has_expected(case)?;
        }
        self.regex(case).map(|_| ()).map_err(|failure| failure.message)
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let regex = self.regex(case)?;
        let Some(captures) = regex.captures(output) else {
            let feedback = format!("the answer must match the pattern `{regex}`; it is {}", excerpt(output));
            return Ok(Scored::new(0.0, feedback));
        };
        if !self.groups {
            return Ok(Scored::new(1.0, format!("correct: the answer matches the pattern `{regex}`")));
        }
        let wanted = expected(case)?;
        // Of alternatives, only one group takes part in a match.
        let found = captures.iter().skip(1).flatten().next().map_or("", |group| group.as_str());
        let right = folded(found, self.ignore_case) == folded(wanted, self.ignore_case);
        let feedback = if right {
            format!("correct: the pattern found {}", excerpt(wanted))
        } else {
            let (wanted, found) = (excerpt(wanted), excerpt(found));
            format!("expected {wanted}, found {found} where the pattern `{regex}` looks for it")
        };
        Ok(Scored::binary(right, feedback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scorer(pattern: &str) -> RegexScorer {
        RegexScorer::new(pattern, false, &["topic".to_owned()].into()).unwrap()
    }

    async fn score(pattern: &str, expected: &str, output: &str) -> f64 {
        let mut case = Case::new("q", expected);
        case.columns.insert("topic".into(), "c++ (x)".into());
        scorer(pattern).score(&case, output).await.unwrap().score
    }

    #[tokio::test]
    async fn a_pattern_matches_anywhere() {
        assert_eq!(score(r"^\d{4}$", "", "2024").await, 1.0);
        assert_eq!(score(r"^\d{4}$", "", "in 2024").await, 0.0);
        assert_eq!(score(r"\p{L}{2}", "", "12é日").await, 1.0);
    }

    #[tokio::test]
    async fn a_group_is_compared() {
        assert_eq!(score(r"Answer: (\w+)", "b", "Reasons. Answer: b").await, 1.0);
        assert_eq!(score(r"Answer: (\w+)", "b", "Answer: c").await, 0.0);
        assert_eq!(score(r"Answer: (\w+)", "b", "b").await, 0.0);
        assert_eq!(score(r"A=(\w)|B=(\w)", "b", "B=b").await, 1.0);
    }

    #[tokio::test]
    async fn columns_stand_for_their_text() {
        assert_eq!(score("^{topic}: {expected}$", "a.b", "c++ (x): a.b").await, 1.0);
        assert_eq!(score("^{topic}: {expected}$", "a.b", "c++ (x): aXb").await, 0.0);
    }

    #[test]
    fn what_cannot_work_is_found_before() {
        let error = RegexScorer::new("(", false, &BTreeSet::new()).unwrap_err().to_string();
        assert!(error.contains("unclosed group"), "{error}");
        let without = Case { expected: None, ..Case::new("q", "") };
        assert!(scorer("(a)").check(&without).is_err());
        assert!(scorer("{expected}").check(&without).is_err());
        assert!(scorer("a").check(&without).is_ok());
    }
}
