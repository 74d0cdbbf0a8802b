//! How the chosen prompt came to be.

use super::roster::Roster;

/// From a seed to a candidate, by first parents: the first is the one that was varied, others lent parts.
pub(super) fn lineage(roster: &Roster<'_>, chosen: usize) -> Vec<usize> {
    let mut line = vec![chosen];
    let mut last = chosen;
    while let Some(&parent) = roster.parents(last).first() {
        // No honest record has a candidate among its own ancestors, but a page must come of any.
        if line.contains(&parent) {
            break;
        }
        line.push(parent);
        last = parent;
    }
    line.reverse();
    line
}
