//! A schema that is gone after the test.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use evohub_store::{Address, PostgresUrl};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The URL of the server that all tests share.
pub(crate) fn server() -> String {
    std::env::var("EVOHUB_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!(
            "EVOHUB_TEST_POSTGRES names no server: run the tests by scripts/test, or start one by \
             eval \"$(scripts/servers start FOLDER)\""
        )
    })
}

/// The URL with another parameter.
pub(crate) fn with(url: &str, parameter: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    if parameter.is_empty() { url.to_owned() } else { format!("{url}{sign}{parameter}") }
}

/// The parsed form of a URL.
pub(crate) fn parsed(url: &str) -> PostgresUrl {
    match url.parse::<Address>() {
        Ok(Address::Postgres(url)) => url,
        other => panic!("{other:?}"),
    }
}

/// Does as the server's superuser.
pub(crate) async fn run_sql(statements: &str) {
    let mut connection = PgConnection::connect(&server()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A schema of its own, dropped with all that is in it.
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) async fn make() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{now}_{number}", std::process::id());
        run_sql(&format!("CREATE SCHEMA {name}")).await;
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The address of the schema on the shared server, with another parameter if that is not empty.
    pub(crate) fn address(&self, parameter: &str) -> String {
        let url = with(&server(), &format!("options[search_path]={}", self.0));
        with(&url, parameter)
    }

    /// The parsed form of the address.
    pub(crate) fn url(&self, parameter: &str) -> PostgresUrl {
        parsed(&self.address(parameter))
    }

    /// Does in the schema, as the server's superuser.
    pub(crate) async fn run(&self, statements: &str) {
        run_sql(&format!("SET search_path = {}; {statements}", self.0)).await;
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // Whoever still holds a lock belongs to a test that has failed.
        let drop = format!("SET lock_timeout = '2s'; DROP SCHEMA IF EXISTS {} CASCADE", self.0);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server()).await?;
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
                connection.close().await
            })
        })
        .join();
        if !std::thread::panicking() {
            dropped.expect("the thread ends").expect("the schema is dropped");
        }
    }
}
