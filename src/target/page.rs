//! A page of metrics in OpenMetrics' text form.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Ends every whole page.
const END: &str = "# EOF";

/// How much of a line that cannot be read is repeated.
const SHOWN: usize = 60;

/// Samples by name. What a family is called, means and is of is not kept: the reader knows what it looks for.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    samples: BTreeMap<String, Vec<Sample>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// What leads to one of the observations that it counts.
    pub exemplar: Option<Exemplar>,
}

/// An observation that stands for others, with the labels that lead to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Labels that lead to it.
    pub labels: Labels,
    /// What was observed.
    pub value: f64,
}

/// Names and values in the order of the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels(Vec<(String, String)>);

/// Why a page cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A line is neither a comment nor a sample.
    #[error("line {line} is no metric: {text}")]
    NoMetric {
        /// Its number, from 1.
        line: usize,
        /// The beginning of it.
        text: String,
    },
    /// The mark of the end is missing.
    #[error("it was cut short after line {lines}: it does not end with `{END}`")]
    CutShort {
        /// The lines that came.
        lines: usize,
    },
}

impl Page {
    /// The samples of this name; none when the page has none.
    pub fn samples(&self, name: &str) -> &[Sample] {
        self.samples.get(name).map_or(&[], Vec::as_slice)
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The value of a metric that has no labels; the sum over its series when it has.
    pub fn value(&self, name: &str) -> Option<f64> {
        let samples = self.samples(name);
        (!samples.is_empty()).then(|| samples.iter().map(|sample| sample.value).sum())
    }
}

impl Labels {
    /// The value of a label; empty when it is not there, as the format has it.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl FromStr for Page {
    type Err = PageError;

    fn from_str(text: &str) -> Result<Self, PageError> {
        let mut page = Self::default();
        if text.trim().is_empty() {
            return Err(PageError::Empty);
        }
        let mut rest = text;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            let line = line.trim_end_matches('\r');
            if line == END {
                return Ok(page);
            }
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let Some((name, sample)) = Scanner(line).sample() else {
                // Where a page ends within a line, it is the end that is missing, not the line that is wrong.
                return Err(if rest.is_empty() && number > 1 {
                    PageError::CutShort { lines: number - 1 }
                } else {
                    PageError::NoMetric { line: number, text: beginning(line) }
                });
            };
            page.samples.entry(name.to_owned()).or_default().push(sample);
        }
        Err(PageError::CutShort { lines: number })
    }
}

/// The beginning of a line, fit for a message.
fn beginning(line: &str) -> String {
    let mut text: String = line.chars().filter(|char| !char.is_control()).take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        text.push('…');
    }
    text
}

/// What is left of a line. Each method takes something off its beginning, or says that it is not there.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    /// `name{labels} value [timestamp] [# {labels} value [timestamp]]`, to the end of the line.
    fn sample(mut self) -> Option<(&'a str, Sample)> {
        let name = self.name(true)?;
        let labels = if self.0.starts_with('{') { self.labels()? } else { Labels::default() };
        let value = self.number()?;
        if self.spaces() && !self.0.is_empty() && !self.0.starts_with('#') {
            self.number()?;
            self.spaces();
        }
        let exemplar = if self.takes('#') { Some(self.exemplar()?) } else { None };
        self.spaces();
        self.0.is_empty().then_some((name, Sample { labels, value, exemplar }))
    }

    fn exemplar(&mut self) -> Option<Exemplar> {
        self.spaces();
        let labels = self.labels()?;
        let value = self.number()?;
        if self.spaces() && !self.0.is_empty() {
            self.number()?;
        }
        Some(Exemplar { labels, value })
    }

    fn name(&mut self, of_metric: bool) -> Option<&'a str> {
        let belongs = |(at, char): (usize, char)| {
            char.is_ascii_alphabetic()
                || char == '_'
                || (of_metric && char == ':')
                || (at > 0 && char.is_ascii_digit())
        };
        let end = self.0.char_indices().find(|&place| !belongs(place)).map_or(self.0.len(), |(at, _)| at);
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        (!name.is_empty()).then_some(name)
    }

    fn labels(&mut self) -> Option<Labels> {
        let mut labels = vec![];
        if !self.takes('{') {
            return None;
        }
        loop {
            self.spaces();
            if self.takes('}') {
                return Some(Labels(labels));
            }
            let name = self.name(false)?.to_owned();
            self.spaces();
            let is_given = self.takes('=');
            self.spaces();
            if !is_given || !self.takes('"') {
                return None;
            }
            labels.push((name, self.quoted()?));
            self.spaces();
            if !self.takes(',') && !self.0.starts_with('}') {
                return None;
            }
        }
    }

    /// The rest of a quoted text, and its closing quote.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.0.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(text);
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    escaped @ ('\\' | '"') => text.push(escaped),
                    other => text.extend(['\\', other]),
                },
                char => text.push(char),
            }
        }
        None
    }

    fn number(&mut self) -> Option<f64> {
        self.spaces();
        let end = self.0.find([' ', '\t']).unwrap_or(self.0.len());
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        number.parse().ok()
    }

    /// Takes white space away; whether there was any.
    fn spaces(&mut self) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let were_there = rest.len() < self.0.len();
        self.0 = rest;
        were_there
    }

    fn takes(&mut self, char: char) -> bool {
        let rest = self.0.strip_prefix(char);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn labels(labels: &[(&str, &str)]) -> Labels {
        Labels(labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_page_is_read() {
        let page: Page = "\
# HELP evaluation_duration_seconds How long an evaluation took.
# TYPE evaluation_duration_seconds histogram
# UNIT evaluation_duration_seconds seconds
evaluation_duration_seconds_bucket{le=\"0.5\"} 3 # {trace_id=\"4bf9\"} 0.25 1700000000.5
evaluation_duration_seconds_bucket{le=\"+Inf\"} 4 1700000000
evolution_best_fitness NaN
odd{path=\"C:\\\\a \\\"b\\\"\\nc\",empty=\"\",} +Inf
# EOF
whatever follows the end
"
        .parse()
        .unwrap();
        let [half, all] = page.samples("evaluation_duration_seconds_bucket") else { panic!("{page:?}") };
        assert_eq!((half.labels.get("le"), half.value), ("0.5", 3.0));
        let exemplar = Exemplar { labels: labels(&[("trace_id", "4bf9")]), value: 0.25 };
        assert_eq!((half.exemplar.as_ref(), all.exemplar.as_ref()), (Some(&exemplar), None));
        assert!(page.value("evolution_best_fitness").unwrap().is_nan());
        let odd = &page.samples("odd")[0];
        assert_eq!((odd.labels.get("path"), odd.labels.get("none")), ("C:\\a \"b\"\nc", ""));
        assert_eq!(odd.value, f64::INFINITY);
        assert_eq!(page.value("unknown"), None);
    }

    #[test]
    fn what_is_no_page_is_named() {
        let error = |text: &str| text.parse::<Page>().unwrap_err().to_string();
        assert_eq!(error(" \n"), "it is empty");
        assert_eq!(error("<!DOCTYPE html>\n<html>\n# EOF"), "line 1 is no metric: <!DOCTYPE html>");
        assert_eq!(error("a 1\nb{c=\"d\"} one\n# EOF"), "line 2 is no metric: b{c=\"d\"} one");
        assert_eq!(error("a 1\nb 2\n"), "it was cut short after line 2: it does not end with `# EOF`");
        assert_eq!(error("a 1\nb{c=\"d"), "it was cut short after line 1: it does not end with `# EOF`");
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-zA-Z_][a-zA-Z0-9_]{0,8}"
    }

    fn some_labels() -> impl Strategy<Value = Labels> {
        proptest::collection::vec((name(), "\\PC{0,6}|[\\\\\"\n{}#, ]{0,6}"), 0..4).prop_map(Labels)
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>().prop_filter("compared below", |value| !value.is_nan()), Just(f64::INFINITY)]
    }

    fn sample() -> impl Strategy<Value = Sample> {
        let exemplar = (some_labels(), value()).prop_map(|(labels, value)| Exemplar { labels, value });
        (some_labels(), value(), proptest::option::of(exemplar))
            .prop_map(|(labels, value, exemplar)| Sample { labels, value, exemplar })
    }

    fn written(labels: &Labels) -> String {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let pairs: Vec<String> =
            labels.0.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        format!("{{{}}}", pairs.join(","))
    }

    proptest! {
        #[test]
        fn nothing_makes_the_parser_panic(text in "\\PC{0,80}|[a-z{}=\",#\\\\ \n0-9]{0,80}") {
            let _ = text.parse::<Page>();
            let _ = format!("{text}\n# EOF").parse::<Page>();
        }

        #[test]
        fn a_generated_page_is_read_as_it_was_meant(
            samples in proptest::collection::btree_map(name(), proptest::collection::vec(sample(), 1..4), 0..5),
            timestamp in proptest::option::of(0..2_000_000_000_u32),
        ) {
            let mut text = String::new();
            for (name, series) in &samples {
                let _ = writeln!(text, "# TYPE {name} unknown");
                for sample in series {
                    let _ = write!(text, "{name}{} {}", written(&sample.labels), sample.value);
                    if let Some(timestamp) = timestamp {
                        let _ = write!(text, " {timestamp}");
                    }
                    if let Some(Exemplar { labels, value }) = &sample.exemplar {
                        let _ = write!(text, " # {} {value}", written(labels));
                    }
                    text.push('\n');
                }
            }
            let cut = text.clone();
            text.push_str("# EOF\n");
            prop_assert_eq!(text.parse::<Page>(), Ok(Page { samples }));
            prop_assert!(cut.parse::<Page>().is_err());
        }
    }
}
