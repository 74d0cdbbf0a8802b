//! A PostgreSQL that goes away and comes back.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A PostgreSQL of a test's own, as `scripts/servers` starts it.
pub(crate) struct Postgres {
    folder: TempDir,
    url: String,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL drops its rights and must still find its way here.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let output = servers("start", folder.path()).stderr(Stdio::inherit()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "the servers do not start");
        let url = text.lines().find_map(|line| line.strip_prefix("export EVOHUB_TEST_POSTGRES="));
        Self { folder, url: url.unwrap().to_owned() }
    }

    /// Its address, for its superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }

    /// Ends it as if the machine had lost its power.
    pub(crate) fn crash(&self) {
        self.control(&["stop", "--wait", "--mode", "immediate"]);
    }

    /// Starts it as it was started before.
    pub(crate) fn begin(&self) {
        let known = std::fs::read_to_string(self.data().join("postmaster.opts")).unwrap();
        let options = known.trim().split_once(' ').unwrap().1;
        // Those of the folder are given anyway.
        let (_, options) = options.split_once("\"-h\"").unwrap();
        self.control(&["start", "--wait", "-l", "log", "-o", &format!("\"-h\"{options}")]);
    }

    fn control(&self, arguments: &[&str]) {
        let program = "PATH=\"$PATH:$(printf '%s\\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)\"; \
                       cd \"$1\"; shift; exec pg_ctl \"$@\"";
        let mut shell = match rustix::process::geteuid().is_root() {
            true => Command::new("runuser"),
            false => Command::new("env"),
        };
        if rustix::process::geteuid().is_root() {
            shell.args(["-u", "postgres", "--"]);
        }
        shell
            .args(["bash", "-c", program, "pg_ctl"])
            .arg(self.data())
            .args(arguments)
            .arg("-D")
            .arg(self.data());
        assert!(shell.stdout(Stdio::null()).status().unwrap().success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = servers("stop", self.folder.path()).status();
    }
}

fn servers(action: &str, folder: &Path) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join("servers"));
    command.arg(action).arg(folder).stdin(Stdio::null());
    command
}
