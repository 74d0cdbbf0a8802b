//! What is kept in a shared Redis: the cache of evaluations, and the quota of providers.
//!
//! Each test starts a `redis-server` of its own.

mod cached;
mod examination;
mod quota;
mod server;
mod suite;
