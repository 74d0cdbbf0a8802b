//! The migrations of the databases, which every program that opens one carries.

use std::sync::LazyLock;

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// A list of files without their ending, in a folder below `migrations`. Not the macro of sqlx: that one builds the
/// drivers of all databases a second time, for the compiler.
macro_rules! migrator {
    ($folder:literal, [$($name:literal),+]) => {
        LazyLock::new(|| {
            Migrator::with_migrations(vec![
                $(migration($name, include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")))),+
            ])
        })
    };
}

/// Those of PostgreSQL.
pub(crate) static POSTGRES: LazyLock<Migrator> =
    migrator!("postgres", ["0001_jobs", "0002_islands", "0003_objectives"]);

/// Those of SQLite.
pub(crate) static SQLITE: LazyLock<Migrator> =
    migrator!("sqlite", ["0001_jobs", "0002_islands", "0003_objectives"]);

fn migration(name: &'static str, statements: &'static str) -> Migration {
    let (version, description) = name.split_once('_').expect("a version and what it is about");
    let version = version.parse().expect("a version is a number");
    let statements = SqlStr::from_static(statements);
    Migration::new(version, description.replace('_', " ").into(), MigrationType::Simple, statements, false)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn all_files_are_listed() {
        for (folder, listed) in [("postgres", &POSTGRES), ("sqlite", &SQLITE)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(folder);
            let entries = std::fs::read_dir(folder).unwrap();
            let mut files: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            files.sort();
            let names: Vec<String> = listed
                .iter()
                .map(|migration| {
                    format!("{:04}_{}.sql", migration.version, migration.description.replace(' ', "_"))
                })
                .collect();
            assert_eq!(files, names);
        }
    }

    /// Databases that are there know what has been done to them by these.
    #[test]
    fn checksums_never_change() {
        let sums = |migrator: &Migrator| -> Vec<String> {
            let hex = |bytes: &[u8]| bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            migrator.iter().map(|migration| hex(&migration.checksum)).collect()
        };
        assert_eq!(sums(&POSTGRES), ["e08404c3dae7f9c6", "9f6b8a7bf55ab53f", "0d41e34c9bd397ec"]);
        assert_eq!(sums(&SQLITE), ["98930d2a69e9ecbc", "6efcda88b8ea38b4", "0d41e34c9bd397ec"]);
    }
}
