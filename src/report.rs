//! The report of a job, and that of a comparison: each one HTML page that needs nothing else, for a browser without a
//! network and for paper.

mod comparison;
mod courses;
mod curves;
mod difference;
mod family;
mod frame;
mod lineage;
mod models;
mod objectives;
mod page;
mod pareto;
mod picture;
mod roster;
mod standing;
mod table;
mod text;

use evohub_actors::JobResult;
use evohub_store::{CandidateRecord, HistoryRecord, JobRecord};

use crate::comparison::Comparison;

pub use courses::{Course, CoursePoint};
pub use picture::Picture;
pub use text::four_digits;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The job.
    pub job: &'a JobRecord,
    /// What came of it, once there is something.
    pub result: Option<&'a JobResult>,
    /// All its candidates, in any order.
    pub candidates: &'a [CandidateRecord],
    /// The points of its curves, in any order.
    pub history: &'a [HistoryRecord],
}

/// The page, as HTML. The same input gives the same page.
pub fn page(input: &ReportInput<'_>) -> String {
    page::page(input)
}

/// The page of a comparison, as HTML. The same comparison gives the same page.
pub fn comparison_page(comparison: &Comparison) -> String {
    comparison::page(comparison)
}

/// The pictures of a comparison's page, each by itself: test scores, and scores over evaluations, dollars and time
/// where there is something to draw.
pub fn comparison_pictures(comparison: &Comparison) -> Vec<Picture> {
    comparison::pictures(comparison)
}

/// A picture of what algorithms reach with one budget or another, as SVG that needs nothing else. `spent` of the
/// courses' points are evaluations, on an axis of powers; `scores` says what the scores are.
pub fn budgets_picture(title: &str, scores: &'static str, courses: &[Course]) -> String {
    picture::over_budgets(title, scores, courses)
}

#[cfg(test)]
mod tests;
