//! The writing of results and notes.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::Insertion;
use crate::checks;
use crate::error::StoreError;
use crate::job::{IslandLease, JobId};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results,
};

static EVALUATIONS: Insertion = Insertion {
    head: "INSERT INTO evaluations (key, job, candidate, \"case\", split, repeat, score, dollars, \
           latency_seconds, output_length, objectives, output, feedback, input_tokens, \
           output_tokens, model_calls, at) VALUES",
    columns: 17,
    tail: "ON CONFLICT (key) DO NOTHING",
};

static PROPOSALS: Insertion = Insertion {
    head: "INSERT INTO proposals (key, job, text, truncated, dollars, input_tokens, output_tokens, at) \
           VALUES",
    columns: 8,
    tail: "ON CONFLICT (key) DO NOTHING",
};

static CANDIDATES: Insertion = Insertion {
    head: "INSERT INTO candidates (job, island, id, ordinal, content, parents, operator, generation, \
           validation_score, validation_cases, objectives, outcome) VALUES",
    columns: 12,
    tail: "ON CONFLICT (job, island, id) DO UPDATE SET validation_score = excluded.validation_score, \
           validation_cases = excluded.validation_cases, objectives = excluded.objectives, outcome = excluded.outcome",
};

static CHECKPOINTS: Insertion = Insertion {
    head: "INSERT INTO checkpoints (job, island, sequence, body) VALUES",
    columns: 4,
    tail: "ON CONFLICT (job, island) DO UPDATE SET sequence = excluded.sequence, body = excluded.body \
           WHERE excluded.sequence > checkpoints.sequence",
};

static HISTORY: Insertion = Insertion {
    head: "INSERT INTO history (job, island, sequence, evaluations, dollars, best, mean, diversity, \
           population, at) VALUES",
    columns: 10,
    tail: "ON CONFLICT (job, island, sequence) DO NOTHING",
};

static MIGRANTS: Insertion = Insertion {
    head: "INSERT INTO migrants (job, receiver, epoch, sender, body) VALUES",
    columns: 5,
    tail: "ON CONFLICT (job, receiver, epoch, sender) DO NOTHING",
};

/// The numbers of jobs by their ids.
type Numbers<'r> = HashMap<&'r JobId, i64>;

impl SqliteStore {
    pub(super) async fn keep_results(&self, results: &Results) -> Result<u64, StoreError> {
        checks::results(results, &self.address)?;
        if results.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.write().await?;
        let numbers = self.numbers(&mut transaction, results).await?;
        let new = paid_for(&mut transaction, &numbers, results).await.map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))?;
        let all = results.evaluations.len() + results.proposals.len();
        Ok((all as u64).saturating_sub(new))
    }

    async fn numbers<'r>(
        &self,
        connection: &mut SqliteConnection,
        results: &'r Results,
    ) -> Result<Numbers<'r>, StoreError> {
        let mut numbers = Numbers::new();
        for job in results.jobs() {
            if numbers.contains_key(job) {
                continue;
            }
            let query = sqlx::query_scalar("SELECT number FROM jobs WHERE id = ?").bind(&job.0);
            let number = query.fetch_optional(&mut *connection).await.map_err(|error| self.failed(error))?;
            match number {
                Some(number) => numbers.insert(job, number),
                None => return Err(self.not_found_among(job, connection).await),
            };
        }
        Ok(numbers)
    }

    pub(super) async fn write_notes(&self, lease: &IslandLease, notes: &Notes) -> Result<(), StoreError> {
        checks::notes(lease, notes, &self.address)?;
        let mut transaction = self.write().await?;
        let job = self.held(&mut transaction, lease).await?;
        forget(&mut transaction, job, lease.island, notes.forget_from)
            .await
            .map_err(|error| self.failed(error))?;
        progress(&mut transaction, job, notes).await.map_err(|error| self.failed(error))?;
        transaction.commit().await.map_err(|error| self.failed(error))
    }
}

/// Writes what somebody has paid for, and says how much of it is new.
async fn paid_for(
    connection: &mut SqliteConnection,
    numbers: &Numbers<'_>,
    results: &Results,
) -> Result<u64, sqlx::Error> {
    let evaluations = EVALUATIONS
        .run(connection, &results.evaluations, |record: &EvaluationRecord, values| {
            let EvaluationRecord { key, job, candidate, case, split, repeat, evaluation, at } = record;
            values.digest(*key)?;
            values.add(numbers[job])?;
            values.digest(*candidate)?;
            values.digest(*case)?;
            values.add(split.as_str())?;
            values.add(*repeat)?;
            let objectives = &evaluation.objectives;
            values.number(objectives.score)?;
            values.number(objectives.dollars)?;
            values.number(objectives.latency_seconds)?;
            values.count(objectives.output_length)?;
            values.add(serde_json::to_string(&objectives.named)?)?;
            values.add(evaluation.output.as_str())?;
            values.add(evaluation.feedback.as_str())?;
            values.count(evaluation.input_tokens)?;
            values.count(evaluation.output_tokens)?;
            values.add(evaluation.model_calls)?;
            values.add(*at)
        })
        .await?;
    let proposals = PROPOSALS
        .run(connection, &results.proposals, |record: &ProposalRecord, values| {
            values.digest(record.key)?;
            values.add(numbers[&record.job])?;
            values.add(record.text.as_str())?;
            values.add(record.truncated)?;
            values.number(record.dollars)?;
            values.count(record.input_tokens)?;
            values.count(record.output_tokens)?;
            values.add(record.at)
        })
        .await?;
    Ok(evaluations + proposals)
}

/// Forgets the candidates of an island from one on.
async fn forget(
    connection: &mut SqliteConnection,
    job: i64,
    island: u32,
    from: Option<u64>,
) -> Result<(), sqlx::Error> {
    let Some(from) = from else { return Ok(()) };
    let query = sqlx::query("DELETE FROM candidates WHERE job = ? AND island = ? AND ordinal >= ?");
    query.bind(job).bind(island).bind(i64::try_from(from).unwrap_or(i64::MAX)).execute(connection).await?;
    Ok(())
}

/// Writes how far an island has come, which is for its present owner alone to say.
async fn progress(connection: &mut SqliteConnection, job: i64, notes: &Notes) -> Result<(), sqlx::Error> {
    CANDIDATES
        .run(connection, &notes.candidates, |record: &CandidateRecord, values| {
            values.add(job)?;
            values.add(record.island)?;
            values.digest(record.candidate.id())?;
            values.count(record.ordinal)?;
            values.add(serde_json::to_string(&record.candidate)?)?;
            values.add(serde_json::to_string(&record.parents)?)?;
            values.add(record.operator.as_str())?;
            values.add(record.generation)?;
            match record.validation_score {
                Some(score) => values.number(score)?,
                None => values.add(None::<f64>)?,
            }
            values.add(record.validation_cases)?;
            values.add(serde_json::to_string(&record.objectives)?)?;
            values.add(record.outcome.as_str())
        })
        .await?;
    CHECKPOINTS
        .run(connection, &notes.checkpoints, |record: &CheckpointRecord, values| {
            values.add(job)?;
            values.add(record.island)?;
            values.count(record.sequence)?;
            values.add(record.body.as_str())
        })
        .await?;
    HISTORY
        .run(connection, &notes.history, |record: &HistoryRecord, values| {
            values.add(job)?;
            values.add(record.island)?;
            values.count(record.sequence)?;
            values.count(record.evaluations)?;
            values.number(record.dollars)?;
            values.number(record.best)?;
            values.number(record.mean)?;
            values.number(record.diversity)?;
            values.add(record.population)?;
            values.add(record.at)
        })
        .await?;
    MIGRANTS
        .run(connection, &notes.migrants, |record: &MigrantRecord, values| {
            values.add(job)?;
            values.add(record.to)?;
            values.add(record.epoch)?;
            values.add(record.from)?;
            values.add(record.body.as_str())
        })
        .await?;
    Ok(())
}
