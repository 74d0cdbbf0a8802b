//! The end of a log file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use evohub::monitoring::redaction::redact;

use super::bundle::{Bundle, boundary};

/// Most lines that are taken.
const MOST_LINES: usize = 2_000;

/// Most bytes that are read.
const MOST_BYTES: u64 = 1 << 20;

/// Bytes before those that are taken: a secret of several lines that began there is known by its beginning.
const BEFORE: u64 = 64 << 10;

/// Adds the end of a log file.
pub(super) async fn collect(bundle: &mut Bundle, path: &Path) {
    let (what, name) = (format!("the log {}", path.display()), path.to_owned());
    let read = tokio::task::spawn_blocking(move || end_of(name)).await;
    let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
    let Some((text, is_cut)) = bundle.had(&what, read) else { return };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let source = format!("{}, the last {MOST_LINES} lines at most", path.display());
    bundle.add(&format!("logs/{name}"), &source, text, is_cut);
}

/// The last lines without secrets, and whether there were more.
fn end_of(path: PathBuf) -> io::Result<(String, bool)> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let length = file.metadata()?.len();
    let start = length.saturating_sub(MOST_BYTES + BEFORE);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![];
    file.take(MOST_BYTES + BEFORE).read_to_end(&mut bytes)?;
    Ok(last_lines(&redact(&String::from_utf8_lossy(&bytes)), start > 0))
}

/// Of a text without secrets, the lines that are taken.
fn last_lines(text: &str, is_cut: bool) -> (String, bool) {
    let from = boundary(text, text.len().saturating_sub(MOST_BYTES as usize));
    let tail = &text[from..];
    let is_cut = is_cut || from > 0;
    // The first is not whole.
    let lines = tail.lines().skip(usize::from(is_cut));
    let lines: Vec<&str> = lines.collect();
    let first = lines.len().saturating_sub(MOST_LINES);
    let mut kept = lines[first..].join("\n");
    kept.push('\n');
    (kept, is_cut || first > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, text).unwrap();
        end_of(path).unwrap()
    }

    #[test]
    fn the_last_lines_are_taken() {
        assert_eq!(end("one\ntwo\n"), ("one\ntwo\n".to_owned(), false));
        let many: String = (0..3_000).map(|number| format!("line {number}\n")).collect();
        let (text, is_cut) = end(&many);
        assert!(is_cut && text.starts_with("line 1000\n") && text.ends_with("line 2999\n"));
        let long = format!("{}\nthe last\n", "x ".repeat(2 << 20));
        assert_eq!(end(&long), ("the last\n".to_owned(), true));
    }

    #[test]
    fn a_key_of_many_lines_goes_though_it_began_before() {
        let line = "MIIEvQhush/Zx9Qw8Er7Ty6+\n";
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", line.repeat(1_000));
        let begun = MOST_BYTES as usize - 200;
        let text = format!("{key}{}\n", "y ".repeat(begun / 2));
        let (text, _) = end(&text);
        assert!(!text.contains("hush"), "{}", &text[..200]);
    }
}
