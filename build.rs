//! Notes what the program is built from, for `evohub_build_info`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-env-changed=EVOHUB_REVISION");
    let given = std::env::var("EVOHUB_REVISION").ok();
    let revision = given.or_else(|| first_line("git", &["rev-parse", "--short=12", "HEAD"]));
    let rustc = std::env::var("RUSTC").ok().and_then(|rustc| first_line(&rustc, &["--version"]));
    for (name, value) in [("EVOHUB_REVISION", revision), ("EVOHUB_RUSTC", rustc)] {
        println!("cargo::rustc-env={name}={}", value.unwrap_or_else(|| "unknown".to_owned()));
    }
}

/// What a program prints; nothing when it is not there or fails, as `git` is outside a clone.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
