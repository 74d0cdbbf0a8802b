//! The record of a job.

use std::collections::BTreeMap;

use evohub::doctor::Told;
use evohub::prompt_text;
use evohub::store::{CandidateRecord, HistoryRecord, JobRecord, Store};
use serde_json::{Value, json};

use super::bundle::Bundle;
use super::clean::{settings_of, without_prompts};
use crate::cli::stored::state_word;

/// Most candidates that are taken, the newest.
const MOST_CANDIDATES: usize = 5_000;

/// Most points of the curves that are taken, the newest.
const MOST_POINTS: usize = 5_000;

const STORE: &str = "the store";

/// Adds all that the store knows of a job.
pub(super) async fn collect(
    bundle: &mut Bundle,
    store: &dyn Store,
    record: &JobRecord,
    nodes: &[Told],
    with_content: bool,
) {
    let id = &record.id;
    let candidates = bundle.had("the job's candidates", store.candidates(id).await).unwrap_or_default();
    let history = bundle.had("the job's curves", store.history(id).await).unwrap_or_default();
    let totals = bundle.had("what the job has paid for", store.totals(id).await);
    let document = json!({
        "job": id,
        "name": record.name,
        "algorithm": record.algorithm,
        "state": record.state,
        "standing": state_word(record),
        "stop_requested": record.stop_requested,
        "lease_held_by": record.owner,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "error": record.error,
        "budget": record.spec["budget"],
        "totals": totals,
        "placed": nodes.iter().filter_map(|told| placed(told, &id.0)).collect::<Vec<_>>(),
        "candidates": candidates.len(),
        "candidates_by_outcome": by_outcome(&candidates),
        "points": history.len(),
        "progress": last_points(&history),
    });
    bundle.json("job/record.json", STORE, &document);
    let spec = if with_content { record.spec.clone() } else { settings_of(&record.spec) };
    bundle.json("job/spec.json", STORE, &spec);
    match &record.result {
        Some(result) if with_content => bundle.json("job/result.json", STORE, result),
        Some(result) => bundle.json("job/result.json", STORE, &without_prompts(result.clone())),
        None => bundle.missing("the job's result", "it has none yet"),
    }
    let newest = history.len().saturating_sub(MOST_POINTS);
    let source = |what: &str, most: usize| format!("{STORE}, the newest {most} {what} at most");
    bundle.json("job/curves.json", &source("points", MOST_POINTS), &&history[newest..]);
    let newest = candidates.len().saturating_sub(MOST_CANDIDATES);
    let told: Vec<Value> =
        candidates[newest..].iter().map(|candidate| candidate_of(candidate, with_content)).collect();
    bundle.json("job/candidates.json", &source("candidates", MOST_CANDIDATES), &told);
}

/// Where a node says that the job and its islands are.
fn placed(told: &Told, job: &str) -> Option<Value> {
    let status = told.status.as_ref().ok()?;
    let owner = status.nodes.iter().find(|node| node.jobs.iter().any(|owned| owned == job));
    let hosted = status.nodes.iter().flat_map(|node| {
        let islands = node.islands.iter().filter(|(hosted, _)| hosted == job);
        islands.map(|(_, island)| (*island, node.name.as_str()))
    });
    let islands: BTreeMap<u32, &str> = hosted.collect();
    Some(json!({"as_seen_by": status.by, "owner": owner.map(|node| &node.name), "islands": islands}))
}

fn by_outcome(candidates: &[CandidateRecord]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for candidate in candidates {
        *counts.entry(candidate.outcome.as_str()).or_insert(0) += 1;
    }
    counts
}

/// Where each island stands.
fn last_points(history: &[HistoryRecord]) -> BTreeMap<u32, &HistoryRecord> {
    // Those of an island are in their order.
    history.iter().map(|point| (point.island, point)).collect()
}

/// A candidate by its place and outcome; its text only where that is asked for. Whole ids look like keys.
fn candidate_of(record: &CandidateRecord, with_content: bool) -> Value {
    let mut told = json!({
        "id": record.candidate.id().short(),
        "island": record.island,
        "ordinal": record.ordinal,
        "parents": record.parents.iter().map(|id| id.short()).collect::<Vec<_>>(),
        "operator": record.operator,
        "generation": record.generation,
        "outcome": record.outcome,
        "validation_score": record.validation_score,
        "validation_cases": record.validation_cases,
    });
    if with_content {
        told["prompt"] = prompt_text(&record.candidate).into();
    }
    told
}
