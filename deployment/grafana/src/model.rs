//! What a dashboard is made of: rows of panels with queries, the variables that narrow them down, the events that are
//! marked in all of them. How Grafana writes it down is the matter of [`crate::grafana`].

mod palette;
mod panel;
mod unit;
mod variable;

pub use palette::{Color, Dash, Style};
pub use panel::{Form, Panel, Query};
pub use unit::Unit;
pub use variable::Variable;

use crate::promql::Expression;

/// A dashboard.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// What stands in its address, and in the name of its file.
    pub uid: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// How far back it looks at first, like `now-6h`.
    pub since: &'static str,
    /// What narrows it down.
    pub variables: Vec<Variable>,
    /// What is marked in all panels.
    pub annotations: Vec<Annotation>,
    /// Its parts, from overview to detail.
    pub rows: Vec<Row>,
}

/// A part of a dashboard.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about.
    pub title: &'static str,
    /// Whether it is opened only by those who want to know more.
    pub folded: bool,
    /// Its pictures.
    pub panels: Vec<Panel>,
}

/// An event that is marked in all panels: the moments at which a query has values.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// What happened.
    pub name: &'static str,
    /// What is said of it; `{{label}}` stands for the value of a label.
    pub text: &'static str,
    /// When it happened.
    pub expression: Expression,
    /// The colour of its mark.
    pub color: Color,
}
