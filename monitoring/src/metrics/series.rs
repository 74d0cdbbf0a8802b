//! A family with a limit.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};

use super::labels::LabelSet;

/// The series of a family, at most so many. Cheap to clone.
pub(super) struct Series<L, M, C = fn() -> M> {
    family: Family<L, M, C>,
    /// Series that were made. The family itself does not tell.
    made: Arc<AtomicUsize>,
    most: usize,
    folded: Counter,
}

impl<L, M, C> fmt::Debug for Series<L, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<L, M, C: Clone> Clone for Series<L, M, C> {
    fn clone(&self) -> Self {
        Self {
            family: self.family.clone(),
            made: Arc::clone(&self.made),
            most: self.most,
            folded: self.folded.clone(),
        }
    }
}

impl<L: LabelSet, M: Clone, C: MetricConstructor<M>> Series<L, M, C> {
    pub(super) fn new(family: Family<L, M, C>, most: usize, folded: Counter) -> Self {
        Self { family, made: Arc::default(), most, folded }
    }

    /// The series of these labels; the folded one when there is no place for another.
    pub(super) fn get(&self, labels: &L) -> M {
        if let Some(metric) = self.family.get(labels) {
            return metric.clone();
        }
        // Two threads that make the same series take two places of it: one too few is no harm.
        if self.made.fetch_add(1, Ordering::Relaxed) < self.most {
            return self.family.get_or_create_owned(labels);
        }
        self.made.fetch_sub(1, Ordering::Relaxed);
        self.folded.inc();
        self.family.get_or_create_owned(&labels.folded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::evolution::CandidateLabels;

    #[test]
    fn a_full_family_folds_what_is_new_and_counts_it() {
        let folded = Counter::default();
        let series: Series<CandidateLabels, Counter> = Series::new(Family::default(), 2, folded.clone());
        let labels =
            |operator: &str| CandidateLabels { operator: operator.to_owned().into(), outcome: "kept".into() };
        for operator in ["a", "b", "a", "c", "d"] {
            series.get(&labels(operator)).inc();
        }
        assert_eq!(series.get(&labels("a")).get(), 2);
        assert_eq!(series.get(&labels("other")).get(), 2);
        assert_eq!((folded.get(), series.get(&labels("b")).get()), (2, 1));
    }
}
