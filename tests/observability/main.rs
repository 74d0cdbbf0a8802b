//! What a working node shows of itself, against what really happened, and seen with the programs that look at it:
//! Prometheus, and a parser of the form.

#[path = "../../monitoring/tests/traces/collector.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod collector;
mod echo;
mod faults;
#[path = "../support/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
#[path = "../support/http.rs"]
mod http;
mod node;
mod page;
mod process;
mod prometheus;
mod records;
mod scraping;
mod secrets;
#[path = "../support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
mod traces;
#[path = "../support/way.rs"]
mod way;
