//! The Dockerfile.

use std::path::Path;

use super::is_pinned;
use super::node::{program, words};
use crate::tool::{check, deployment};

/// The instructions, each on one line.
fn instructions() -> Vec<String> {
    let text = std::fs::read_to_string(deployment().join("Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    joined.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn after<'a>(instructions: &'a [String], name: &str) -> Vec<&'a str> {
    instructions.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

#[test]
fn the_image_runs_as_nobody() {
    let instructions = instructions();
    let bases = after(&instructions, "FROM");
    assert_eq!(bases.len(), 2, "what builds is not shipped");
    for base in &bases {
        is_pinned(base.split(' ').next().unwrap());
    }
    let users = after(&instructions, "USER");
    assert_eq!(users, ["65532:65532"], "the user that manifests expect");
    let shipped = instructions.iter().position(|line| line.starts_with("FROM debian")).unwrap();
    let user = instructions.iter().position(|line| line.starts_with("USER")).unwrap();
    let entry = instructions.iter().position(|line| line.starts_with("ENTRYPOINT")).unwrap();
    assert!(shipped < user && user < entry);
}

#[test]
fn its_commands_are_those_of_the_program() {
    let instructions = instructions();
    let listed = |name: &str| -> Vec<String> {
        let text = after(&instructions, name)[0];
        serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
    };
    assert_eq!(listed("ENTRYPOINT"), ["evohub"]);
    let output = program(&listed("CMD")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    // Nothing listens there, or something that is well.
    let probe = listed("HEALTHCHECK");
    assert_eq!(probe[0], "evohub");
    let code = program(&probe[1..]).output().unwrap().status.code();
    assert!(code == Some(0) || code == Some(1), "{probe:?}: {code:?}");
}

#[test]
fn it_is_built_from_this_project() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let instructions = instructions();
    let build = instructions.iter().find(|line| line.contains("cargo build")).unwrap();
    let build = words(&build[build.find("cargo build").unwrap()..build.find("&&").unwrap()]);
    assert_eq!(build, ["cargo", "build", "--release", "--locked", "--package", "evohub", "--bin", "evohub"]);
    let toolchain = after(&instructions, "FROM")[0];
    let version = toolchain.split([':', '-']).nth(1).unwrap();
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let number =
        |version: &str| -> Vec<u32> { version.split('.').map(|part| part.parse().unwrap()).collect() };
    assert!(number(version) >= number(wanted), "{toolchain} does not build what needs {wanted}");

    // What is let in is enough for cargo to know all targets and all that is locked.
    let ignored = std::fs::read_to_string(deployment().join("Dockerfile.dockerignore")).unwrap();
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    for kept_out in [".git", "**/target", "deployment/secrets", "deployment/.env"] {
        assert!(ignored.contains(&kept_out), "{kept_out} would come along");
    }
    let context = tempfile::tempdir().unwrap();
    copy(root, Path::new(""), context.path(), &ignored);
    for needed in ["migrations/postgres", "src/main.rs"] {
        assert!(context.path().join(needed).exists(), "{needed} is left out");
    }
    let manifest = context.path().join("Cargo.toml").display().to_string();
    // What only other platforms need was not fetched by whoever built this.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let words = ["metadata", "--locked", "--offline", "--format-version=1", "--manifest-path", &manifest];
    check(env!("CARGO"), words.into_iter().chain(["--filter-platform", &platform]));
}

/// Copies a folder, but for what is ignored.
fn copy(root: &Path, folder: &Path, to: &Path, ignored: &[&str]) {
    std::fs::create_dir_all(to.join(folder)).unwrap();
    for entry in std::fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
        let path = folder.join(entry.file_name());
        let everywhere = format!("**/{}", entry.file_name().display());
        if ignored.iter().any(|ignored| path == Path::new(ignored) || *ignored == everywhere) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(root, &path, to, ignored);
        } else {
            std::fs::copy(entry.path(), to.join(&path)).unwrap();
        }
    }
}
