//! What no database is asked to hold: numbers that are none, counts beyond the reach of its integers, records
//! that do not belong together.

use std::collections::BTreeMap;

use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::job::IslandLease;
use crate::record::{Notes, Results};

/// `Invalid` when one of the results cannot be written to the store at `place`.
pub(crate) fn results(results: &Results, place: &str) -> Result<(), StoreError> {
    let check = || -> Result<(), String> {
        for record in &results.evaluations {
            let evaluation = &record.evaluation;
            number("the score of an evaluation", evaluation.objectives.score)?;
            number("the price of an evaluation", evaluation.objectives.dollars)?;
            number("the latency of an evaluation", evaluation.objectives.latency_seconds)?;
            finite("an objective of an evaluation", &evaluation.objectives.named)?;
            count("the length of an answer", evaluation.objectives.output_length)?;
            count("the input tokens of an evaluation", evaluation.input_tokens)?;
            count("the output tokens of an evaluation", evaluation.output_tokens)?;
        }
        for record in &results.proposals {
            number("the price of a proposal", record.dollars)?;
            count("the input tokens of a proposal", record.input_tokens)?;
            count("the output tokens of a proposal", record.output_tokens)?;
        }
        Ok(())
    };
    check().map_err(|why| refused(place, &why))
}

/// `Invalid` when one of the notes cannot be written to the store at `place` under the lease.
pub(crate) fn notes(lease: &IslandLease, notes: &Notes, place: &str) -> Result<(), StoreError> {
    stray(lease, notes)?;
    let check = || -> Result<(), String> {
        for record in &notes.candidates {
            count("the ordinal of a candidate", record.ordinal)?;
            number("the score of a candidate", record.validation_score.unwrap_or(0.0))?;
            finite("an objective of a candidate", &record.objectives)?;
        }
        for record in &notes.checkpoints {
            count("the sequence of a checkpoint", record.sequence)?;
        }
        for record in &notes.history {
            count("the sequence of a point", record.sequence)?;
            count("the evaluations of a point", record.evaluations)?;
            number("the price of a point", record.dollars)?;
            number("the best score of a point", record.best)?;
            number("the mean score of a point", record.mean)?;
            number("the diversity of a point", record.diversity)?;
        }
        Ok(())
    };
    check().map_err(|why| refused(place, &why))
}

/// `Invalid` when one of the notes is not of the lease's island.
fn stray(lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
    let candidates = notes.candidates.iter().map(|record| (&record.job, record.island));
    let checkpoints = notes.checkpoints.iter().map(|record| (&record.job, record.island));
    let history = notes.history.iter().map(|record| (&record.job, record.island));
    let migrants = notes.migrants.iter().map(|record| (&record.job, record.from));
    let mut places = candidates.chain(checkpoints).chain(history).chain(migrants);
    let own = (&lease.lease.job, lease.island);
    places.find(|place| *place != own).map_or(Ok(()), |(job, island)| {
        let message = format!(
            "a record of island {island} of job `{job}` stands among those of island {} of job `{}`",
            lease.island, lease.lease.job
        );
        Err(StoreError::new(Kind::Invalid, message))
    })
}

fn number(name: &str, value: f64) -> Result<(), String> {
    if value.is_nan() { Err(format!("{name} is not a number")) } else { Ok(()) }
}

/// What stands as JSON.
fn finite(name: &str, values: &BTreeMap<String, f64>) -> Result<(), String> {
    match values.iter().find(|(_, value)| !value.is_finite()) {
        Some((key, value)) => Err(format!("{name}, `{key}`, is {value}")),
        None => Ok(()),
    }
}

fn count(name: &str, value: u64) -> Result<(), String> {
    i64::try_from(value).map(drop).map_err(|_| format!("{name} is {value}, at most {} fit", i64::MAX))
}

fn refused(place: &str, why: &str) -> StoreError {
    StoreError::new(Kind::Invalid, format!("the store {place} cannot hold this: {why}"))
}
