//! Numbers and texts, on their way in and out.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use evohub_evolution::Candidate;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Open, StandingClock, assert_kind, run, runtime, sample};
use crate::error::StoreErrorKind as Kind;
use crate::job::IslandLease;
use crate::record::{MigrantRecord, Notes, Results};
use crate::store::Store;

const MINUTE: Duration = Duration::from_secs(60);

/// Every number but NaN, of every class.
fn number() -> impl Strategy<Value = f64> {
    use prop::num::f64::{INFINITE, NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE
}

fn finite() -> impl Strategy<Value = f64> {
    number().prop_filter("parameters are finite", |number| number.is_finite())
}

/// Short, empty, with NUL, with anything that Unicode has, and longer than a page of a database.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        1 => Just("\0".to_owned()),
        1 => (any::<String>(), any::<String>()).prop_map(|(a, b)| format!("{a}\0{b}\0")),
        1 => Just("e\u{301}\u{202e}\u{feff}\u{10ffff}👩‍👩‍👧\r\n'\"\\%?1".to_owned()),
        1 => (any::<char>(), 1..300_000_usize).prop_map(|(sign, count)| sign.to_string().repeat(count)),
    ]
}

/// Whatever is written is read, to the bit.
pub fn any_number_and_text_comes_back_to_the_bit(open: impl Open) {
    let runtime = runtime();
    let store = runtime.block_on(open(StandingClock::new().clock()));
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let rounds = Cell::new(0);
    let numbers = prop::array::uniform8(number());
    let outcome =
        runner.run(&(numbers, finite(), prop::array::uniform7(text())), |(numbers, parameter, texts)| {
            rounds.set(rounds.get() + 1);
            let job = format!("job {}", rounds.get());
            let (results, notes) = records(&job, rounds.get(), numbers, parameter, texts);
            runtime.block_on(async {
                let lease = with_island(&*store, &job).await;
                store.keep(&results).await.unwrap();
                store.note(&lease, &notes).await.unwrap();
                assert_same_results(&*store, &results).await;
                assert_same_notes(&*store, &notes).await;
            });
            Ok(())
        });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn with_island(store: &dyn Store, job: &str) -> IslandLease {
    store.insert_job(&sample::job(job)).await.unwrap();
    let lease = store.claim(&sample::id(job), "me", MINUTE, None).await.unwrap();
    store.occupy(&lease, 0).await.unwrap()
}

fn records(job: &str, round: u64, numbers: [f64; 8], parameter: f64, texts: [String; 7]) -> (Results, Notes) {
    let [score, dollars, latency, price, best, mean, diversity, validation] = numbers;
    let [output, feedback, proposed, instruction, body, outcome, travellers] = texts;
    let mut evaluation = sample::evaluation(job, round);
    let objectives = &mut evaluation.evaluation.objectives;
    (objectives.score, objectives.dollars, objectives.latency_seconds) = (score, dollars, latency);
    objectives.output_length = i64::MAX as u64;
    (evaluation.repeat, evaluation.at) = (u32::MAX, i64::MIN);
    let named = evaluation.evaluation.objectives.named.entry(output.clone());
    *named.or_default() = parameter;
    (evaluation.evaluation.output, evaluation.evaluation.feedback) = (output, feedback);
    let mut proposal = sample::proposal(job, round);
    (proposal.text, proposal.dollars) = (proposed, price);
    let mut candidate = sample::candidate(job, 0, round);
    candidate.candidate = Candidate::from_instruction(format!("{round} {instruction}"))
        .and_then(|made| made.with_parameters(BTreeMap::from([("temperature".to_owned(), parameter)])))
        .expect("it has text and a finite parameter");
    candidate.objectives.insert(outcome.clone(), parameter);
    (candidate.validation_score, candidate.outcome) = (Some(validation), outcome);
    let mut checkpoint = sample::checkpoint(job, 0, round);
    checkpoint.body = body;
    let mut point = sample::point(job, 0, round);
    (point.best, point.mean, point.diversity) = (best, mean, diversity);
    let migrants = MigrantRecord { body: travellers, ..sample::migrants(job, 0, u32::MAX, u32::MAX) };
    let notes = Notes {
        forget_from: None,
        candidates: vec![candidate],
        checkpoints: vec![checkpoint],
        history: vec![point],
        migrants: vec![migrants],
    };
    (Results { evaluations: vec![evaluation], proposals: vec![proposal] }, notes)
}

/// The bits of a number as a store keeps it: the sign of a zero is lost.
fn kept(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

/// Equality takes zeros of either sign for the same, hence the bits beside it.
async fn assert_same_results(store: &dyn Store, results: &Results) {
    let wanted = &results.evaluations[0];
    let found = &store.evaluations(&[wanted.key]).await.unwrap()[&wanted.key];
    assert_eq!(found, wanted);
    let bits = |record: &crate::record::EvaluationRecord| {
        let objectives = &record.evaluation.objectives;
        [objectives.score, objectives.dollars, objectives.latency_seconds].map(kept)
    };
    assert_eq!(bits(found), bits(wanted));

    let wanted = &results.proposals[0];
    let found = &store.proposals(&[wanted.key]).await.unwrap()[&wanted.key];
    assert_eq!(found, wanted);
    assert_eq!(found.dollars.to_bits(), kept(wanted.dollars));
}

async fn assert_same_notes(store: &dyn Store, notes: &Notes) {
    let id = &notes.checkpoints[0].job;
    let (wanted, found) = (&notes.candidates[0], store.candidates(id).await.unwrap().pop());
    let found = found.expect("a candidate was written");
    assert_eq!(&found, wanted);
    assert_eq!(found.candidate.components(), wanted.candidate.components());
    assert_eq!(found.validation_score.map(kept), wanted.validation_score.map(kept));

    assert_eq!(store.checkpoint(id, 0).await.unwrap().as_ref(), notes.checkpoints.first());
    assert_eq!(store.migrants(id, u32::MAX).await.unwrap(), notes.migrants);

    let (wanted, found) = (&notes.history[0], store.history(id).await.unwrap().pop());
    let found = found.expect("a point was written");
    let bits = |point: &crate::record::HistoryRecord| [point.best, point.mean, point.diversity].map(kept);
    assert_eq!((&found, bits(&found)), (wanted, bits(wanted)));
}

/// NaN, and counts that no database holds, are refused with their names, and nothing beside them is written.
pub fn what_is_no_number_is_refused_whole(open: impl Open) {
    run(async {
        let store = open(StandingClock::new().clock()).await;
        let lease = with_island(&*store, "a").await;
        let mut nan = sample::evaluation("a", 1);
        nan.evaluation.objectives.score = f64::NAN;
        let mut endless = sample::evaluation("a", 4);
        endless.evaluation.objectives.named.insert("warmth".into(), f64::INFINITY);
        let mut huge = sample::evaluation("a", 2);
        huge.evaluation.input_tokens = u64::MAX;
        for (record, name) in [(nan, "score"), (endless, "`warmth`, is inf"), (huge, "input tokens")] {
            let evaluations = vec![sample::evaluation("a", 3), record];
            let results = Results { evaluations, ..Default::default() };
            let error = assert_kind(store.keep(&results).await, Kind::Invalid);
            assert!(error.message.contains(name), "{error}");
        }
        assert_eq!(store.totals(&lease.lease.job).await.unwrap().evaluations, 0);
        let mut huge = sample::candidate("a", 0, 1);
        huge.ordinal = 1 << 63;
        let notes = Notes { candidates: vec![sample::candidate("a", 0, 0), huge], ..Default::default() };
        let error = assert_kind(store.note(&lease, &notes).await, Kind::Invalid);
        assert!(error.message.contains("ordinal"), "{error}");
        assert_eq!(store.candidates(&lease.lease.job).await.unwrap(), []);
    });
}
