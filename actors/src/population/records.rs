//! What a population writes down of its candidates.

use std::collections::BTreeMap;

use evohub_evolution::{CandidateId, Outcome};
use evohub_store::CandidateRecord;

use super::PopulationState;

impl PopulationState {
    /// The record of a born candidate as it stands.
    pub(super) fn candidate_record(
        &self,
        id: CandidateId,
        outcome: Outcome,
        validation_score: Option<f64>,
        validation_cases: u32,
        objectives: &BTreeMap<String, f64>,
    ) -> Option<CandidateRecord> {
        let ledger = self.run.ledger();
        let birth = &ledger.born(id)?.birth;
        Some(CandidateRecord {
            job: self.arguments.means.job.clone(),
            island: self.arguments.island,
            ordinal: ledger.ordinal(id)? as u64,
            candidate: ledger.candidate(id)?.clone(),
            parents: birth.parents.clone(),
            operator: birth.operator.clone(),
            generation: birth.generation,
            validation_score,
            validation_cases,
            objectives: objectives.clone(),
            outcome: outcome.as_str().to_owned(),
        })
    }
}
