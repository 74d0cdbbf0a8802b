//! The one place where metrics get into the registry and the catalogue.

use prometheus_client::collector::Collector;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::catalogue::{Declaration, Kind};
use super::durations::{Bounds, Durations};
use super::labels::{LabelSet, label_set};
use super::series::Series;

label_set!(FamilyLabels { family: closed });

/// A metric's name without the suffixes that its unit and type add.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) bare: &'static str,
    pub(super) unit: Option<&'static str>,
}

impl Name {
    /// A name of something that is counted, or has no unit.
    pub(super) const fn plain(bare: &'static str) -> Self {
        Self { bare, unit: None }
    }

    pub(super) const fn with_unit(bare: &'static str, unit: &'static str) -> Self {
        Self { bare, unit: Some(unit) }
    }

    pub(super) const fn seconds(bare: &'static str) -> Self {
        Self::with_unit(bare, "seconds")
    }

    fn full(self, kind: Kind) -> String {
        let unit = self.unit.map_or_else(String::new, |unit| format!("_{unit}"));
        let suffix = match kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{suffix}", self.bare)
    }

    pub(super) fn unit(self) -> Option<Unit> {
        self.unit.map(|unit| Unit::Other(unit.to_owned()))
    }
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
        let help = "Observations whose labels found no place in a full family and went to its series `other`";
        let labels = FamilyLabels::NAMES;
        declare.register(Name::plain("metrics_series_folded"), Kind::Counter, labels, help, family);
        declare
    }

    pub(super) fn finish(self) -> (Registry, Vec<Declaration>) {
        (self.registry, self.catalogue)
    }

    pub(super) fn counter(&mut self, name: Name, help: &'static str) -> Counter {
        let counter = Counter::default();
        self.register(name, Kind::Counter, &[], help, counter.clone());
        counter
    }

    pub(super) fn counters<L: LabelSet>(&mut self, name: Name, help: &'static str) -> Series<L, Counter> {
        self.family(name, Kind::Counter, help, Family::default())
    }

    pub(super) fn gauge(&mut self, name: Name, help: &'static str) -> Gauge {
        let gauge = Gauge::default();
        self.register(name, Kind::Gauge, &[], help, gauge.clone());
        gauge
    }

    pub(super) fn gauges<L: LabelSet>(&mut self, name: Name, help: &'static str) -> Series<L, Gauge> {
        self.family(name, Kind::Gauge, help, Family::default())
    }

    pub(super) fn histogram(&mut self, name: Name, help: &'static str, bounds: &'static [f64]) -> Histogram {
        let histogram: Histogram = Bounds(bounds).new_metric();
        self.register(name, Kind::Histogram, &[], help, histogram.clone());
        histogram
    }

    pub(super) fn histograms<L: LabelSet>(
        &mut self,
        name: Name,
        help: &'static str,
        bounds: &'static [f64],
    ) -> Series<L, Histogram, Bounds> {
        self.family(name, Kind::Histogram, help, Family::new_with_constructor(Bounds(bounds)))
    }

    pub(super) fn durations(&mut self, name: Name, help: &'static str, bounds: &'static [f64]) -> Durations {
        let durations: Durations = Bounds(bounds).new_metric();
        self.register(name, Kind::Histogram, &[], help, durations.clone());
        durations
    }

    pub(super) fn durations_by<L: LabelSet>(
        &mut self,
        name: Name,
        help: &'static str,
        bounds: &'static [f64],
    ) -> Series<L, Durations, Bounds> {
        self.family(name, Kind::Histogram, help, Family::new_with_constructor(Bounds(bounds)))
    }

    /// A metric of another form.
    pub(super) fn family<L: LabelSet, M, C>(
        &mut self,
        name: Name,
        kind: Kind,
        help: &'static str,
        family: Family<L, M, C>,
    ) -> Series<L, M, C>
    where
        M: TypedMetric + Metric + Clone,
        C: MetricConstructor<M> + Clone + Send + Sync + 'static,
        Family<L, M, C>: Metric,
    {
        self.register(name, kind, L::NAMES, help, family.clone());
        let folded = self.folded.get(&FamilyLabels { family: name.full(kind).into() });
        Series::new(family, self.max_series, folded)
    }

    /// Metrics that are looked up when the page is made, all with the same labels.
    pub(super) fn collector(
        &mut self,
        declared: &[(Name, Kind, &'static str)],
        labels: &'static [&'static str],
        collector: impl Collector,
    ) {
        for (name, kind, help) in declared {
            self.note(*name, *kind, labels, help);
        }
        self.registry.register_collector(Box::new(collector));
    }

    fn note(&mut self, name: Name, kind: Kind, labels: &'static [&'static str], help: &'static str) {
        self.catalogue.push(Declaration { name: name.full(kind), kind, labels, help });
    }

    /// The one way into both.
    pub(super) fn register(
        &mut self,
        name: Name,
        kind: Kind,
        labels: &'static [&'static str],
        help: &'static str,
        metric: impl Metric,
    ) {
        self.note(name, kind, labels, help);
        match name.unit() {
            Some(unit) => self.registry.register_with_unit(name.bare, help, unit, metric),
            None => self.registry.register(name.bare, help, metric),
        }
    }
}
