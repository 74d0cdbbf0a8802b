//! Models behind an HTTP interface.

mod answer;
mod backoff;
mod embedding;
mod failure;
mod model;
mod probe;
mod provider;
mod retry_after;
mod sampling;

pub(crate) use model::RemoteModel;
pub use probe::ProviderProbe;
pub(crate) use provider::Provider;
