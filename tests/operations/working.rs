//! That what is shipped sees a cluster at work: every rule and every panel has something to show.

use std::collections::BTreeSet;

use crate::panels::{Dashboard, Question};
use crate::product::Product;
use crate::provider::Mood;
use crate::shipped;
use crate::site::Site;

/// So many questions are told one by one.
const FEW: usize = 30;
/// Evaluations of a job that comes to its end here.
const SOON: u32 = 300;
/// The dashboards that there are.
const DASHBOARDS: [&str; 3] = ["evohub-business", "evohub-infrastructure", "meta-prompt-hub"];

#[test]
fn all_that_is_shipped_shows_something() {
    let dashboards = Dashboard::all();
    let uids: BTreeSet<&str> = dashboards.iter().map(|dashboard| dashboard.uid.as_str()).collect();
    assert_eq!(uids, DASHBOARDS.into());

    let mut product = Product::start();
    let mut site = Site::start_with(&[product.address()]);
    // A provider that has its faults, and prompts that get better.
    site.provider.set(Mood::Flawed);
    site.provider.improve();
    site.submit(SOON, 0);
    until_done(&site, 1.0);
    // It knows what the first has paid for.
    site.submit(SOON, 1);
    until_done(&site, 2.0);
    // The job that goes on gets another owner. The node comes back when its death is on record: at once, it might be
    // over between two scrapes.
    site.cluster.nodes[0].kill();
    site.until("a node is known to be dead", |site| {
        site.watch.value(r#"max(cluster_nodes{state="dead"})"#).filter(|dead| *dead > 0.0)
    });
    site.cluster.add(0);

    let rules = check_rules(&site);
    let panels = dashboards.iter().flat_map(Dashboard::questions);
    let mut open: Vec<Question> = rules.into_iter().chain(panels).collect();
    let asked = open.len();
    println!("{asked} questions");
    site.until("all show something", |site| {
        product.serve();
        let before = open.len();
        open.retain(|question| !shows_something(site, question));
        if open.len() < before && open.len() < FEW {
            // Whoever reads that it failed needs to know what is missing.
            println!("{} of {asked} show nothing yet: {open:#?}", open.len());
        }
        open.is_empty().then_some(())
    });
}

fn until_done(site: &Site, jobs: f64) {
    site.until("a job is done", |site| {
        let done = site.watch.value(r#"sum(evolution_jobs{state="done"})"#);
        done.filter(|done| *done >= jobs)
    });
}

fn shows_something(site: &Site, Question { place, expression }: &Question) -> bool {
    let series = site.watch.query(expression);
    let series = series.unwrap_or_else(|error| panic!("{place}: {expression}: {error}"));
    series.iter().any(|(_, value)| !value.is_nan())
}

/// That Prometheus has all rules that are shipped and that none fails. Gives what the recorded ones record.
fn check_rules(site: &Site) -> Vec<Question> {
    let files = shipped::rule_files();
    let shipped: usize = files.iter().map(|file| shipped::rules(&mut shipped::document(file)).count()).sum();
    let rules = site.until("all rules are judged", |site| {
        let rules = site.watch.rules();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert_eq!(rules.len(), shipped);
    for rule in &rules {
        assert!(rule["health"] == "ok" && rule["lastError"].is_null(), "{rule:#}");
    }
    let recorded = rules.iter().filter(|rule| rule["type"] == "recording").map(|rule| {
        let name = rule["name"].as_str().unwrap();
        let labels = rule["labels"].as_object().into_iter().flatten();
        let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value}")).collect();
        Question { place: "recorded".to_owned(), expression: format!("{name}{{{}}}", labels.join(",")) }
    });
    recorded.collect()
}
