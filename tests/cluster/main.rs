//! Clusters of real processes that lose nodes, links and servers in the middle of their work, and come to the end that
//! they would have come to.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "what was measured is read with the output of a test")]

#[path = "../support/archive.rs"]
mod archive;
mod chaos;
mod cluster;
mod cut;
mod database;
mod doctor;
#[path = "../support/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
mod frozen;
#[path = "../support/http.rs"]
mod http;
mod killed;
mod lab;
mod leaving;
mod node;
mod noticed;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../observability/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
#[path = "../support/redis.rs"]
mod redis;
mod refused;
#[path = "../support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
mod servers;
mod undisturbed;
