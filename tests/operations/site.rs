//! A whole site: a cluster at work with all that it needs, and what watches it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::collector::Collector;
use crate::database::Database;
use crate::durations::quick_minutes;
use crate::folder::cases;
use crate::notice::{Channel, Notice};
use crate::postgres::Postgres;
use crate::process::until_within;
use crate::provider::{Provider, job};
use crate::redis::Redis;
use crate::watch::{Looked, Watch};
use crate::way::Way;

/// Nodes of the cluster.
const NODES: usize = 3;
/// How often all rules are judged before all counts as quiet.
const QUIET: f64 = 20.0;
/// Minutes of the quicker time. Nothing takes this long, on whatever machine.
const LONG: u64 = 240;
/// Between two looks at the site: what is looked at changes with scrapes, which come less often, and each look is work
/// for the machine that all share.
const PAUSE: Duration = Duration::from_millis(200);
/// More than a job gets done in a test.
const ENDLESS: u32 = 1_000_000;

/// An alert, and how it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alarm {
    pub(crate) name: &'static str,
    pub(crate) severity: &'static str,
    /// Whom it goes to.
    pub(crate) channels: &'static [Channel],
    /// What its description says, among others.
    pub(crate) says: &'static str,
    /// What fires because of the same, at its severity or below, and is not told.
    pub(crate) silences: &'static [&'static str],
}

/// When all was well: on the clock of Prometheus, and here.
#[derive(Debug, Clone, Copy)]
struct Calm {
    since: f64,
    at: Instant,
}

/// What the title of a notice begins with.
fn title(severity: &str) -> String {
    format!("[{}] ", severity.to_uppercase())
}

/// The site. All of it ends when it is dropped.
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    pub(crate) provider: Provider,
    /// The way to the collector of traces.
    pub(crate) traces: Way,
    pub(crate) watch: Watch,
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    /// The job that does not end.
    job: String,
}

impl Site {
    /// Starts one with a job that does not end.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more that shows itself as evohub does.
    pub(crate) fn start_with(more: &[SocketAddr]) -> Self {
        let (postgres, redis, provider) = (Postgres::start(), Redis::start(), Provider::start());
        let traces = Way::to((Ipv4Addr::LOCALHOST, Collector::start().port()).into());
        let endpoint = format!("http://{}", traces.address);
        let arguments = ["--redis", &redis.url(), "--otlp-endpoint", &endpoint];
        let mut cluster = Cluster::new(Database::on(postgres.url()), &arguments);
        for number in 0..NODES {
            // Spans are to be sent, or lost, as soon as time passes here.
            let before = ["env", "OTEL_BSP_SCHEDULE_DELAY=100"].map(str::to_owned);
            cluster.seat(number).before = before.to_vec();
            cluster.add(number);
        }
        cluster.until_whole();
        cluster.folder.write("cases.jsonl", &cases(0..60));
        let mut evohub: Vec<_> = (0..NODES).map(|number| cluster.seat(number).addresses[1]).collect();
        let IpAddr::V4(network) = evohub[0].ip() else { panic!("loopback is of version 4") };
        evohub.extend(more);
        let watch = Watch::start(Looked { network, evohub, postgres: postgres.url(), redis: &redis.url() });
        let mut site = Self { cluster, provider, traces, watch, redis, postgres, job: String::new() };
        site.job = site.submit(ENDLESS, 0);
        site
    }

    /// Gives a node a job of so many evaluations, and says its id.
    pub(crate) fn submit(&self, evaluations: u32, to: usize) -> String {
        self.cluster.folder.write("job.toml", &job(self.provider.url(), evaluations));
        self.cluster.run(&["submit", "job.toml", "--detach"], to).done().stdout.trim().to_owned()
    }

    /// Stops the job that does not end.
    pub(crate) fn stop(&self) {
        self.cluster.run(&["stop", &self.job], 0).done();
    }

    /// Breaks something in a site where all is well and mends it again. That is told as an alert says, and nothing else
    /// is.
    pub(crate) fn check(&mut self, alarm: Alarm, harm: impl FnOnce(&mut Self), mend: impl FnOnce(&mut Self)) {
        let calm = self.until_quiet();
        let start = Instant::now();
        harm(self);
        self.until("it fires", |site| {
            site.alert(alarm.name).filter(|alert| alert["status"]["state"] == "active")
        });
        println!("{}: fired after {:?}", alarm.name, start.elapsed());
        let title = title(alarm.severity);
        for channel in alarm.channels {
            let notice = self.until_told(alarm, calm, (*channel, false));
            assert!(notice.title.starts_with(&title) && notice.text.contains(alarm.says), "{notice:#?}");
            println!("{}: {channel:?} was told after {:?}: {}", alarm.name, start.elapsed(), notice.title);
        }
        for silenced in alarm.silences {
            self.until(&format!("{silenced} is silenced"), |site| {
                let alert = site.alert(silenced)?;
                let by = alert["status"]["inhibitedBy"].as_array()?;
                (!by.is_empty()).then_some(())
            });
        }
        mend(self);
        let start = Instant::now();
        self.until("it is over", |site| site.alert(alarm.name).is_none().then_some(()));
        println!("{}: over after {:?}", alarm.name, start.elapsed());
        // Mails are for those who hear of it once an hour, and the test does not wait for that.
        for channel in alarm.channels.iter().filter(|channel| **channel != Channel::Mail) {
            self.until_told(alarm, calm, (*channel, true));
            println!("{}: {channel:?} was told that it is over after {:?}", alarm.name, start.elapsed());
        }
        self.check_others(alarm, calm);
    }

    /// Waits until all works, and then until it has been judged many times: nothing fires in that time, nobody is told
    /// of anything, and the dead man's switch is fed. Gives the moment when all worked.
    fn until_quiet(&self) -> Calm {
        let calm = self.until("all works", |site| {
            let works = site.watch.value("min(up)") == Some(1.0)
                && site.watch.value("sum(evolution_generations_completed_total)") >= Some(1.0)
                && site.watch.stirring().is_empty();
            works.then(|| Calm { since: site.watch.now(), at: Instant::now() })
        });
        self.until("all was judged many times", |site| {
            let time = ((site.watch.now() - calm.since) * 1_000.0).ceil().max(1.0);
            let judged = format!("count_over_time(ALERTS{{alertname=\"Watchdog\"}}[{time}ms])");
            site.watch.value(&judged).filter(|judged| *judged >= QUIET)
        });
        self.until("a sign of life", |site| (site.watch.signs_of_life() > 0).then_some(()));
        let (fired, told) = (self.watch.fired(calm.since), self.told(calm));
        assert!(fired.is_empty() && told.is_empty(), "{fired:?} though all is well\n{}", self.state());
        calm
    }

    /// What people were told of troubles since all was well.
    fn told(&self, calm: Calm) -> Vec<Notice> {
        let mut told = self.watch.notices();
        told.retain(|notice| !notice.is_resolved && notice.at >= calm.at);
        told
    }

    /// That nobody was told of anything else that is as bad.
    fn check_others(&self, alarm: Alarm, calm: Calm) {
        let fired = self.watch.fired(calm.since);
        println!("{}: all that fired: {fired:?}", alarm.name);
        let title = title(alarm.severity);
        for notice in self.told(calm) {
            let is_as_bad = notice.title.starts_with(&title);
            assert!(!is_as_bad || notice.is_of(alarm.name), "of {fired:?}, this was told: {notice:#?}");
        }
    }

    /// An alert that Alertmanager has now.
    fn alert(&self, name: &str) -> Option<Value> {
        let mut alerts = self.watch.alerts().into_iter();
        alerts.find(|alert| alert["labels"]["alertname"] == name)
    }

    fn until_told(&self, alarm: Alarm, calm: Calm, (channel, is_resolved): (Channel, bool)) -> Notice {
        self.until(&format!("{channel:?} is told, over: {is_resolved}"), |site| {
            let mut notices = site.watch.notices().into_iter().filter(|told| told.at >= calm.at);
            notices.find(|told| {
                told.channel == channel && told.is_resolved == is_resolved && told.is_of(alarm.name)
            })
        })
    }

    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        until_within(quick_minutes(LONG), PAUSE, || look(self))
            .unwrap_or_else(|| panic!("never: {what}\n{}", self.state()))
    }

    /// How all stands, for who looks for what went wrong.
    fn state(&self) -> String {
        format!(
            "down: {:?}\nfiring or about to: {:?}\nhave fired: {:?}\nnotices: {:#?}\n{}\n{}",
            self.watch.query("up < 1"),
            self.watch.stirring(),
            self.watch.fired(0.0),
            self.watch.notices(),
            self.watch.words(),
            self.cluster.last_words()
        )
    }
}
