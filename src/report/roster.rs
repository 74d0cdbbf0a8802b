//! The candidates of a job, in order and by their ids.

use std::collections::{BTreeSet, HashMap};

use evohub_evolution::{CandidateId, Outcome};
use evohub_store::CandidateRecord;

use super::text::score_or_dash;

/// All candidates, by island and order of birth. A candidate is known by its place here: a run that went on from a
/// checkpoint may have given an ordinal twice.
pub(super) struct Roster<'a> {
    records: Vec<&'a CandidateRecord>,
    places: HashMap<(u32, CandidateId), usize>,
    anywhere: HashMap<CandidateId, usize>,
    parents: Vec<Vec<usize>>,
    islands: usize,
    most_cases: u32,
}

impl<'a> Roster<'a> {
    pub(super) fn new(candidates: &'a [CandidateRecord]) -> Self {
        let mut records: Vec<&CandidateRecord> = candidates.iter().collect();
        records.sort_by_key(|record| (record.island, record.ordinal, record.candidate.id()));
        let mut places = HashMap::new();
        let mut anywhere = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            let id = record.candidate.id();
            places.entry((record.island, id)).or_insert(place);
            anywhere.entry(id).or_insert(place);
        }
        let islands = records.iter().map(|record| record.island).collect::<BTreeSet<_>>().len();
        let most_cases = records.iter().map(|record| record.validation_cases).max().unwrap_or(0);
        let mut roster = Self { records, places, anywhere, parents: vec![], islands, most_cases };
        roster.parents = roster.records.iter().map(|record| roster.places_of_parents(record)).collect();
        roster
    }

    fn places_of_parents(&self, record: &CandidateRecord) -> Vec<usize> {
        let place = |id| self.places.get(&(record.island, id)).or_else(|| self.anywhere.get(&id)).copied();
        let mut places: Vec<usize> = vec![];
        for parent in record.parents.iter().filter_map(|id| place(*id)) {
            if !places.contains(&parent) {
                places.push(parent);
            }
        }
        places
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn record(&self, place: usize) -> &'a CandidateRecord {
        self.records[place]
    }

    pub(super) fn records(&self) -> impl Iterator<Item = (usize, &'a CandidateRecord)> {
        self.records.iter().copied().enumerate()
    }

    /// Where the parents of a candidate are; those that are not recorded are left out.
    pub(super) fn parents(&self, place: usize) -> &[usize] {
        &self.parents[place]
    }

    /// Where the candidate of an id, in its text form, is.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        let id: CandidateId = id.parse().ok()?;
        self.anywhere.get(&id).copied()
    }

    /// `#12`, with its island where there are several.
    pub(super) fn label(&self, place: usize) -> String {
        let record = self.records[place];
        match self.islands {
            0 | 1 => format!("#{}", record.ordinal),
            _ => format!("#{}.{}", record.island, record.ordinal),
        }
    }

    /// Whether the candidate was measured on as many cases as any: only then can its score be compared.
    pub(super) fn is_measured(&self, place: usize) -> bool {
        let record = self.records[place];
        record.validation_score.is_some() && record.validation_cases == self.most_cases
    }

    /// One line about a candidate.
    pub(super) fn title(&self, place: usize) -> String {
        let record = self.records[place];
        let parents: Vec<String> = self.parents[place].iter().map(|parent| self.label(*parent)).collect();
        let from = if parents.is_empty() { String::new() } else { format!(" from {}", parents.join(", ")) };
        format!(
            "{}: {}{from}, generation {}, {}, validation {} on {} cases, {} characters",
            self.label(place),
            record.operator,
            record.generation,
            record.outcome,
            score_or_dash(record.validation_score),
            record.validation_cases,
            record.candidate.length(),
        )
    }
}

/// A class and a shape for what became of a candidate, so that neither colour nor form stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Kept,
    Displaced,
    Fallen,
    Open,
}

impl Fate {
    pub(super) fn of(record: &CandidateRecord) -> Self {
        let is = |outcomes: &[Outcome]| outcomes.iter().any(|outcome| outcome.as_str() == record.outcome);
        if is(&[Outcome::Kept]) {
            Self::Kept
        } else if is(&[Outcome::Displaced]) {
            Self::Displaced
        } else if is(&[Outcome::Rejected, Outcome::Dropped]) {
            Self::Fallen
        } else {
            Self::Open
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Displaced => "displaced",
            Self::Fallen => "fallen",
            Self::Open => "open",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Kept => "kept in the population",
            Self::Displaced => "measured in full, then displaced",
            Self::Fallen => "fell early (rejected or dropped)",
            Self::Open => "not measured in full",
        }
    }

    /// Its mark, centered on a point.
    pub(super) fn mark(self, x: f64, y: f64) -> String {
        let class = self.class();
        match self {
            Self::Kept => format!(r#"<circle class="mark {class}" cx="{x:.1}" cy="{y:.1}" r="6"/>"#),
            Self::Displaced => format!(
                r#"<rect class="mark {class}" x="{:.1}" y="{:.1}" width="10" height="10"/>"#,
                x - 5.0,
                y - 5.0
            ),
            Self::Fallen => {
                format!(r#"<path class="mark {class}" d="M{:.1} {:.1}l8 8m0 -8l-8 8"/>"#, x - 4.0, y - 4.0)
            }
            Self::Open => {
                format!(r#"<path class="mark {class}" d="M{x:.1} {:.1}l6 6l-6 6l-6 -6z"/>"#, y - 6.0)
            }
        }
    }
}
