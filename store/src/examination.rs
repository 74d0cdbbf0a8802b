//! What can be found out of a store, and of a shared Redis, without changing anything there.

mod redis;

use std::path::PathBuf;
use std::time::Duration;

use crate::address::Address;
use crate::error::StoreError;
use crate::schema::SchemaState;
use crate::{postgres, sqlite};

pub use redis::{RedisExamination, examine_redis};

/// What was found where a store is, or is to be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Examination {
    /// A file of SQLite.
    File(FileExamination),
    /// A store in memory, of which nothing is known before it is made.
    Memory,
    /// A database of a PostgreSQL server.
    Postgres(PostgresExamination),
}

impl Examination {
    /// The state of its tables; `None` where none can be there yet.
    pub fn schema(&self) -> Option<&SchemaState> {
        match self {
            Self::File(file) => Some(&file.schema),
            Self::Memory => None,
            Self::Postgres(server) => Some(&server.schema),
        }
    }
}

/// A file of SQLite, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FileExamination {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Its size; `None`: there is no such file yet.
    pub bytes: Option<u64>,
    /// The state of its tables.
    pub schema: SchemaState,
}

/// A database of a PostgreSQL server, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct PostgresExamination {
    /// The server's version, such as `15.14`.
    pub version: String,
    /// The same as a number, such as 150014.
    pub version_number: i32,
    /// The shortest of a few round trips.
    pub latency: Duration,
    /// How far the server's clock is before that of this machine, in milliseconds; half the latency is uncertain.
    pub clock_ahead: i64,
    /// How texts are kept.
    pub encoding: String,
    /// Whether nothing can be written, as on a standby.
    pub is_read_only: bool,
    /// The schema in which tables are looked for and made; `None`: there is none.
    pub namespace: Option<String>,
    /// What the user may not do and has to, in words.
    pub missing_rights: Vec<String>,
    /// The state of the tables.
    pub schema: SchemaState,
    /// Connections that the user may have at once, those of others included.
    pub most_connections: i64,
    /// Connections to the server that are open now, that of the examination included.
    pub open_connections: i64,
    /// Connections that one process of evohub may open.
    pub connections_of_a_process: u32,
}

/// Looks at the store at an address, within about ten seconds. No table and no file is made, and none is changed.
///
/// # Errors
/// `Incompatible` when something else is there, `Unavailable` when it cannot be reached or refuses.
pub async fn examine(address: &Address) -> Result<Examination, StoreError> {
    Ok(match address {
        Address::File(path) => Examination::File(sqlite::examine(path).await?),
        Address::Memory => Examination::Memory,
        Address::Postgres(url) => Examination::Postgres(postgres::examine(url).await?),
    })
}
