//! The writing of results and notes: one statement for all rows of a kind.

use std::collections::HashMap;

use evohub_evolution::CandidateId;
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::error::BoxDynError;

use super::PostgresStore;
use super::jobs::ids;
use super::rows::{column, count, number};
use super::text::written;
use crate::checks;
use crate::error::StoreError;
use crate::job::{IslandLease, JobId};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results,
};

/// The numbers of jobs by their ids.
type Numbers<'r> = HashMap<&'r JobId, i64>;

impl PostgresStore {
    pub(super) async fn keep_results(&self, results: &Results) -> Result<u64, StoreError> {
        checks::results(results, &self.address)?;
        if results.is_empty() {
            return Ok(0);
        }
        let numbers = self.numbers(results).await?;
        let mut transaction = self.begin().await?;
        // Sorted, so that those who keep the same at once meet in the same order and none waits for a second one that
        // waits for the first.
        let mut evaluations: Vec<&EvaluationRecord> = results.evaluations.iter().collect();
        evaluations.sort_by_key(|record| record.key);
        let mut proposals: Vec<&ProposalRecord> = results.proposals.iter().collect();
        proposals.sort_by_key(|record| record.key);
        let mut new = 0;
        if !evaluations.is_empty() {
            new += keep_evaluations(&mut transaction, &numbers, &evaluations)
                .await
                .map_err(|error| self.failed(error))?;
        }
        if !proposals.is_empty() {
            new += keep_proposals(&mut transaction, &numbers, &proposals)
                .await
                .map_err(|error| self.failed(error))?;
        }
        transaction.commit().await.map_err(|error| self.failed(error))?;
        Ok(((evaluations.len() + proposals.len()) as u64).saturating_sub(new))
    }

    async fn numbers<'r>(&self, results: &'r Results) -> Result<Numbers<'r>, StoreError> {
        let mut jobs: Vec<&JobId> = results.jobs().collect();
        jobs.sort_unstable();
        jobs.dedup();
        // In the order of the jobs asked for; NULL for one that is not there.
        let numbers: Vec<Option<i64>> = sqlx::query_scalar(
            "SELECT j.number FROM unnest($1::text[]) WITH ORDINALITY AS asked (id, place) \
             LEFT JOIN jobs j ON j.id = asked.id ORDER BY asked.place",
        )
        .bind(ids(jobs.iter().copied()))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(error))?;
        let mut found = Numbers::new();
        for (job, number) in jobs.into_iter().zip(numbers) {
            match number {
                Some(number) => found.insert(job, number),
                None => return Err(self.no_such_job(job).await),
            };
        }
        Ok(found)
    }

    pub(super) async fn write_notes(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
        checks::notes(lease, notes, &self.address)?;
        let mut transaction = self.begin().await?;
        let job = match self.held(&mut transaction, lease).await {
            Ok(job) => job,
            Err(refused) => {
                // At once, since the rightful owner may be waiting.
                transaction.rollback().await.map_err(|error| self.failed(error))?;
                return Err(refused);
            }
        };
        progress(&mut transaction, job, i64::from(lease.island), notes)
            .await
            .map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))
    }
}

/// Writes evaluations, and says how many of them are new.
async fn keep_evaluations(
    connection: &mut PgConnection,
    numbers: &Numbers<'_>,
    records: &[&EvaluationRecord],
) -> Result<u64, sqlx::Error> {
    let objectives = jsons(records, |record| &record.evaluation.objectives.named)?;
    let insertion = sqlx::query(
        "INSERT INTO evaluations (key, job, candidate, \"case\", split, repeat, score, dollars, latency_seconds, \
         output_length, objectives, output, feedback, input_tokens, output_tokens, model_calls, at) \
         SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::text[], $6::bigint[], \
         $7::float8[], $8::float8[], $9::float8[], $10::bigint[], $11::text[], $12::text[], $13::text[], \
         $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[]) \
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(column(records, |record| record.key.to_bytes()))
    .bind(column(records, |record| numbers[&record.job]))
    .bind(column(records, |record| record.candidate.to_bytes()))
    .bind(column(records, |record| record.case.to_bytes()))
    .bind(column(records, |record| record.split.as_str()))
    .bind(column(records, |record| i64::from(record.repeat)))
    .bind(column(records, |record| number(record.evaluation.objectives.score)))
    .bind(column(records, |record| number(record.evaluation.objectives.dollars)))
    .bind(column(records, |record| number(record.evaluation.objectives.latency_seconds)))
    .bind(column(records, |record| count(record.evaluation.objectives.output_length)))
    .bind(objectives)
    .bind(column(records, |record| written(&record.evaluation.output)))
    .bind(column(records, |record| written(&record.evaluation.feedback)))
    .bind(column(records, |record| count(record.evaluation.input_tokens)))
    .bind(column(records, |record| count(record.evaluation.output_tokens)))
    .bind(column(records, |record| i64::from(record.evaluation.model_calls)))
    .bind(column(records, |record| record.at));
    Ok(insertion.execute(connection).await?.rows_affected())
}

/// Writes proposals, and says how many of them are new.
async fn keep_proposals(
    connection: &mut PgConnection,
    numbers: &Numbers<'_>,
    records: &[&ProposalRecord],
) -> Result<u64, sqlx::Error> {
    let insertion = sqlx::query(
        "INSERT INTO proposals (key, job, text, truncated, dollars, input_tokens, output_tokens, at) \
         SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::boolean[], $5::float8[], $6::bigint[], \
         $7::bigint[], $8::bigint[]) \
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(column(records, |record| record.key.to_bytes()))
    .bind(column(records, |record| numbers[&record.job]))
    .bind(column(records, |record| written(&record.text)))
    .bind(column(records, |record| record.truncated))
    .bind(column(records, |record| number(record.dollars)))
    .bind(column(records, |record| count(record.input_tokens)))
    .bind(column(records, |record| count(record.output_tokens)))
    .bind(column(records, |record| record.at));
    Ok(insertion.execute(connection).await?.rows_affected())
}

/// Writes how far an island has come, which is for its present owner alone to say.
async fn progress(
    connection: &mut PgConnection,
    job: i64,
    island: i64,
    notes: &Notes,
) -> Result<(), sqlx::Error> {
    if let Some(from) = notes.forget_from {
        let query = sqlx::query("DELETE FROM candidates WHERE job = $1 AND island = $2 AND ordinal >= $3");
        query.bind(job).bind(island).bind(count(from)).execute(&mut *connection).await?;
    }
    let candidates = merged(&notes.candidates);
    if !candidates.is_empty() {
        note_candidates(connection, job, island, &candidates.iter().collect::<Vec<_>>()).await?;
    }
    // The newest, and of equals the first.
    let newest = notes.checkpoints.iter().reduce(|a, b| if b.sequence > a.sequence { b } else { a });
    if let Some(checkpoint) = newest {
        note_checkpoint(connection, job, island, checkpoint).await?;
    }
    if !notes.history.is_empty() {
        note_points(connection, job, island, &notes.history.iter().collect::<Vec<_>>()).await?;
    }
    if !notes.migrants.is_empty() {
        note_migrants(connection, job, island, &notes.migrants.iter().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// One column of the records, each as JSON.
fn jsons<R, T: Serialize>(records: &[&R], value: impl Fn(&R) -> &T) -> Result<Vec<String>, sqlx::Error> {
    let json = |record: &&R| serde_json::to_string(value(record)).map_err(BoxDynError::from);
    records.iter().map(json).collect::<Result<_, _>>().map_err(sqlx::Error::Encode)
}

/// Each candidate once, as it was born, and with the score and outcome that it came to last: a statement changes no row
/// twice.
fn merged(records: &[CandidateRecord]) -> Vec<CandidateRecord> {
    let mut places: HashMap<CandidateId, usize> = HashMap::new();
    let mut merged: Vec<CandidateRecord> = Vec::with_capacity(records.len());
    for record in records {
        let place = *places.entry(record.candidate.id()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(earlier) => {
                earlier.validation_score = record.validation_score;
                earlier.validation_cases = record.validation_cases;
                earlier.objectives.clone_from(&record.objectives);
                earlier.outcome.clone_from(&record.outcome);
            }
            None => merged.push(record.clone()),
        }
    }
    merged
}

async fn note_candidates(
    connection: &mut PgConnection,
    job: i64,
    island: i64,
    records: &[&CandidateRecord],
) -> Result<(), sqlx::Error> {
    let contents = jsons(records, |record| &record.candidate)?;
    let parents = jsons(records, |record| &record.parents)?;
    let objectives = jsons(records, |record| &record.objectives)?;
    sqlx::query(
        "INSERT INTO candidates (job, island, id, ordinal, content, parents, operator, generation, \
         validation_score, validation_cases, objectives, outcome) \
         SELECT $1, $2, * FROM unnest($3::bytea[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
         $9::float8[], $10::bigint[], $11::text[], $12::text[]) \
         ON CONFLICT (job, island, id) DO UPDATE SET validation_score = excluded.validation_score, \
         validation_cases = excluded.validation_cases, objectives = excluded.objectives, outcome = excluded.outcome",
    )
    .bind(job)
    .bind(island)
    .bind(column(records, |record| record.candidate.id().to_bytes()))
    .bind(column(records, |record| count(record.ordinal)))
    .bind(contents)
    .bind(parents)
    .bind(column(records, |record| written(&record.operator)))
    .bind(column(records, |record| i64::from(record.generation)))
    .bind(column(records, |record| record.validation_score.map(number)))
    .bind(column(records, |record| i64::from(record.validation_cases)))
    .bind(objectives)
    .bind(column(records, |record| written(&record.outcome)))
    .execute(connection)
    .await
    .map(drop)
}

async fn note_checkpoint(
    connection: &mut PgConnection,
    job: i64,
    island: i64,
    record: &CheckpointRecord,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO checkpoints (job, island, sequence, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (job, island) DO UPDATE SET sequence = excluded.sequence, body = excluded.body \
         WHERE excluded.sequence > checkpoints.sequence",
    )
    .bind(job)
    .bind(island)
    .bind(count(record.sequence))
    .bind(written(&record.body))
    .execute(connection)
    .await
    .map(drop)
}

async fn note_points(
    connection: &mut PgConnection,
    job: i64,
    island: i64,
    records: &[&HistoryRecord],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO history (job, island, sequence, evaluations, dollars, best, mean, diversity, population, at) \
         SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[], \
         $8::float8[], $9::bigint[], $10::bigint[]) \
         ON CONFLICT (job, island, sequence) DO NOTHING",
    )
    .bind(job)
    .bind(island)
    .bind(column(records, |record| count(record.sequence)))
    .bind(column(records, |record| count(record.evaluations)))
    .bind(column(records, |record| number(record.dollars)))
    .bind(column(records, |record| number(record.best)))
    .bind(column(records, |record| number(record.mean)))
    .bind(column(records, |record| number(record.diversity)))
    .bind(column(records, |record| i64::from(record.population)))
    .bind(column(records, |record| record.at))
    .execute(connection)
    .await
    .map(drop)
}

async fn note_migrants(
    connection: &mut PgConnection,
    job: i64,
    island: i64,
    records: &[&MigrantRecord],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO migrants (job, sender, receiver, epoch, body) \
         SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::text[]) \
         ON CONFLICT (job, receiver, epoch, sender) DO NOTHING",
    )
    .bind(job)
    .bind(island)
    .bind(column(records, |record| i64::from(record.to)))
    .bind(column(records, |record| i64::from(record.epoch)))
    .bind(column(records, |record| written(&record.body)))
    .execute(connection)
    .await
    .map(drop)
}
