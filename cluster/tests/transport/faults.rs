//! What happens to processes: they come late, they are killed, frozen, and started anew.
#![expect(clippy::print_stdout, reason = "what was measured is worth a look, also when it is good enough")]

use std::time::{Duration, Instant};

use crate::process::Process;

const ANY: &str = "127.0.0.1:0";

/// Three nodes that know each other, of which two were told of the first only.
fn three() -> [Process; 3] {
    let a = Process::start("a", ANY, &[]);
    let [b, c] = ["b", "c"].map(|called| Process::start(called, ANY, &[&a.address]));
    for node in [&a, &b, &c] {
        node.sees(&["a=alive+", "b=alive+", "c=alive+"]);
    }
    [a, b, c]
}

fn report(what: &str, since: Instant, when: Instant) -> Duration {
    let took = when.saturating_duration_since(since);
    println!("{what}: {} ms", took.as_millis());
    took
}

#[test]
fn all_find_each_other_and_who_comes_late() {
    let [mut a, b, c] = three();
    let begun = Instant::now();
    let mut d = Process::start("d", ANY, &["127.0.0.1:9", &c.address]);
    d.sees(&["a=alive+", "b=alive+", "c=alive+", "d=alive+"]);
    for node in [&a, &b, &c] {
        node.sees(&["d=alive+"]);
    }
    report("a late node is known to all after", begun, Instant::now());
    a.order("call d");
    assert!(a.says("call ", |_| true).1.starts_with("ok"));
    d.order("leave");
    assert!(d.is_over_within(Duration::from_secs(5)));
    b.sees(&["d=left-"]);
    b.says("change ", |change| change.starts_with("Down") && change.contains("Left"));
}

#[test]
fn who_is_killed_is_missed_at_once() {
    let [a, b, c] = three();
    let killed = c.signal("KILL");
    for node in [&a, &b] {
        let (when, change) = node.says("change ", |change| change.starts_with("Down"));
        assert!(report("a killed node is down after", killed, when) < Duration::from_secs(1), "{change}");
        assert!(change.contains("\"c\""), "{change}");
        node.sees(&["c=dead-"]);
    }
    // The same name and the same port, at once.
    let again = Process::start("c", &c.address, &[&a.address]);
    again.sees(&["a=alive+", "b=alive+", "c=alive+"]);
    for node in [&a, &b] {
        node.sees(&["c=alive+"]);
    }
}

#[test]
fn who_is_frozen_is_missed_and_comes_back() {
    let [a, b, c] = three();
    let frozen = c.signal("STOP");
    for node in [&a, &b] {
        let (when, _) = node.says("change ", |change| change.starts_with("Down"));
        assert!(report("a frozen node is down after", frozen, when) < Duration::from_secs(5));
        node.sees(&["c=dead-"]);
    }
    let woken = c.signal("CONT");
    let (when, _) = c.says("change ", |change| change.starts_with("Reborn"));
    report("a node that was frozen is reborn after", woken, when);
    for node in [&a, &b] {
        let when = node.sees(&["c=alive+"]);
        assert!(report("it is back after", woken, when) < Duration::from_secs(10));
    }
    c.sees(&["a=alive+", "b=alive+", "c=alive+"]);
}

#[test]
fn a_newer_process_takes_the_name_of_a_frozen_one() {
    let [mut a, mut b, mut c] = three();
    c.signal("STOP");
    let begun = Instant::now();
    let mut newer = Process::start("c", ANY, &[&a.address]);
    newer.sees(&["a=alive+", "b=alive+", "c=alive+"]);
    for node in [&a, &b] {
        let (when, _) = node.says("change ", |change| change.contains("Replaced"));
        report("a newer process has the name after", begun, when);
    }
    c.signal("CONT");
    assert!(
        c.is_over_within(Duration::from_secs(20)),
        "the older process sees that it is replaced, and stops"
    );
    for (node, others) in [(&mut a, ["b", "c"]), (&mut b, ["a", "c"]), (&mut newer, ["a", "b"])] {
        for other in others {
            node.order(&format!("call {other}"));
            let (_, answer) = node.says("call ", |_| true);
            assert!(answer.starts_with("ok"), "{answer}");
        }
    }
}

#[test]
fn a_frozen_peer_costs_little_memory() {
    let mut a = Process::start("a", ANY, &[]);
    let b = Process::start("b", ANY, &[&a.address]);
    a.sees(&["b=alive+"]);
    b.signal("STOP");
    a.order("flood b");
    let (_, flood) = a.says("flood ", |_| true);
    println!("{flood}");
    let numbers: Vec<u64> = flood.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [sent, full, grew] = numbers[..] else { panic!("{flood}") };
    // A window and an outbox, with what the library and the machine keep on the way.
    assert!(sent < 100_000 && full > 0 && grew < 128 << 20, "{flood}");
    b.signal("CONT");
    a.sees(&["b=alive+"]);
    a.order("call b");
    assert!(a.says("call ", |_| true).1.starts_with("ok"));
}
