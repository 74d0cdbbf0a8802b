//! Jobs that nobody runs: their owner died, was cut off, or has left.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evohub_cluster::placement::heir;
use evohub_cluster::{Member, MemberState, NodeName, View};
use evohub_store::{JobId, RunningJob, StoreError};
use tokio::time::Instant;

use super::{SupervisorMessage, SupervisorState};
use crate::actor::Address;
use crate::engine::Engine;
use crate::event::JobEvent;
use crate::node::{Node, evaluator_name};
use crate::spec::JobSpec;

/// How long the node that is to take a job over has time for it, until any other tries.
const GRACE: Duration = Duration::from_secs(5);
/// How long a job without an owner is left to the node that it was submitted to, which is about to claim it, and to one
/// that could not renew its lease in time, as when the store was away.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a job that could not be taken over is left alone.
const REST: Duration = Duration::from_secs(5);

/// What the store says of the jobs that are to be run.
pub(crate) type Found = Result<Vec<RunningJob>, StoreError>;

#[derive(Default)]
pub(super) struct Orphans {
    /// Whether the store is being asked.
    looking: bool,
    /// Since when each is known to be one.
    since: HashMap<JobId, Instant>,
    /// Those that are being taken over, or cannot be for now: until when they are left alone.
    resting: HashMap<JobId, Instant>,
}

impl SupervisorState {
    pub(super) fn look_for_orphans(&mut self, myself: &Address<SupervisorMessage>) {
        if self.node.cluster().is_none() || self.orphans.looking || self.leaving {
            return;
        }
        self.orphans.looking = true;
        let (store, myself) = (Arc::clone(&self.node.store), myself.clone());
        tokio::spawn(async move { myself.send(SupervisorMessage::OrphansFound(store.running().await)) });
    }

    pub(super) fn orphans_found(&mut self, found: Found, myself: &Address<SupervisorMessage>) {
        self.orphans.looking = false;
        let (Ok(jobs), Some(view)) = (found, self.node.view()) else { return };
        let now = Instant::now();
        let orphans: Vec<RunningJob> = jobs
            .into_iter()
            .filter(|job| self.jobs.values().all(|running| running.id != job.id))
            .filter(|job| job.owner.as_deref().is_none_or(|owner| is_gone(owner, &view, &self.node)))
            .collect();
        self.orphans.since.retain(|id, _| orphans.iter().any(|job| job.id == *id));
        self.orphans.resting.retain(|_, until| *until > now);
        for job in orphans {
            let since = *self.orphans.since.entry(job.id.clone()).or_insert(now);
            let is_new = job.owner.is_none() && now.duration_since(since) < SETTLING;
            if self.leaving || is_new || self.orphans.resting.contains_key(&job.id) {
                continue;
            }
            self.orphans.resting.insert(job.id.clone(), now + REST);
            let (node, view, supervisor) = (Arc::clone(&self.node), Arc::clone(&view), myself.clone());
            let late = now.duration_since(since) > GRACE;
            tokio::spawn(async move {
                let engine = Engine::of(node, supervisor);
                if let Err(error) = take_over(&engine, &job, &view, late).await {
                    tracing::warn!(job_id = %job.id, error, "a job that nobody runs is not taken over for now");
                }
            });
        }
    }
}

/// Whether whoever holds a lease is known to be gone. The owner of a lease is named by node and boot.
///
/// That a node is silent may mean that this one is cut off. Only those who can see most of the nodes act on it; the
/// others wait for the lease to run out, so that two sides of a cut do not take a job from each other again and again.
fn is_gone(owner: &str, view: &View, node: &Node) -> bool {
    let Some((name, boot)) = owner.split_once('#') else { return false };
    let (Ok(name), Ok(boot)) = (name.parse::<NodeName>(), boot.parse::<u64>()) else { return false };
    let Some(member) = view.member(&name) else {
        // Nobody knows of it: its lease decides.
        return false;
    };
    let sees_most =
        2 * view.living().count() > view.members.values().filter(|other| is_counted(other)).count();
    let boot_of = |known: u64| known >= boot;
    member.id.incarnation.boot > boot
        || member.state == MemberState::Left
        || node.ended.get(&name).is_some_and(boot_of)
        || (!member.is_living() && sees_most)
}

/// Whether a node is one of those that a majority is counted among: all but those that said goodbye.
fn is_counted(member: &Member) -> bool {
    member.state != MemberState::Left
}

async fn take_over(engine: &Engine, job: &RunningJob, view: &View, late: bool) -> Result<(), String> {
    let node = engine.node();
    let record = node.store.job(&job.id).await.map_err(|error| error.to_string())?;
    let Ok(spec) = serde_json::from_value::<JobSpec>(record.spec) else {
        // What another version wrote is for that version.
        return Ok(());
    };
    if record.algorithm != spec.algorithm.name() {
        // What somebody keeps like a job is none, such as what `evohub eval` paid for.
        return Ok(());
    }
    let heir = heir(view, &job.id.0, evaluator_name(&spec.evaluator));
    if heir.as_ref() != Some(node.name()) && !late {
        return Ok(());
    }
    let prepared = node.prepared(&job.id).await.map_err(|error| error.to_string())?;
    let handle = engine.take_over(&job.id, prepared, job.owner.as_deref()).await;
    match handle {
        Ok(observers) => {
            node.metrics.cluster.taken_over();
            tracing::warn!(job_id = %job.id, from = job.owner, "a job whose owner is gone is taken over");
            observers.emit(JobEvent::TakenOver { node: node.name().to_string() });
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}
