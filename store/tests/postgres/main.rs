//! Stores in PostgreSQL: the suite, and what is PostgreSQL's own.
//!
//! The server is that of `EVOHUB_TEST_POSTGRES`, a URL of its superuser; `scripts/test` starts one. Each test works in
//! a schema of its own.

mod examination;
mod faults;
mod link;
mod opening;
mod schema;
mod suite;
