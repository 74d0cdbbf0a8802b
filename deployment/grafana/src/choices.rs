//! What stands for the variables in a query when it is asked elsewhere than in Grafana.

use std::time::Duration;

/// Values of variables.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Names and values, the longest name first, so that none is taken for the beginning of another.
    values: Vec<(String, String)>,
}

impl Choices {
    /// Rates over `rate`, and all that is shown is `shown`; both in whole seconds at least.
    pub fn new(rate: Duration, shown: Duration) -> Self {
        let seconds = |duration: Duration| format!("{}s", duration.as_secs().max(1));
        Self { values: vec![] }.with("__rate_interval", &seconds(rate)).with("__range", &seconds(shown))
    }

    /// The same with a value for another variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.values.push((name.to_owned(), value.to_owned()));
        self.values.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        self
    }

    /// A query with values in the place of variables. Those that are not known are left as they are.
    pub fn apply(&self, query: &str) -> String {
        self.values
            .iter()
            .fold(query.to_owned(), |query, (name, value)| query.replace(&format!("${name}"), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_has_its_value() {
        let choices = Choices::new(Duration::from_secs(15), Duration::from_mins(3))
            .with("job", "evohub")
            .with("job_name", "films");
        assert_eq!(
            choices.apply(r#"rate(a{job=~"$job", b="$job_name", c="$c"}[$__rate_interval]) + b[$__range]"#),
            r#"rate(a{job=~"evohub", b="films", c="$c"}[15s]) + b[180s]"#
        );
    }
}
