//! The tables of a store, and why they cannot be brought up to date.

use sqlx::migrate::{MigrateError, Migrator};

use crate::error::{StoreError, StoreErrorKind};

/// Why the tables of the store at `address` could not be brought up to date, with what the database said in the words
/// of `explained`.
pub(crate) fn not_migrated(
    address: &str,
    migrations: &Migrator,
    error: MigrateError,
    explained: impl FnOnce(&sqlx::Error) -> StoreError,
) -> StoreError {
    let newest = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    let message = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => return explained(&error),
        MigrateError::VersionMissing(version) if version > newest => format!(
            "the store {address} was written by a newer version of evohub (schema {version}, this one knows \
             {newest}): update evohub, or name another store"
        ),
        error => {
            format!("the store {address} has a schema of no version of evohub ({error}): name another store")
        }
    };
    StoreError::new(StoreErrorKind::Incompatible, message)
}
