//! Opening a database without harm to what is there already.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::time::timeout;

use super::failure;
use crate::address::PostgresUrl;
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::migrations;
use crate::schema::not_migrated;

/// How texts are kept, the schema for tables, and whether nothing can be written.
pub(super) type Standing = (String, Option<String>, bool);
pub(super) const STANDING: &str = "SELECT current_setting('server_encoding'), current_schema()::text, \
                                   pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean";

/// All tables that this version makes, but for the list of what was made, which comes first.
pub(super) const TABLES: [&str; 8] =
    ["jobs", "evaluations", "proposals", "candidates", "checkpoints", "history", "islands", "migrants"];

/// Whether there are tables of the names of [`TABLES`] that are not ours.
pub(super) const FOREIGN: &str = "SELECT to_regclass('_sqlx_migrations') IS NULL AND EXISTS (SELECT FROM pg_class \
                                  WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1::text[]))";

/// Connections of one process. A server serves a hundred in all unless it is told otherwise.
pub(super) const CONNECTIONS: u32 = 10;

/// How long to wait for a connection: for a free one, and for the server to come up.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// How long an operation may take in all, waiting for a connection and for the answers of the server included.
pub(super) const OPERATION: Duration = Duration::from_secs(20);

/// How long a connection that somebody has stopped waiting for is given to end what it does.
const RELEASE: Duration = Duration::from_secs(2);

/// How long others may take to bring the tables up to date, and then this process.
const MIGRATION: Duration = Duration::from_secs(120);

/// Connects, brings the tables up to date, and gives the connections to use.
pub(super) async fn open(url: &PostgresUrl, address: &str) -> Result<PgPool, StoreError> {
    let options = url.options().map_err(|why| StoreError::new(Kind::Address, why))?;
    let patient = tuned(options.clone(), MIGRATION);
    let mut connection = timeout(CONNECT, patient.connect())
        .await
        .map_err(|_| failure::silent(address, CONNECT))?
        .map_err(|error| failure::explained(address, &error))?;
    let outcome = timeout(MIGRATION, prepare(&mut connection, address)).await;
    // Not politely, when it may still be at something: whatever it holds is given back.
    match outcome {
        Ok(Ok(())) => connection.close().await.map_err(|error| failure::explained(address, &error))?,
        Ok(Err(error)) => return Err(error),
        Err(_) => return Err(failure::silent(address, MIGRATION)),
    }
    // The server gives a statement up before the client does.
    Ok(pool().connect_lazy_with(tuned(options, OPERATION * 3 / 4)))
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT)
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(3600))
        // A server that was restarted is noticed before a statement is lost to it.
        .test_before_acquire(true)
        // Whoever gives an operation up because the link is dead does not give the connection's place up with it.
        .after_release(|connection, _| {
            Box::pin(async {
                match timeout(RELEASE, connection.ping()).await {
                    Ok(outcome) => outcome.map(|()| true),
                    Err(_) => Err(sqlx::Error::PoolTimedOut),
                }
            })
        })
}

pub(super) fn tuned(options: PgConnectOptions, statement: Duration) -> PgConnectOptions {
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("evohub"),
    };
    options
        .options([
            ("statement_timeout", format!("{}ms", statement.as_millis()).as_str()),
            // A process that is frozen in the middle of a transaction holds locks that others wait for.
            ("idle_in_transaction_session_timeout", "5s"),
            // Those who wait for a lock look again at what they locked.
            ("default_transaction_isolation", "read committed"),
        ])
        // The statements carry hundreds of rows each, too much for a log.
        .disable_statement_logging()
}

async fn prepare(connection: &mut PgConnection, address: &str) -> Result<(), StoreError> {
    let failed = |error| failure::explained(address, &error);
    let refused = |kind, what: &str| Err(StoreError::new(kind, format!("the store {address} {what}")));
    let (encoding, schema, is_read_only): Standing =
        sqlx::query_as(STANDING).fetch_one(&mut *connection).await.map_err(failed)?;
    if is_read_only {
        return refused(Kind::NotWritable, failure::READ_ONLY);
    }
    if encoding != "UTF8" {
        let what = format!("keeps its texts as {encoding}, which not every text is: use a database of UTF8");
        return refused(Kind::Incompatible, &what);
    }
    if schema.is_none() {
        let what = "has no schema to make tables in: make one, or set the search_path of the user";
        return refused(Kind::Incompatible, what);
    }
    let is_foreign: bool =
        sqlx::query_scalar(FOREIGN).bind(&TABLES[..]).fetch_one(&mut *connection).await.map_err(failed)?;
    if is_foreign {
        let what = "is a database of another program: name another database, or a schema of its own \
                    (`?options[search_path]=evohub`)";
        return refused(Kind::Incompatible, what);
    }
    // Under an advisory lock, so that processes that open at once take turns. Not `run`: the compiler cannot prove its
    // future to be `Send`.
    let done = migrations::POSTGRES.run_direct(None, connection, false).await;
    done.map_err(|error| {
        not_migrated(address, &migrations::POSTGRES, error, |error| failure::explained(address, error))
    })
}
