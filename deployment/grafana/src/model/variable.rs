//! What a reader of a dashboard may choose.

use evohub_monitoring::metrics::names::Labels;

use crate::promql::Family;

/// A choice. The data source is one of every dashboard and is not listed.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The name by which queries call it.
    pub name: &'static str,
    /// What the reader sees.
    pub label: &'static str,
    /// What it means, in a sentence.
    pub description: &'static str,
    /// Where its values come from, for Grafana.
    pub query: String,
    /// What stands for all values, where it is not their list.
    pub all: Option<&'static str>,
    /// What is chosen at first; all values, if nothing is.
    pub first: Option<&'static str>,
}

impl Variable {
    /// The values of a label that the target has and not the family. `within` are labels with the variables that
    /// narrow them down.
    pub fn of_target<F: Family>(
        name: &'static str,
        label: &'static str,
        description: &'static str,
        family: F,
        value: &str,
        within: &[(&str, &str)],
    ) -> Self {
        let matchers: Vec<String> =
            within.iter().map(|(label, variable)| format!("{label}=~\"${variable}\"")).collect();
        let matchers =
            if matchers.is_empty() { String::new() } else { format!("{{{}}}", matchers.join(", ")) };
        let query = format!("label_values({}{matchers}, {value})", family.name());
        Self { name, label, description, query, all: None, first: None }
    }

    /// The values of a label of a family, within what the reader looks at.
    pub fn of_label<F: Family>(
        name: &'static str,
        label: &'static str,
        description: &'static str,
        family: F,
        value: impl FnOnce(<F::Labels as Labels>::Names) -> &'static str,
    ) -> Self {
        let value = value(F::Labels::NAMES);
        Self { all: Some(".+"), ..Self::of_target(name, label, description, family, value, family.scope()) }
    }
}
