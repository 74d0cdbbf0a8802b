//! What keeps calls within what a provider can and will serve.

pub(crate) mod breaker;
pub(crate) mod concurrency;
pub(crate) mod rate;
