//! The one place where metrics get into the registry and the catalogue.

use prometheus_client::collector::Collector;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::catalogue::Declaration;
use super::durations::{Bounds, Durations};
use super::labels::{LabelSet, label_set};
use super::name::{self, Labels, Name, Type, families};
use super::series::Series;

label_set!(FamilyLabels { family: closed });

families! {
    METRICS_SERIES_FOLDED: Counter<FamilyLabels> = "metrics_series_folded",
        "Observations whose labels found no place in a full family and went to its series `other`";
}

pub(super) struct Declarations {
    registry: Registry,
    catalogue: Vec<Declaration>,
    max_series: usize,
    folded: Series<FamilyLabels, Counter>,
}

impl Declarations {
    pub(super) fn new(max_series: usize) -> Self {
        let family = Family::<FamilyLabels, Counter>::default();
        let mut declare = Self {
            registry: Registry::default(),
            catalogue: vec![],
            max_series,
            // There is one series for each family, and the families are named in the code.
            folded: Series::new(family.clone(), usize::MAX, Counter::default()),
        };
        declare.register(names::METRICS_SERIES_FOLDED, family);
        declare
    }

    pub(super) fn finish(self) -> (Registry, Vec<Declaration>) {
        (self.registry, self.catalogue)
    }

    pub(super) fn counter(&mut self, name: Name<name::Counter>) -> Counter {
        let counter = Counter::default();
        self.register(name, counter.clone());
        counter
    }

    pub(super) fn counters<L: LabelSet>(&mut self, name: Name<name::Counter, L>) -> Series<L, Counter> {
        self.family(name, Family::default())
    }

    pub(super) fn gauge(&mut self, name: Name<name::Gauge>) -> Gauge {
        let gauge = Gauge::default();
        self.register(name, gauge.clone());
        gauge
    }

    pub(super) fn gauges<L: LabelSet>(&mut self, name: Name<name::Gauge, L>) -> Series<L, Gauge> {
        self.family(name, Family::default())
    }

    pub(super) fn histogram(&mut self, name: Name<name::Histogram>, bounds: &'static [f64]) -> Histogram {
        let histogram: Histogram = Bounds(bounds).new_metric();
        self.register(name, histogram.clone());
        histogram
    }

    pub(super) fn histograms<L: LabelSet>(
        &mut self,
        name: Name<name::Histogram, L>,
        bounds: &'static [f64],
    ) -> Series<L, Histogram, Bounds> {
        self.family(name, Family::new_with_constructor(Bounds(bounds)))
    }

    pub(super) fn durations(&mut self, name: Name<name::Histogram>, bounds: &'static [f64]) -> Durations {
        let durations: Durations = Bounds(bounds).new_metric();
        self.register(name, durations.clone());
        durations
    }

    pub(super) fn durations_by<L: LabelSet>(
        &mut self,
        name: Name<name::Histogram, L>,
        bounds: &'static [f64],
    ) -> Series<L, Durations, Bounds> {
        self.family(name, Family::new_with_constructor(Bounds(bounds)))
    }

    /// A metric of another form.
    pub(super) fn family<T: Type, L: LabelSet, M, C>(
        &mut self,
        name: Name<T, L>,
        family: Family<L, M, C>,
    ) -> Series<L, M, C>
    where
        M: TypedMetric + Metric + Clone,
        C: MetricConstructor<M> + Clone + Send + Sync + 'static,
        Family<L, M, C>: Metric,
    {
        self.register(name, family.clone());
        let folded = self.folded.get(&FamilyLabels { family: name.full().into() });
        Series::new(family, self.max_series, folded)
    }

    /// Metrics that are looked up when the page is made.
    pub(super) fn collector(
        &mut self,
        declared: impl IntoIterator<Item = Declaration>,
        collector: impl Collector,
    ) {
        self.catalogue.extend(declared);
        self.registry.register_collector(Box::new(collector));
    }

    /// The one way of a single metric into both.
    pub(super) fn register<T: Type, L: Labels>(&mut self, name: Name<T, L>, metric: impl Metric) {
        self.catalogue.push(name.declaration());
        match name.encoded_unit() {
            Some(unit) => self.registry.register_with_unit(name.bare(), name.help(), unit, metric),
            None => self.registry.register(name.bare(), name.help(), metric),
        }
    }
}
