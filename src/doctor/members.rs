//! The nodes of a cluster, as each of them sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use evohub_actors::{ClusterClient, ClusterStatus, EngineError, NodeStatus};
use evohub_cluster::{ClientConfig, ClusterError, TlsFilesError};
use evohub_monitoring::metrics::{Metrics, Refusal};
use futures::future::join_all;
use tokio::time::timeout;

use super::clock::Elsewhere;
use super::finding::{Check, Finding};
use super::settings::NodeSettings;

const CHECK: Check = Check::Cluster;

/// How long a node may take to be linked with and to answer.
const ANSWER: Duration = Duration::from_secs(7);

/// Most nodes that are asked.
const MOST: usize = 64;

/// What a node said of the cluster.
#[derive(Debug)]
pub struct Told {
    /// Where it was asked.
    pub address: String,
    /// What it said, or why it did not.
    pub status: Result<ClusterStatus, Unheard>,
    /// How far its clock is before the one here, and how much of that is uncertain, in milliseconds.
    pub(super) clock: Option<(i64, i64)>,
}

/// Why a node said nothing.
#[derive(Debug)]
pub struct Unheard {
    /// In words.
    pub why: String,
    /// Why it refused, where it did.
    pub(super) refusal: Option<Refusal>,
}

/// Asks the nodes that are named, and those that they know. Nothing when the certificates do not allow it; then the
/// reason stands in its place.
pub(super) async fn ask(node: &NodeSettings, metrics: &Arc<Metrics>) -> Result<Vec<Told>, String> {
    let Ok(config) = &node.config else { return Err("the settings of the node are not in order".to_owned()) };
    let own = config.advertise.clone().unwrap_or_else(|| config.listen.to_string());
    let named: BTreeSet<String> =
        config.seeds.iter().chain(&node.ask).filter(|address| **address != own).cloned().collect();
    let tls = node.client.clone().or_else(|| config.tls.clone());
    if tls.as_ref().is_some_and(|files| matches!(files.check_for_client(), Err(TlsFilesError::Name { .. }))) {
        return Err(
            "the certificate is not good for `client`, as whom the cluster would be asked: name one that is \
                    with --client-certificate and --client-key"
                .to_owned(),
        );
    }
    let first: Vec<String> = named.iter().cloned().chain([own]).take(MOST).collect();
    let mut told = ask_all(node, &first, metrics).await;
    let mut asked: BTreeSet<String> = first.into_iter().collect();
    let known: Vec<String> = told
        .iter()
        .filter_map(|told| told.status.as_ref().ok())
        .flat_map(|status| status.nodes.iter().filter(|node| is_here(node)))
        .map(|node| node.address.clone())
        .filter(|address| asked.insert(address.clone()))
        .take(MOST)
        .collect();
    told.extend(ask_all(node, &known, metrics).await);
    // A node may be reached by several addresses; its first answer stands for it.
    let mut heard = BTreeSet::new();
    told.retain(|told| {
        told.status.as_ref().is_ok_and(|status| heard.insert(status.by.clone())) || told.status.is_err()
    });
    Ok(told)
}

async fn ask_all(node: &NodeSettings, addresses: &[String], metrics: &Arc<Metrics>) -> Vec<Told> {
    let ask = |address: &String| {
        let config = node.client_config(vec![address.clone()])?;
        Some(ask_one(config, address.clone(), Arc::clone(metrics)))
    };
    join_all(addresses.iter().filter_map(ask)).await
}

async fn ask_one(config: ClientConfig, address: String, metrics: Arc<Metrics>) -> Told {
    let mut clock = None;
    let asked = async {
        let client = ClusterClient::connect(config, metrics).await?;
        let (before, began) = (SystemTime::now(), Instant::now());
        let status = client.status().await?;
        let half = began.elapsed() / 2;
        let ours = millis((before + half).duration_since(UNIX_EPOCH).unwrap_or_default());
        clock = (status.at > 0).then(|| (status.at.saturating_sub(ours), millis(half)));
        Ok::<_, EngineError>(status)
    };
    let status = timeout(ANSWER, asked).await.unwrap_or_else(|_| {
        Err(EngineError::Unreachable(format!("no answer within {} s", ANSWER.as_secs())))
    });
    Told { address, status: status.map_err(|error| unheard(&error)), clock }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn unheard(error: &EngineError) -> Unheard {
    match error {
        EngineError::Cluster(ClusterError::NoNode { tried, refusal }) => {
            Unheard { why: tried.clone(), refusal: *refusal }
        }
        error => Unheard { why: error.to_string(), refusal: None },
    }
}

fn is_here(node: &NodeStatus) -> bool {
    node.state == "alive" || node.state == "draining"
}

/// The clocks of the nodes that answered.
pub(super) fn clocks(told: &[Told]) -> Vec<Elsewhere> {
    let clock = |told: &Told| {
        let (ahead, uncertain) = told.clock?;
        let name = format!("node `{}`", told.status.as_ref().ok()?.by);
        Some(Elsewhere { name, ahead, uncertain })
    };
    told.iter().filter_map(clock).collect()
}

/// What the nodes said, together. `own` is where the examined node is reached; `is_up` whether somebody listens there.
pub(super) fn judge(told: &Result<Vec<Told>, String>, own: &str, is_up: bool) -> Vec<Finding> {
    let told = match told {
        Ok(told) => told,
        Err(why) => return vec![Finding::not_applicable(CHECK, why)],
    };
    let heard: Vec<&ClusterStatus> = told.iter().filter_map(|told| told.status.as_ref().ok()).collect();
    let mut findings: Vec<Finding> = told
        .iter()
        .filter(|told| told.address != own || is_up)
        .filter_map(|told| Some(silent(&told.address, told.status.as_ref().err()?, !heard.is_empty())))
        .collect();
    if heard.is_empty() {
        if findings.is_empty() {
            let why = "no node runs here, and none is named with --join or --to";
            findings.push(Finding::not_applicable(CHECK, why));
        }
        return findings;
    }
    findings.extend(of_views(&heard));
    findings
}

fn silent(address: &str, unheard: &Unheard, others: bool) -> Finding {
    let Unheard { why, refusal } = unheard;
    let why = why.strip_prefix(&format!("{address}: ")).unwrap_or(why);
    let found = format!("{address}: {why}");
    match refusal {
        None if why == "nobody listens there" => {
            let advice = if others { "start that node, or leave its address out" } else { "start the nodes" };
            Finding::warning(CHECK, found, advice)
        }
        refusal => Finding::problem(CHECK, found, advice(*refusal)),
    }
}

fn advice(refusal: Option<Refusal>) -> &'static str {
    match refusal {
        Some(Refusal::Cookie) => "give all nodes and clients the same cookie file",
        Some(Refusal::Certificate) => {
            "one authority for all, certificates in their time, the right DNS names"
        }
        Some(Refusal::Version) => "run the same release everywhere",
        Some(Refusal::Garbage) => "see what listens there, and whether both ends have TLS",
        Some(Refusal::Late) => "see whether the network loses packets, or that machine is overloaded",
        Some(Refusal::Crowded) => "see who floods that port: its places for new connections are taken",
        Some(Refusal::Name) => "give each node a --name of its own",
        Some(Refusal::Store) => "give all nodes the same --store",
        None => "see whether that node works, and what is between: DNS, firewall, network policy",
    }
}

/// What the nodes that answered see.
fn of_views(heard: &[&ClusterStatus]) -> Vec<Finding> {
    let mut findings = vec![];
    let mut views = BTreeMap::<Vec<&str>, Vec<&str>>::new();
    let mut dead = BTreeSet::new();
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut cut = vec![];
    for status in heard {
        let alive = status.nodes.iter().filter(|node| is_here(node));
        for node in alive.clone() {
            versions.entry(&node.version).or_default().insert(&node.name);
            if !node.reachable && node.name != status.by {
                cut.push(format!("{} has no link to {}", status.by, node.name));
            }
        }
        dead.extend(status.nodes.iter().filter(|node| node.state == "dead").map(|node| node.name.as_str()));
        views.entry(alive.map(|node| node.name.as_str()).collect()).or_default().push(&status.by);
    }
    let names = |names: &mut dyn Iterator<Item = &&str>| names.copied().collect::<Vec<_>>().join(", ");
    if views.len() > 1 {
        let each = views.iter().map(|(seen, by)| format!("{} see {}", by.join(", "), seen.join(", ")));
        let found = format!("the nodes do not see the same: {}", each.collect::<Vec<_>>().join("; "));
        let advice = "look again in 20 s; if it stays, links are cut: open the port between all nodes";
        findings.push(Finding::problem(CHECK, found, advice));
    }
    if !cut.is_empty() {
        let advice = "open the port of nodes between these machines, in both directions";
        findings.push(Finding::problem(CHECK, cut.join("; "), advice));
    }
    if !dead.is_empty() {
        let found = format!("dead: {}", names(&mut dead.iter()));
        let advice = "start it again, or wait: a node that is gone for good is forgotten after ten minutes";
        findings.push(Finding::warning(CHECK, found, advice));
    }
    if versions.len() > 1 {
        let each = versions.iter().map(|(version, nodes)| format!("{version}: {}", names(&mut nodes.iter())));
        let found = format!("the nodes are of several releases ({})", each.collect::<Vec<_>>().join("; "));
        findings.push(Finding::warning(CHECK, found, "end the upgrade: one release for all nodes"));
    }
    if findings.is_empty() {
        let alive: Vec<&str> = views.keys().flatten().copied().collect();
        let version = versions.keys().copied().collect::<String>();
        let (nodes, names) = (alive.len(), alive.join(", "));
        findings.push(Finding::ok(
            CHECK,
            match nodes {
                1 => format!("node `{names}` of evohub {version} is alive, and knows of no other"),
                _ => format!(
                    "{nodes} nodes are alive ({names}), all of evohub {version}; {} were asked and see the same",
                    heard.len()
                ),
            },
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn node(name: &str, state: &str) -> NodeStatus {
        NodeStatus {
            name: name.to_owned(),
            state: state.to_owned(),
            reachable: state == "alive",
            address: format!("{name}:7301"),
            boot: 1,
            lives: 0,
            version: "0.1.0".to_owned(),
            evaluators: vec![],
            workers: 256,
            busy: 0,
            queued: 0,
            permits: 0,
            jobs: vec![],
            islands: vec![],
            mailboxes: BTreeMap::new(),
        }
    }

    fn view(by: &str, nodes: &[NodeStatus]) -> Told {
        let status = ClusterStatus { by: by.to_owned(), at: 0, nodes: nodes.to_vec() };
        Told { address: format!("{by}:7301"), status: Ok(status), clock: None }
    }

    fn silence(address: &str, why: &str, refusal: Option<Refusal>) -> Told {
        let why = format!("{address}: {why}");
        Told { address: address.to_owned(), status: Err(Unheard { why, refusal }), clock: None }
    }

    fn judged(told: Vec<Told>) -> Vec<(Verdict, String)> {
        let findings = judge(&Ok(told), "a:7301", true);
        findings.into_iter().map(|finding| (finding.status, finding.found)).collect()
    }

    #[test]
    fn nodes_that_see_the_same_are_well() {
        let all = [node("a", "alive"), node("b", "alive")];
        let found = judged(vec![view("a", &all), view("b", &all)]);
        let text = "2 nodes are alive (a, b), all of evohub 0.1.0; 2 were asked and see the same";
        assert_eq!(found, [(Verdict::Ok, text.to_owned())]);
        let found = judged(vec![view("a", &all[..1])]);
        let text = "node `a` of evohub 0.1.0 is alive, and knows of no other";
        assert_eq!(found, [(Verdict::Ok, text.to_owned())]);
    }

    #[test]
    fn each_defect_has_its_finding() {
        let all = [node("a", "alive"), node("b", "alive"), node("c", "dead")];
        let found = judged(vec![view("a", &all), view("b", &all)]);
        assert_eq!(found, [(Verdict::Warning, "dead: c".to_owned())]);

        let found = judged(vec![view("a", &all[..1]), view("b", &all[..2])]);
        let text = "the nodes do not see the same: a see a; b see a, b";
        assert_eq!(found, [(Verdict::Problem, text.to_owned())]);

        let unlinked = NodeStatus { reachable: false, ..node("b", "alive") };
        let found = judged(vec![view("a", &[node("a", "alive"), unlinked])]);
        assert_eq!(found, [(Verdict::Problem, "a has no link to b".to_owned())]);

        let newer = NodeStatus { version: "0.2.0".to_owned(), ..node("b", "alive") };
        let found = judged(vec![view("a", &[node("a", "alive"), newer])]);
        let text = "the nodes are of several releases (0.1.0: a; 0.2.0: b)";
        assert_eq!(found, [(Verdict::Warning, text.to_owned())]);
    }

    #[test]
    fn who_says_nothing_is_named_with_the_reason() {
        let cookie = silence("b:7301", "the other end has another cookie", Some(Refusal::Cookie));
        let away = silence("c:7301", "nobody listens there", None);
        let findings = judge(&Ok(vec![cookie, away]), "a:7301", false);
        assert_eq!(findings[0].found, "b:7301: the other end has another cookie");
        assert_eq!(findings[0].status, Verdict::Problem);
        assert!(findings[0].advice.as_ref().unwrap().contains("same cookie"));
        assert_eq!((findings[1].status, findings.len()), (Verdict::Warning, 2));
    }

    #[test]
    fn a_node_that_is_to_be_started_is_not_missed() {
        let away = silence("a:7301", "nobody listens there", None);
        let findings = judge(&Ok(vec![away]), "a:7301", false);
        assert_eq!(findings[0].status, Verdict::NotApplicable);
    }
}
