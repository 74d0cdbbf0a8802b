//! What watches a site: Prometheus, Alertmanager and exporters, and those who are told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::alertmanager::{self, Alertmanager};
use crate::durations::quick_minutes;
use crate::exporter::Exporter;
use crate::mailbox::{Mail, Mailbox};
use crate::notice::Notice;
use crate::process::until;
use crate::prometheus::{self, Prometheus};
use crate::receiver::{PAGER, Post, Receiver};
use crate::shipped::{self, Targets, Told};

/// Where what is posted comes to.
const CHAT: &str = "/chat";
const SWITCH: &str = "/switch";
/// The secrets of the run.
const MAIL_PASSWORD: &str = "mail-0123456789";
const PAGER_KEY: &str = "pager0123456789pager0123456789ab";
const SWITCH_TOKEN: &str = "switch-0123456789";

/// All alerts but that which fires always, and those that tell of the machine alone.
const OTHERS: &str = r#"alertname!="Watchdog",job!="node""#;

/// Prometheus, Alertmanager and exporters as they are shipped, looking at a site.
pub(crate) struct Watch {
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    receiver: Receiver,
    mailbox: Mailbox,
    runtime: Runtime,
    _exporters: [Exporter; 3],
}

/// What there is to look at.
pub(crate) struct Looked<'a> {
    /// Addresses of this network that nobody else uses end in 10 and more.
    pub(crate) network: Ipv4Addr,
    pub(crate) evohub: Vec<SocketAddr>,
    pub(crate) postgres: &'a str,
    pub(crate) redis: &'a str,
}

impl Watch {
    pub(crate) fn start(looked: Looked<'_>) -> Self {
        let [first, second, third, _] = looked.network.octets();
        let at = |last: u8, port: u16| SocketAddr::from(([first, second, third, last], port));
        let places = [at(10, 9487), at(11, 9421), at(12, 9400)];
        let exporters = [
            Exporter::postgres(places[0], looked.postgres),
            Exporter::redis(places[1], looked.redis),
            Exporter::machine(places[2]),
        ];
        let (receiver, mailbox) = (Receiver::start(), Mailbox::start());
        let told = Told {
            mail: mailbox.address,
            pager: receiver.url(PAGER),
            switch: receiver.url(SWITCH),
            secrets: BTreeMap::from([
                ("slack_url", receiver.url(CHAT)),
                ("pagerduty_key", PAGER_KEY.to_owned()),
                ("smtp_password", MAIL_PASSWORD.to_owned()),
                ("switch_token", SWITCH_TOKEN.to_owned()),
            ]),
        };
        let folder = tempfile::tempdir().unwrap();
        shipped::alertmanager(folder.path(), alertmanager::CONFIGURED, &told);
        let (of_alertmanager, of_prometheus) = (at(13, 9493), at(14, 9490));
        let mut alertmanager = Alertmanager::start(folder, of_alertmanager);
        let targets = Targets::from([
            ("evohub", looked.evohub),
            ("postgres", vec![places[0]]),
            ("redis", vec![places[1]]),
            ("node", vec![places[2]]),
            ("prometheus", vec![of_prometheus]),
            ("alertmanager", vec![of_alertmanager]),
        ]);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        until("Alertmanager is ready", || runtime.block_on(alertmanager.is_ready()).then_some(()));
        for place in places {
            until("an exporter listens", || std::net::TcpStream::connect(place).ok());
        }
        let folder = tempfile::tempdir().unwrap();
        shipped::prometheus(folder.path(), prometheus::CONFIGURED, &targets, of_alertmanager);
        // What is not in the configuration has to be as quick as that.
        let quick = [("query.lookback-delta", 5), ("rules.alert.resend-delay", 1)];
        let quick = quick.map(|(name, minutes)| format!("--{name}={}ms", quick_minutes(minutes).as_millis()));
        let prometheus = Prometheus::start(folder, of_prometheus, &quick);
        Self { prometheus, alertmanager, receiver, mailbox, runtime, _exporters: exporters }
    }

    /// What an expression has now: labels and value of each series.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<(BTreeMap<String, String>, f64)>, String> {
        let data = self.runtime.block_on(self.prometheus.try_ask("query", &[("query", expression)]))?;
        if data["resultType"] == "scalar" {
            return Ok(vec![(BTreeMap::new(), data["result"][1].as_str().unwrap().parse().unwrap())]);
        }
        let series = data["result"].as_array().unwrap().iter().map(|series| {
            let labels = series["metric"].as_object().unwrap().iter();
            let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            (labels.collect(), series["value"][1].as_str().unwrap().parse().unwrap())
        });
        Ok(series.collect())
    }

    /// The value of an expression that has one series at most.
    pub(crate) fn value(&self, expression: &str) -> Option<f64> {
        self.runtime.block_on(self.prometheus.value(expression, None))
    }

    /// All rules, as Prometheus has them.
    pub(crate) fn rules(&self) -> Vec<Value> {
        let data = self.runtime.block_on(self.prometheus.ask("rules", &[]));
        let groups = data["groups"].as_array().unwrap();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// The clock of Prometheus, in seconds.
    pub(crate) fn now(&self) -> f64 {
        self.value("vector(time())").expect("time goes on")
    }

    /// Name and severity of all alerts that have fired since a moment, those left out that tell of the machine alone.
    pub(crate) fn fired(&self, since: f64) -> BTreeSet<(String, String)> {
        let time = ((self.now() - since) * 1_000.0).ceil().max(1.0);
        self.alerting(&format!("max_over_time(ALERTS{{alertstate=\"firing\",{OTHERS}}}[{time}ms])"))
    }

    /// The same of those that fire now or are about to.
    pub(crate) fn stirring(&self) -> BTreeSet<(String, String)> {
        self.alerting(&format!("ALERTS{{{OTHERS}}}"))
    }

    fn alerting(&self, expression: &str) -> BTreeSet<(String, String)> {
        let series = self.query(expression).unwrap();
        let label = |labels: &BTreeMap<String, String>, name| labels.get(name).cloned().unwrap_or_default();
        series.iter().map(|(labels, _)| (label(labels, "alertname"), label(labels, "severity"))).collect()
    }

    /// The alerts that Alertmanager has.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        self.runtime.block_on(self.alertmanager.alerts())
    }

    /// All that people were told so far, by way of the channel oldest first.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let pager = self.receiver.posts(PAGER);
        for Post { body: event, .. } in &pager {
            assert_eq!(event["routing_key"], PAGER_KEY, "{event}");
        }
        let mails = self.mailbox.mails();
        for Mail { login, .. } in &mails {
            assert_eq!(login.as_ref().map(|(_, password)| password.as_str()), Some(MAIL_PASSWORD));
        }
        let chat = self.receiver.posts(CHAT);
        let chat = chat.iter().map(Notice::of_chat);
        chat.chain(pager.iter().map(Notice::of_pager)).chain(mails.iter().map(Notice::of_mail)).collect()
    }

    /// What came to the dead man's switch.
    pub(crate) fn signs_of_life(&self) -> usize {
        let posts = self.receiver.posts(SWITCH);
        let bearer = format!("Bearer {SWITCH_TOKEN}");
        for Post { authorization, body, .. } in &posts {
            assert_eq!(
                (authorization.as_str(), &body["commonLabels"]["alertname"]),
                (bearer.as_str(), &"Watchdog".into())
            );
        }
        posts.len()
    }

    /// What Alertmanager has told of itself.
    pub(crate) fn words(&self) -> String {
        self.alertmanager.said()
    }
}
