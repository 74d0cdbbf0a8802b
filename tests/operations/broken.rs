//! Things that break while a cluster is at work.

use crate::notice::Channel;
use crate::provider::Mood;
use crate::site::{Alarm, Site};

/// What is dealt with in working hours.
const TEAM: &[Channel] = &[Channel::Chat];
/// What wakes somebody.
const ON_CALL: &[Channel] = &[Channel::Pager, Channel::Chat];

const fn warning(name: &'static str, says: &'static str) -> Alarm {
    Alarm { name, severity: "warning", channels: TEAM, says, silences: &[] }
}

const fn critical(name: &'static str, says: &'static str) -> Alarm {
    Alarm { name, severity: "critical", channels: ON_CALL, says, silences: &[] }
}

/// A provider that behaves otherwise for a while.
fn check_mood(alarm: Alarm, mood: Mood) {
    Site::start().check(alarm, |site| site.provider.set(mood), |site| site.provider.set(Mood::Well));
}

#[test]
fn a_node_is_killed() {
    let alarm = warning("NodeDown", "does not answer Prometheus");
    let kill = |site: &mut Site| site.cluster.nodes[2].kill();
    Site::start().check(alarm, kill, |site| site.cluster.add(2));
}

#[test]
fn postgresql_is_away() {
    let alarm =
        Alarm { silences: &["ErrorBudgetBurn"], ..critical("PostgresDown", "cannot reach PostgreSQL") };
    Site::start().check(alarm, |site| site.postgres.crash(), |site| site.postgres.begin());
}

#[test]
fn redis_is_away() {
    let alarm = critical("RedisDown", "Redis does not answer");
    Site::start().check(alarm, |site| site.redis.stop(), |site| site.redis.begin());
}

#[test]
fn a_provider_fails() {
    check_mood(warning("ProviderFailing", "calls of lab fail"), Mood::Failing);
}

#[test]
fn a_provider_is_slow() {
    check_mood(warning("ProviderSlow", "One call in twenty of lab"), Mood::Slow);
}

#[test]
fn a_job_is_stalled() {
    check_mood(warning("JobStalled", "has had no result for"), Mood::Hanging);
}

#[test]
fn a_population_collapses() {
    let collapse = |site: &mut Site| site.provider.set(Mood::Alike);
    // A population that is alike stays so: its runbook has the job stopped.
    Site::start().check(warning("DiversityCollapsed", "explores nothing new"), collapse, |site| site.stop());
}

#[test]
fn money_is_spent_too_fast() {
    let alarm =
        Alarm { channels: &[Channel::Chat, Channel::Mail], ..warning("SpendRateHigh", "US dollars an hour") };
    check_mood(alarm, Mood::Dear);
}

#[test]
fn traces_are_lost() {
    let alarm = warning("SpansLost", "do not reach the collector");
    Site::start().check(alarm, |site| site.traces.cut(), |site| site.traces.mend());
}
