//! What SQLite's result codes mean to a user.

use crate::error::{StoreError, StoreErrorKind as Kind};

/// Primary result codes of SQLite, the low byte of each code.
mod code {
    pub(super) const ERROR: u32 = 1;
    pub(super) const PERM: u32 = 3;
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const NOTADB: u32 = 26;
    /// Extended codes of failed writes: write, fsync, truncate, and making the shared index of the log.
    pub(super) const IOERR_OF_WRITING: [u32; 5] = [778, 1034, 1546, 4618, 4874];
}

/// SQLite's extended result code, if the error comes from there.
pub(super) fn result_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether somebody else holds a lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(result_code(error).map(|code| code & 0xff), Some(code::BUSY | code::LOCKED))
}

/// The error in words, with where it happened and what to do.
pub(super) fn explained(address: &str, error: &sqlx::Error) -> StoreError {
    let Some(extended) = result_code(error) else {
        let (kind, what) = match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                (Kind::Corrupt, format!("holds what was never written ({error}): restore it from a backup"))
            }
            sqlx::Error::Encode(source) => (Kind::Invalid, format!("cannot hold this: {source}")),
            sqlx::Error::PoolClosed => (Kind::Unavailable, "is closed already".to_owned()),
            _ => (Kind::Unavailable, format!("cannot be used: {error}")),
        };
        return StoreError::new(kind, format!("the store {address} {what}"));
    };
    let said = error.as_database_error().map_or("", |error| error.message());
    let (kind, what) = match extended & 0xff {
        code::BUSY | code::LOCKED => (
            Kind::Unavailable,
            "is locked by another process: wait until that has ended, or end it, and try again".to_owned(),
        ),
        code::FULL => (
            Kind::NotWritable,
            "cannot grow, the disk is full: free some space and go on; what was written is safe".to_owned(),
        ),
        code::READONLY | code::PERM => (
            Kind::NotWritable,
            "is read-only: allow writing to the file and to its folder, or name another store".to_owned(),
        ),
        code::CANTOPEN => (
            Kind::NotWritable,
            "cannot be opened for writing: allow reading and writing the file and its folder, or name \
             another store"
                .to_owned(),
        ),
        code::IOERR if code::IOERR_OF_WRITING.contains(&extended) => (
            Kind::NotWritable,
            format!(
                "cannot be written ({said}, code {extended}): see whether the disk is full, read-only \
                 or failing"
            ),
        ),
        code::IOERR => (
            Kind::Unavailable,
            format!("cannot be read ({said}, code {extended}): see whether the disk fails"),
        ),
        code::CORRUPT => {
            (Kind::Corrupt, format!("is damaged ({said}): restore it from a backup, or name another store"))
        }
        code::NOTADB => (
            Kind::Incompatible,
            "is not a database, or damaged: name another file, or restore it from a backup".to_owned(),
        ),
        code::ERROR => {
            (Kind::Incompatible, format!("lacks a table or column ({said}): restore it from a backup"))
        }
        _ => (Kind::Unavailable, format!("cannot be used: {said} (code {extended})")),
    };
    StoreError::new(kind, format!("the store {address} {what}"))
}

#[cfg(test)]
mod tests {
    use evohub_evolution::Digest;
    use sqlx::AssertSqlSafe;

    use crate::testing::sample;
    use crate::{Address, Results, SqliteConfig, SqliteStore, Store, StoreErrorKind as Kind, Totals};

    /// The limit stands for the end of the disk: SQLite reports both alike.
    async fn limit(store: &SqliteStore, pages: i64) {
        let pragma = AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(pragma).execute(&store.writer).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.db");
        let store = SqliteStore::open(&Address::File(path.clone()), SqliteConfig::default()).await.unwrap();
        store.insert_job(&sample::job("a")).await.unwrap();
        let results = |numbers: std::ops::Range<u64>| Results {
            evaluations: numbers.map(|number| sample::evaluation("a", number)).collect(),
            ..Results::default()
        };
        store.keep(&results(0..10)).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&store.writer).await.unwrap();
        limit(&store, pages + 2).await;

        let error = store.keep(&results(10..500)).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotWritable, "{error}");
        assert!(error.message.contains(path.to_str().unwrap()), "{error}");
        assert!(error.message.contains("disk is full"), "{error}");
        let found = store.totals(&sample::id("a")).await.unwrap().evaluations;
        assert_eq!(found, 10);

        limit(&store, i64::from(u32::MAX - 1)).await;
        store.keep(&results(10..500)).await.unwrap();
        let keys: Vec<Digest> = results(0..500).evaluations.iter().map(|record| record.key).collect();
        assert_eq!(store.evaluations(&keys).await.unwrap().len(), 500);
        assert_ne!(store.totals(&sample::id("a")).await.unwrap(), Totals::default());
    }
}
