//! The report of a job, and that of a comparison: each one HTML page that needs nothing else, for a browser without a
//! network and for paper.

mod comparison;
mod curves;
mod difference;
mod family;
mod frame;
mod lineage;
mod models;
mod objectives;
mod page;
mod pareto;
mod roster;
mod standing;
mod table;
mod text;

use evohub_actors::JobResult;
use evohub_store::{CandidateRecord, HistoryRecord, JobRecord};

use crate::comparison::Comparison;

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

#[cfg(test)]
mod tests;
