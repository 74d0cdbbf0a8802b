//! What operators install, beside a cluster at work that is broken in many ways: each is told to who must know of it, and
//! nothing else is.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "what was measured is read with the output of a test")]

mod alertmanager;
mod broken;
#[path = "../cluster/cluster.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod cluster;
#[path = "../../monitoring/tests/traces/collector.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod collector;
#[path = "../cluster/database.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod database;
mod durations;
mod exporter;
#[path = "../support/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
#[path = "../support/http.rs"]
mod http;
#[path = "../cluster/lab.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod lab;
mod mailbox;
#[path = "../cluster/node.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod node;
mod notice;
mod panels;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../observability/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
mod product;
#[path = "../observability/prometheus.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod prometheus;
mod provider;
mod receiver;
#[path = "../support/redis.rs"]
mod redis;
#[path = "../support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
mod shipped;
mod site;
#[path = "../cluster/undisturbed.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod undisturbed;
mod watch;
#[path = "../support/way.rs"]
mod way;
mod working;
