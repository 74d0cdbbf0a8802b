//! Rules of Prometheus: that they are rules, what each alert says, and that each has cases for both outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::promql::check_names;
use crate::tool::{check, deployment, read};

const FILES: [&str; 3] = ["recording_rules.yml", "slo_rules.yml", "alert_rules.yml"];

#[derive(Debug, Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

/// A rule: a record or an alert.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) record: Option<String>,
    pub(crate) alert: Option<String>,
    pub(crate) expr: String,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Rule {
    fn name(&self) -> &str {
        self.record.as_deref().or(self.alert.as_deref()).expect("a rule has a name")
    }
}

fn groups() -> Vec<Group> {
    let files = FILES.map(|file| read::<RuleFile>(&format!("monitoring/{file}")));
    files.into_iter().flatten().flat_map(|file| file.groups).collect()
}

/// All rules, in their order.
pub(crate) fn rules() -> Vec<Rule> {
    groups().into_iter().flat_map(|group| group.rules).collect()
}

/// The names of all alerts.
pub(crate) fn alerts() -> BTreeSet<String> {
    rules().into_iter().filter_map(|rule| rule.alert).collect()
}

#[test]
fn promtool_takes_the_rules() {
    check(
        "promtool",
        ["check", "rules"]
            .into_iter()
            .map(String::from)
            .chain(FILES.map(|file| format!("deployment/monitoring/{file}"))),
    );
}

#[test]
fn groups_have_names_of_their_own() {
    // Of two groups of one name the tests would order only one.
    let names: Vec<String> = groups().into_iter().map(|group| group.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[test]
fn promtool_takes_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    fs::create_dir(&secrets).unwrap();
    // What operators put there.
    for file in ["evohub-token", "evohub-ca.pem"] {
        fs::write(secrets.join(file), "secret").unwrap();
    }
    let monitoring = deployment().join("monitoring");
    for file in FILES {
        fs::copy(monitoring.join(file), folder.path().join(file)).unwrap();
    }
    fs::create_dir(folder.path().join("targets")).unwrap();
    fs::copy(monitoring.join("targets/evohub-main.yml"), folder.path().join("targets/evohub-main.yml"))
        .unwrap();
    let at = |text: &str| text.replace("/etc/prometheus", &folder.path().to_string_lossy());
    let config = folder.path().join("prometheus.yml");
    fs::write(&config, at(&fs::read_to_string(monitoring.join("prometheus.yml")).unwrap())).unwrap();
    let said = check("promtool", ["check", "config", &config.to_string_lossy()]);
    assert!(said.contains("3 rule files found"), "{said}");

    // Debian's promtool does not know of Kubernetes: the rest of the file is as it should be.
    let kubernetes = fs::read_to_string(monitoring.join("prometheus.kubernetes.yml")).unwrap();
    let (mut kept, mut skipping) = (String::new(), false);
    for line in kubernetes.lines() {
        if line.trim_start() == "kubernetes_sd_configs:" {
            skipping = true;
        } else if skipping && !line.starts_with("      ") {
            skipping = false;
        }
        if !skipping {
            kept += &format!("{line}\n");
        }
    }
    assert_ne!(kept.lines().count(), kubernetes.lines().count());
    fs::write(&config, at(&kept)).unwrap();
    check("promtool", ["check", "config", &config.to_string_lossy()]);
}

#[test]
fn every_alert_says_what_it_must() {
    let severities = ["critical", "warning", "info"];
    for rule in rules() {
        let Some(alert) = rule.alert else { continue };
        let severity = rule.labels.get("severity").map_or("", String::as_str);
        assert!(severities.contains(&severity), "{alert}: the severity {severity}");
        assert!(rule.labels.contains_key("topic"), "{alert} has no topic");
        let keys: Vec<&str> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(keys, ["description", "runbook_url", "summary"], "{alert}");
        let runbook = format!("{{{{ $externalLabels.runbook_base }}}}/docs/runbooks/{alert}.md");
        assert_eq!(rule.annotations["runbook_url"], runbook);
    }
}

#[test]
fn every_metric_of_a_rule_is_there() {
    let rules = rules();
    check_names(rules.iter().map(|rule| (rule.name(), rule.expr.as_str())));
}

#[derive(Debug, Deserialize)]
struct TestFile {
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    promql_expr_test: Vec<ExpressionTest>,
}

#[derive(Debug, Deserialize)]
struct AlertTest {
    alertname: String,
    exp_alerts: Vec<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct ExpressionTest {
    expr: String,
    exp_samples: Vec<IgnoredAny>,
}

/// The cases of all test files, and the names of these.
fn tests() -> (Vec<Test>, BTreeSet<String>) {
    let folder = fs::read_dir(deployment().join("monitoring/tests")).unwrap();
    let names: BTreeSet<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let files = names.iter().flat_map(|name| read::<TestFile>(&format!("monitoring/tests/{name}")));
    (files.flat_map(|file| file.tests).collect(), names)
}

#[test]
fn every_alert_is_seen_to_fire_and_to_be_silent() {
    let (tests, _) = tests();
    let of = |fires: bool| -> BTreeSet<String> {
        let cases = tests.iter().flat_map(|test| &test.alert_rule_test);
        cases.filter(|case| case.exp_alerts.is_empty() != fires).map(|case| case.alertname.clone()).collect()
    };
    assert_eq!(of(true), alerts());
    let mut quiet = of(false);
    // It fires always, and that is what it is for.
    quiet.insert("Watchdog".to_owned());
    assert_eq!(quiet, alerts());
}

#[test]
fn every_record_is_seen_to_have_a_value() {
    let (tests, _) = tests();
    let seen: Vec<&str> = (tests.iter().flat_map(|test| &test.promql_expr_test))
        .filter(|case| !case.exp_samples.is_empty())
        .map(|case| case.expr.as_str())
        .collect();
    for file in read::<RuleFile>("monitoring/recording_rules.yml") {
        for record in
            file.groups.iter().flat_map(|group| &group.rules).filter_map(|rule| rule.record.as_ref())
        {
            assert!(seen.iter().any(|expression| expression.contains(record.as_str())), "{record}");
        }
    }
}

/// One test for each file of cases, so that they run beside each other.
macro_rules! cases {
    ($($test:ident: $file:literal),+ $(,)?) => {
        $(#[test]
        fn $test() {
            check("promtool", ["test", "rules", concat!("deployment/monitoring/tests/", $file)]);
        })+

        #[test]
        fn all_files_of_cases_are_run() {
            assert_eq!(tests().1, BTreeSet::from([$($file.to_owned()),+]));
        }
    };
}

cases! {
    cases_of_actors: "actors.yml",
    cases_of_dependencies: "dependencies.yml",
    cases_of_http: "http.yml",
    cases_of_monitoring: "monitoring.yml",
    cases_of_providers: "providers.yml",
    cases_of_records: "records.yml",
    cases_of_resources: "resources.yml",
    cases_of_search: "search.yml",
    cases_of_service: "service.yml",
    cases_of_slo: "slo.yml",
    cases_of_slo_over_days: "slo-days.yml",
    cases_of_spend: "spend.yml",
    cases_of_spend_over_days: "spend-day.yml",
    cases_of_telemetry: "telemetry.yml",
}
