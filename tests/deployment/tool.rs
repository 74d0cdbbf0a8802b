//! Programs that check files, and files to check.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::DeserializeOwned;

/// The folder of what operators install.
pub(crate) fn deployment() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deployment")
}

/// What a program prints that must succeed. `scripts/test` installs those that are not found.
pub(crate) fn check(program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; scripts/test installs it, and scripts/tools puts it on PATH")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}

/// The documents of a YAML text.
pub(crate) fn yaml<T: DeserializeOwned>(name: &str, text: &str) -> Vec<T> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents of a YAML file in the folder of what operators install.
pub(crate) fn read<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = deployment().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    yaml(file, &text)
}
