//! The Redis that nodes share.

use evohub_store::{RedisExamination, StoreError, examine_redis};

use super::finding::{Check, Finding};
use super::machine::human;

const CHECK: Check = Check::Redis;

/// The first version whose scripts may ask for the time before they write, as those of the quotas do.
const OLDEST: u32 = 5;

/// Milliseconds within which it has to answer: each call to a provider waits for it up to a quarter of a second.
const SLOW: u128 = 50;

/// Looks at the Redis with this URL.
pub(super) async fn check(url: Option<&str>) -> Vec<Finding> {
    match url {
        None => vec![Finding::not_applicable(CHECK, "no --redis is named: each node has limits of its own")],
        Some(url) => judge(&examine_redis(url).await),
    }
}

fn judge(found: &Result<RedisExamination, StoreError>) -> Vec<Finding> {
    let server = match found {
        Ok(server) => server,
        Err(error) => {
            let advice = "start it, or correct --redis (EVOHUB_REDIS); until then nodes go on with limits of their own";
            return vec![Finding::problem(CHECK, error.to_string(), advice)];
        }
    };
    let milliseconds = server.latency.as_secs_f64() * 1_000.0;
    let found = format!("Redis {} answers in {milliseconds:.1} ms", server.version);
    let major = server.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let mut findings = vec![if major.is_some_and(|major| major < OLDEST) {
        Finding::problem(CHECK, found, "use Redis 5 or later")
    } else if server.latency.as_millis() >= SLOW {
        Finding::warning(CHECK, found, "bring it closer to the nodes: after 250 ms they go on without it")
    } else {
        Finding::ok(CHECK, found)
    }];
    if server.role == "slave" {
        let found = "it is a replica, which takes no writes";
        findings.push(Finding::problem(CHECK, found, "name the primary with --redis"));
    }
    findings.push(of_memory(server));
    findings
}

/// Keys of quotas and of the cache have a time to live, so that policies for volatile keys find them, too.
fn of_memory(server: &RedisExamination) -> Finding {
    let RedisExamination { most_memory: most, used_memory: used, policy, .. } = server;
    if *most == 0 {
        return Finding::ok(CHECK, format!("it uses {}, without a limit", human(*used)));
    }
    let found = format!("it uses {} of {} (maxmemory-policy {policy})", human(*used), human(*most));
    let is_full = u128::from(*used) * 10 >= u128::from(*most) * 9;
    match (policy.as_str(), is_full) {
        ("noeviction", false) => Finding::ok(CHECK, found),
        ("noeviction", true) => {
            Finding::warning(CHECK, found + ", and writes are refused when it is full", "raise maxmemory")
        }
        _ => Finding::warning(
            CHECK,
            found + ": keys of provider limits may be evicted, and calls then go beyond the limit",
            "set maxmemory-policy noeviction with enough maxmemory, or give evohub a Redis of its own",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::finding::Verdict;

    fn statuses(change: impl FnOnce(&mut RedisExamination)) -> Vec<Verdict> {
        let mut server = RedisExamination {
            version: "7.0.15".to_owned(),
            latency: Duration::from_micros(200),
            most_memory: 0,
            used_memory: 1 << 20,
            policy: "noeviction".to_owned(),
            role: "master".to_owned(),
        };
        change(&mut server);
        judge(&Ok(server)).iter().map(|finding| finding.status).collect()
    }

    #[test]
    fn a_policy_that_evicts_quotas_is_warned_of() {
        use Verdict::{Ok, Problem, Warning};
        assert_eq!(statuses(|_| {}), [Ok, Ok]);
        assert_eq!(statuses(|it| it.most_memory = 100 << 20), [Ok, Ok]);
        assert_eq!(statuses(|it| it.most_memory = 1 << 20), [Ok, Warning]);
        for policy in ["allkeys-lru", "volatile-lru", "volatile-ttl"] {
            let change = |it: &mut RedisExamination| {
                it.most_memory = 100 << 20;
                it.policy = policy.to_owned();
            };
            assert_eq!(statuses(change), [Ok, Warning], "{policy}");
        }
        assert_eq!(statuses(|it| it.version = "4.0.9".to_owned()), [Problem, Ok]);
        assert_eq!(statuses(|it| it.role = "slave".to_owned()), [Ok, Problem, Ok]);
    }
}
