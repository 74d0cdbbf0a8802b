//! The lives of a node.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::NodeName;

/// A life of a node. Of two, the newer wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// When its process started, in milliseconds since the epoch. A clock that was set back between two starts of a
    /// node keeps the later process out until the others have forgotten the earlier one.
    pub boot: u64,
    /// Grows when a living process learns that others declared it dead; 0 at first.
    pub life: u32,
}

/// One life of one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId {
    /// What the node is called.
    pub name: NodeName,
    /// Which of its lives is meant.
    pub incarnation: Incarnation,
}

impl Incarnation {
    /// The first life of a process that started then.
    pub fn first(boot: u64) -> Self {
        Self { boot, life: 0 }
    }

    /// The next life of the same process.
    pub fn next(self) -> Self {
        Self { life: self.life.saturating_add(1), ..self }
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.boot, self.life)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.name, self.incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_process_outlives_every_life_of_an_earlier_one() {
        let old = Incarnation::first(1).next().next();
        assert!(Incarnation::first(1) < old && old < Incarnation::first(2));
    }

    #[test]
    fn is_written_with_its_name() {
        let id = NodeId { name: "a".parse().unwrap(), incarnation: Incarnation { boot: 7, life: 2 } };
        assert_eq!(id.to_string(), "a#7.2");
    }
}
