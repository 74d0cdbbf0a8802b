//! Pictures by themselves, for documents that are no page of a report.

use evohub_charts::Axis;

use super::courses::{self, Course};
use super::text::count;

const PAGE: &str = include_str!("page.css");
const RULES: &str = include_str!("picture.css");
/// The end of what tells a picture's content to those who do not see it.
const TOLD: &str = "</desc>";

/// A picture as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it shows, in words that a file can be called by: small letters and hyphens.
    pub name: String,
    /// The picture, as SVG that needs nothing else.
    pub svg: String,
}

/// The picture of scores over budgets of evaluations, on an axis of powers. `scores` says what the scores are.
pub(super) fn over_budgets(title: &str, scores: &'static str, courses: &[Course]) -> String {
    let budgets = courses.iter().flat_map(|course| &course.points).map(|point| point.spent);
    let x = Axis::logarithmic("evaluations", budgets, |value| count(value.round() as u64));
    standalone(&courses::chart("budgets", title, x, scores, courses))
}

/// The picture with the rules of a page in it and on a page's paper. Its colours are those of a light page, in plain
/// words, since not all that draws pictures knows variables.
pub(super) fn standalone(svg: &str) -> String {
    let mut rules = RULES.to_owned();
    let root = PAGE.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(root, _)| root);
    let mut paper = "";
    for (name, value) in root.split(';').filter_map(|rule| rule.trim().strip_prefix("--")?.split_once(": ")) {
        rules = rules.replace(&format!("var(--{name})"), value);
        if name == "paper" {
            paper = value;
        }
    }
    let (head, body) = svg.split_once(TOLD).unwrap_or(("", svg));
    format!(r#"{head}{TOLD}<style>{rules}</style><rect width="100%" height="100%" fill="{paper}"/>{body}"#)
}
