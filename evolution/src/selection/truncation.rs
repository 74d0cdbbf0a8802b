//! Truncation selection.

use super::ascending;

/// The positions of the `keep` best, best first; among equals the earlier comes first.
pub fn truncation(fitness: &[f64], keep: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..fitness.len()).collect();
    order.sort_by(|one, other| ascending(fitness[*other], fitness[*one]));
    order.truncate(keep);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_first_and_the_earlier_among_equals() {
        let fitness = [0.2, 0.9, f64::NAN, 0.9, 0.5];
        assert_eq!(truncation(&fitness, 3), [1, 3, 4]);
        assert_eq!(truncation(&fitness, 9), [1, 3, 4, 0, 2]);
        assert!(truncation(&fitness, 0).is_empty());
    }
}
