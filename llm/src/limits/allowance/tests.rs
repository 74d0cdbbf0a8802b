mod cluster;
mod scripted;

use super::*;
use crate::limits::shared::SharedQuota;
use scripted::{Heard, Mood, Scripted};

const NONE: ProviderLimits =
    ProviderLimits { requests_per_minute: None, tokens_per_minute: None, dollars_per_hour: None };
/// A request a second.
const SIXTY: ProviderLimits = ProviderLimits { requests_per_minute: Some(60), ..NONE };
const CALL: Amount = Amount { tokens: 100, dollars: 0.5 };

fn alone(limits: ProviderLimits) -> Allowance {
    Allowance::new("lab", limits, None)
}

fn member(
    limits: ProviderLimits,
    quota: &Arc<impl SharedQuota + 'static>,
    share: impl Fn() -> f64 + Send + Sync + 'static,
) -> Allowance {
    let quota = Arc::clone(quota) as Arc<dyn SharedQuota>;
    Allowance::new("lab", limits, Some(Membership { quota, share: Arc::new(share) }))
}

async fn send(allowance: &Allowance, count: usize) {
    for _ in 0..count {
        allowance.reserve(CALL).await.used();
    }
}

/// Lets the tasks run that tell the quota.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn near(found: Duration, seconds: f64) {
    assert!(
        found.abs_diff(Duration::from_secs_f64(seconds)) < Duration::from_millis(20),
        "{found:?}, not {seconds}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_waits_and_nobody_is_asked() {
    let (quota, start) = (Arc::new(Scripted::new(Mood::Silent)), Instant::now());
    for allowance in [alone(NONE), member(NONE, &quota, || 0.5)] {
        send(&allowance, 1000).await;
    }
    assert_eq!((start.elapsed(), quota.asked()), (Duration::ZERO, 0));
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_node_are_spread_over_the_minute() {
    let (allowance, start) = (alone(SIXTY), Instant::now());
    send(&allowance, 61).await;
    // The first second's worth is free: request 0 and 1 go at once.
    near(start.elapsed(), 59.0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everyone_whoever_gave_the_place() {
    let quota = Arc::new(Scripted::new(Mood::Gives(Duration::ZERO)));
    for allowance in [alone(NONE), member(SIXTY, &quota, || 0.5)] {
        let start = Instant::now();
        allowance.pause(Duration::from_secs(5));
        allowance.pause(Duration::from_secs(2));
        send(&allowance, 1).await;
        near(start.elapsed(), 5.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_quota_and_not_for_the_node_as_well() {
    let quota = Arc::new(Scripted::new(Mood::Gives(Duration::from_millis(100))));
    let (allowance, start) = (member(SIXTY, &quota, || 0.01), Instant::now());
    send(&allowance, 50).await;
    near(start.elapsed(), 5.0);
    assert_eq!(quota.asked(), 50);
}

#[tokio::test(start_paused = true)]
async fn while_the_quota_is_away_a_node_keeps_to_its_share_of_the_moment() {
    let quota = Arc::new(Scripted::new(Mood::Away));
    let nodes = Arc::new(std::sync::atomic::AtomicU32::new(2));
    let living = Arc::clone(&nodes);
    let share = move || 1.0 / f64::from(living.load(std::sync::atomic::Ordering::SeqCst));
    let (allowance, start) = (member(SIXTY, &quota, share), Instant::now());
    send(&allowance, 11).await;
    // Two seconds each, the first but for one second at once.
    near(start.elapsed(), 19.0);
    nodes.store(4, std::sync::atomic::Ordering::SeqCst);
    send(&allowance, 11).await;
    near(start.elapsed(), 21.0 + 40.0);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_none_is_the_smallest_and_one_too_large_is_all() {
    let quota = Arc::new(Scripted::new(Mood::Away));
    for (share, seconds) in [(f64::NAN, 1000.0), (0.0, 1000.0), (-1.0, 1000.0), (f64::INFINITY, 1.0)] {
        let (allowance, start) = (member(SIXTY, &quota, move || share), Instant::now());
        send(&allowance, 3).await;
        near(start.elapsed(), 2.0 * seconds - 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_does_not_answer_holds_one_call_a_second_up_for_250_ms() {
    let quota = Arc::new(Scripted::new(Mood::Silent));
    let limits = ProviderLimits { requests_per_minute: Some(6000), ..NONE };
    let (allowance, start) = (member(limits, &quota, || 1.0), Instant::now());
    send(&allowance, 1).await;
    near(start.elapsed(), 0.25);
    send(&allowance, 1000).await;
    // About ten seconds of calls, one question each second and a quarter at most.
    assert!((7..=10).contains(&quota.asked()), "{}", quota.asked());
    assert!(start.elapsed() < Duration::from_secs(13), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_the_node_go_to_the_quota_when_it_is_back() {
    let quota = Arc::new(Scripted::new(Mood::Away));
    let allowance = Arc::new(member(SIXTY, &quota, || 0.1));
    let start = Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let allowance = Arc::clone(&allowance);
            tokio::spawn(async move {
                send(&allowance, 1).await;
                start.elapsed()
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(30)).await;
    quota.be(Mood::Gives(Duration::from_secs(1)));
    // Somebody has to ask.
    send(&allowance, 1).await;
    near(start.elapsed(), 31.0);
    let mut ends = Vec::new();
    for call in calls {
        ends.push(call.await.unwrap());
    }
    // Ten seconds each before, of which the first but for one at once; then as the quota says.
    let (before, after) = ends.split_at(4);
    for (end, seconds) in before.iter().zip([0.0, 9.0, 19.0, 29.0]) {
        near(*end, seconds);
    }
    after.iter().for_each(|end| near(*end, 31.0));
    // And what they had taken of the node's own rate is given back.
    quota.be(Mood::Away);
    let start = Instant::now();
    send(&allowance, 1).await;
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_node_goes_on_behind_the_places_that_the_quota_gave() {
    let quota = Arc::new(Scripted::new(Mood::Gives(Duration::from_secs(20))));
    let (allowance, start) = (member(SIXTY, &quota, || 0.5), Instant::now());
    let waiting = allowance.reserve(CALL);
    let next = async {
        settled().await;
        quota.be(Mood::Away);
        send(&allowance, 1).await;
        start.elapsed()
    };
    let (mut place, end) = tokio::join!(waiting, next);
    place.used();
    near(end, 20.0);
}

#[tokio::test(start_paused = true)]
async fn what_was_really_used_is_told_in_so_far_as_it_is_limited() {
    let quota = Arc::new(Scripted::new(Mood::Gives(Duration::ZERO)));
    let taken = Amount { tokens: 30, dollars: 0.75 };
    let limited = |tokens: bool, dollars: bool| ProviderLimits {
        tokens_per_minute: tokens.then_some(1000),
        dollars_per_hour: dollars.then_some(1.0),
        ..SIXTY
    };
    for (limits, reserved, corrected) in [
        (limited(true, true), (100, 0.5), Some((-70, 0.25))),
        (limited(true, false), (100, 0.0), Some((-70, 0.0))),
        (limited(false, true), (0, 0.5), Some((0, 0.25))),
        (limited(false, false), (0, 0.0), None),
    ] {
        member(limits, &quota, || 1.0).reserve(CALL).await.settle(taken);
        settled().await;
        let told = Heard::Reserve(limits, reserved.0, reserved.1);
        let corrected = corrected.map(|(tokens, dollars)| Heard::Settle(tokens, dollars));
        assert_eq!(quota.take_heard(), std::iter::once(told).chain(corrected).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_not_used_is_given_back_to_who_gave_it() {
    let quota = Arc::new(Scripted::new(Mood::Gives(Duration::from_secs(3))));
    let limits = ProviderLimits { tokens_per_minute: Some(1000), ..NONE };
    let allowance = member(limits, &quota, || 1.0);
    // In the middle of the wait, and after it.
    let given_up = tokio::time::timeout(Duration::from_secs(1), allowance.reserve(CALL)).await;
    assert!(given_up.is_err());
    drop(allowance.reserve(CALL).await);
    settled().await;
    let (reserve, back) = (Heard::Reserve(limits, 100, 0.0), Heard::GiveBack(100, 0.0));
    assert_eq!(quota.take_heard(), [reserve, back, reserve, back]);
    // Nor does the node's own rate hold anything against the next.
    quota.be(Mood::Away);
    let start = Instant::now();
    for _ in 0..100 {
        drop(allowance.reserve(CALL).await);
    }
    send(&allowance, 1).await;
    settled().await;
    near(start.elapsed(), 0.0);
    assert_eq!(quota.take_heard(), [reserve], "it is not bothered with places that it did not give");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_comes_too_late_is_given_back() {
    let quota = Arc::new(Scripted::new(Mood::Late(Duration::from_millis(400))));
    let allowance = member(SIXTY, &quota, || 1.0);
    send(&allowance, 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Nor is it lost when nobody waits any more.
    let given_up = tokio::time::timeout(Duration::from_millis(100), allowance.reserve(CALL)).await;
    assert!(given_up.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (reserve, back) = (Heard::Reserve(SIXTY, 0, 0.0), Heard::GiveBack(0, 0.0));
    assert_eq!(quota.take_heard(), [reserve, back, reserve, back]);
}
