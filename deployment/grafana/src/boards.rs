//! The dashboards.

mod business;
mod infrastructure;
mod overview;

use evohub_monitoring::metrics::names;

use crate::model::{Annotation, Color, Dashboard, Panel, Row, Variable};
use crate::promql::{INSTANCE, JOB, Window, of};

/// The dashboard that one looks at first.
pub const MAIN: &str = "meta-prompt-hub";
/// Quality, money and users.
pub const BUSINESS: &str = "evohub-business";
/// Nodes, databases and machines.
pub const INFRASTRUCTURE: &str = "evohub-infrastructure";

/// All dashboards.
pub fn all() -> Vec<Dashboard> {
    vec![overview::dashboard(), business::dashboard(), infrastructure::dashboard()]
}

fn row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, folded: false, panels }
}

/// A row for those who want to know more.
fn detail(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, folded: true, panels }
}

/// What narrows down each dashboard.
fn targets() -> Vec<Variable> {
    let build = names::EVOHUB_BUILD;
    // "All" would be all that Prometheus scrapes, and others have a `process_cpu_seconds_total`, too.
    let job = Variable {
        all: Some(".+"),
        first: Some("evohub"),
        ..Variable::of_target(
            "job",
            "Job",
            "The nodes of a cluster, as Prometheus scrapes them",
            build,
            JOB,
            &[],
        )
    };
    let node = "A node: the address at which it is scraped";
    let instance = Variable {
        all: Some(".+"),
        ..Variable::of_target("instance", "Instance", node, build, INSTANCE, &[(JOB, "job")])
    };
    vec![job, instance]
}

/// What is marked in each dashboard.
fn events() -> Vec<Annotation> {
    vec![
        Annotation {
            name: "Job started",
            text: "on {{instance}}",
            // Each job is in one state, so that their sum grows by those that begin.
            expression: of(names::EVOLUTION_JOBS).rise().sum_by(|_| [INSTANCE]).positive(),
            color: Color::Green,
        },
        Annotation {
            name: "Node lost",
            text: "nodes are known to be dead",
            expression: of(names::CLUSTER_NODES).is(|of| of.state, "dead").rise().max().positive(),
            color: Color::Vermillion,
        },
        Annotation {
            name: "Job taken over",
            text: "by {{instance}}",
            expression: of(names::CLUSTER_LEASE_TAKEOVERS)
                .increase(Window::Rate)
                .sum_by(|_| [INSTANCE])
                .positive(),
            color: Color::Purple,
        },
    ]
}
