//! The program as its users see it: files, arguments, outputs and exit statuses of real processes.

#[path = "../support/archive.rs"]
#[cfg(unix)]
mod archive;
mod bad_input;
mod checking;
mod comparing;
#[cfg(unix)]
mod doctor;
mod evaluation;
#[path = "../support/folder.rs"]
mod folder;
mod health;
#[path = "../support/http.rs"]
mod http;
#[cfg(unix)]
mod incident;
mod looking;
mod recovery;
mod running;
#[allow(dead_code, reason = "each target uses its part of what they share")]
#[path = "../support/server.rs"]
mod server;
mod top;

use crate::folder::Folder;

/// A text with what differs from run to run taken out.
fn stable(folder: &Folder, text: &str) -> String {
    let text = text.replace(folder.path().to_str().unwrap(), "[FOLDER]");
    let patterns = [
        (r"127\.0\.0\.1:\d+", "[SERVER]"),
        (r"films-[0-9a-f]{8}", "films-[ID]"),
        (r#""seconds": [0-9.e-]+"#, r#""seconds": [SECONDS]"#),
        (r" in \d+:\d\d \(", " in [TIME] ("),
    ];
    let replace = |text: String, (pattern, with): (&str, &str)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, with).into_owned()
    };
    patterns.into_iter().fold(text, replace)
}
