//! Names in PromQL, and those that there are.

use std::collections::{BTreeMap, BTreeSet};

use evohub::monitoring::metrics::{Kind, Metrics, MetricsConfig};

use crate::exporters;
use crate::rules::rules;

/// A metric that an expression names, and the labels by which it is selected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selected {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
}

/// What an expression selects. No parser: promtool says whether it is PromQL.
pub(crate) fn selected(expression: &str) -> BTreeSet<Selected> {
    let mut found = BTreeSet::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => rest = &rest[1 + rest[1..].find('"').expect("a text ends") + 1..],
            '[' => rest = &rest[rest.find(']').expect("a range ends")..],
            '{' => rest = &rest[end_of_matchers(rest)..],
            // Numbers, with their exponents and units.
            '0'..='9' => rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.'),
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                rest = after;
                if ["by", "without", "on", "ignoring", "group_left", "group_right"].contains(&name) {
                    let list = rest.trim_start();
                    rest = if list.starts_with('(') {
                        &list[list.find(')').expect("a list ends")..]
                    } else {
                        rest
                    };
                    continue;
                }
                let is_called = ["(", "by ", "by(", "without"].iter().any(|next| rest.trim_start().starts_with(next));
                if is_called || ["and", "or", "unless", "bool", "offset"].contains(&name) {
                    continue;
                }
                let labels = match rest.starts_with('{') {
                    true => labels(&rest[1..end_of_matchers(rest)]),
                    false => vec![],
                };
                found.insert(Selected { name: name.to_owned(), labels });
            }
            c => rest = &rest[c.len_utf8()..],
        }
    }
    found
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Where the matchers end that begin a text.
fn end_of_matchers(text: &str) -> usize {
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        c == '}' && !quoted
    });
    end.expect("matchers end")
}

/// The labels that matchers name: what stands before their operators.
fn labels(matchers: &str) -> Vec<String> {
    let unquoted: String = matchers.split('"').step_by(2).collect::<Vec<_>>().join("");
    let names = unquoted.split(',').map(|matcher| matcher.trim().trim_end_matches(['=', '!', '~']));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Every name that an expression may use, with the labels that evohub gives it; `None`: it is another's.
fn known() -> BTreeMap<String, Option<&'static [&'static str]>> {
    let metrics = Metrics::new(&MetricsConfig::default());
    let mut known: BTreeMap<String, Option<&[&str]>> = BTreeMap::new();
    for metric in metrics.catalogue() {
        let suffixes: &[&str] = match metric.kind {
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| (format!("{}{suffix}", metric.name), Some(metric.labels))));
    }
    let exported = exporters::SHOWN.iter().flat_map(|(_, names)| names.iter());
    for name in exported.chain(&["up", "ALERTS"]) {
        known.entry((*name).to_owned()).or_insert(None);
    }
    known.extend(rules().into_iter().filter_map(|rule| Some((rule.record?, None))));
    known
}

/// Checks that all that an expression selects is there.
pub(crate) fn check_names<'a>(expressions: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let known = known();
    for (place, expression) in expressions {
        for Selected { name, labels } in selected(expression) {
            let Some(declared) = known.get(&name) else { panic!("{place}: there is no metric {name}") };
            let Some(declared) = declared else { continue };
            // What Prometheus adds itself, and the parts of a histogram.
            let added = ["job", "instance", "cluster", "le"];
            let strange = labels
                .iter()
                .find(|label| !declared.contains(&label.as_str()) && !added.contains(&label.as_str()));
            assert_eq!(strange, None, "{place}: a label that {name} does not have");
        }
    }
}

#[test]
fn what_an_expression_selects_is_found() {
    let expression = r#"sum by (le, a_label) (rate(one_total{job="x",b=~"{y}|and"}[5m])) / on (c_d) group_left () (two > 1.5e3)
        or label_replace(three:ratio_rate5m offset 5m, "four_f", "$1", "five", "(.*)") and vector(1)"#;
    let selected: Vec<Selected> = selected(expression).into_iter().collect();
    let of = |name: &str, labels: &[&str]| Selected {
        name: name.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    };
    assert_eq!(selected, [of("one_total", &["job", "b"]), of("three:ratio_rate5m", &[]), of("two", &[])]);
}
