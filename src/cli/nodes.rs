//! `evohub status`: the nodes of a cluster and what they do.

use std::collections::BTreeMap;

use clap::Args;
use evohub::{ClusterStatus, NodeStatus};

use super::failure::Failure;
use super::output::Output;
use super::process::Process;
use super::remote::RemoteArguments;
use super::status::Status;
use super::table::Table;

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn status(
    process: &Process,
    output: &Output,
    arguments: &StatusArguments,
) -> Result<Status, Failure> {
    let client = arguments.remote.connect(process.metrics.clone()).await?;
    let status = client.status().await?;
    if arguments.json {
        let json =
            serde_json::to_string_pretty(&status).map_err(|error| Failure::failed(error.to_string()))?;
        output.result(&json)?;
    } else {
        output.result(&in_words(&status))?;
    }
    Ok(Status::Done)
}

fn in_words(status: &ClusterStatus) -> String {
    let mut nodes = Table::new([
        "node", "state", "address", "life", "workers", "busy", "queued", "permits", "mail", "version",
    ]);
    for node in &status.nodes {
        let state = if node.reachable { node.state.clone() } else { format!("{} (no link)", node.state) };
        let is_here = node.state == "alive" || node.state == "draining";
        let figure = |value: u64| if is_here { value.to_string() } else { "-".to_owned() };
        nodes.row([
            node.name.clone(),
            state,
            node.address.clone(),
            format!("{}.{}", node.boot, node.lives),
            figure(node.workers.into()),
            figure(node.busy.into()),
            figure(node.queued.into()),
            figure(node.permits.into()),
            figure(node.mailboxes.values().sum()),
            node.version.clone(),
        ]);
    }
    let mut text = format!("as {} sees it\n\n{nodes}", status.by);
    let jobs = jobs(&status.nodes);
    if !jobs.is_empty() {
        let mut table = Table::new(["job", "owner", "islands"]);
        for (job, Placed { owner, islands }) in jobs {
            let islands = islands.iter().map(|(island, node)| format!("{island} on {node}"));
            let islands: Vec<String> = islands.collect();
            table.row([job.to_owned(), owner.unwrap_or("-").to_owned(), islands.join(", ")]);
        }
        text.push_str(&format!("\n{table}"));
    }
    text
}

/// Where a job is done.
#[derive(Default)]
struct Placed<'a> {
    owner: Option<&'a str>,
    islands: BTreeMap<u32, &'a str>,
}

fn jobs(nodes: &[NodeStatus]) -> BTreeMap<&str, Placed<'_>> {
    let mut jobs = BTreeMap::<&str, Placed<'_>>::new();
    for node in nodes.iter().filter(|node| node.state == "alive" || node.state == "draining") {
        for job in &node.jobs {
            jobs.entry(job).or_default().owner = Some(&node.name);
        }
        for (job, island) in &node.islands {
            jobs.entry(job).or_default().islands.insert(*island, &node.name);
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, state: &str) -> NodeStatus {
        NodeStatus {
            name: name.into(),
            state: state.into(),
            reachable: state == "alive",
            address: format!("10.0.0.{}:7301", name.len()),
            boot: 1_800_000_000_000,
            lives: 0,
            version: "0.1.0".into(),
            evaluators: vec![],
            workers: 256,
            busy: 12,
            queued: 3,
            permits: 300,
            jobs: vec![],
            islands: vec![],
            mailboxes: BTreeMap::from([("job".into(), 2), ("journal".into(), 1)]),
        }
    }

    #[test]
    fn a_cluster_is_told_in_two_tables() {
        let (mut a, mut b, c) = (node("a", "alive"), node("bb", "alive"), node("ccc", "dead"));
        a.jobs = vec!["movie-1234".into()];
        a.islands = vec![("movie-1234".into(), 1)];
        b.islands = vec![("movie-1234".into(), 0), ("movie-1234".into(), 2)];
        insta::assert_snapshot!(in_words(&ClusterStatus { by: "a".into(), at: 0, nodes: vec![a, b, c] }));
    }
}
