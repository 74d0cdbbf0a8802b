//! Whole jobs on real actors and a real store, with an evaluator that costs nothing.

mod embeddings;
mod failures;
mod islands;
mod reflection;
mod settings;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use evohub_evaluation::{Evaluator, FnEvaluator, Scored};
use evohub_evolution::optimizers::{GaConfig, GepaConfig};
use evohub_evolution::{
    AlgorithmConfig, Candidate, Case, CaseSet, Evaluation, Failure, FailureKind, MigrationConfig, Objectives,
    Placement, RunEvent, VariationLimits,
};
use evohub_store::{CandidateRecord, JobId, Store};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::actor::Address;
use crate::chronicle::ChronicleMessage;
use crate::event::JobEvent;
use crate::generation::GenerationMessage;
use crate::job::JobMessage;
use crate::journal::JournalMessage;
use crate::population::PopulationMessage;
use crate::result::JobResult;
use crate::supervisor::SupervisorMessage;
use crate::{
    DiversitySpec, Engine, EngineConfig, EvaluatorSpec, Hedge, IslandsSpec, JobBudget, JobData, JobHandle,
    JobSpec, RepeatsSpec, Toolbox,
};

/// What a prompt is worth on a case: it depends on its placement and on which examples it shows, by a hash.
fn worth(candidate: &Candidate, case: &Case) -> f64 {
    let placed = if candidate.placement() == Placement::User { 0.3 } else { 0.1 };
    let shown = candidate.shots().iter().filter(|shot| shot.input.len() % 3 == case.input.len() % 3).count();
    let wanted = placed + 0.12 * shown as f64;
    let luck = f64::from(case.id().to_bytes()[0]) / 255.0;
    f64::from(u8::from(luck < wanted))
}

fn spec(algorithm: AlgorithmConfig) -> JobSpec {
    let cases = |prefix: &str, count: usize| -> Vec<Case> {
        (0..count)
            .map(|i| Case::new(format!("{prefix} {i} {}", "x".repeat(i % 7)), format!("{}", i % 2)))
            .collect()
    };
    JobSpec {
        name: "test".into(),
        seed: 3,
        seeds: vec![Candidate::from_instruction("Answer.").unwrap()],
        data: JobData {
            search: CaseSet::new(cases("train", 40), cases("validation", 60)).unwrap(),
            test: cases("test", 30),
        },
        evaluator: EvaluatorSpec::Custom("worth".into()),
        reflection: vec![],
        algorithm,
        limits: VariationLimits::default(),
        operators: BTreeMap::new(),
        parameters: BTreeMap::new(),
        budget: JobBudget { evaluations: Some(600), ..JobBudget::default() },
        slots: Some(8),
        providers: BTreeMap::new(),
        prices: BTreeMap::new(),
        islands: IslandsSpec::default(),
        repeats: RepeatsSpec::default(),
        hedge: Hedge::default(),
        diversity: DiversitySpec::default(),
    }
}

/// An engine on a store of its own, whose evaluator counts what it is asked.
struct World {
    engine: Engine,
    store: Arc<dyn Store>,
    evaluated: Arc<AtomicU64>,
    /// Evaluations may begin while it has permits.
    gate: Arc<Semaphore>,
    /// The texts that were embedded.
    embedded: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl World {
    /// Submits a job and waits until so many evaluations have begun; no more begin before [`World::open`].
    async fn submit_until(&self, spec: JobSpec, evaluations: usize) -> JobHandle {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
        self.gate.add_permits(evaluations);
        let job = self.engine.submit(spec).await.unwrap();
        let mut progress = job.progress();
        while self.gate.available_permits() > 0 && progress.changed().await.is_ok() {}
        job
    }

    /// Lets all evaluations begin again.
    fn open(&self) {
        self.gate.add_permits(10_000);
    }
}

/// Failures of the evaluator, by the number of the call.
type Fault = fn(u64) -> Option<Failure>;

async fn world(fault: Fault) -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = evohub_store::open(folder.path().join("test.db").to_str().unwrap()).await.unwrap();
    let (evaluated, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
    let mut toolbox = Toolbox::default();
    let (counter, door) = (Arc::clone(&evaluated), Arc::clone(&gate));
    let evaluator = FnEvaluator::new_async("worth/1", 8, move |candidate: Candidate, case: Case| {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        let door = Arc::clone(&door);
        async move {
            door.acquire().await.unwrap().forget();
            match fault(number) {
                Some(failure) => Err(failure),
                None => Ok(Scored::new(worth(&candidate, &case), "feedback")),
            }
        }
    });
    toolbox.add_evaluator("worth", Arc::new(evaluator));
    let embedded = Arc::default();
    toolbox.add_embedding_model(Arc::new(embeddings::Letters::new(&embedded)));
    let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(Arc::clone(&store)) };
    let engine = Engine::start(config).await.unwrap();
    engine.node().patience.write().unwrap().first_pause = Duration::from_millis(1);
    World { engine, store, evaluated, gate, embedded, _folder: folder }
}

/// An evaluator that sees the number of the repeat, and whose evaluations cost something.
struct Repeatable {
    name: &'static str,
    /// Of one evaluation, which might cost twice as much.
    dollars: f64,
    score: fn(&Candidate, &Case, u32) -> f64,
}

#[async_trait]
impl Evaluator for Repeatable {
    fn fingerprint(&self) -> String {
        self.name.to_owned()
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn cost_limit(&self, _: &Candidate, _: &Case) -> Option<f64> {
        Some(2.0 * self.dollars)
    }

    async fn evaluate(&self, candidate: &Candidate, case: &Case, repeat: u32) -> Result<Evaluation, Failure> {
        let score = (self.score)(candidate, case, repeat);
        Ok(Evaluation {
            objectives: Objectives { score, dollars: self.dollars, ..Objectives::default() },
            output: String::new(),
            feedback: String::new(),
            input_tokens: 1,
            output_tokens: 1,
            model_calls: 1,
        })
    }
}

fn never(_: u64) -> Option<Failure> {
    None
}

fn transient(message: &str) -> Option<Failure> {
    Some(Failure { kind: FailureKind::Transient, cause: "server".into(), message: message.into() })
}

fn algorithms() -> [AlgorithmConfig; 2] {
    [AlgorithmConfig::Gepa(GepaConfig::default()), AlgorithmConfig::Ga(GaConfig::default())]
}

/// All that must not depend on how a job was disturbed.
async fn course(world: &World, result: &JobResult) -> (String, String, Vec<String>) {
    let candidates = world.store.candidates(&JobId(result.job.clone())).await.unwrap();
    let line = |record: &CandidateRecord| {
        let CandidateRecord { ordinal, operator, parents, validation_score, outcome, .. } = record;
        format!("{ordinal} {} {operator} {parents:?} {validation_score:?} {outcome}", record.candidate.id())
    };
    let best = result.best.as_ref().unwrap();
    (
        best.id.clone(),
        format!("{:?} {:?} {:?}", best.test, best.validation, result.p_value),
        candidates.iter().map(line).collect(),
    )
}

async fn undisturbed(algorithm: &AlgorithmConfig) -> ((String, String, Vec<String>), JobResult, u64) {
    let world = world(never).await;
    let job = world.engine.submit(spec(algorithm.clone())).await.unwrap();
    let result = job.result().await.unwrap();
    let evaluated = world.evaluated.load(Ordering::SeqCst);
    (course(&world, &result).await, result, evaluated)
}

#[tokio::test]
async fn a_job_ends_with_a_better_prompt_and_honest_numbers() {
    for algorithm in algorithms() {
        let world = world(never).await;
        let job = world.engine.submit(spec(algorithm)).await.unwrap();
        let mut events = job.events();
        let result = job.result().await.unwrap();
        let best = result.best.as_ref().unwrap();
        assert_eq!((result.status.as_str(), result.version), ("done", 1));
        assert!(best.test.as_ref().unwrap().score > result.seed.test.as_ref().unwrap().score);
        assert!(result.p_value.unwrap() < 0.05);
        assert!(result.evaluations <= 600 && result.evaluations > 400, "{}", result.evaluations);
        // 30 test cases for each of two prompts, on top of the search.
        assert_eq!(world.evaluated.load(Ordering::SeqCst), result.evaluations + 60);
        let totals = world.store.totals(&JobId(result.job.clone())).await.unwrap();
        assert_eq!(totals.evaluations, result.evaluations + 60);
        let mut heard = vec![];
        while let Ok(event) = events.recv().await {
            heard.push(event);
        }
        assert!(matches!(heard.first(), Some(JobEvent::Started { .. })));
        assert!(matches!(heard.last(), Some(JobEvent::Ended(_))));
        let born = |event: &&JobEvent| {
            matches!(event, JobEvent::Island { event: RunEvent::CandidateBorn { .. }, .. })
        };
        assert_eq!(heard.iter().filter(born).count() as u64, result.candidates);
    }
}

#[tokio::test]
async fn the_same_job_again_costs_nothing_and_ends_alike() {
    let world = world(never).await;
    let spec = spec(AlgorithmConfig::Gepa(GepaConfig::default()));
    let first = world.engine.submit(spec.clone()).await.unwrap().result().await.unwrap();
    let evaluated = world.evaluated.load(Ordering::SeqCst);
    let second = world.engine.submit(spec).await.unwrap().result().await.unwrap();
    assert_eq!(world.evaluated.load(Ordering::SeqCst), evaluated, "all was known");
    assert_eq!(second.saved.cache, second.evaluations);
    assert_eq!(first.evaluations, second.evaluations);
    assert_eq!(course(&world, &first).await, course(&world, &second).await);
}

#[tokio::test]
async fn a_stopped_job_goes_on_and_ends_as_if_it_had_not_been() {
    for algorithm in algorithms() {
        let (expected, whole, evaluated) = undisturbed(&algorithm).await;
        let world = world(never).await;
        world.gate.forget_permits(Semaphore::MAX_PERMITS);
        let mut id = None;
        for sessions in 0.. {
            let job = match &id {
                None => world.engine.submit(spec(algorithm.clone())).await.unwrap(),
                Some(id) => world.engine.resume(id).await.unwrap(),
            };
            id = Some(job.id().clone());
            world.gate.add_permits(130);
            let mut progress = job.progress();
            let blocked = || world.gate.available_permits() == 0;
            // A session ends when its permits are used up, or with the job.
            let stopped = async {
                while !blocked() && progress.changed().await.is_ok() {}
                job.stop();
                world.gate.add_permits(40);
            };
            let (result, ()) = tokio::join!(job.result(), stopped);
            let result = result.unwrap();
            world.gate.forget_permits(world.gate.available_permits());
            if result.status == "done" {
                assert!(sessions > 1, "it was stopped at least twice");
                assert_eq!(course(&world, &result).await, expected);
                assert_eq!(result.evaluations, whole.evaluations);
                assert_eq!(world.evaluated.load(Ordering::SeqCst), evaluated, "nothing was paid for twice");
                break;
            }
            assert_eq!(result.status, "stopped");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_ends_the_job_at_once_and_says_so() {
    let world = world(|_| {
        let message = "lab:m: the key is wrong: set LAB_KEY".to_owned();
        Some(Failure { kind: FailureKind::Systemic, cause: "authentication".into(), message })
    })
    .await;
    let spec = spec(AlgorithmConfig::Gepa(GepaConfig::default()));
    let result = world.engine.submit(spec).await.unwrap().result().await.unwrap();
    assert_eq!(result.status, "failed");
    assert!(result.error.unwrap().contains("LAB_KEY"));
    assert!(result.best.is_none());
}

/// What to send to whom, so that it dies.
type Blow = fn(&Address<SupervisorMessage>);

fn to_job(supervisor: &Address<SupervisorMessage>, job: JobId, message: JobMessage) {
    supervisor.send(SupervisorMessage::ToJob(job, Box::new(message)));
}

#[tokio::test]
async fn an_actor_that_dies_is_started_again_and_the_end_is_the_same() {
    let blows: [(&str, Blow); 3] = [
        ("population", |to| to.send(SupervisorMessage::ToPopulation(PopulationMessage::Panic))),
        ("population", |to| {
            let message = PopulationMessage::ToGeneration(GenerationMessage::Panic);
            to.send(SupervisorMessage::ToPopulation(message));
        }),
        ("chronicle", |to| to.send(SupervisorMessage::ToChronicle(ChronicleMessage::Panic))),
    ];
    for algorithm in algorithms() {
        let (expected, ..) = undisturbed(&algorithm).await;
        for (name, blow) in blows {
            let world = world(never).await;
            let job = world.submit_until(spec(algorithm.clone()), 200).await;
            let mut events = job.events();
            blow(&world.engine.supervisor);
            let restarted = wait_for_restart(&mut events).await;
            assert_eq!(restarted, name);
            world.open();
            let result = job.result().await.unwrap();
            assert_eq!(result.status, "done");
            assert_eq!(course(&world, &result).await, expected);
        }
    }
}

#[tokio::test]
async fn a_journal_that_dies_takes_nothing_along_that_is_not_done_again() {
    let (expected, ..) = undisturbed(&AlgorithmConfig::Ga(GaConfig::default())).await;
    let world = world(never).await;
    let job = world.submit_until(spec(AlgorithmConfig::Ga(GaConfig::default())), 200).await;
    world.engine.node().journal.send(JournalMessage::Panic);
    world.open();
    let result = job.result().await.unwrap();
    assert_eq!(course(&world, &result).await, expected);
}

/// A job of three islands in a ring.
fn archipelago(algorithm: AlgorithmConfig) -> JobSpec {
    let migration = MigrationConfig { every: 1, ..MigrationConfig::default() };
    let islands = IslandsSpec { count: 3, migration, ..IslandsSpec::default() };
    let budget = JobBudget { evaluations: Some(2_400), ..JobBudget::default() };
    JobSpec { islands, budget, ..spec(algorithm) }
}

#[tokio::test]
async fn islands_exchange_candidates_and_end_alike_whatever_dies() {
    for algorithm in algorithms() {
        let quiet = world(never).await;
        let job = quiet.engine.submit(archipelago(algorithm.clone())).await.unwrap();
        let mut events = job.events();
        let result = job.result().await.unwrap();
        assert_eq!(result.status, "done", "{:?}", result.error);
        let expected = course(&quiet, &result).await;
        let (mut migrated, mut islands) = (0, std::collections::BTreeSet::new());
        while let Ok(event) = events.recv().await {
            if let JobEvent::Island { island, event } = event {
                islands.insert(island);
                migrated += u32::from(matches!(event, RunEvent::Migrated { .. }));
            }
        }
        assert_eq!(islands.len(), 3);
        assert!(migrated > 2, "{migrated} exchanges");

        let world = world(never).await;
        let job = world.submit_until(archipelago(algorithm), 400).await;
        let mut events = job.events();
        world.engine.supervisor.send(SupervisorMessage::ToPopulation(PopulationMessage::Panic));
        assert_eq!(wait_for_restart(&mut events).await, "population");
        world.open();
        let result = job.result().await.unwrap();
        assert_eq!(course(&world, &result).await, expected);
    }
}

async fn wait_for_restart(events: &mut tokio::sync::broadcast::Receiver<JobEvent>) -> String {
    loop {
        if let JobEvent::Restarted { actor, .. } = events.recv().await.unwrap() {
            return actor;
        }
    }
}

#[tokio::test]
async fn an_evaluator_that_panics_loses_one_attempt() {
    let (expected, ..) = undisturbed(&AlgorithmConfig::Gepa(GepaConfig::default())).await;
    let world = world(|number| if number == 50 { panic!("a bug in an evaluator") } else { None }).await;
    let spec = spec(AlgorithmConfig::Gepa(GepaConfig::default()));
    let result = world.engine.submit(spec).await.unwrap().result().await.unwrap();
    assert_eq!(course(&world, &result).await, expected);
}

#[tokio::test]
async fn a_job_whose_actor_dies_can_be_resumed() {
    let (expected, ..) = undisturbed(&AlgorithmConfig::Gepa(GepaConfig::default())).await;
    let world = world(never).await;
    let job = world.submit_until(spec(AlgorithmConfig::Gepa(GepaConfig::default())), 100).await;
    to_job(&world.engine.supervisor, job.id().clone(), JobMessage::Panic);
    assert!(job.result().await.is_err());
    world.open();
    let resumed: JobHandle = world.engine.resume(job.id()).await.unwrap();
    let result = resumed.result().await.unwrap();
    assert_eq!(course(&world, &result).await, expected);
}

#[tokio::test]
async fn the_report_stays_within_the_budget() {
    let world = world(never).await;
    let mut toolbox = Toolbox::default();
    let dear =
        Repeatable { name: "dear/1", dollars: 0.01, score: |candidate, case, _| worth(candidate, case) };
    toolbox.add_evaluator("dear", Arc::new(dear));
    let config = EngineConfig { toolbox, workers: 16, ..EngineConfig::new(Arc::clone(&world.store)) };
    let engine = Engine::start(config).await.unwrap();
    let job = |evaluations, dollars| JobSpec {
        evaluator: EvaluatorSpec::Custom("dear".into()),
        budget: JobBudget { evaluations: Some(evaluations), dollars: Some(dollars), ..JobBudget::default() },
        ..spec(AlgorithmConfig::Gepa(GepaConfig::default()))
    };
    // 30 test cases for two prompts at 1.5 cents each, by caution, are 90 cents.
    let whole = engine.submit(job(600, 3.0)).await.unwrap().result().await.unwrap();
    assert_eq!((whole.status.as_str(), whole.best.unwrap().test.unwrap().cases), ("done", 30));
    assert!(whole.dollars <= 3.0 && whole.dollars > 2.0, "{}", whole.dollars);
    // Another seed, so that nothing is known already; there is not enough for all test cases.
    let short = JobSpec { seed: 4, ..job(600, 0.6) };
    let short = engine.submit(short).await.unwrap().result().await.unwrap();
    assert!(short.dollars <= 0.6, "{}", short.dollars);
}
