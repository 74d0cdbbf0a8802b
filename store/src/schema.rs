//! The tables of a store, and why they cannot be brought up to date.

use sqlx::migrate::{MigrateError, Migrator};

/// Version, checksum and success of a migration, as the database has noted them.
pub(crate) type Applied = (i64, Vec<u8>, bool);

/// How the tables that were found stand to those that this program makes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaState {
    /// There are none: the first process to open the store makes them.
    Empty,
    /// They are in date.
    Current {
        /// Their version.
        version: i64,
    },
    /// An earlier program made them: the first process to open the store brings them up to date.
    Older {
        /// Their version.
        version: i64,
        /// The version of this program.
        newest: i64,
    },
    /// A later program made them: this one does not work with them.
    Newer {
        /// Their version.
        version: i64,
        /// The version of this program.
        newest: i64,
    },
    /// They are another program's.
    Foreign,
    /// They were made by no release: this program does not work with them.
    Unknown {
        /// What is odd about them.
        problem: String,
    },
}

impl SchemaState {
    /// What was applied, against what should be.
    pub(crate) fn of(migrations: &Migrator, applied: &[Applied]) -> Self {
        let known = || migrations.iter().map(|migration| migration.version);
        let newest = known().max().unwrap_or(0);
        let Some(version) = applied.iter().map(|(version, ..)| *version).max() else { return Self::Empty };
        if version > newest {
            return Self::Newer { version, newest };
        }
        for (version, checksum, success) in applied {
            let problem = match migrations.iter().find(|migration| migration.version == *version) {
                None => "is known to no release",
                Some(migration) if migration.checksum != *checksum => "was another when it was applied",
                Some(_) if !success => "was begun and not ended",
                Some(_) => continue,
            };
            return Self::Unknown { problem: format!("migration {version} {problem}") };
        }
        match known().filter(|version| !applied.iter().any(|(known, ..)| known == version)).min() {
            None => Self::Current { version },
            Some(missing) if missing > version => Self::Older { version, newest },
            Some(missing) => Self::Unknown { problem: format!("migration {missing} was left out") },
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations;

    fn all() -> Vec<Applied> {
        let applied =
            |migration: &sqlx::migrate::Migration| (migration.version, migration.checksum.to_vec(), true);
        migrations::SQLITE.iter().map(applied).collect()
    }

    #[test]
    fn tables_are_in_date_older_newer_or_odd() {
        let state = |change: &dyn Fn(&mut Vec<Applied>)| {
            let mut applied = all();
            change(&mut applied);
            SchemaState::of(&migrations::SQLITE, &applied)
        };
        let newest = all().last().unwrap().0;
        assert_eq!(state(&|_| {}), SchemaState::Current { version: newest });
        assert_eq!(state(&Vec::clear), SchemaState::Empty);
        assert_eq!(state(&|all| all.truncate(1)), SchemaState::Older { version: 1, newest });
        let newer = state(&|all| all.push((newest + 1, vec![], true)));
        assert_eq!(newer, SchemaState::Newer { version: newest + 1, newest });
        type Change<'a> = &'a dyn Fn(&mut Vec<Applied>);
        let changes: [(Change<'_>, &str); 4] = [
            (&|all| all[0].1.push(0), "was another"),
            (&|all| all[1].2 = false, "was begun"),
            (&|all| drop(all.remove(0)), "was left out"),
            (&|all| all[0].0 = 0, "is known to no release"),
        ];
        for (change, said) in changes {
            let SchemaState::Unknown { problem } = state(change) else { panic!("{said}") };
            assert!(problem.contains(said), "{problem}");
        }
    }
}
