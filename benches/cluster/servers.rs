//! A PostgreSQL of the benchmark's own.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::processor_of_children;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/servers");

/// The servers; they end with this.
pub(crate) struct Servers {
    folder: TempDir,
    postgres: String,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The user of the server must find his way to it.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(SCRIPT).arg("start").arg(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let postgres = said.lines().find_map(|line| line.strip_prefix("export EVOHUB_TEST_POSTGRES="));
        let postgres = postgres.expect("the script names the address").to_owned();
        Self { folder, postgres }
    }

    /// The address of the database.
    pub(crate) fn postgres(&self) -> &str {
        &self.postgres
    }

    /// Seconds of processor time that the connections to the database have used so far.
    pub(crate) fn processor(&self) -> f64 {
        let pid = std::fs::read_to_string(self.folder.path().join("postgres/postmaster.pid")).unwrap();
        processor_of_children(pid.lines().next().and_then(|line| line.trim().parse().ok()).unwrap())
    }

    /// A folder for files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = Command::new(SCRIPT).arg("stop").arg(self.folder.path()).output();
    }
}
