//! What keeps calls within what a provider can and will serve.

pub(crate) mod allowance;
pub(crate) mod breaker;
pub(crate) mod concurrency;
pub(crate) mod line;
pub(crate) mod rate;
pub(crate) mod shared;
