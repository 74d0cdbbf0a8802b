//! A picture and what is asked for it.

use super::{Color, Dash, Style, Unit};
use crate::promql::Expression;

/// How a panel shows its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One number, with its course behind it.
    Figure,
    /// Lines over time.
    Lines,
    /// Areas over time, one upon the other: parts of a sum.
    Areas,
    /// A list of what is there now.
    Table,
    /// How many values there are of each size, over time.
    Heatmap,
}

/// A picture.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What it shows, in a few words.
    pub title: &'static str,
    /// What it means, and what to think of it.
    pub description: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// How it shows them.
    pub form: Form,
    /// Columns of the 24 that a dashboard has.
    pub width: u8,
    /// What is asked.
    pub queries: Vec<Query>,
    /// From which values on it has which colour. Below the first it is as it should be.
    pub thresholds: Vec<(f64, Color)>,
    /// Whether values below the thresholds are bad, not those above.
    pub is_bad_below: bool,
    /// Whether values below 0 mean something.
    pub is_signed: bool,
    /// What stands there while there are no values.
    pub without: &'static str,
    /// The dashboard that says more, by its uid.
    pub more: Option<&'static str>,
}

/// What is asked for a panel.
#[derive(Debug, Clone)]
pub struct Query {
    /// The question.
    pub expression: Expression,
    /// The name of its series; `{{label}}` stands for the value of a label.
    pub legend: &'static str,
    /// Styles of series that are known by name.
    pub known: Vec<(&'static str, Style)>,
    /// Whether traces of single observations are shown.
    pub has_exemplars: bool,
}

impl Query {
    /// A question with the name of what answers it.
    pub fn new(legend: &'static str, expression: Expression) -> Self {
        Self { expression, legend, known: vec![], has_exemplars: false }
    }

    /// The same, and traces of single observations.
    #[must_use]
    pub fn with_exemplars(self) -> Self {
        Self { has_exemplars: true, ..self }
    }

    /// The same, where series have these names and no others: each gets a style of its own.
    #[must_use]
    pub fn known_as(self, names: &[&'static str]) -> Self {
        let known = names.iter().enumerate().map(|(index, name)| (*name, Style::nth(index))).collect();
        Self { known, ..self }
    }

    /// Whether the names of its series come from labels.
    pub fn has_many_series(&self) -> bool {
        self.legend.contains("{{")
    }
}

impl Panel {
    fn new(form: Form, title: &'static str, description: &'static str, unit: Unit) -> Self {
        let width = match form {
            Form::Figure => 4,
            Form::Lines | Form::Areas | Form::Heatmap => 8,
            Form::Table => 12,
        };
        Self {
            title,
            description,
            unit,
            form,
            width,
            queries: vec![],
            thresholds: vec![],
            is_bad_below: false,
            is_signed: false,
            without: "no data",
            more: None,
        }
    }

    /// A number.
    pub fn figure(
        title: &'static str,
        description: &'static str,
        unit: Unit,
        expression: Expression,
    ) -> Self {
        Self::new(Form::Figure, title, description, unit).ask(title, expression)
    }

    /// Lines over time.
    pub fn lines(title: &'static str, description: &'static str, unit: Unit) -> Self {
        Self::new(Form::Lines, title, description, unit)
    }

    /// Parts of a sum over time.
    pub fn areas(title: &'static str, description: &'static str, unit: Unit) -> Self {
        Self::new(Form::Areas, title, description, unit)
    }

    /// A list of what is there now.
    pub fn table(title: &'static str, description: &'static str, unit: Unit, expression: Expression) -> Self {
        Self::new(Form::Table, title, description, unit).ask(title, expression)
    }

    /// How many values there are of each size.
    pub fn heatmap(title: &'static str, description: &'static str, unit: Unit, buckets: Expression) -> Self {
        Self::new(Form::Heatmap, title, description, unit).ask("{{le}}", buckets)
    }

    /// Asks for series: one, or as many as the labels in its name have values.
    #[must_use]
    pub fn ask(self, legend: &'static str, expression: Expression) -> Self {
        self.query(Query::new(legend, expression))
    }

    /// Asks.
    #[must_use]
    pub fn query(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// The same over so many columns.
    #[must_use]
    pub fn wide(self, width: u8) -> Self {
        Self { width, ..self }
    }

    /// Orange from one value on, and vermillion from another.
    #[must_use]
    pub fn warns(mut self, warning: f64, critical: f64) -> Self {
        self.thresholds = vec![(warning, Color::Orange), (critical, Color::Vermillion)];
        self
    }

    /// Vermillion from a value on.
    #[must_use]
    pub fn alarms(mut self, critical: f64) -> Self {
        self.thresholds = vec![(critical, Color::Vermillion)];
        self
    }

    /// Vermillion below the first value and orange below the second.
    #[must_use]
    pub fn warns_below(mut self, critical: f64, warning: f64) -> Self {
        self.thresholds = vec![(critical, Color::Orange), (warning, Color::Blue)];
        self.is_bad_below = true;
        self
    }

    /// The same, for values that may be below 0.
    #[must_use]
    pub fn signed(self) -> Self {
        Self { is_signed: true, ..self }
    }

    /// What stands there while there are no values.
    #[must_use]
    pub fn without(self, without: &'static str) -> Self {
        Self { without, ..self }
    }

    /// Leads to the dashboard that says more.
    #[must_use]
    pub fn more(self, uid: &'static str) -> Self {
        Self { more: Some(uid), ..self }
    }

    /// The style of a query's series: by its place among the queries. Of many series, all have shades of its colour.
    pub fn style(&self, query: usize) -> Style {
        let style = Style::nth(query);
        if self.queries[query].has_many_series() { Style { dash: Dash::Solid, ..style } } else { style }
    }
}
