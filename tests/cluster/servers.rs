//! PostgreSQL and Redis that go away and come back.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::database::Database;
use crate::process::until;

/// How long a server is away.
const AWAY: Duration = Duration::from_secs(2);

#[test]
fn postgresql_restarts() {
    let servers = Servers::start();
    let mut cluster = Cluster::start_on(Database::on(&servers.postgres), 3, &[]);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(150);
    servers.crash_postgres();
    let check = |cluster: &mut Cluster, status: &str| {
        let node = &cluster.nodes[1];
        until(&format!("the database is {status}"), || {
            let health = node.get("/health/detailed").json();
            (health["checks"]["database"]["status"] == status).then_some(())
        });
    };
    check(&mut cluster, "unhealthy");
    // Not to wait for anything: this is how long it is away.
    std::thread::sleep(AWAY);
    servers.start_postgres();
    cluster.check(&job);
    check(&mut cluster, "healthy");
    assert_eq!(cluster.sum("cluster_lease_takeovers_total"), 0.0);
    drop(cluster);
}

#[test]
fn redis_restarts() {
    let mut redis = Redis::start();
    let mut cluster = Cluster::start_on(Database::shared(), 3, &["--redis", &redis.url()]);
    let job = cluster.submit(0, "1");
    cluster.lab.wait_for(150);
    redis.stop();
    let check = |cluster: &mut Cluster, status: &str| {
        for node in &cluster.nodes {
            until(&format!("to {}, Redis is {status}", node.name), || {
                let health = node.get("/health/detailed").json();
                (health["checks"]["redis"]["status"] == status).then_some(())
            });
        }
    };
    check(&mut cluster, "degraded");
    redis.begin();
    cluster.check(&job);
    let job = cluster.submit(1, "2");
    check(&mut cluster, "healthy");
    cluster.check(&job);
}

/// Servers of a test's own, as `scripts/servers` starts them.
struct Servers {
    folder: TempDir,
    postgres: String,
}

impl Servers {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL drops its rights and must still find its way here.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let output = servers("start", folder.path()).stderr(Stdio::inherit()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "the servers do not start");
        let postgres = text.lines().find_map(|line| line.strip_prefix("export EVOHUB_TEST_POSTGRES="));
        Self { folder, postgres: postgres.unwrap().to_owned() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }

    /// Ends it as if the machine had lost its power.
    fn crash_postgres(&self) {
        self.control(&["stop", "--wait", "--mode", "immediate"]);
    }

    /// Starts it as it was started before.
    fn start_postgres(&self) {
        let known = std::fs::read_to_string(self.data().join("postmaster.opts")).unwrap();
        let options = known.trim().split_once(' ').unwrap().1;
        // Those of the folder are given anyway.
        let (_, options) = options.split_once("\"-h\"").unwrap();
        self.control(&["start", "--wait", "-l", "log", "-o", &format!("\"-h\"{options}")]);
    }

    fn control(&self, arguments: &[&str]) {
        let program = "PATH=\"$PATH:$(printf '%s\\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)\"; \
                       cd \"$1\"; shift; exec pg_ctl \"$@\"";
        let mut shell = match rustix::process::geteuid().is_root() {
            true => Command::new("runuser"),
            false => Command::new("env"),
        };
        if rustix::process::geteuid().is_root() {
            shell.args(["-u", "postgres", "--"]);
        }
        shell
            .args(["bash", "-c", program, "pg_ctl"])
            .arg(self.data())
            .args(arguments)
            .arg("-D")
            .arg(self.data());
        assert!(shell.stdout(Stdio::null()).status().unwrap().success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = servers("stop", self.folder.path()).status();
    }
}

fn servers(action: &str, folder: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join("servers"));
    command.arg(action).arg(folder).stdin(Stdio::null());
    command
}

/// A Redis of a test's own.
pub(crate) struct Redis {
    port: u16,
    process: Option<Child>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        // Somebody may take the port in between; below those that the system gives out, that is rare.
        loop {
            let mut redis = Self { port: rand::random_range(20_000..32_000), process: None };
            if TcpStream::connect(("127.0.0.1", redis.port)).is_err() {
                redis.begin();
                return redis;
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn begin(&mut self) {
        let port = self.port.to_string();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is found: on Debian, apt-get install redis-server");
        self.process = Some(process);
        until("Redis listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
