//! A node as others know it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Incarnation, Load, NodeId, NodeName};

/// What a node is doing in its life. The states are in the order in which they follow: a later one wins over an
/// earlier one of the same life, in whatever order they are heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It works.
    Alive,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// It said goodbye.
    Left,
    /// Another node found it dead.
    Dead,
}

/// What a node is and can do; constant during the life of its process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Where others reach it, `host:port`.
    pub address: String,
    /// The custom evaluators that it can run.
    pub evaluators: BTreeSet<String>,
    /// The version of its program.
    pub version: String,
    /// What its jobs are kept in: nodes that keep them in different places do not link.
    pub store: String,
}

/// A node as others know it: who it is, what it can do, and the newest of its heartbeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name and its life.
    pub id: NodeId,
    /// What it can do.
    pub facts: Facts,
    /// Whether it works.
    pub state: MemberState,
    /// What it had to do at its newest heartbeat.
    pub load: Load,
    /// Counts its heartbeats.
    pub version: u64,
}

impl MemberState {
    /// Whether its process lives, as far as is known.
    pub fn is_living(self) -> bool {
        matches!(self, Self::Alive | Self::Draining)
    }

    /// The state as it is written in labels and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Draining => "draining",
            Self::Left => "left",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Facts {
    /// Whether it can run what a job names; `None` is what every node can.
    pub fn can_run(&self, evaluator: Option<&str>) -> bool {
        evaluator.is_none_or(|evaluator| self.evaluators.contains(evaluator))
    }
}

impl Member {
    /// What the node is called.
    pub fn name(&self) -> &NodeName {
        &self.id.name
    }

    /// Whether its process lives, as far as is known: it works or drains.
    pub fn is_living(&self) -> bool {
        self.state.is_living()
    }

    /// Whether it is worth more than another word about the same node: a newer life, or a later state of the same
    /// life, or a newer heartbeat of the same state.
    pub fn supersedes(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    /// The life and the state.
    pub(crate) fn standing(&self) -> (Incarnation, MemberState) {
        (self.id.incarnation, self.state)
    }

    fn rank(&self) -> (Incarnation, MemberState, u64) {
        (self.id.incarnation, self.state, self.version)
    }

    /// The same node at the end of its life, without what it had to do.
    pub(crate) fn ended(&self, state: MemberState) -> Self {
        Self {
            id: self.id.clone(),
            facts: self.facts.clone(),
            state,
            load: Load::default(),
            version: self.version,
        }
    }
}
