//! Looking at a database without changing it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use super::failure;
use super::opening::{self, CONNECT, CONNECTIONS, FOREIGN, STANDING, Standing, TABLES};
use crate::address::PostgresUrl;
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::examination::PostgresExamination;
use crate::migrations;
use crate::schema::{Applied, SchemaState};

/// How long the answers may take in all.
const ANSWERS: Duration = Duration::from_secs(5);

/// Round trips of which the shortest counts.
const ROUNDS: usize = 3;

/// Looks at a database, in a session that may write nothing.
pub(crate) async fn examine(url: &PostgresUrl) -> Result<PostgresExamination, StoreError> {
    let address = url.to_string();
    let options = url.options().map_err(|why| StoreError::new(Kind::Address, why))?;
    let options = opening::tuned(options, ANSWERS);
    let mut connection = timeout(CONNECT, options.connect())
        .await
        .map_err(|_| failure::silent(&address, CONNECT))?
        .map_err(|error| failure::explained(&address, &error))?;
    let outcome = timeout(ANSWERS, look(&mut connection)).await;
    let found = outcome
        .map_err(|_| failure::silent(&address, ANSWERS))?
        .map_err(|error| failure::explained(&address, &error))?;
    // It has said all that was asked; that it does not say goodbye is no matter.
    let _ = timeout(ANSWERS, connection.close()).await;
    Ok(found)
}

async fn look(connection: &mut PgConnection) -> Result<PostgresExamination, sqlx::Error> {
    let standing: Standing = sqlx::query_as(STANDING).fetch_one(&mut *connection).await?;
    sqlx::query("SET default_transaction_read_only = on").execute(&mut *connection).await?;
    let (encoding, namespace, is_read_only) = standing;
    let (version, version_number): (String, i32) = sqlx::query_as(
        "SELECT split_part(current_setting('server_version'), ' ', 1), \
         current_setting('server_version_num')::integer",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (latency, clock_ahead) = clock(connection).await?;
    let schema = schema(connection).await?;
    let missing_rights = missing_rights(connection, &schema).await?;
    let (most_connections, open_connections): (i64, i64) = sqlx::query_as(
        "SELECT least(current_setting('max_connections')::bigint \
         - current_setting('superuser_reserved_connections')::bigint, \
         nullif(datconnlimit, -1), nullif(rolconnlimit, -1))::bigint, \
         (SELECT sum(numbackends) FROM pg_stat_database)::bigint \
         FROM pg_database, pg_roles WHERE datname = current_database() AND rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(PostgresExamination {
        version,
        version_number,
        latency,
        clock_ahead,
        encoding,
        is_read_only,
        namespace,
        missing_rights,
        schema,
        most_connections,
        open_connections,
        connections_of_a_process: CONNECTIONS,
    })
}

/// The time of a round trip, and how far the server's clock is before ours, by the quickest of a few.
async fn clock(connection: &mut PgConnection) -> Result<(Duration, i64), sqlx::Error> {
    let mut best: Option<(Duration, i64)> = None;
    for _ in 0..ROUNDS {
        let (before, began) = (SystemTime::now(), Instant::now());
        let theirs: i64 =
            sqlx::query_scalar("SELECT floor(extract(EPOCH FROM clock_timestamp()) * 1000)::bigint")
                .fetch_one(&mut *connection)
                .await?;
        let took = began.elapsed();
        let ours = (before + took / 2).duration_since(UNIX_EPOCH).unwrap_or_default();
        let ours = i64::try_from(ours.as_millis()).unwrap_or(i64::MAX);
        if best.is_none_or(|(shortest, _)| took < shortest) {
            best = Some((took, theirs.saturating_sub(ours)));
        }
    }
    Ok(best.unwrap_or_default())
}

async fn schema(connection: &mut PgConnection) -> Result<SchemaState, sqlx::Error> {
    if sqlx::query_scalar(FOREIGN).bind(&TABLES[..]).fetch_one(&mut *connection).await? {
        return Ok(SchemaState::Foreign);
    }
    let is_there = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
    let applied: Vec<Applied> = match is_there.fetch_one(&mut *connection).await? {
        true => {
            sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
                .fetch_all(&mut *connection)
                .await?
        }
        false => vec![],
    };
    Ok(SchemaState::of(&migrations::POSTGRES, &applied))
}

async fn missing_rights(
    connection: &mut PgConnection,
    schema: &SchemaState,
) -> Result<Vec<String>, sqlx::Error> {
    let mut missing = vec![];
    if matches!(schema, SchemaState::Empty | SchemaState::Older { .. }) {
        let may_make: Option<bool> =
            sqlx::query_scalar("SELECT has_schema_privilege(current_schema(), 'CREATE')")
                .fetch_one(&mut *connection)
                .await?;
        if may_make == Some(false) {
            missing.push("make tables in the schema".to_owned());
        }
    }
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' \
         AND relname = ANY($1::text[]) AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') \
         AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')) ORDER BY relname",
    )
    .bind(&TABLES[..])
    .fetch_all(&mut *connection)
    .await?;
    missing.extend(tables.into_iter().map(|table| format!("read and write `{table}`")));
    Ok(missing)
}
