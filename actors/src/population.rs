//! The population of one island: owns its run, translates messages into events and carries out actions.

mod beginning;
mod migrants;
mod objectives;
mod observed;
mod orders;
mod records;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evohub_evolution::{
    Action, Candidate, CaseSet, Event, Failure, Finish, Migrants, Outcome, Progress, Run, RunEvent,
    RunSettings,
};
use evohub_monitoring::metrics::{IslandFigures, IslandMetrics};
use evohub_monitoring::traces::TraceContext;
use evohub_store::{CheckpointRecord, HistoryRecord, Notes, StoreError};
use ractor::{ActorProcessingErr, RpcReplyPort, SupervisionEvent, async_trait};
use strum::IntoStaticStr;
use tokio::time::Instant;
use tracing::Span;

use crate::actor::{Actor, Address, Letter, spawn};
use crate::chronicle::ChronicleMessage;
use crate::clock::now_millis;
use crate::evaluator::EvaluationTask;
use crate::generation::{Generation, GenerationArguments, GenerationMessage, GenerationReport, Order};
use crate::means::Means;

use objectives::Objectives;
use orders::embedded;
pub(crate) use report::{Finished, Known, PopulationReport, Standing};

/// Where it stands is told no more often than this: at thousands of results a second nobody reads each.
const STANDING_PAUSE: Duration = Duration::from_millis(20);
/// A checkpoint is written no more often than this: each holds the whole state.
const CHECKPOINT_PAUSE: Duration = Duration::from_secs(1);
/// How often it gives a sign of life, and looks for migrants that nobody has announced.
const BEAT: Duration = Duration::from_secs(1);
/// Pieces asked ahead where they cost no money: enough to cover the time in which results become durable at tens of
/// thousands of them a second. Where they cost money, each reserves a part of the budget.
const FREE_LOOKAHEAD: usize = 1_024;

/// The population of one island.
pub(crate) struct Population;

pub(crate) struct PopulationArguments {
    pub(crate) means: Means,
    pub(crate) island: u32,
    pub(crate) settings: Arc<RunSettings>,
    pub(crate) cases: Arc<CaseSet>,
    /// Whether evaluations cost money.
    pub(crate) costs_money: bool,
    /// Most pieces of work under way at once; `None`: what the pools take.
    pub(crate) most: Option<usize>,
    /// Whether calls for the island may be under way from an earlier life.
    pub(crate) adopting: bool,
    pub(crate) chronicle: Address<ChronicleMessage>,
    /// The trace of the job.
    pub(crate) context: TraceContext,
    pub(crate) report: Box<dyn Fn(PopulationReport) + Send + Sync>,
}

#[derive(IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum PopulationMessage {
    /// A generation reports.
    Reported(GenerationReport),
    /// End the search with what there is.
    Stop,
    /// Give nothing more out; answers when nothing is under way and all of it is in the checkpoint.
    Drain(RpcReplyPort<()>),
    /// The generation has nothing under way any more.
    Drained,
    /// The run is over, and all that led to it is durable.
    Over(Box<Finished>),
    /// Time to say where it stands.
    ReportStanding,
    /// Time for a sign of life.
    Beat,
    /// There may be migrants in the store.
    LookForMigrants,
    /// What was found there.
    MigrantsFound(Result<Vec<Migrants>, StoreError>),
    #[cfg(test)]
    ToGeneration(GenerationMessage),
    #[cfg(test)]
    Panic,
}

pub(crate) struct PopulationState {
    arguments: PopulationArguments,
    run: Run,
    generation: Address<GenerationMessage>,
    /// Pieces of work that the pools take at once.
    places: usize,
    cache_hits: u64,
    checkpoints: u64,
    last_checkpoint: Option<Instant>,
    history: u64,
    drains: Vec<RpcReplyPort<()>>,
    draining: bool,
    progress: Progress,
    myself: Address<PopulationMessage>,
    metrics: IslandMetrics,
    /// The open generation.
    span: Span,
    /// Whether a report of where it stands is on its way.
    standing_due: bool,
    /// Whether the store is being asked for migrants.
    looking: bool,
    objectives: Objectives,
}

impl PopulationState {
    /// Takes an event, fills the free slots, and carries out what both call for.
    fn step(&mut self, event: Event) {
        let mut actions = self.run.step(event);
        if !self.draining && !self.run.is_finished() {
            // Asked ahead of what the pools take, so that they never wait for the next.
            let ahead = if !self.run.settings().algorithm.is_order_free() {
                // What is asked early is asked knowing less.
                (self.places / 16).max(1)
            } else if self.arguments.costs_money {
                (self.places / 4).max(2)
            } else {
                FREE_LOOKAHEAD
            };
            let most = if self.places == 0 { 0 } else { self.places + ahead };
            let free = most.saturating_sub(self.run.in_flight_count());
            if free > 0 {
                actions.extend(self.run.step(Event::SlotsFree { count: free }));
            }
        }
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        let mut orders = vec![];
        let mut note = Notes::default();
        let mut finished = None;
        for action in actions {
            match action {
                Action::Evaluate(order) => {
                    if let Some(case) = self.run.case(&order.piece) {
                        let case = Arc::new(case.clone());
                        let task = EvaluationTask { piece: order.piece, candidate: order.candidate, case };
                        orders.push(Order::Evaluate(task));
                    }
                }
                Action::Propose(order) => orders.extend(self.proposal(order)),
                Action::Embed(order) => orders.extend(self.embedding(order)),
                Action::Checkpoint => self.checkpoint(&mut note, false),
                Action::Announce(event) => self.announce(event, &mut note),
                Action::Emigrate(migrants) => note.migrants.push(self.migrant_record(&migrants)),
                Action::Finish(finish) => finished = Some(finish),
            }
        }
        if finished.is_some() {
            self.checkpoint(&mut note, true);
        }
        if !note.is_empty() {
            self.arguments.chronicle.send(ChronicleMessage::Note(note));
        }
        if !orders.is_empty() {
            // What is ordered now belongs to the generation that is open now.
            self.span.in_scope(|| self.generation.send_in_trace(GenerationMessage::Dispatch(orders)));
        }
        if !self.standing_due {
            self.standing_due = true;
            self.myself.send_after(STANDING_PAUSE, || PopulationMessage::ReportStanding);
        }
        if let Some(finish) = finished {
            self.report_standing();
            self.report_finished(finish);
        }
    }

    fn announce(&mut self, event: RunEvent, note: &mut Notes) {
        self.count(&event);
        if let RunEvent::GenerationCompleted(progress) = &event {
            self.turn_span(progress);
        }
        let arguments = &self.arguments;
        match &event {
            RunEvent::CandidateBorn { candidate, .. } => {
                note.candidates.extend(self.candidate_record(
                    candidate.id(),
                    Outcome::Open,
                    None,
                    0,
                    &BTreeMap::new(),
                ));
            }
            RunEvent::CandidateSettled { id, outcome, score, cases, objectives } => {
                note.candidates.extend(self.candidate_record(*id, *outcome, *score, *cases, objectives));
            }
            RunEvent::GenerationCompleted(progress) => {
                self.progress = *progress;
                self.metrics.set_operators(self.run.operator_probabilities());
                note.history.push(HistoryRecord {
                    job: arguments.means.job.clone(),
                    island: arguments.island,
                    sequence: self.history,
                    evaluations: progress.evaluations,
                    dollars: progress.dollars,
                    best: progress.best,
                    mean: progress.mean,
                    diversity: progress.diversity,
                    population: progress.population,
                    at: now_millis(),
                });
                self.history += 1;
            }
            // The other figures wait for the end of the generation: they take all of the population.
            RunEvent::BestImproved { score, .. } => self.progress.best = *score,
            _ => {}
        }
        (arguments.report)(PopulationReport::Event(event));
    }

    fn checkpoint(&mut self, note: &mut Notes, now: bool) {
        let fresh = self.last_checkpoint.is_some_and(|at| at.elapsed() < CHECKPOINT_PAUSE);
        if fresh && !now {
            return;
        }
        self.last_checkpoint = Some(Instant::now());
        self.checkpoints += 1;
        note.checkpoints = vec![CheckpointRecord {
            job: self.arguments.means.job.clone(),
            island: self.arguments.island,
            sequence: self.checkpoints,
            body: self.run.checkpoint(),
        }];
    }

    fn report_standing(&self) {
        let account = self.run.account();
        let Progress { best, mean, diversity, population, .. } = self.progress;
        if population > 0 {
            self.metrics.set(IslandFigures { best, mean, diversity, population });
        }
        (self.arguments.report)(PopulationReport::Standing(Standing {
            evaluations: account.settled(),
            in_flight: account.in_flight(),
            cache_hits: self.cache_hits,
            dollars: account.spent().dollars,
            tokens: account.spent().tokens as u64,
            progress: self.progress,
        }));
    }

    /// Tells the job when all that led to it is durable.
    fn report_finished(&self, finish: Finish) {
        let ledger = self.run.ledger();
        let known = |candidate: &Candidate| Known {
            candidate: candidate.clone(),
            train: ledger.train_mean(candidate.id()),
            validation: ledger.validation_mean(candidate.id()),
            objectives: self.run.objectives(candidate.id()),
        };
        let best = finish.best.and_then(|id| ledger.candidate(id)).map(known);
        // An island may have begun elsewhere.
        let seed = known(&self.arguments.means.prepared.spec.seeds[0]);
        let account = self.run.account();
        let (spent, closing_evaluation) = (account.spent(), account.closing_evaluation());
        let models = self.run.models().tallies().collect();
        let rescored = finish.best.and_then(|id| ledger.rescoring(id));
        let finished = Box::new(Finished { finish, seed, best, spent, closing_evaluation, rescored, models });
        let (chronicle, myself) = (self.arguments.chronicle.clone(), self.myself.clone());
        tokio::spawn(async move {
            chronicle.ask(ChronicleMessage::Flush, None).await;
            myself.send(PopulationMessage::Over(finished));
        });
    }

    fn answer_drains(&mut self) {
        let mut note = Notes::default();
        self.checkpoint(&mut note, true);
        self.arguments.chronicle.send(ChronicleMessage::Note(note));
        let (chronicle, drains) = (self.arguments.chronicle.clone(), std::mem::take(&mut self.drains));
        tokio::spawn(async move {
            chronicle.ask(ChronicleMessage::Flush, None).await;
            for reply in drains {
                let _ = reply.send(());
            }
        });
    }

    fn reported(&mut self, report: GenerationReport) {
        match report {
            GenerationReport::Places(places) => {
                self.places = places;
                self.step(Event::SlotsFree { count: 0 });
            }
            GenerationReport::Evaluated(piece, evaluation, paid) => {
                self.cache_hits += u64::from(!paid);
                if let Some(failure) = self.objectives.lacking(&evaluation) {
                    return self.give_up(failure);
                }
                self.step(Event::Evaluated { piece, evaluation, paid });
            }
            GenerationReport::EvaluationFailed(piece, failure) => {
                tracing::warn!(cause = failure.cause, error = failure.message, "an evaluation is set aside");
                self.step(Event::EvaluationFailed { piece, failure });
            }
            GenerationReport::Proposed(id, answer) => self.step(Event::Proposed { id, answer }),
            GenerationReport::ProposalFailed(id, failure) => {
                tracing::warn!(cause = failure.cause, error = failure.message, "a proposal is set aside");
                self.step(Event::ProposalFailed { id, failure });
            }
            GenerationReport::Embedded(id, answer) => self.step(embedded(id, &answer)),
            GenerationReport::EmbeddingFailed(candidate, failure) => {
                tracing::warn!(cause = failure.cause, error = failure.message, "an embedding is set aside");
                self.step(Event::EmbeddingFailed { candidate, failure });
            }
            GenerationReport::Retried(failure) => {
                (self.arguments.report)(PopulationReport::Retried(failure));
            }
            GenerationReport::GivenUp(failure) => self.give_up(failure),
        }
    }

    fn give_up(&self, failure: Failure) {
        self.report_standing();
        (self.arguments.report)(PopulationReport::GivenUp(failure));
    }
}

#[async_trait]
impl Actor for Population {
    const KIND: &'static str = "population";

    type Message = PopulationMessage;
    type State = PopulationState;
    type Arguments = PopulationArguments;

    async fn start(
        &self,
        myself: &Address<Self::Message>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_every(BEAT, || PopulationMessage::Beat);
        let (mut run, checkpoints) = beginning::run_of(&arguments).await?;
        let history = arguments.means.node.store.history(&arguments.means.job).await?;
        let history = history.iter().filter(|point| point.island == arguments.island).count() as u64;
        let reports = myself.clone();
        let generation = GenerationArguments {
            means: arguments.means.clone(),
            most: arguments.most,
            adopting: arguments.adopting,
            report: Box::new(move |report| {
                reports.send(PopulationMessage::Reported(report));
            }),
        };
        let objectives = Objectives::new(arguments.settings.algorithm.named());
        let metrics = Arc::clone(&arguments.means.node.metrics);
        let generation = spawn(Generation, generation, &metrics.actors, Some(myself.cell())).await?;
        let progress = run.progress();
        let metrics = metrics.evolution.island(&arguments.means.job.0);
        metrics.set_operators(run.operator_probabilities());
        let under_way = if history == 0 { 0 } else { progress.generation + 1 };
        Ok(PopulationState {
            span: arguments.generation_span(under_way),
            metrics,
            arguments,
            run,
            generation,
            places: 0,
            cache_hits: 0,
            checkpoints,
            last_checkpoint: None,
            history,
            drains: vec![],
            draining: false,
            progress,
            myself: myself.clone(),
            standing_due: false,
            looking: false,
            objectives,
        })
    }

    async fn ended(&self, state: &mut Self::State) {
        state.generation.stop();
    }

    fn span(state: &Self::State) -> Span {
        state.span.clone()
    }

    async fn started(
        &self,
        _myself: &Address<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.report_standing();
        if state.run.is_finished() {
            // It was over before it could say so.
            state.run.finish().into_iter().for_each(|finish| state.report_finished(finish));
            return Ok(());
        }
        if !state.run.settings().algorithm.is_order_free() {
            // What it did after its newest checkpoint may come otherwise now.
            let forget_from = Some(state.run.ledger().births().len() as u64);
            let note = Notes { forget_from, ..Notes::default() };
            state.arguments.chronicle.send(ChronicleMessage::Note(note));
        }
        let again = state.run.in_flight();
        state.carry_out(again);
        state.look_for_migrants();
        state.step(Event::SlotsFree { count: 0 });
        Ok(())
    }

    async fn handle(
        &self,
        myself: &Address<Self::Message>,
        letter: Letter<Self::Message>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match letter.message {
            PopulationMessage::Reported(report) => state.reported(report),
            PopulationMessage::Stop => state.step(Event::StopAsked),
            PopulationMessage::Drain(reply) => {
                state.draining = true;
                state.drains.push(reply);
                let (generation, myself) = (state.generation.clone(), myself.clone());
                tokio::spawn(async move {
                    generation.ask(GenerationMessage::Drain, None).await;
                    myself.send(PopulationMessage::Drained);
                });
            }
            PopulationMessage::Drained => {
                state.report_standing();
                state.answer_drains();
            }
            PopulationMessage::ReportStanding => {
                state.standing_due = false;
                state.report_standing();
            }
            PopulationMessage::Beat => {
                state.report_standing();
                if !state.run.waiting_for().is_empty() {
                    state.look_for_migrants();
                }
            }
            PopulationMessage::LookForMigrants => state.look_for_migrants(),
            PopulationMessage::MigrantsFound(found) => state.migrants_found(found),
            PopulationMessage::Over(finished) => {
                (state.arguments.report)(PopulationReport::Finished(finished));
            }
            #[cfg(test)]
            PopulationMessage::ToGeneration(message) => {
                state.generation.send(message);
            }
            #[cfg(test)]
            PopulationMessage::Panic => panic!("asked to"),
        }
        Ok(())
    }

    /// A generation that dies takes its orders along, so the population dies with it and its job starts both again
    /// from the checkpoint.
    async fn child_event(
        &self,
        myself: &Address<Self::Message>,
        event: SupervisionEvent,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(_, cause) = event {
            myself.stop();
            return Err(format!("its generation died: {cause}").into());
        }
        Ok(())
    }
}
