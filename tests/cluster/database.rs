//! A database of its own on a PostgreSQL server, dropped after the test.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::node::Moment;

/// A database that nobody else uses.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes one on the server that tests share.
    pub(crate) fn shared() -> Self {
        Self::on(&std::env::var("EVOHUB_TEST_POSTGRES").unwrap_or_else(|_| {
            panic!(
                "EVOHUB_TEST_POSTGRES names no server: run the tests by scripts/test, or start one by \
                 eval \"$(scripts/servers start FOLDER)\""
            )
        }))
    }

    /// Makes one on the server with this URL of its superuser.
    pub(crate) fn on(server: &str) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("cluster_{}_{now}_{number}", std::process::id());
        let database = Self { server: server.to_owned(), name };
        database.run(server, &format!("CREATE DATABASE {}", database.name)).unwrap();
        database
    }

    /// Its address, for nodes.
    pub(crate) fn url(&self) -> String {
        self.at(None)
    }

    /// Its address by way of another host and port.
    pub(crate) fn by_way_of(&self, place: &str) -> String {
        self.at(Some(place))
    }

    fn at(&self, place: Option<&str>) -> String {
        let (scheme, rest) = self.server.split_once("://").unwrap();
        let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, known) = host.rsplit_once('@').unwrap_or(("postgres", host));
        let parameters = rest.split_once('?').map_or_else(String::new, |(_, rest)| format!("?{rest}"));
        format!("{scheme}://{user}@{}/{}{parameters}", place.unwrap_or(known), self.name)
    }

    /// Where the server listens, `host:port`.
    pub(crate) fn place(&self) -> &str {
        let rest = self.server.split_once("://").unwrap().1;
        let host = rest.split('/').next().unwrap();
        host.rsplit('@').next().unwrap()
    }

    /// The first column of what a query answers.
    pub(crate) fn column(&self, query: &str) -> Vec<String> {
        self.run(&self.url(), query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// When each answer of a job was given that is kept, by its mark.
    pub(crate) fn times(&self, job: &str) -> BTreeMap<String, Moment> {
        let of_job = format!("WHERE job = (SELECT number FROM jobs WHERE id = '{job}')");
        let query = format!(
            "SELECT substring(output from '#([0-9a-f]{{16}})') || ' ' || at FROM evaluations {of_job} UNION ALL \
             SELECT substring(text from '#([0-9a-f]{{16}})') || ' ' || at FROM proposals {of_job} ORDER BY 1"
        );
        let lines = self.column(&query);
        let parts = lines.iter().filter_map(|line| line.split_once(' '));
        parts.map(|(mark, at)| (mark.to_owned(), Moment::from_millis(at.parse().unwrap()))).collect()
    }

    fn run(&self, url: &str, statement: &str) -> Result<Vec<String>, String> {
        let output = Command::new("psql")
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
            .env("PGCONNECT_TIMEOUT", "10")
            .output()
            .expect("psql is found: on Debian, apt-get install postgresql-client");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = self.run(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        if !std::thread::panicking() {
            dropped.expect("the database is dropped");
        }
    }
}
