//! Carries the runs of a comparison out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evohub::comparison::ComparedRun;
use evohub::store::{JobId, JobRecord, JobState, Store};
use evohub::{Engine, EngineConfig, JobHandle, JobResult, JobSpec, PreparedJob, Toolbox};
use futures::{StreamExt as _, stream};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::board::Board;
use super::plan::{Cache, Plan, PlannedRun};
use crate::cli::display::clock;
use crate::cli::failure::Failure;
use crate::cli::follow::{FRAME, interrupts, status_of};
use crate::cli::output::Output;
use crate::cli::place;
use crate::cli::resume::wait_for_lease;
use crate::cli::status::Status;
use crate::cli::stored::StoredJob;

/// How a run stands when its turn is over.
pub(super) enum Outcome {
    /// It has come to an end, or failed.
    Ended(Box<ComparedRun>),
    /// It was stopped, or never begun, because the user has interrupted the comparison or another run could not go on.
    Stopped,
}

/// The course of a comparison.
pub(super) struct Course<'a> {
    plan: &'a Plan,
    toolbox: Toolbox,
    board: Board,
    fresh: bool,
    /// Runs that had ended before.
    known: AtomicUsize,
    stop: watch::Sender<bool>,
}

impl<'a> Course<'a> {
    /// Ready to run. From now on an interrupt stops the runs, and a second one ends the program.
    pub(super) fn new(
        plan: &'a Plan,
        toolbox: Toolbox,
        output: &Output,
        fresh: bool,
    ) -> Result<Self, Failure> {
        let stop = watch::Sender::new(false);
        let (mut interrupts, sender, output) = (interrupts()?, stop.clone(), output.clone());
        let board = Board::new(&output, plan.runs.len());
        tokio::spawn(async move {
            while interrupts.recv().await.is_some() {
                if sender.send_replace(true) {
                    output.error("ended at once; the same command goes on");
                    std::process::exit(Status::Interrupted.code().into());
                }
                output.note("interrupted: calls under way are waited for; once more ends at once");
            }
        });
        Ok(Self { plan, toolbox, board, fresh, known: AtomicUsize::new(0), stop })
    }

    /// Carries out all runs, so many at once, in the order of the plan.
    pub(super) async fn run(&self, at_once: usize) -> Result<Vec<Outcome>, Failure> {
        let outcomes = stream::iter(&self.plan.runs).map(|run| async move {
            let outcome = self.carry_out(run).await;
            if outcome.is_err() {
                // The others are stopped, not dropped: what they have under way is paid for.
                self.stop.send_replace(true);
            }
            outcome
        });
        let outcomes: Vec<Result<Outcome, Failure>> = outcomes.buffered(at_once).collect().await;
        outcomes.into_iter().collect()
    }

    /// Takes the line of progress away, and says what was not run.
    pub(super) fn end(&self) {
        let output = self.board.output();
        output.bar().finish_and_clear();
        let (known, all) = (self.known.load(Ordering::Relaxed), self.plan.runs.len());
        if known > 0 {
            output.note(&format!(
                "{known} of {all} runs had ended before and were not run again; --fresh runs all anew"
            ));
        }
    }

    async fn carry_out(&self, run: &PlannedRun) -> Result<Outcome, Failure> {
        if *self.stop.borrow() {
            return Ok(Outcome::Stopped);
        }
        if self.fresh && self.plan.cache == Cache::Separate {
            run.forget()?;
        }
        let store = place::open(&run.address).await?;
        let outcome = self.carry_out_in(run, &store).await;
        store.close().await;
        outcome
    }

    async fn carry_out_in(&self, run: &PlannedRun, store: &Arc<dyn Store>) -> Result<Outcome, Failure> {
        let known = if self.fresh { None } else { find(&**store, &run.spec).await? };
        if let Some(done) = known.as_ref().filter(|record| record.state == JobState::Done) {
            let compared = load(run, &**store, &done.id).await?;
            self.known.fetch_add(1, Ordering::Relaxed);
            self.board.ended(&run.label, &format!("known, {}", told(&compared)));
            return Ok(Outcome::Ended(Box::new(compared)));
        }
        let prepared = tokio::task::spawn_blocking({
            let (spec, toolbox) = (run.spec.clone(), self.toolbox.clone());
            move || PreparedJob::new(spec, &toolbox)
        });
        let prepared = prepared.await.map_err(|error| Failure::failed(error.to_string()))??;
        let toolbox = self.toolbox.clone();
        let engine = Engine::start(EngineConfig { toolbox, ..EngineConfig::new(Arc::clone(store)) }).await?;
        let outcome = self.follow(run, &engine, known, prepared, &**store).await;
        engine.shutdown().await;
        outcome
    }

    async fn follow(
        &self,
        run: &PlannedRun,
        engine: &Engine,
        known: Option<JobRecord>,
        prepared: PreparedJob,
        store: &dyn Store,
    ) -> Result<Outcome, Failure> {
        let handle = match known {
            None => engine.submit_prepared(prepared).await?,
            Some(record) => {
                wait_for_lease(store, &record.id, self.board.output()).await?;
                engine.resume_prepared(&record.id, prepared).await?
            }
        };
        let result = self.watch(run, &handle).await?;
        if status_of(&result) == Status::Interrupted {
            return Ok(Outcome::Stopped);
        }
        let compared = load(run, store, handle.id()).await?;
        self.board.ended(&run.label, &told(&compared));
        Ok(Outcome::Ended(Box::new(compared)))
    }

    /// Shows a job until it ends, and stops it when all are to stop.
    async fn watch(&self, run: &PlannedRun, handle: &JobHandle) -> Result<JobResult, Failure> {
        let (progress, mut stop) = (handle.progress(), self.stop.subscribe());
        let mut frames = tokio::time::interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopping = false;
        let result = handle.result();
        tokio::pin!(result);
        loop {
            tokio::select! {
                result = &mut result => return Ok(result?),
                _ = stop.wait_for(|stop| *stop), if !stopping => {
                    stopping = true;
                    handle.stop();
                }
                _ = frames.tick(), if self.board.output().is_live() => {
                    let now = *progress.borrow();
                    self.board.show(&run.label, &run.spec.budget, &now);
                }
            }
        }
    }
}

/// The newest job in the store that was made of the same.
async fn find(store: &dyn Store, spec: &JobSpec) -> Result<Option<JobRecord>, Failure> {
    let jobs = store.jobs().await?;
    for job in jobs.into_iter().filter(|job| job.name == spec.name && job.algorithm == spec.algorithm.name())
    {
        let record = store.job(&job.id).await?;
        if serde_json::from_value::<JobSpec>(record.spec.clone()).is_ok_and(|known| known == *spec) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// What came of a run, from its records.
async fn load(run: &PlannedRun, store: &dyn Store, id: &JobId) -> Result<ComparedRun, Failure> {
    let job = StoredJob::load(store, &id.0).await?;
    let totals = store.totals(id).await?;
    let address = run.address.to_string();
    Ok(ComparedRun::of_records(&address, &job.record, &job.spec, &job.result, &totals, &job.history))
}

/// What came of a run, in a line.
fn told(run: &ComparedRun) -> String {
    if !run.is_done() {
        return format!("failed: {}", run.error.as_deref().unwrap_or("it says not why"));
    }
    let test = run.test_score().map_or_else(|| "-".to_owned(), |score| format!("{score:.3}"));
    let time = run.seconds.map_or_else(String::new, |seconds| format!(" in {}", clock(seconds)));
    format!("test {test} after {} evaluations{time}", run.evaluations)
}
