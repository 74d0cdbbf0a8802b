//! How soon a cluster finds out, and what it shows of it.

use std::time::Duration;

use crate::cluster::{Cluster, Job};
use crate::node::Moment;
use crate::process::until;

/// How long a loss may go unnoticed, for a machine that is busy with other tests. A killed node is noticed by its
/// links, one that is frozen or cut off by its silence.
pub(crate) const KILLED: Duration = Duration::from_secs(1);
pub(crate) const SILENT: Duration = Duration::from_secs(6);
/// How long after that its work may wait for another node.
const MOVED: Duration = Duration::from_secs(2);

impl Cluster {
    /// That all others have noticed a loss in time. Gives the moment when the last has.
    pub(crate) fn check_noticed(&mut self, lost: usize, at: Moment, limit: Duration) -> Moment {
        let name = format!("{}#", self.nodes[lost].name);
        let others: Vec<usize> = self.running().into_iter().filter(|number| *number != lost).collect();
        let noticed: Vec<Moment> = others
            .into_iter()
            .map(|number| {
                let node = &self.nodes[number];
                until(&format!("{} notices", node.name), || {
                    let lines = node.logged("a node is down", at);
                    let is_it = |node: &str| node.starts_with(&name);
                    let line = lines.iter().find(|line| line["node"].as_str().is_some_and(is_it));
                    line.map(Moment::of)
                })
            })
            .collect();
        let times: Vec<Duration> = noticed.iter().map(|moment| moment.since(at)).collect();
        println!("the loss of {} was noticed after {times:?}", self.nodes[lost].name);
        assert!(times.iter().all(|time| *time < limit), "{times:?} is not within {limit:?}");
        noticed.into_iter().max().unwrap()
    }

    /// That an island of the job, or all of them, were placed elsewhere soon.
    pub(crate) fn check_moved(&mut self, job: &Job, islands: &[u64], noticed: Moment, at: Moment) {
        for island in islands {
            let placed = until(&format!("island {island} is placed again"), || {
                let lines = self.nodes.iter().flat_map(|node| node.logged("an island is placed", at));
                let mut lines = lines.filter(|l| l["job_id"] == *job.id.0 && l["island"] == *island);
                lines.next().map(|line| Moment::of(&line))
            });
            let time = if placed > noticed { placed.since(noticed) } else { Duration::ZERO };
            println!("island {island} was placed elsewhere {time:?} after that");
            assert!(time < MOVED, "{time:?}");
        }
    }

    /// The sum of a series over all nodes that run.
    pub(crate) fn sum(&mut self, series: &str) -> f64 {
        self.running().into_iter().map(|number| self.nodes[number].value(series)).sum()
    }

    /// That metrics and health of the others tell of a loss.
    pub(crate) fn check_shown(&mut self, lost: usize) {
        let name = self.nodes[lost].name.clone();
        let others: Vec<usize> = self.running().into_iter().filter(|number| *number != lost).collect();
        for number in &others {
            let node = &self.nodes[*number];
            until(&format!("{} shows that {name} is dead", node.name), || {
                (node.value("cluster_nodes{state=\"dead\"}") == 1.0).then_some(())
            });
            assert_eq!(node.value("cluster_nodes{state=\"alive\"}"), others.len() as f64, "{}", node.name);
            let check = until(&format!("the health of {} names {name}", node.name), || {
                let check = node.cluster_check();
                (check["status"] == "degraded").then_some(check)
            });
            let message = check["message"].as_str().unwrap_or_default();
            assert!(message.contains(&name), "{check}");
            assert_eq!(node.get("/health").json()["status"], "degraded");
        }
    }
}
