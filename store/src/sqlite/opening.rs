//! Opening a file without harm to what is there already.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::{failure, ping};
use crate::address::Address;
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::migrations;
use crate::schema::not_migrated;

/// Marks a file of SQLite as one of ours: `evoh`.
pub(super) const APPLICATION_ID: i64 = 0x6576_6f68;

/// Connections that read. More would only contend for the same two or three cores.
const READERS: u32 = 4;

/// How often the log is asked for while other processes open the same new file.
const ATTEMPTS: usize = 100;

/// A store that is ready.
pub(super) struct Opened {
    pub(super) address: String,
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) pinger: Option<SqlitePool>,
}

/// Opens what is at the address, or makes it. Something foreign, or of a newer version, is left as it was.
pub(super) async fn open(address: &Address, busy_timeout: Duration) -> Result<Opened, StoreError> {
    match address {
        Address::File(path) => open_file(path, busy_timeout).await,
        Address::Memory => open_memory(address.to_string()).await,
        Address::Postgres(_) => {
            let message = format!("{address} is not the address of a file: write `sqlite:PATH`");
            Err(StoreError::new(Kind::Address, message))
        }
    }
}

async fn open_memory(address: String) -> Result<Opened, StoreError> {
    // Private to its connection, hence a single one.
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = pool(1).connect_lazy_with(tuned(options, Duration::ZERO));
    let failed = |error| failure::explained(&address, &error);
    let mut connection = pool.acquire().await.map_err(failed)?;
    migrate(&mut connection, &address).await?;
    drop(connection);
    Ok(Opened { readers: pool.clone(), writer: pool, pinger: None, address })
}

async fn open_file(path: &Path, busy_timeout: Duration) -> Result<Opened, StoreError> {
    // Absolute, so that messages say where and no name is taken for a URI.
    let path = std::path::absolute(path).map_err(|error| cannot_make(path, &error))?;
    let address = Address::File(path.clone()).to_string();
    let failed = |error| failure::explained(&address, &error);
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => {
            let message = format!("{} is a folder: name a file in it", path.display());
            return Err(StoreError::new(Kind::Address, message));
        }
        // Before SQLite makes neighbours of the file, which it does even to read.
        Ok(found) if found.permissions().readonly() => {
            let message = format!("the store {address} is read-only: allow writing, or name another store");
            return Err(StoreError::new(Kind::NotWritable, message));
        }
        Ok(found) if found.len() > 0 => recognise(&path, &address).await?,
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_folder(&path)?,
        Err(error) => return Err(cannot_make(&path, &error)),
    }

    let options =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).busy_timeout(busy_timeout);
    let mut connection = options.connect().await.map_err(|error| why_not_made(&path, failed(error)))?;
    let ready = async {
        migrate(&mut connection, &address).await?;
        keep_log(&mut connection).await.map_err(failed)
    };
    let outcome = ready.await;
    // Closed in any case, so that an error leaves no lock behind.
    let closed = connection.close().await.map_err(failed);
    outcome.and(closed)?;

    let options = tuned(SqliteConnectOptions::new().filename(&path), busy_timeout);
    let brief = options.clone().busy_timeout(busy_timeout.min(ping::LOCK_WAIT));
    let readers = pool(READERS).connect_lazy_with(options.clone().pragma("query_only", "ON"));
    let pinger = Some(pool(1).connect_lazy_with(brief));
    Ok(Opened { writer: pool(1).connect_lazy_with(options), readers, pinger, address })
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn tuned(options: SqliteConnectOptions, busy_timeout: Duration) -> SqliteConnectOptions {
    options
        .busy_timeout(busy_timeout)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // Pages, 16 MB: fewer and larger moves from the log to the file, hence fewer flushes of the file.
        .pragma("wal_autocheckpoint", "4000")
        // Bytes: a log that grew while somebody read is cut back to this.
        .pragma("journal_size_limit", "67108864")
        .pragma("temp_store", "MEMORY")
        // The statements carry hundreds of rows each, too much for a log.
        .disable_statement_logging()
}

/// Reads the mark of a file that is there, touching neither it nor its neighbours.
///
/// Through SQLite and not as plain bytes: closing a plain handle would drop the locks that other connections
/// of this process hold on the file.
pub(super) async fn recognise(path: &Path, address: &str) -> Result<(), StoreError> {
    let failed = |error| failure::explained(address, &error);
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    let mut connection = options.connect().await.map_err(|error| match failed(error) {
        error if error.kind == Kind::NotWritable => {
            let message = format!("the store {address} cannot be read: allow reading and writing the file");
            StoreError::new(Kind::Unavailable, message)
        }
        error => error,
    })?;
    let mark = sqlx::query_scalar::<_, i64>("PRAGMA application_id").fetch_one(&mut connection).await;
    connection.close().await.map_err(failed)?;
    if mark.map_err(failed)? == APPLICATION_ID { Ok(()) } else { Err(foreign(address)) }
}

fn foreign(address: &str) -> StoreError {
    let message = format!("{address} is a database of another program: name another file");
    StoreError::new(Kind::Incompatible, message)
}

/// Brings the tables up to date, under the lock for writing, so that processes that open at once take turns.
/// The mark is written before the log is turned on, hence to the file itself, where [`recognise`] finds it.
async fn migrate(connection: &mut SqliteConnection, address: &str) -> Result<(), StoreError> {
    let failed = |error| failure::explained(address, &error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let mark: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *transaction).await.map_err(failed)?;
    if mark != APPLICATION_ID {
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        if mark != 0 || tables > 0 {
            return Err(foreign(address));
        }
        let sign = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
        sqlx::query(sign).execute(&mut *transaction).await.map_err(failed)?;
    }
    // Not `run`: the compiler cannot prove its future to be `Send`.
    let done = migrations::SQLITE.run_direct(None, &mut *transaction, false).await;
    done.map_err(|error| {
        not_migrated(address, &migrations::SQLITE, error, |error| failure::explained(address, error))
    })?;
    // Beginning succeeds on a file that may only be read: a change tells, even one of no row.
    sqlx::query("DELETE FROM jobs WHERE 0").execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// Turns the write-ahead log on. SQLite does not wait for other connections here, so this waits its turn for
/// the lock and tries again.
async fn keep_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for _ in 0..ATTEMPTS {
        match sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *connection).await {
            Err(error) if failure::is_busy(&error) => {
                connection.begin_with("BEGIN EXCLUSIVE").await?.rollback().await?;
            }
            outcome => return outcome.map(drop),
        }
    }
    sqlx::query("PRAGMA journal_mode = WAL").execute(connection).await.map(drop)
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    let folder: PathBuf = path.parent().unwrap_or(path).to_owned();
    fs::create_dir_all(&folder).map_err(|error| cannot_make(&folder, &error))
}

/// SQLite does not say why it could not make a file: the system does.
fn why_not_made(path: &Path, error: StoreError) -> StoreError {
    if path.exists() {
        return error;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Err(reason) => cannot_make(path, &reason),
        Ok(_) => error,
    }
}

fn cannot_make(path: &Path, error: &io::Error) -> StoreError {
    let message =
        format!("cannot make {}: {error}; allow writing there, or name another store", path.display());
    StoreError::new(Kind::NotWritable, message)
}
