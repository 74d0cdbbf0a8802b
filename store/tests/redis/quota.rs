//! One rate for several clients of one Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evohub_store::{Quota, QuotaLimits, Tier};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::server::{Server, until};

const MINUTE: Duration = Duration::from_secs(60);
const NONE: QuotaLimits =
    QuotaLimits { requests_per_minute: None, tokens_per_minute: None, dollars_per_hour: None };

fn client(server: &Server) -> Quota {
    Quota::new(Arc::new(Tier::new(&server.url()).unwrap()))
}

fn near(found: Duration, expected: Duration) {
    // Time goes on between two questions.
    assert!(found.abs_diff(expected) < Duration::from_millis(500), "{found:?}, not {expected:?}");
}

/// Sets all that was booked back, which is as letting so much time pass.
async fn pass(connection: &mut redis::aio::MultiplexedConnection, provider: &str, time: Duration) {
    let script = redis::Script::new(
        "for _, name in ipairs({'requests', 'tokens', 'dollars'}) do \
         local paid = redis.call('HGET', KEYS[1], name) \
         if paid then redis.call('HSET', KEYS[1], name, string.format('%.0f', paid - ARGV[1])) end \
         end",
    );
    let mut invocation = script.prepare_invoke();
    invocation.key(format!("evohub:1:quota:{provider}")).arg(time.as_micros() as u64);
    let () = invocation.invoke_async(connection).await.unwrap();
}

#[tokio::test]
async fn without_limits_nothing_waits() {
    let server = Server::start();
    let quota = client(&server);
    for _ in 0..100 {
        assert_eq!(quota.reserve("p", NONE, 1_000_000, 1000.0).await, Ok(Duration::ZERO));
    }
}

#[tokio::test]
async fn requests_of_all_clients_are_spread_over_the_minute() {
    let server = Server::start();
    let limits = QuotaLimits { requests_per_minute: Some(60), ..NONE };
    let clients = [client(&server), client(&server), client(&server)];
    let mut last = Duration::ZERO;
    for number in 0..61 {
        last = clients[number % 3].reserve("p", limits, 0, 0.0).await.unwrap();
    }
    // The first second's worth is free: request 0 and 1 go at once.
    near(last, Duration::from_secs(59));
    // Another provider has a rate of its own.
    assert_eq!(clients[0].reserve("q", limits, 0, 0.0).await, Ok(Duration::ZERO));
}

#[tokio::test]
async fn tokens_and_dollars_are_corrected_to_what_was_used() {
    let server = Server::start();
    let (one, other) = (client(&server), client(&server));
    let tokens = QuotaLimits { tokens_per_minute: Some(6000), ..NONE };
    one.reserve("tokens", tokens, 1000, 0.0).await.unwrap();
    one.settle("tokens", -700, 0.0).await.unwrap();
    // 300 tokens at 100 a second, less the second that is free.
    near(other.reserve("tokens", tokens, 0, 0.0).await.unwrap(), Duration::from_secs(2));
    one.settle("tokens", 1000, 0.0).await.unwrap();
    near(other.reserve("tokens", tokens, 0, 0.0).await.unwrap(), Duration::from_secs(12));

    let dollars = QuotaLimits { dollars_per_hour: Some(36.0), ..NONE };
    one.reserve("dollars", dollars, 0, 0.5).await.unwrap();
    near(other.reserve("dollars", dollars, 0, 0.0).await.unwrap(), Duration::from_secs(49));
    one.settle("dollars", 0, -0.2).await.unwrap();
    near(other.reserve("dollars", dollars, 0, 0.0).await.unwrap(), Duration::from_secs(29));
    one.settle("dollars", 0, f64::NAN).await.unwrap();
    // Whoever was never heard of has nothing to correct.
    one.settle("nobody", 5, 1.0).await.unwrap();
}

#[tokio::test]
async fn a_place_that_is_not_used_is_given_back() {
    let server = Server::start();
    let quota = client(&server);
    let limits = QuotaLimits {
        requests_per_minute: Some(1),
        tokens_per_minute: Some(10),
        dollars_per_hour: Some(1.0),
    };
    for _ in 0..100 {
        quota.reserve("p", limits, 50, 0.3).await.unwrap();
        quota.give_back("p", 50, 0.3).await.unwrap();
    }
    assert_eq!(quota.reserve("p", limits, 0, 0.0).await, Ok(Duration::ZERO));
}

#[tokio::test]
async fn what_is_long_past_is_forgotten() {
    let server = Server::start();
    let limits = QuotaLimits { requests_per_minute: Some(60), ..NONE };
    client(&server).reserve("p", limits, 0, 0.0).await.unwrap();
    let mut connection = server.connect().await;
    let left: i64 = redis::cmd("PTTL").arg("evohub:1:quota:p").query_async(&mut connection).await.unwrap();
    assert!((55_000..=61_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_redis_that_is_away_is_said_at_once_and_found_again() {
    let server = Server::start();
    let quota = client(&server);
    quota.reserve("p", NONE, 0, 0.0).await.unwrap();
    server.stop();
    let start = Instant::now();
    for _ in 0..200 {
        let error = quota.reserve("p", NONE, 0, 0.0).await.unwrap_err();
        assert_eq!((error.provider.as_str(), error.address.as_str()), ("p", server.url().as_str()));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.restart();
    until("the return", async || quota.reserve("p", NONE, 0, 0.0).await.is_ok()).await;
}

/// More than `worth` in some minute?
fn assert_spread(mut sent: Vec<Duration>, minute: Duration, worth: f64, what: &str) {
    sent.sort();
    for (index, start) in sent.iter().enumerate() {
        let count = sent[index..].iter().take_while(|at| **at < *start + minute).count();
        assert!(count as f64 <= worth, "{count} {what} in a minute, at most {worth} expected");
    }
}

/// Clients that ask by turns, at any times.
#[test]
fn no_minute_sees_more_than_61_seconds_worth() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let case = std::cell::Cell::new(0);
    let asked = prop::collection::vec((0..3_usize, 0..3000_u64, any::<bool>()), 1..200);
    let outcome = runner.run(&(1..600_u32, asked), |(limit, asked)| {
        case.set(case.get() + 1);
        let provider = format!("provider {}", case.get());
        runtime.block_on(async {
            let clients = [client(&server), client(&server), client(&server)];
            let mut connection = server.connect().await;
            let limits = QuotaLimits { requests_per_minute: Some(limit), ..NONE };
            let (start, mut passed, mut slowest) = (Instant::now(), Duration::ZERO, Duration::ZERO);
            let mut sent = Vec::new();
            for (client, gap, in_time) in asked {
                let gap = if in_time { Duration::from_millis(gap) } else { Duration::ZERO };
                pass(&mut connection, &provider, gap).await;
                passed += gap;
                let question = Instant::now();
                let wait = clients[client].reserve(&provider, limits, 0, 0.0).await.unwrap();
                slowest = slowest.max(question.elapsed());
                sent.push(start.elapsed() + passed + wait);
            }
            let worth = (f64::from(limit) * 61.0 / 60.0).floor() + 1.0;
            // An answer takes its time, which is not the quota's.
            assert_spread(sent, MINUTE - slowest, worth, "requests");
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Clients that ask all at once, for requests of several tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_clients_at_once_share_one_rate() {
    let server = Server::start();
    let limits = QuotaLimits { tokens_per_minute: Some(6000), requests_per_minute: Some(600), ..NONE };
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let quota = client(&server);
        tasks.spawn(async move {
            let mut sent = Vec::new();
            let mut slowest = Duration::ZERO;
            for _ in 0..100 {
                let question = Instant::now();
                let wait = quota.reserve("p", limits, 20, 0.0).await.unwrap();
                slowest = slowest.max(question.elapsed());
                sent.push(start.elapsed() + wait);
            }
            (sent, slowest)
        });
    }
    let (sent, slowest): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().unzip();
    let slowest = slowest.into_iter().max().unwrap();
    let sent = sent.concat();
    let last = *sent.iter().max().unwrap();
    // 6000 tokens are 300 of these calls, which is less than 600.
    assert_spread(sent, MINUTE - slowest, 300.0 * 61.0 / 60.0 + 1.0, "calls");
    // And not less than it may be: 800 calls at 5 a second.
    near(last, Duration::from_secs(159));
}
