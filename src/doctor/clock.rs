//! The time of day, here and on other machines.

use std::time::{Duration, SystemTime};

use super::finding::{Check, Finding, Verdict};

const CHECK: Check = Check::Clock;

/// No clock that is right shows an earlier time than this: the first day of 2026.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);

/// Nor a later one: the first day of 2100.
const LATEST: Duration = Duration::from_secs(4_102_444_800);

/// Milliseconds by which clocks may differ: logs and traces of several machines are put in order by them.
const LIMIT: i64 = 1_000;

/// Milliseconds from which on it does harm: certificates and tokens go by the clock.
const HARMFUL: i64 = 60_000;

/// A clock elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elsewhere {
    /// Whose.
    pub(super) name: String,
    /// Milliseconds that it is before the clock here.
    pub(super) ahead: i64,
    /// Milliseconds by which that may be wrong: half the way there and back.
    pub(super) uncertain: i64,
}

/// What this machine's time, and its distance to others, mean.
pub(super) fn judge(now: SystemTime, others: &[Elsewhere]) -> Vec<Finding> {
    let mut findings = vec![plausible(now)];
    if others.is_empty() {
        findings.push(Finding::not_applicable(CHECK, "no other clock could be asked"));
    }
    findings.extend(others.iter().map(compared));
    findings
}

fn plausible(now: SystemTime) -> Finding {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if (EARLIEST..LATEST).contains(&since) {
        return Finding::ok(CHECK, "the time of this machine is plausible");
    }
    Finding::problem(
        CHECK,
        format!("the time of this machine cannot be: {} s since 1970", since.as_secs()),
        "set the clock, and keep it right with NTP (timedatectl set-ntp true)",
    )
}

fn compared(other: &Elsewhere) -> Finding {
    let Elsewhere { name, ahead, uncertain } = other;
    // What may come from the way there is not held against the clock.
    let drift = ahead.saturating_abs().saturating_sub(*uncertain).max(0);
    let direction = if *ahead < 0 { "behind" } else { "ahead of" };
    let found = format!(
        "the clock of {name} is {} ms {direction} the one here (±{uncertain} ms; the limit is {LIMIT} ms)",
        ahead.saturating_abs()
    );
    let advice = "keep both machines right with NTP (timedatectl; chronyc tracking)";
    match status(drift) {
        Verdict::Problem => Finding::problem(CHECK, found, advice),
        Verdict::Warning => Finding::warning(CHECK, found, advice),
        _ => Finding::ok(CHECK, found),
    }
}

fn status(drift: i64) -> Verdict {
    match drift {
        HARMFUL.. => Verdict::Problem,
        LIMIT.. => Verdict::Warning,
        _ => Verdict::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(ahead: i64, uncertain: i64) -> Elsewhere {
        Elsewhere { name: "node `b`".to_owned(), ahead, uncertain }
    }

    #[test]
    fn a_drift_counts_beyond_what_is_uncertain() {
        let now = SystemTime::UNIX_EPOCH + EARLIEST;
        let status = |ahead, uncertain| judge(now, &[other(ahead, uncertain)])[1].status;
        assert_eq!(status(3, 1), Verdict::Ok);
        assert_eq!(status(-999, 0), Verdict::Ok);
        assert_eq!(status(1_000, 0), Verdict::Warning);
        assert_eq!(status(-1_400, 500), Verdict::Ok);
        assert_eq!(status(-59_000, 500), Verdict::Warning);
        assert_eq!(status(60_000, 0), Verdict::Problem);
        assert_eq!(status(i64::MIN, 0), Verdict::Problem);
    }

    #[test]
    fn drift_and_limit_are_said() {
        let found = &judge(SystemTime::UNIX_EPOCH + EARLIEST, &[other(-2_500, 4)])[1].found;
        assert_eq!(
            found,
            "the clock of node `b` is 2500 ms behind the one here (±4 ms; the limit is 1000 ms)"
        );
    }

    #[test]
    fn a_time_that_cannot_be_is_a_problem() {
        let status = |seconds| judge(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), &[])[0].status;
        assert_eq!(status(0), Verdict::Problem);
        assert_eq!(status(EARLIEST.as_secs()), Verdict::Ok);
        assert_eq!(status(LATEST.as_secs()), Verdict::Problem);
    }
}
