//! The Grafana dashboards of evohub, made from the names of its metrics.
//!
//! [`boards`] says what stands in them: queries ([`promql`]) over typed names, so that one of a metric that is gone does
//! not compile. [`grafana`] writes them down as Grafana reads them; `scripts/generate` puts them beside this crate.
//! [`plot`] draws them from a Prometheus.

pub mod boards;
pub mod choices;
pub mod exporters;
pub mod grafana;
pub mod model;
pub mod plot;
pub mod promql;
pub mod recorded;
