//! Files and folders that may not be written.
//!
//! Permissions do not hold the superuser back, so each case runs in a child that is another user then.
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells the child which file to open. Its presence makes the test of the same name the child.
const FILE: &str = "EVOHUB_STORE_TEST_FILE";
const MARK: &str = "refused ";
const NOBODY: u32 = 65_534;

#[test]
fn what_may_not_be_written_is_refused_and_left_as_it_was() {
    if let Some(file) = std::env::var_os(FILE) {
        return report(Path::new(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    let program = folder.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let place = |name: &str| {
        let place = folder.path().join(name);
        fs::create_dir(&place).unwrap();
        place.join("jobs.db")
    };

    let new = place("read-only folder");
    let below = new.with_file_name("folder").join("jobs.db");
    let file = made(place("read-only file"), 0o444, 0o777);
    let neighbours = made(place("read-only folder of a file"), 0o666, 0o555);
    let hidden = made(place("hidden file"), 0o000, 0o777);
    mode(new.parent().unwrap(), 0o555);

    for (path, kind, shown) in [
        (&new, "NotWritable", &new),
        (&below, "NotWritable", &below.parent().unwrap().to_owned()),
        (&file, "NotWritable", &file),
        (&neighbours, "NotWritable", &neighbours),
        (&hidden, "NotWritable", &hidden),
    ] {
        let before = names_and_sizes(folder.path());
        let said = open_as_somebody(&program, path);
        assert!(said.starts_with(kind), "{}: {said}", path.display());
        assert!(said.contains(shown.to_str().unwrap()) && said.contains("allow"), "{said}");
        assert_eq!(names_and_sizes(folder.path()), before, "{}", path.display());
    }
    // So that it can be removed.
    mode(new.parent().unwrap(), 0o755);
    mode(neighbours.parent().unwrap(), 0o755);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A store with permissions for its file and its folder.
fn made(path: PathBuf, of_file: u32, of_folder: u32) -> PathBuf {
    run(async { evohub_store::open(path.to_str().unwrap()).await.unwrap().close().await });
    mode(&path, of_file);
    mode(path.parent().unwrap(), of_folder);
    path
}

fn names_and_sizes(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let (path, metadata) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
        if metadata.is_dir() {
            found.extend(names_and_sizes(&path));
        }
        found.push((path, metadata.len()));
    }
    found.sort();
    found
}

/// What the child says of the file.
fn open_as_somebody(program: &Path, file: &Path) -> String {
    let mut command = Command::new(program);
    command.args(["--exact", "what_may_not_be_written_is_refused_and_left_as_it_was", "--nocapture"]);
    command.env(FILE, file).current_dir("/");
    // Whoever made the program is who runs this test.
    if fs::metadata(program).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().find_map(|line| line.strip_prefix(MARK));
    said.unwrap_or_else(|| panic!("the child said {output:?}")).to_owned()
}

fn report(file: &Path) {
    let outcome = run(evohub_store::open(file.to_str().unwrap()));
    let said = outcome.map_or_else(|error| format!("{:?}: {error}", error.kind), |_| "nothing".to_owned());
    writeln!(std::io::stdout().lock(), "\n{MARK}{said}").unwrap();
}
