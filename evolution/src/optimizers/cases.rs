//! How many cases a search in generations ranks on.

/// Share of the root of the evaluations.
const SHARE: f64 = 0.35;
/// Below this many, ranks are mostly chance.
const LEAST: usize = 12;

/// A third of the root of the evaluations, at least 12: so with a larger budget candidates are both more and known
/// better. A fixed number of generations, whatever the budget, would spend all that it adds on knowing the same
/// candidates better.
pub(super) fn cases_by_root(evaluations: Option<u64>) -> Option<usize> {
    evaluations.map(|most| ((most as f64).sqrt() * SHARE) as usize).map(|cases| cases.max(LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_the_budget_doubles_the_cases() {
        assert_eq!(cases_by_root(Some(10_000)), Some(35));
        assert_eq!(cases_by_root(Some(40_000)), Some(70));
        assert_eq!(cases_by_root(Some(100)), Some(12));
        assert_eq!(cases_by_root(None), None);
    }
}
