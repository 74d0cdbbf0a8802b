//! Queries, made from typed names: what is asked of a family that is not there, or of a label that it has not, does not
//! compile.

use std::fmt;
use std::marker::PhantomData;

use evohub_monitoring::metrics::names::{Counter, Gauge, Histogram, Info, Labels, Name, Type};

/// The label that says by whom something was scraped.
pub const JOB: &str = "job";
/// The label that says which process was scraped: a node.
pub const INSTANCE: &str = "instance";

/// A family that can be asked for.
pub trait Family: Copy {
    /// Whether it is counted, measured, or observed.
    type Type: Type;
    /// Its labels.
    type Labels: Labels;

    /// As queries write it.
    fn name(self) -> String;

    /// The labels by which a reader of the dashboard narrows it down, each with its variable.
    fn scope(self) -> &'static [(&'static str, &'static str)];
}

impl<T: Type, L: Labels> Family for Name<T, L> {
    type Type = T;
    type Labels = L;

    fn name(self) -> String {
        self.full()
    }

    fn scope(self) -> &'static [(&'static str, &'static str)] {
        &[(JOB, "job"), (INSTANCE, "instance")]
    }
}

/// Over how long something is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// As long as rates need to be sure of two scrapes, and at least a point of the picture.
    Rate,
    /// All that the dashboard shows.
    Shown,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate => "$__rate_interval",
            Self::Shown => "$__range",
        })
    }
}

/// Series of a family of type `T` with the labels `L`.
#[derive(Debug, Clone)]
pub struct Series<T, L> {
    name: String,
    matchers: Vec<String>,
    of: PhantomData<fn() -> (T, L)>,
}

/// Series of a family, within what the reader of the dashboard looks at.
pub fn of<F: Family>(family: F) -> Series<F::Type, F::Labels> {
    let matcher = |(label, variable): &(&str, &str)| format!("{label}=~\"${variable}\"");
    let matchers = family.scope().iter().map(matcher).collect();
    Series { name: family.name(), matchers, of: PhantomData }
}

impl<T, L: Labels> Series<T, L> {
    fn matching(mut self, label: impl FnOnce(L::Names) -> &'static str, operator: &str, value: &str) -> Self {
        self.matchers.push(format!("{}{operator}\"{value}\"", label(L::NAMES)));
        self
    }

    /// Those where a label has a value.
    pub fn is(self, label: impl FnOnce(L::Names) -> &'static str, value: &str) -> Self {
        self.matching(label, "=", value)
    }

    /// Those where a label has another value.
    pub fn is_not(self, label: impl FnOnce(L::Names) -> &'static str, value: &str) -> Self {
        self.matching(label, "!=", value)
    }

    /// Those where a label matches an expression (RE2, the whole value).
    pub fn matches(self, label: impl FnOnce(L::Names) -> &'static str, expression: &str) -> Self {
        self.matching(label, "=~", expression)
    }

    /// Those where a label does not match an expression.
    pub fn differs(self, label: impl FnOnce(L::Names) -> &'static str, expression: &str) -> Self {
        self.matching(label, "!~", expression)
    }

    fn selector(&self, suffix: &str) -> String {
        let Self { name, matchers, .. } = self;
        match matchers.is_empty() {
            true => format!("{name}{suffix}"),
            false => format!("{name}{suffix}{{{}}}", matchers.join(", ")),
        }
    }

    fn vector(text: String) -> Vector<L> {
        Vector { expression: Expression::single(text), labels: PhantomData }
    }
}

impl<L: Labels> Series<Gauge, L> {
    /// What they say now.
    pub fn now(&self) -> Vector<L> {
        Self::vector(self.selector(""))
    }

    /// How much they rose in the window of a rate; below 0 where they fell.
    pub fn rise(&self) -> Vector<L> {
        Self::vector(format!("delta({}[{}])", self.selector(""), Window::Rate))
    }
}

impl<L: Labels> Series<Info, L> {
    /// What they say now.
    pub fn now(&self) -> Vector<L> {
        Self::vector(self.selector(""))
    }
}

impl<L: Labels> Series<Counter, L> {
    /// How fast they grow, a second.
    pub fn rate(&self) -> Vector<L> {
        Self::vector(format!("rate({}[{}])", self.selector(""), Window::Rate))
    }

    /// How much they grew in a window.
    pub fn increase(&self, window: Window) -> Vector<L> {
        Self::vector(format!("increase({}[{window}])", self.selector("")))
    }
}

impl<L: Labels> Series<Histogram, L> {
    /// How many observations there are a second.
    pub fn rate(&self) -> Vector<L> {
        Self::vector(format!("rate({}[{}])", self.selector("_count"), Window::Rate))
    }

    /// How much the sum of the observations grows a second.
    pub fn sum_rate(&self) -> Vector<L> {
        Self::vector(format!("rate({}[{}])", self.selector("_sum"), Window::Rate))
    }

    /// The mean of the observations in a window, of all series together.
    pub fn mean(&self, window: Window) -> Expression {
        let part = |suffix| Self::vector(format!("increase({}[{window}])", self.selector(suffix))).sum();
        part("_sum") / part("_count").positive()
    }

    /// The mean of the observations by labels.
    pub fn mean_by<const N: usize>(&self, labels: impl Fn(L::Names) -> [&'static str; N]) -> Expression {
        self.sum_rate().sum_by(&labels) / self.rate().sum_by(&labels).positive()
    }

    /// The value that a share of the observations does not exceed, of all series together.
    pub fn quantile(&self, share: f64) -> Expression {
        self.quantile_by(share, |_| [])
    }

    /// The value that a share of the observations does not exceed, by labels.
    pub fn quantile_by<const N: usize>(
        &self,
        share: f64,
        labels: impl Fn(L::Names) -> [&'static str; N],
    ) -> Expression {
        let by: Vec<&str> = std::iter::once("le").chain(labels(L::NAMES)).collect();
        let buckets = self.selector("_bucket");
        Expression::single(format!(
            "histogram_quantile({share}, sum by ({}) (rate({buckets}[{}])))",
            by.join(", "),
            Window::Rate
        ))
    }

    /// How many observations fall into each bucket a second.
    pub fn buckets(&self) -> Expression {
        Expression::single(format!("sum by (le) (rate({}[{}]))", self.selector("_bucket"), Window::Rate))
    }
}

/// Values with the labels of their family.
#[derive(Debug, Clone)]
pub struct Vector<L> {
    expression: Expression,
    labels: PhantomData<fn() -> L>,
}

impl<L: Labels> Vector<L> {
    fn aggregated<const N: usize>(
        &self,
        how: &str,
        labels: impl Fn(L::Names) -> [&'static str; N],
    ) -> Expression {
        match labels(L::NAMES).as_slice() {
            [] => Expression::single(format!("{how}({})", self.expression)),
            labels => Expression::single(format!("{how} by ({}) ({})", labels.join(", "), self.expression)),
        }
    }

    /// Their sum.
    pub fn sum(&self) -> Expression {
        self.sum_by(|_| [])
    }

    /// Their sums by labels.
    pub fn sum_by<const N: usize>(&self, labels: impl Fn(L::Names) -> [&'static str; N]) -> Expression {
        self.aggregated("sum", labels)
    }

    /// The greatest of them.
    pub fn max(&self) -> Expression {
        self.max_by(|_| [])
    }

    /// The greatest of them by labels.
    pub fn max_by<const N: usize>(&self, labels: impl Fn(L::Names) -> [&'static str; N]) -> Expression {
        self.aggregated("max", labels)
    }

    /// The least of them.
    pub fn min(&self) -> Expression {
        self.min_by(|_| [])
    }

    /// The least of them by labels.
    pub fn min_by<const N: usize>(&self, labels: impl Fn(L::Names) -> [&'static str; N]) -> Expression {
        self.aggregated("min", labels)
    }

    /// Their mean.
    pub fn mean(&self) -> Expression {
        self.mean_by(|_| [])
    }

    /// Their means by labels.
    pub fn mean_by<const N: usize>(&self, labels: impl Fn(L::Names) -> [&'static str; N]) -> Expression {
        self.aggregated("avg", labels)
    }

    /// How many there are.
    pub fn count(&self) -> Expression {
        self.aggregated("count", |_| [])
    }

    /// How long ago they were, of values that are moments.
    #[must_use]
    pub fn age(&self) -> Self {
        Self {
            expression: Expression::composed(format!("time() - {}", self.expression)),
            labels: PhantomData,
        }
    }
}

/// A whole expression. Arithmetic matches series by their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    text: String,
    /// Whether it stands in another expression without brackets.
    is_single: bool,
}

impl Expression {
    /// The same, and 0 where nothing was counted yet.
    #[must_use]
    pub fn or_zero(&self) -> Self {
        Self::composed(format!("{self} or on() vector(0)"))
    }

    /// The same, and 0 with a word for a label where nothing was counted yet.
    #[must_use]
    pub fn or_none(&self, label: &str, word: &str) -> Self {
        Self::composed(format!(
            "{self} or on() label_replace(vector(0), \"{label}\", \"{word}\", \"\", \"\")"
        ))
    }

    /// Where it is above 0. Nothing divided by nothing is no figure.
    #[must_use]
    pub fn positive(&self) -> Self {
        Self::composed(format!("{} > 0", self.operand()))
    }

    /// The greatest of its values.
    #[must_use]
    pub fn greatest(&self) -> Self {
        Self::single(format!("max({self})"))
    }

    /// A selector, a call or an aggregation.
    fn single(text: String) -> Self {
        Self { text, is_single: true }
    }

    /// What has an operator outside of all brackets.
    fn composed(text: String) -> Self {
        Self { text, is_single: false }
    }

    fn operand(&self) -> String {
        if self.is_single { self.text.clone() } else { format!("({self})") }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

macro_rules! arithmetic {
    ($($operation:ident $method:ident $sign:literal)+) => {
        $(
            impl std::ops::$operation for Expression {
                type Output = Self;

                fn $method(self, other: Self) -> Self {
                    Self::composed(format!("{} {} {}", self.operand(), $sign, other.operand()))
                }
            }

            impl std::ops::$operation<f64> for Expression {
                type Output = Self;

                fn $method(self, other: f64) -> Self {
                    Self::composed(format!("{} {} {other}", self.operand(), $sign))
                }
            }
        )+
    };
}

arithmetic! { Add add "+" Sub sub "-" Mul mul "*" Div div "/" }

#[cfg(test)]
mod tests {
    use evohub_monitoring::metrics::names;

    use super::*;
    use crate::recorded;

    #[test]
    fn questions_are_narrowed_down_to_what_the_reader_looks_at() {
        let scope = r#"job=~"$job", instance=~"$instance""#;
        let calls =
            of(names::LLM_API_CALLS).is_not(|of| of.outcome, "success").matches(|of| of.model, "$model");
        assert_eq!(
            calls.rate().sum_by(|of| [of.model, INSTANCE]).to_string(),
            format!(
                r#"sum by (model, instance) (rate(llm_api_calls_total{{{scope}, outcome!="success", model=~"$model"}}[$__rate_interval]))"#
            )
        );
        assert_eq!(
            of(names::EVALUATION_DURATION).quantile(0.95).to_string(),
            format!(
                "histogram_quantile(0.95, sum by (le) (rate(evaluation_duration_seconds_bucket{{{scope}}}[$__rate_interval])))"
            )
        );
        assert_eq!(of(recorded::AVAILABLE).now().min().to_string(), "min(evohub:available)");
    }

    #[test]
    fn what_has_an_operator_stands_in_brackets() {
        let [a, b] =
            [recorded::HTTP_DURATION_P50, recorded::HTTP_DURATION_P95].map(|one| of(one).now().max());
        let (a_text, b_text) = (a.to_string(), b.to_string());
        assert_eq!(
            ((a.clone() + b.clone()).positive() * 60.0).to_string(),
            format!("(({a_text} + {b_text}) > 0) * 60")
        );
        assert_eq!((a.clone() / b).or_zero().to_string(), format!("{a_text} / {b_text} or on() vector(0)"));
        assert_eq!(a.greatest().to_string(), format!("max({a_text})"));
    }
}
