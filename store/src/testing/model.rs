//! What a store should do, in the simplest way: without durability, concurrency or speed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use evohub_evolution::Digest;

use crate::error::StoreErrorKind as Kind;
use crate::job::{JobId, JobRecord, JobState, Lease, NewJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, JournalBatch, ProposalRecord, Totals,
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct Model {
    jobs: BTreeMap<JobId, Entry>,
    evaluations: HashMap<Digest, EvaluationRecord>,
    proposals: HashMap<Digest, ProposalRecord>,
}

#[derive(Debug)]
struct Entry {
    record: JobRecord,
    token: i64,
    owner: Option<(String, i64)>,
    candidates: Vec<CandidateRecord>,
    checkpoints: BTreeMap<u32, CheckpointRecord>,
    history: BTreeMap<(u32, u64), HistoryRecord>,
}

impl Entry {
    fn is_owned(&self, now: i64) -> bool {
        self.owner.as_ref().is_some_and(|(_, expires)| *expires > now)
    }
}

impl Model {
    /// See [`Store::insert_job`](crate::Store::insert_job).
    pub fn insert_job(&mut self, job: &NewJob) -> Result<(), Kind> {
        if self.jobs.contains_key(&job.id) {
            return Err(Kind::Invalid);
        }
        let record = JobRecord {
            id: job.id.clone(),
            name: job.name.clone(),
            algorithm: job.algorithm.clone(),
            spec: job.spec.clone(),
            state: JobState::Running,
            stop_requested: false,
            owned: false,
            result: None,
            error: None,
            created_at: job.created_at,
            updated_at: job.created_at,
        };
        let entry = Entry {
            record,
            token: 0,
            owner: None,
            candidates: vec![],
            checkpoints: BTreeMap::new(),
            history: BTreeMap::new(),
        };
        self.jobs.insert(job.id.clone(), entry);
        Ok(())
    }

    /// See [`Store::claim`](crate::Store::claim).
    pub fn claim(&mut self, job: &JobId, owner: &str, time: Duration, now: i64) -> Result<(), Kind> {
        let entry = self.jobs.get_mut(job).ok_or(Kind::NotFound)?;
        if entry.is_owned(now) && entry.owner.as_ref().is_some_and(|(other, _)| other != owner) {
            return Err(Kind::Owned);
        }
        entry.token += 1;
        entry.owner = Some((owner.to_owned(), now + time.as_millis() as i64));
        let record = &mut entry.record;
        (record.state, record.stop_requested, record.updated_at) = (JobState::Running, false, now);
        (record.result, record.error) = (None, None);
        Ok(())
    }

    /// The token of the newest lease of a job.
    pub fn token(&self, job: &JobId) -> Option<i64> {
        self.jobs.get(job).map(|entry| entry.token)
    }

    /// See [`Store::renew`](crate::Store::renew).
    pub fn renew(&mut self, lease: &Lease, time: Duration, now: i64) -> Result<bool, Kind> {
        let entry = self.held(lease)?;
        if let Some((_, expires)) = &mut entry.owner {
            *expires = now + time.as_millis() as i64;
        }
        Ok(entry.record.stop_requested)
    }

    /// See [`Store::finish`](crate::Store::finish).
    pub fn finish(
        &mut self,
        lease: &Lease,
        state: JobState,
        result: Option<&serde_json::Value>,
        error: Option<&str>,
        now: i64,
    ) -> Result<(), Kind> {
        let entry = self.held(lease)?;
        entry.owner = None;
        entry.record.state = state;
        entry.record.stop_requested &= state == JobState::Running;
        entry.record.result = result.cloned();
        entry.record.error = error.map(str::to_owned);
        entry.record.updated_at = now;
        Ok(())
    }

    /// See [`Store::request_stop`](crate::Store::request_stop).
    pub fn request_stop(&mut self, job: &JobId) -> Result<(), Kind> {
        let record = &mut self.jobs.get_mut(job).ok_or(Kind::NotFound)?.record;
        record.stop_requested = record.state == JobState::Running;
        Ok(())
    }

    /// See [`Store::commit`](crate::Store::commit).
    pub fn commit(&mut self, lease: &Lease, batch: &JournalBatch) -> Result<(), Kind> {
        for record in &batch.evaluations {
            self.evaluations.entry(record.key).or_insert_with(|| record.clone());
        }
        for record in &batch.proposals {
            self.proposals.entry(record.key).or_insert_with(|| record.clone());
        }
        let entry = self.held(lease)?;
        for record in &batch.candidates {
            let same = |known: &&mut CandidateRecord| {
                known.island == record.island && known.candidate == record.candidate
            };
            match entry.candidates.iter_mut().find(same) {
                Some(known) => {
                    known.validation_score = record.validation_score;
                    known.validation_cases = record.validation_cases;
                    known.outcome.clone_from(&record.outcome);
                }
                None => entry.candidates.push(record.clone()),
            }
        }
        for record in &batch.checkpoints {
            let newest = entry.checkpoints.entry(record.island).or_insert_with(|| record.clone());
            if record.sequence > newest.sequence {
                *newest = record.clone();
            }
        }
        for record in &batch.history {
            entry.history.entry((record.island, record.sequence)).or_insert_with(|| record.clone());
        }
        Ok(())
    }

    fn held(&mut self, lease: &Lease) -> Result<&mut Entry, Kind> {
        let entry = self.jobs.get_mut(&lease.job).ok_or(Kind::NotFound)?;
        if entry.token == lease.token { Ok(entry) } else { Err(Kind::Owned) }
    }

    /// See [`Store::job`](crate::Store::job).
    pub fn job(&self, job: &JobId, now: i64) -> Result<JobRecord, Kind> {
        let entry = self.jobs.get(job).ok_or(Kind::NotFound)?;
        Ok(JobRecord { owned: entry.is_owned(now), ..entry.record.clone() })
    }

    /// All known evaluations.
    pub fn evaluations(&self) -> &HashMap<Digest, EvaluationRecord> {
        &self.evaluations
    }

    /// All known proposals.
    pub fn proposals(&self) -> &HashMap<Digest, ProposalRecord> {
        &self.proposals
    }

    /// See [`Store::totals`](crate::Store::totals).
    pub fn totals(&self, job: &JobId) -> Totals {
        let mut totals = Totals::default();
        for record in self.evaluations.values().filter(|record| record.job == *job) {
            totals.evaluations += 1;
            totals.model_calls += u64::from(record.evaluation.model_calls);
            totals.dollars += record.evaluation.objectives.dollars;
            totals.input_tokens += record.evaluation.input_tokens;
            totals.output_tokens += record.evaluation.output_tokens;
        }
        for record in self.proposals.values().filter(|record| record.job == *job) {
            totals.model_calls += 1;
            totals.dollars += record.dollars;
            totals.input_tokens += record.input_tokens;
            totals.output_tokens += record.output_tokens;
        }
        totals
    }

    /// See [`Store::candidates`](crate::Store::candidates).
    pub fn candidates(&self, job: &JobId) -> Vec<CandidateRecord> {
        let mut records = self.jobs[job].candidates.clone();
        records.sort_by_key(|record| (record.island, record.ordinal));
        records
    }

    /// See [`Store::checkpoint`](crate::Store::checkpoint).
    pub fn checkpoint(&self, job: &JobId, island: u32) -> Option<CheckpointRecord> {
        self.jobs[job].checkpoints.get(&island).cloned()
    }

    /// See [`Store::history`](crate::Store::history).
    pub fn history(&self, job: &JobId) -> Vec<HistoryRecord> {
        self.jobs[job].history.values().cloned().collect()
    }
}
