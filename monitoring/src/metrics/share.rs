//! A part of a gauge that several hold together.

use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

/// One holder's part of a gauge: the gauge shows the sum of all parts. Dropped, its part goes.
#[derive(Debug)]
pub struct GaugeShare {
    gauge: Gauge,
    part: Mutex<i64>,
}

impl GaugeShare {
    pub(super) fn new(gauge: Gauge) -> Self {
        Self { gauge, part: Mutex::new(0) }
    }

    /// Sets the part.
    pub fn set(&self, value: i64) {
        let mut part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauge.inc_by(value - *part);
        *part = value;
    }
}

impl Drop for GaugeShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_is_the_sum_of_what_is_held() {
        let gauge = Gauge::default();
        let (a, b) = (GaugeShare::new(gauge.clone()), GaugeShare::new(gauge.clone()));
        a.set(5);
        b.set(3);
        a.set(2);
        assert_eq!(gauge.get(), 5);
        drop(a);
        assert_eq!(gauge.get(), 3);
    }
}
