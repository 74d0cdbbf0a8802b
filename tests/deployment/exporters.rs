//! The programs beside evohub that are scraped, and what rules, runbooks and dashboards ask of them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tool::deployment;
use crate::troubleshooting::server;

/// Metrics that rules, runbooks and dashboards name, by who shows them.
pub(crate) const SHOWN: [(&str, &[&str]); 5] = [
    (
        "prometheus-postgres-exporter",
        &[
            "pg_up",
            "pg_exporter_last_scrape_error",
            "pg_settings_max_connections",
            "pg_stat_database_numbackends",
            "pg_stat_database_xact_commit",
            "pg_stat_database_xact_rollback",
            "pg_stat_database_blks_hit",
            "pg_stat_database_blks_read",
            "pg_stat_database_deadlocks",
            "pg_locks_count",
            "pg_database_size_bytes",
        ],
    ),
    (
        "prometheus-redis-exporter",
        &[
            "redis_up",
            "redis_memory_used_bytes",
            "redis_connected_clients",
            "redis_commands_processed_total",
            "redis_keyspace_hits_total",
            "redis_keyspace_misses_total",
            "redis_evicted_keys_total",
        ],
    ),
    (
        "prometheus-node-exporter",
        &[
            "node_cpu_seconds_total",
            "node_load1",
            "node_memory_MemAvailable_bytes",
            "node_memory_MemTotal_bytes",
            "node_disk_io_time_seconds_total",
            "node_filesystem_avail_bytes",
            "node_filesystem_size_bytes",
            "node_network_receive_bytes_total",
            "node_network_transmit_bytes_total",
            "node_network_receive_errs_total",
            "node_network_transmit_errs_total",
        ],
    ),
    (
        "prometheus",
        &[
            "prometheus_config_last_reload_successful",
            "prometheus_notifications_alertmanagers_discovered",
            "prometheus_notifications_dropped_total",
            "prometheus_notifications_errors_total",
            "prometheus_notifications_queue_length",
            "prometheus_rule_evaluation_failures_total",
            "prometheus_rule_group_last_duration_seconds",
        ],
    ),
    (
        "prometheus-alertmanager",
        &[
            "alertmanager_config_last_reload_successful",
            "alertmanager_notifications_failed_total",
            "alertmanager_notifications_total",
        ],
    ),
];

/// How long a program may take to show what it has to.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that listens, until it is dropped.
struct Running {
    child: Child,
    at: SocketAddr,
}

impl Running {
    fn start(program: &str, folder: &TempDir) -> Self {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let mut command = Command::new(program);
        let listen = format!("--web.listen-address={at}");
        match program {
            "prometheus-postgres-exporter" => {
                let address = server("EVOHUB_TEST_POSTGRES");
                command.env("DATA_SOURCE_NAME", format!("{address}?sslmode=disable")).arg(listen)
            }
            "prometheus-redis-exporter" => command.args([
                "-redis.addr",
                &server("EVOHUB_TEST_REDIS"),
                "-web.listen-address",
                &at.to_string(),
            ]),
            "prometheus" => {
                let rules = deployment().join("monitoring/*_rules.yml");
                let config = format!(
                    "rule_files: [{}]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:9']}}]}}]}}\n",
                    rules.display()
                );
                fs::write(path("prometheus.yml"), config).unwrap();
                let (config, data) = (path("prometheus.yml"), path("data"));
                command.args([
                    format!("--config.file={config}"),
                    format!("--storage.tsdb.path={data}"),
                    listen,
                ])
            }
            "prometheus-alertmanager" => {
                fs::write(
                    path("alertmanager.yml"),
                    "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n",
                )
                .unwrap();
                let (config, data) = (path("alertmanager.yml"), path("data"));
                let cluster = "--cluster.listen-address=".to_owned();
                command.args([
                    format!("--config.file={config}"),
                    format!("--storage.path={data}"),
                    cluster,
                    listen,
                ])
            }
            _ => command.arg(listen),
        };
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}: {error}; scripts/test installs it"));
        Self { child, at }
    }

    /// The page of metrics; `None` while nobody answers.
    fn page(&self) -> Option<String> {
        let mut stream = TcpStream::connect(self.at).ok()?;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.at);
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_programs_show_what_is_asked_of_them() {
    for (program, names) in SHOWN {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(program, &folder);
        let begin = Instant::now();
        // Rules are evaluated, and servers asked, a while after the start.
        loop {
            let page = running.page().unwrap_or_default();
            let is_shown = |name: &&&str| {
                let sample =
                    |line: &str| line.strip_prefix(**name).is_some_and(|rest| rest.starts_with([' ', '{']));
                page.lines().any(sample)
            };
            let missing: Vec<&&str> = names.iter().filter(|name| !is_shown(name)).collect();
            if missing.is_empty() {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{program} does not show {missing:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
