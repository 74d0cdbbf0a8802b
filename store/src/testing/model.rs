//! What a store should do, in the simplest way: without durability, concurrency or speed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use evohub_evolution::Digest;

use crate::error::StoreErrorKind as Kind;
use crate::job::{IslandLease, JobId, JobRecord, JobState, Lease, NewJob, RunningJob};
use crate::record::{
    CandidateRecord, CheckpointRecord, EvaluationRecord, HistoryRecord, MigrantRecord, Notes, ProposalRecord,
    Results, Totals,
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
    /// When it was inserted, among all.
    number: usize,
    islands: BTreeMap<u32, i64>,
    candidates: Vec<CandidateRecord>,
    checkpoints: BTreeMap<u32, CheckpointRecord>,
    history: BTreeMap<(u32, u64), HistoryRecord>,
    /// By receiver, epoch and sender.
    migrants: BTreeMap<(u32, u32, u32), MigrantRecord>,
}

impl Entry {
    fn owner(&self, now: i64) -> Option<&String> {
        self.owner.as_ref().filter(|(_, expires)| *expires > now).map(|(owner, _)| owner)
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
            owner: None,
            result: None,
            error: None,
            created_at: job.created_at,
            updated_at: job.created_at,
        };
        let entry = Entry {
            record,
            token: 0,
            owner: None,
            number: self.jobs.len(),
            islands: BTreeMap::new(),
            candidates: vec![],
            checkpoints: BTreeMap::new(),
            history: BTreeMap::new(),
            migrants: BTreeMap::new(),
        };
        self.jobs.insert(job.id.clone(), entry);
        Ok(())
    }

    /// See [`Store::claim`](crate::Store::claim).
    pub fn claim(
        &mut self,
        job: &JobId,
        owner: &str,
        time: Duration,
        dead: Option<&str>,
        now: i64,
    ) -> Result<(), Kind> {
        let entry = self.jobs.get_mut(job).ok_or(Kind::NotFound)?;
        if entry.owner(now).is_some_and(|other| other != owner && Some(other.as_str()) != dead) {
            return Err(Kind::Owned);
        }
        entry.token += 1;
        entry.owner = Some((owner.to_owned(), now + time.as_millis() as i64));
        let record = &mut entry.record;
        (record.state, record.stop_requested, record.updated_at) = (JobState::Running, false, now);
        (record.result, record.error) = (None, None);
        Ok(())
    }

    /// See [`Store::occupy`](crate::Store::occupy).
    pub fn occupy(&mut self, lease: &Lease, island: u32) -> Result<(), Kind> {
        let entry = self.held(lease)?;
        if entry.owner.is_none() {
            return Err(Kind::Owned);
        }
        *entry.islands.entry(island).or_default() += 1;
        Ok(())
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

    /// See [`Store::keep`](crate::Store::keep).
    pub fn keep(&mut self, results: &Results) -> Result<u64, Kind> {
        if results.jobs().any(|job| !self.jobs.contains_key(job)) {
            return Err(Kind::NotFound);
        }
        let before = self.evaluations.len() + self.proposals.len();
        for record in &results.evaluations {
            self.evaluations.entry(record.key).or_insert_with(|| record.clone());
        }
        for record in &results.proposals {
            self.proposals.entry(record.key).or_insert_with(|| record.clone());
        }
        let new = self.evaluations.len() + self.proposals.len() - before;
        Ok((results.evaluations.len() + results.proposals.len() - new) as u64)
    }

    /// See [`Store::note`](crate::Store::note).
    pub fn note(&mut self, lease: &IslandLease, notes: &Notes) -> Result<(), Kind> {
        let entry = self.held(&lease.lease)?;
        if entry.islands.get(&lease.island) != Some(&lease.token) {
            return Err(Kind::Owned);
        }
        if let Some(from) = notes.forget_from {
            entry.candidates.retain(|known| known.island != lease.island || known.ordinal < from);
        }
        for record in &notes.candidates {
            let same = |known: &&mut CandidateRecord| {
                known.island == record.island && known.candidate == record.candidate
            };
            match entry.candidates.iter_mut().find(same) {
                Some(known) => {
                    known.validation_score = record.validation_score;
                    known.validation_cases = record.validation_cases;
                    known.objectives.clone_from(&record.objectives);
                    known.outcome.clone_from(&record.outcome);
                }
                None => entry.candidates.push(record.clone()),
            }
        }
        for record in &notes.checkpoints {
            let newest = entry.checkpoints.entry(record.island).or_insert_with(|| record.clone());
            if record.sequence > newest.sequence {
                *newest = record.clone();
            }
        }
        for record in &notes.history {
            entry.history.entry((record.island, record.sequence)).or_insert_with(|| record.clone());
        }
        for record in &notes.migrants {
            let place = (record.to, record.epoch, record.from);
            entry.migrants.entry(place).or_insert_with(|| record.clone());
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
        Ok(JobRecord { owner: entry.owner(now).cloned(), ..entry.record.clone() })
    }

    /// See [`Store::running`](crate::Store::running).
    pub fn running(&self, now: i64) -> Vec<RunningJob> {
        let mut entries: Vec<&Entry> =
            self.jobs.values().filter(|entry| entry.record.state == JobState::Running).collect();
        entries.sort_by_key(|entry| (entry.record.created_at, entry.number));
        let listed =
            |entry: &Entry| RunningJob { id: entry.record.id.clone(), owner: entry.owner(now).cloned() };
        entries.into_iter().map(listed).collect()
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

    /// See [`Store::migrants`](crate::Store::migrants).
    pub fn migrants(&self, job: &JobId, to: u32) -> Vec<MigrantRecord> {
        self.jobs[job].migrants.values().filter(|record| record.to == to).cloned().collect()
    }
}
