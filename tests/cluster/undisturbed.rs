//! What comes of a job that nothing disturbs, and that one process does alone.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use evohub::JobResult;
use evohub::store::{CandidateRecord, JobId};

use crate::folder::{Folder, cases};
use crate::lab::{Counts, Kind, Lab, job};

/// Cases of a job.
pub(crate) const CASES: std::ops::Range<u32> = 0..80;

/// What comes of a job that nothing disturbs.
pub(crate) struct Undisturbed {
    pub(crate) result: JobResult,
    pub(crate) candidates: Vec<Family>,
    /// How often each question was asked.
    pub(crate) questions: Counts,
    /// Evaluations kept in the store.
    pub(crate) evaluations: u64,
}

/// All that decides a candidate's place in its family.
pub(crate) type Family = (u32, u64, String, Vec<String>, String, u32, Option<f64>, u32, String);

pub(crate) fn family(record: CandidateRecord) -> Family {
    (
        record.island,
        record.ordinal,
        record.candidate.id().to_string(),
        record.parents.iter().map(ToString::to_string).collect(),
        record.operator,
        record.generation,
        record.validation_score,
        record.validation_cases,
        record.outcome,
    )
}

/// The same for all jobs of a kind in this process.
pub(crate) fn undisturbed(kind: Kind) -> &'static Undisturbed {
    static APART: OnceLock<Undisturbed> = OnceLock::new();
    static ALIKE: OnceLock<Undisturbed> = OnceLock::new();
    let known = match kind {
        Kind::Apart => &APART,
        Kind::Alike => &ALIKE,
    };
    known.get_or_init(|| alone(kind))
}

fn alone(kind: Kind) -> Undisturbed {
    let (lab, folder) = (Lab::start(0), Folder::new());
    folder.write("cases.jsonl", &cases(CASES));
    folder.write("job.toml", &job(lab.url(), "alone", kind));
    let output = folder.command(&["run", "job.toml", "--json"]).env("LAB_KEY", "alone").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: JobResult = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result.status, "done");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (candidates, evaluations): (Vec<Family>, u64) = runtime.block_on(async {
        let store = evohub::store::open(folder.store().to_str().unwrap()).await.unwrap();
        let id = JobId(result.job.clone());
        let candidates = store.candidates(&id).await.unwrap();
        (candidates.into_iter().map(family).collect(), store.totals(&id).await.unwrap().evaluations)
    });
    if kind == Kind::Apart {
        let bred = candidates.iter().filter(|candidate| !["seed", "migrant"].contains(&candidate.4.as_str()));
        let bred: Vec<&str> = bred.map(|candidate| candidate.2.as_str()).collect();
        let different: BTreeSet<&str> = bred.iter().copied().collect();
        assert_eq!(different.len(), bred.len(), "the job is not of its kind: try another seed");
    }
    Undisturbed { result, candidates, questions: lab.questions("alone"), evaluations }
}
