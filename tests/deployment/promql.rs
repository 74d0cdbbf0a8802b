//! What stands in an expression, as far as rules need it, and the names that there are.

use std::collections::BTreeMap;

use evohub::monitoring::metrics::{Kind, Metrics, MetricsConfig};

use crate::exporters;
use crate::rules::rules;

/// Series that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    /// Labels, operators, values.
    pub(crate) matchers: Vec<(String, String, String)>,
    /// What stands in the brackets behind it.
    pub(crate) range: Option<String>,
    /// The function or aggregation in whose brackets it stands.
    pub(crate) function: String,
}

/// Words that are neither names nor functions.
const OPERATORS: [&str; 6] = ["and", "bool", "offset", "or", "unless", "atan2"];
/// Words before a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The selectors of an expression, in their order.
pub(crate) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = vec![];
    // What is open: the word before the bracket, and for a list of labels the aggregation that it belongs to.
    let mut open: Vec<(String, String)> = vec![];
    let (mut word, mut list) = (String::new(), None);
    let mut rest = expression;
    while let Some(next) = rest.chars().next() {
        let length = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
        if length == 0 {
            rest = match next {
                '(' => {
                    open.push(match list.take() {
                        Some(list) => (list, std::mem::take(&mut word)),
                        None => (std::mem::take(&mut word), String::new()),
                    });
                    &rest[1..]
                }
                ')' => {
                    word = open.pop().expect("the bracket was opened").1;
                    &rest[1..]
                }
                '"' => rest[1..].split_once('"').expect("the text is closed").1,
                other => &rest[other.len_utf8()..],
            };
            continue;
        }
        let (name, behind) = rest.split_at(length);
        rest = behind;
        let in_list = open.last().is_some_and(|(word, _)| LISTS.contains(&word.as_str()));
        let ahead = behind.trim_start();
        if LISTS.contains(&name) {
            list = Some(name.to_owned());
        } else if ahead.starts_with('(') || ahead.starts_with("by (") || ahead.starts_with("without (") {
            word = name.to_owned();
        } else if !in_list && !OPERATORS.contains(&name) && !name.starts_with(|c: char| c.is_ascii_digit()) {
            let (matchers, behind) = matchers(behind);
            let (range, behind) = match behind.strip_prefix('[') {
                Some(inside) => {
                    let (range, behind) = inside.split_once(']').expect("the bracket is closed");
                    (Some(range.to_owned()), behind)
                }
                None => (None, behind),
            };
            rest = behind;
            let function = open.last().map(|(word, _)| word.clone()).unwrap_or_default();
            found.push(Selector { name: name.to_owned(), matchers, range, function });
        }
    }
    found
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:.".contains(c)
}

/// The matchers that a text begins with, and what stands behind them.
fn matchers(text: &str) -> (Vec<(String, String, String)>, &str) {
    let Some(mut rest) = text.strip_prefix('{') else { return (vec![], text) };
    let mut found = vec![];
    loop {
        rest = rest.trim_start_matches([' ', ',', '\n']);
        if let Some(behind) = rest.strip_prefix('}') {
            return (found, behind);
        }
        let (label, behind) = rest.split_at(rest.find(['=', '!']).expect("an operator"));
        let (operator, behind) = behind.split_once('"').expect("a value");
        let (value, behind) = behind.split_once('"').expect("the value ends");
        found.push((label.trim().to_owned(), operator.trim().to_owned(), value.to_owned()));
        rest = behind;
    }
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
        for Selector { name, matchers, .. } in selectors(expression) {
            let Some(declared) = known.get(&name) else { panic!("{place}: there is no metric {name}") };
            let Some(declared) = declared else { continue };
            // What Prometheus adds itself, and the parts of a histogram.
            let added = ["job", "instance", "cluster", "le"];
            let mut labels = matchers.iter().map(|(label, ..)| label.as_str());
            let strange = labels.find(|label| !declared.contains(label) && !added.contains(label));
            assert_eq!(strange, None, "{place}: a label that {name} does not have");
        }
    }
}

#[test]
fn selectors_are_found_wherever_they_stand() {
    let found = |expression: &str| {
        let one = |Selector { name, matchers, range, function }: Selector| {
            let matchers: Vec<String> = matchers.into_iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect();
            format!("{function}({name}{{{}}}[{}])", matchers.join(","), range.unwrap_or_default())
        };
        selectors(expression).into_iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(
        found(
            r#"sum by (le, a_label) (rate(one_total{job="x",b=~"{y}|and"}[5m])) / on (c_d) group_left () (two > 1.5e3)
               or label_replace(three:ratio_rate5m offset 5m, "four_f", "$1", "five", "(.*)") and vector(1)"#
        ),
        ["rate(one_total{job=x,b=~{y}|and}[5m])", "(two{}[])", "label_replace(three:ratio_rate5m{}[])"]
    );
    assert_eq!(
        found(r#"max(a{job=~"$job", x!="1"}) * 60 or on() label_replace(vector(0), "by", "none", "", "")"#),
        ["max(a{job=~$job,x!=1}[])"]
    );
    assert_eq!(found("time() - up"), ["(up{}[])"]);
}
