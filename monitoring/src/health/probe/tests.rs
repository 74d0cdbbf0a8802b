use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::advance;

use super::super::check::{DEFAULT_LIMIT, Status};
use super::*;

/// A check that counts its runs, and does not answer before it is told to.
struct Scripted {
    runs: Arc<AtomicUsize>,
    answer: Arc<Notify>,
    probe: Arc<Probe>,
}

impl Scripted {
    fn new() -> Self {
        let (runs, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, told) = (Arc::clone(&runs), Arc::clone(&answer));
        let check = Check::new(move || {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            let told = Arc::clone(&told);
            async move {
                told.notified().await;
                CheckResult::healthy().with("run", run)
            }
        });
        Self { runs, answer, probe: Arc::new(Probe::new(check)) }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn callers_share_one_run_and_its_answer_for_a_second() {
    let scripted = Scripted::new();
    let waiting: Vec<_> = (0..50).map(|_| scripted.probe.observe()).collect();
    scripted.answer.notify_one();
    for underway in waiting {
        assert_eq!(underway.finish().await.result.status(), Status::Healthy);
    }
    assert_eq!(scripted.runs(), 1);
    advance(CACHED - Duration::from_millis(1)).await;
    assert_eq!(scripted.probe.observe().finish().await.result.fields()[0].1, 0);
    assert_eq!(scripted.runs(), 1);
    advance(Duration::from_millis(1)).await;
    scripted.answer.notify_one();
    assert_eq!(scripted.probe.observe().finish().await.result.fields()[0].1, 1);
    assert_eq!(scripted.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_does_not_end_a_run() {
    let scripted = Scripted::new();
    drop(scripted.probe.observe());
    let stays = scripted.probe.observe();
    scripted.answer.notify_one();
    assert_eq!(stays.finish().await.result.status(), Status::Healthy);
    assert_eq!(scripted.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_unhealthy_and_may_recover() {
    let scripted = Scripted::new();
    let silent = scripted.probe.observe().finish().await;
    assert_eq!(silent.result, CheckResult::unhealthy("no answer within 2 s"));
    assert_eq!(silent.response_time, DEFAULT_LIMIT);
    advance(CACHED).await;
    scripted.answer.notify_one();
    assert_eq!(scripted.probe.observe().finish().await.result.status(), Status::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_its_own() {
    let check = Check::new(std::future::pending).limit(Duration::from_millis(300));
    let silent = Arc::new(Probe::new(check)).observe().finish().await;
    assert_eq!(silent.result.message(), Some("no answer within 300 ms"));
    assert_eq!(silent.milliseconds(), 300);
}

#[tokio::test]
async fn a_check_that_panics_is_unhealthy() {
    fn at_once() -> std::future::Ready<CheckResult> {
        panic!("no {}", "sk-proj-abcDEF123456")
    }
    let early = Check::new(at_once);
    let late = Check::new(async || {
        tokio::task::yield_now().await;
        if true {
            panic!("late");
        }
        CheckResult::healthy()
    });
    for (check, message) in [(early, "no [redacted]"), (late, "late")] {
        let probe = Arc::new(Probe::new(check));
        let observation = probe.observe().finish().await;
        assert_eq!(observation.result, CheckResult::unhealthy(format!("the check panicked: {message}")));
    }
}

/// No time limit ends a thread that is blocked: it is left alone, and no second one joins it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_check_that_blocks_its_thread_is_not_run_again_meanwhile() {
    let runs = Arc::new(AtomicUsize::new(0));
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let counted = Arc::clone(&runs);
    let check = Check::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let blocked = Arc::clone(&blocked);
        async move {
            let _ = blocked.lock().unwrap().recv();
            CheckResult::healthy()
        }
    });
    let probe = Arc::new(Probe::new(check.limit(Duration::from_millis(20))));
    for _ in 0..3 {
        assert_eq!(probe.observe().finish().await.result.status(), Status::Unhealthy);
        probe.lock().latest = None;
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    // Released, this run and those after it end.
    drop(release);
    let recovered = async {
        while probe.observe().finish().await.result.status() != Status::Healthy {
            probe.lock().latest = None;
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), recovered).await.expect("the check answers again");
    assert!(runs.load(Ordering::Relaxed) > 1);
}
