//! Traces and logs as whole: to a real collector's port, and to files.

mod collector;
mod delivery;
mod lines;
mod outage;
mod panics;
mod sampling;
mod tls;
