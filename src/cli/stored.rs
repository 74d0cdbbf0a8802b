//! A job as the store knows it.

use evohub::evolution::CandidateId;
use evohub::store::{CandidateRecord, HistoryRecord, JobId, JobRecord, JobState, Store};
use evohub::{JobResult, JobSpec, Measured, RESULT_VERSION, Saved, Standing, leader, prompt_text};

use super::failure::Failure;

/// At most this many ids are named when an abbreviation fits several.
const NAMED: usize = 5;

/// The job with this id, or the only one whose id begins so.
pub(crate) async fn find(store: &dyn Store, text: &str) -> Result<JobRecord, Failure> {
    let jobs = store.jobs().await?;
    if !jobs.iter().any(|job| job.id.0 == text) {
        let fitting: Vec<String> = jobs
            .into_iter()
            .filter(|job| !text.is_empty() && job.id.0.starts_with(text))
            .map(|job| job.id.0)
            .collect();
        match fitting.as_slice() {
            [only] => return Ok(store.job(&JobId(only.clone())).await?),
            // The store's own message names ids that resemble it.
            [] => {}
            several => {
                let names: Vec<String> = several.iter().take(NAMED).map(|id| format!("`{id}`")).collect();
                let more = if several.len() > NAMED { ", …" } else { "" };
                return Err(Failure::bad_input(format!(
                    "`{text}` is the beginning of {} jobs: {}{more}; write more of the one you mean",
                    several.len(),
                    names.join(", ")
                )));
            }
        }
    }
    Ok(store.job(&JobId(text.to_owned())).await?)
}

/// How a job stands, in one word.
pub(crate) fn state_word(job: &JobRecord) -> &'static str {
    match job.state {
        JobState::Running if job.owner.is_none() => "interrupted",
        JobState::Running if job.stop_requested => "stopping",
        state => state.as_str(),
    }
}

/// The name that stands for the algorithm of what `evohub eval` keeps.
pub(crate) const EVALUATION: &str = "eval";

/// What `evohub eval` paid for is kept like a job, and is none.
pub(crate) fn refuse_evaluation(record: &JobRecord) -> Result<(), Failure> {
    if record.algorithm == EVALUATION {
        let message = format!("`{}` is no job: it keeps what an `evohub eval` paid for", record.id);
        return Err(Failure::bad_input(message));
    }
    Ok(())
}

/// A job with its candidates, and what came of it so far.
pub(crate) struct StoredJob {
    pub(crate) record: JobRecord,
    pub(crate) spec: JobSpec,
    pub(crate) result: JobResult,
    pub(crate) candidates: Vec<CandidateRecord>,
    pub(crate) history: Vec<HistoryRecord>,
}

impl StoredJob {
    pub(crate) async fn load(store: &dyn Store, text: &str) -> Result<Self, Failure> {
        let record = find(store, text).await?;
        refuse_evaluation(&record)?;
        let spec: JobSpec = serde_json::from_value(record.spec.clone()).map_err(|error| {
            Failure::bad_input(format!(
                "`{}` cannot be shown: it is no job of this version ({error})",
                record.id
            ))
        })?;
        let candidates = store.candidates(&record.id).await?;
        let history = store.history(&record.id).await?;
        let known = record.result.clone().and_then(|result| serde_json::from_value(result).ok());
        let result = match known {
            Some(result) => result,
            None => so_far(store, &record, &spec, &candidates, &history).await?,
        };
        Ok(Self { record, spec, result, candidates, history })
    }
}

/// What came so far of a job that runs, or that was interrupted before it could say so itself.
async fn so_far(
    store: &dyn Store,
    record: &JobRecord,
    spec: &JobSpec,
    candidates: &[CandidateRecord],
    history: &[HistoryRecord],
) -> Result<JobResult, Failure> {
    let totals = store.totals(&record.id).await?;
    let Some(seed) = spec.seeds.first() else {
        return Err(Failure::bad_input(format!("`{}` has no seed prompt", record.id)));
    };
    let standing = |id: CandidateId| {
        let found = candidates.iter().find(|other| other.candidate.id() == id);
        let candidate = found.map_or(seed, |found| &found.candidate).clone();
        Standing {
            id: id.to_string(),
            prompt: prompt_text(&candidate),
            candidate,
            train: None,
            validation: found.and_then(|found| {
                Some(Measured {
                    score: found.validation_score?,
                    interval: None,
                    cases: found.validation_cases,
                })
            }),
            test: None,
            objectives: found.map(|found| found.objectives.clone()).unwrap_or_default(),
        }
    };
    let milliseconds =
        history.iter().map(|point| point.at).max().unwrap_or(record.created_at) - record.created_at;
    Ok(JobResult {
        version: RESULT_VERSION,
        job: record.id.to_string(),
        name: record.name.clone(),
        status: state_word(record).to_owned(),
        algorithm: record.algorithm.clone(),
        reason: None,
        error: record.error.clone(),
        seed: standing(seed.id()),
        best: leader(candidates).map(standing),
        p_value: None,
        evaluations: history.iter().map(|point| point.evaluations).max().unwrap_or(0).max(totals.evaluations),
        model_calls: totals.model_calls,
        dollars: totals.dollars,
        tokens: totals.input_tokens + totals.output_tokens,
        seconds: milliseconds as f64 / 1_000.0,
        models: vec![],
        rescored: None,
        saved: Saved::default(),
        objectives: spec.algorithm.objectives().to_vec(),
        candidates: candidates.len() as u64,
    })
}
