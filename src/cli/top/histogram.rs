//! A histogram of durations, and what can be told from it.

use serde::Serialize;

/// Most bounds that are kept. The page is another process's: it must not fill this one's memory.
const MOST_BOUNDS: usize = 128;

/// How many observations were at most so long, by bound. Histograms with the same bounds can be added up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Histogram {
    /// Bounds in rising order, each with the count of all observations up to it; the last bound is infinite.
    buckets: Vec<(f64, f64)>,
    /// Of all observations, in seconds.
    sum: f64,
}

/// How long something took, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Latency {
    /// Observations.
    pub(super) count: u64,
    pub(super) mean_seconds: Option<f64>,
    pub(super) p50_seconds: Option<f64>,
    pub(super) p95_seconds: Option<f64>,
    pub(super) p99_seconds: Option<f64>,
    /// Where the last bucket begins. A percentile that says this much may be anything above it.
    pub(super) highest_bound_seconds: Option<f64>,
}

impl Histogram {
    /// Adds observations up to a bound (those up to lower bounds among them).
    pub(super) fn add_bucket(&mut self, bound: f64, count: f64) {
        if bound.is_nan() || !count.is_finite() {
            return;
        }
        match self.buckets.binary_search_by(|(known, _)| known.total_cmp(&bound)) {
            Ok(at) => self.buckets[at].1 += count,
            Err(at) if self.buckets.len() < MOST_BOUNDS => self.buckets.insert(at, (bound, count)),
            Err(_) => {}
        }
    }

    /// Adds to the sum of all observations.
    pub(super) fn add_sum(&mut self, sum: f64) {
        self.sum += sum;
    }

    /// Adds another one.
    pub(super) fn add(&mut self, other: &Self) {
        other.buckets.iter().for_each(|&(bound, count)| self.add_bucket(bound, count));
        self.sum += other.sum;
    }

    /// All observations.
    pub(super) fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// What came since an earlier reading.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| {
            let found = earlier.buckets.iter().find(|(known, _)| *known == bound);
            found.map_or(0.0, |(_, count)| *count)
        };
        let buckets =
            self.buckets.iter().map(|&(bound, count)| (bound, (count - before(bound)).max(0.0))).collect();
        Self { buckets, sum: self.sum - earlier.sum }
    }

    /// The duration that a share of the observations does not exceed, with those of a bucket spread evenly over it.
    /// One that lies above the last finite bound is said to be that bound; `None` where nothing was observed.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let at = self.buckets.iter().position(|(_, count)| *count >= rank && *count > 0.0)?;
        let (upper, up_to) = self.buckets[at];
        let (lower, below) = if at > 0 { self.buckets[at - 1] } else { (0.0_f64.min(upper), 0.0) };
        if upper.is_infinite() {
            return self.highest_bound();
        }
        let within = up_to - below;
        Some(if within > 0.0 {
            lower + (upper - lower) * ((rank - below) / within).clamp(0.0, 1.0)
        } else {
            upper
        })
    }

    /// Mean and percentiles.
    pub(super) fn latency(&self) -> Latency {
        let count = self.count();
        Latency {
            count: count as u64,
            mean_seconds: (count > 0.0).then(|| self.sum / count),
            p50_seconds: self.quantile(0.5),
            p95_seconds: self.quantile(0.95),
            p99_seconds: self.quantile(0.99),
            highest_bound_seconds: self.highest_bound(),
        }
    }

    fn highest_bound(&self) -> Option<f64> {
        self.buckets.iter().rev().map(|(bound, _)| *bound).find(|bound| bound.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(buckets: &[(f64, f64)], sum: f64) -> Histogram {
        let mut histogram = Histogram::default();
        buckets.iter().for_each(|&(bound, count)| histogram.add_bucket(bound, count));
        histogram.add_sum(sum);
        histogram
    }

    #[test]
    fn percentiles_lie_within_their_bucket() {
        let all = histogram(&[(1.0, 50.0), (2.0, 90.0), (f64::INFINITY, 100.0)], 130.0);
        assert_eq!(all.quantile(0.25), Some(0.5));
        assert_eq!(all.quantile(0.5), Some(1.0));
        assert_eq!(all.quantile(0.7), Some(1.5));
        assert_eq!(all.quantile(0.99), Some(2.0), "what is above the last bound is said to be it");
        let latency = all.latency();
        assert_eq!((latency.count, latency.mean_seconds), (100, Some(1.3)));
        assert_eq!(latency.highest_bound_seconds, Some(2.0));
        assert_eq!(Histogram::default().latency(), Latency::default());
    }

    #[test]
    fn an_empty_bucket_before_the_rank_is_passed_over() {
        let all = histogram(&[(1.0, 0.0), (2.0, 4.0), (f64::INFINITY, 4.0)], 6.0);
        assert_eq!(all.quantile(0.0), Some(1.0));
        assert_eq!(all.quantile(1.0), Some(2.0));
    }

    #[test]
    fn only_what_came_since_counts() {
        let earlier = histogram(&[(1.0, 50.0), (f64::INFINITY, 60.0)], 100.0);
        let mut later = earlier.clone();
        later.add(&histogram(&[(1.0, 0.0), (f64::INFINITY, 10.0)], 50.0));
        let between = later.since(&earlier);
        assert_eq!((between.count(), between.quantile(0.5)), (10.0, Some(1.0)));
        assert_eq!(between.latency().mean_seconds, Some(5.0));
        assert_eq!(later.since(&later).quantile(0.5), None);
    }
}
