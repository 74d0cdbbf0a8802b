//! Whether a Prometheus scrapes the process, and has rules.

use serde_json::Value;

use super::finding::{Check, Finding};
use super::settings::Settings;
use crate::target::{Address, Target, TargetError};

const CHECK: Check = Check::Prometheus;

/// Faulty rules that are named.
const SHOWN: usize = 3;

/// Asks the Prometheus that is named.
pub(super) async fn check(settings: &Settings, own: &[Address]) -> Vec<Finding> {
    let Some(address) = &settings.prometheus else {
        return vec![Finding::not_applicable(CHECK, "no --prometheus is named")];
    };
    let ca_file = settings.targets.ca_file.as_deref().filter(|_| address.is_secure());
    let asked = async {
        let server = Target::new(address.clone(), None, ca_file)?;
        Ok::<_, TargetError>((server.json("/api/v1/targets").await?, server.json("/api/v1/rules").await?))
    };
    match asked.await {
        Ok((targets, rules)) => {
            let own: Vec<String> = own.iter().map(|address| address.page("/metrics").to_string()).collect();
            targets_of(&targets, &own).into_iter().chain([rules_of(&rules)]).collect()
        }
        Err(error) => {
            let cause = match error {
                TargetError::Status { status, .. } => format!("it answers with status {status}"),
                error => error.cause(),
            };
            let found = format!("the Prometheus at {address} cannot be asked: {cause}");
            vec![Finding::problem(CHECK, found, "see whether it runs, and what address it listens at")]
        }
    }
}

/// What it says of its targets; `own` are those that it should have.
fn targets_of(document: &Value, own: &[String]) -> Vec<Finding> {
    let active = document["data"]["activeTargets"].as_array().map_or(&[][..], Vec::as_slice);
    let url = |target: &Value| target["scrapeUrl"].as_str().unwrap_or_default().to_owned();
    let job = |target: &Value| target["labels"]["job"].as_str().unwrap_or_default().to_owned();
    let ours: Vec<&Value> =
        active.iter().filter(|target| own.contains(&url(target)) || job(target).contains("evohub")).collect();
    let mut findings = vec![];
    for missing in own.iter().filter(|own| !ours.iter().any(|target| url(target) == **own)) {
        // It may go by a name that this machine does not use for itself.
        let found = match ours.as_slice() {
            [] => format!("it does not scrape {missing}"),
            others => format!("it scrapes {} targets of evohub, and none of them as {missing}", others.len()),
        };
        let advice =
            "add it to scrape_configs (deployment/monitoring/prometheus.yml), or name it by --target";
        findings.push(Finding::warning(CHECK, found, advice));
    }
    if own.is_empty() && ours.is_empty() {
        let advice = "add the nodes to scrape_configs (deployment/monitoring/prometheus.yml)";
        findings.push(Finding::problem(CHECK, "it scrapes no target of evohub", advice));
    }
    for target in ours {
        let (health, error) = (target["health"].as_str(), target["lastError"].as_str().unwrap_or_default());
        findings.push(match health {
            Some("up") => Finding::ok(CHECK, format!("{} is up", url(target))),
            Some("down") => Finding::problem(
                CHECK,
                format!("{} is down: {error}", url(target)),
                "see whether Prometheus reaches it, and has its token and authority",
            ),
            _ => Finding::warning(
                CHECK,
                format!("{} was not scraped yet", url(target)),
                "look again in a minute",
            ),
        });
    }
    findings
}

/// What it says of its rules.
fn rules_of(document: &Value) -> Finding {
    let groups = document["data"]["groups"].as_array().map_or(&[][..], Vec::as_slice);
    let rules: Vec<&Value> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
    let alerts = rules.iter().filter(|rule| rule["type"] == "alerting").count();
    let firing = rules.iter().filter(|rule| rule["state"] == "firing").count();
    let faulty = rules.iter().filter(|rule| rule["health"] == "err");
    let name = |rule: &&&Value| rule["name"].as_str().unwrap_or_default().to_owned();
    let faulty: Vec<String> = faulty.map(|rule| name(&rule)).collect();
    if alerts == 0 {
        let advice = "load deployment/monitoring/alert_rules.yml by rule_files";
        return Finding::warning(CHECK, "it has no alerting rule", advice);
    }
    let found = format!("it has {} rules, {alerts} of them alerts; firing now: {firing}", rules.len());
    if faulty.is_empty() {
        return Finding::ok(CHECK, found);
    }
    let more = if faulty.len() > SHOWN { ", …" } else { "" };
    let named: Vec<String> = faulty.into_iter().take(SHOWN).collect();
    let found = format!("{found}; cannot be evaluated: {}{more}", named.join(", "));
    Finding::problem(CHECK, found, "see /rules of Prometheus for the error; promtool check rules FILE")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::finding::Verdict;

    const OWN: &str = "http://127.0.0.1:8080/metrics";

    fn target(url: &str, job: &str, health: &str) -> Value {
        json!({"scrapeUrl": url, "labels": {"job": job}, "health": health, "lastError": "refused"})
    }

    fn statuses(targets: &[Value], own: &[&str]) -> Vec<Verdict> {
        let own: Vec<String> = own.iter().map(|url| (*url).to_owned()).collect();
        let found = targets_of(&json!({"data": {"activeTargets": targets}}), &own);
        found.iter().map(|finding| finding.status).collect()
    }

    #[test]
    fn targets_are_up_down_or_missing() {
        use Verdict::{Ok, Problem, Warning};
        assert_eq!(statuses(&[target(OWN, "anything", "up")], &[OWN]), [Ok]);
        assert_eq!(statuses(&[target(OWN, "anything", "down")], &[OWN]), [Problem]);
        assert_eq!(statuses(&[target(OWN, "anything", "unknown")], &[OWN]), [Warning]);
        assert_eq!(statuses(&[target("http://x:1/metrics", "node", "up")], &[OWN]), [Warning]);
        assert_eq!(statuses(&[target("http://x:1/metrics", "evohub", "up")], &[OWN]), [Warning, Ok]);
        assert_eq!(statuses(&[target("http://x:1/metrics", "evohub", "up")], &[]), [Ok]);
        assert_eq!(statuses(&[], &[]), [Problem]);
    }

    #[test]
    fn rules_are_loaded_and_can_be_evaluated() {
        let rules = |rules: Value| rules_of(&json!({"data": {"groups": [{"rules": rules}]}}));
        assert_eq!(rules(json!([])).status, Verdict::Warning);
        let alert = json!({"name": "NodeDown", "type": "alerting", "state": "firing", "health": "ok"});
        let well = rules(json!([alert, {"name": "x", "type": "recording", "health": "ok"}]));
        assert_eq!(
            (well.status, &*well.found),
            (Verdict::Ok, "it has 2 rules, 1 of them alerts; firing now: 1")
        );
        let ill = rules(json!([alert, {"name": "bad:rule", "type": "recording", "health": "err"}]));
        assert!(
            ill.status == Verdict::Problem && ill.found.ends_with("cannot be evaluated: bad:rule"),
            "{ill:?}"
        );
    }
}
