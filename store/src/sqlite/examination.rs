//! Looking at a file without changing it, or making neighbours of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::failure;
use super::opening;
use crate::address::Address;
use crate::error::{StoreError, StoreErrorKind as Kind};
use crate::examination::FileExamination;
use crate::migrations;
use crate::schema::{Applied, SchemaState};

/// Looks at a file, which need not be there.
pub(crate) async fn examine(path: &Path) -> Result<FileExamination, StoreError> {
    let unreadable = |error: io::Error| {
        StoreError::new(Kind::Unavailable, format!("{} cannot be looked at: {error}", path.display()))
    };
    let path = std::path::absolute(path).map_err(unreadable)?;
    let empty = |bytes| FileExamination { path: path.clone(), bytes, schema: SchemaState::Empty };
    let bytes = match fs::metadata(&path) {
        Ok(found) if found.is_dir() => {
            let message = format!("{} is a folder: name a file in it", path.display());
            return Err(StoreError::new(Kind::Address, message));
        }
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty(None)),
        Err(error) => return Err(unreadable(error)),
    };
    if bytes == 0 {
        return Ok(empty(Some(0)));
    }
    let address = Address::File(path.clone()).to_string();
    match opening::recognise(&path, &address).await {
        Err(error) if error.kind == Kind::Incompatible => {
            return Ok(FileExamination { path, bytes: Some(bytes), schema: SchemaState::Foreign });
        }
        outcome => outcome?,
    }
    let failed = |error| failure::explained(&address, &error);
    // While others work with it, the newest is in the log beside it, which may be read with them. When nobody does,
    // reading it in the usual way would make a log.
    let in_use = has(&path, "-wal") && has(&path, "-shm");
    let options = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(!in_use);
    let mut connection = options.disable_statement_logging().connect().await.map_err(failed)?;
    let applied = applied(&mut connection).await;
    connection.close().await.map_err(failed)?;
    let schema = SchemaState::of(&migrations::SQLITE, &applied.map_err(failed)?);
    Ok(FileExamination { path, bytes: Some(bytes), schema })
}

async fn applied(connection: &mut SqliteConnection) -> Result<Vec<Applied>, sqlx::Error> {
    let is_there = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'");
    let is_there: i64 = is_there.fetch_one(&mut *connection).await?;
    if is_there == 0 {
        return Ok(vec![]);
    }
    sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
        .fetch_all(connection)
        .await
}

/// Whether a neighbour of the file is there.
fn has(path: &Path, ending: &str) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name).exists()
}
