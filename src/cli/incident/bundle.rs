//! The file: what is in it, where that came from, and what is missing.

use std::fs::OpenOptions;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use evohub::monitoring::redaction::redact;
use serde::Serialize;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::clean::without_secrets;
use crate::cli::failure::Failure;

/// Of the manifest; grows when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// Most bytes of one file.
pub(super) const MOST_OF_ONE: usize = 4 << 20;

/// Bytes behind those that are taken, in which a secret that begins before may end.
const BEHIND: usize = 64 << 10;

/// Most bytes of all files.
const MOST_OF_ALL: usize = 32 << 20;

/// A file of the archive.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    bytes: usize,
    source: String,
    /// Whether there was more.
    cut: bool,
    #[serde(skip)]
    text: String,
}

/// What could not be had.
#[derive(Debug, Serialize)]
struct Missing {
    what: String,
    why: String,
}

/// What was collected. Whatever goes in loses its secrets here.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    entries: Vec<Entry>,
    missing: Vec<Missing>,
    bytes: usize,
}

impl Bundle {
    /// Notes what could not be had, and why.
    pub(super) fn missing(&mut self, what: &str, why: &str) {
        let clean = |text: &str| redact(text).into_owned();
        self.missing.push(Missing { what: clean(what), why: clean(why) });
    }

    /// What was asked for, or a note that it could not be had.
    pub(super) fn had<T>(&mut self, what: &str, outcome: Result<T, impl ToString>) -> Option<T> {
        outcome.inspect_err(|error| self.missing(what, &error.to_string())).ok()
    }

    /// Adds a document.
    pub(super) fn json(&mut self, name: &str, source: &str, document: &impl Serialize) {
        let document = serde_json::to_value(document).map(without_secrets);
        match document.and_then(|document| serde_json::to_string_pretty(&document)) {
            // Half a document is none.
            Ok(text) if text.len() > MOST_OF_ONE => {
                self.missing(
                    name,
                    &format!("it has {} bytes, and at most {MOST_OF_ONE} are taken", text.len()),
                );
            }
            Ok(text) => self.add(name, source, text + "\n", false),
            Err(error) => self.missing(name, &error.to_string()),
        }
    }

    /// Adds a text, or the beginning of it.
    pub(super) fn text(&mut self, name: &str, source: &str, text: &str) {
        // A secret at the end is known by more than its beginning.
        let mut text = redact(&text[..boundary(text, MOST_OF_ONE + BEHIND)]).into_owned();
        let is_cut = text.len() > MOST_OF_ONE;
        text.truncate(boundary(&text, MOST_OF_ONE));
        self.add(name, source, text, is_cut);
    }

    /// Adds a text that has lost its secrets, and perhaps its beginning.
    pub(super) fn add(&mut self, name: &str, source: &str, text: String, cut: bool) {
        if self.bytes + text.len() > MOST_OF_ALL {
            self.missing(name, &format!("{MOST_OF_ALL} bytes in all were taken already"));
            return;
        }
        self.bytes += text.len();
        let name = self.free(&path(name));
        let source = redact(source).into_owned();
        self.entries.push(Entry { name, bytes: text.len(), source, cut, text });
    }

    /// The name, or one like it that no file has yet.
    fn free(&self, name: &str) -> String {
        let is_taken = |name: &str| self.entries.iter().any(|entry| entry.name == name);
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        let numbered = (2..).map(|number| format!("{stem}-{number}.{ending}"));
        let names = std::iter::once(name.to_owned()).chain(numbered);
        names.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
    }

    /// Writes the archive, and says what became of it. `header` is what it is about, in lines.
    pub(super) fn write(
        mut self,
        path: &Path,
        subject: &str,
        with_content: bool,
        header: &str,
    ) -> Result<String, Failure> {
        let summary = self.summary(header);
        self.add("summary.txt", "this program", redact(&summary).into_owned(), false);
        let made_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let manifest = without_secrets(json!({
            "version": VERSION,
            "subject": subject,
            "made_at": made_at,
            "evohub": env!("CARGO_PKG_VERSION"),
            "with_content": with_content,
            "most_bytes_of_a_file": MOST_OF_ONE,
            "most_bytes": MOST_OF_ALL,
            "files": self.entries,
            "missing": self.missing,
        }));
        let archive = self.archive(&manifest.to_string());
        let unwritten = |error: io::Error| {
            Failure::failed(format!(
                "{}: cannot be written: {error}; name another file with -o",
                path.display()
            ))
        };
        let archive = archive.map_err(|error| unwritten(error.into()))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| file.write_all(&archive));
        written.map_err(unwritten)?;
        let files = self.entries.len() + 1;
        let bytes = archive.len().div_ceil(1024);
        Ok(format!("wrote {}, {files} files in {bytes} KiB\n{}", path.display(), redact(&summary)))
    }

    fn summary(&self, header: &str) -> String {
        let mut text = header.to_owned();
        for (place, Missing { what, why }) in self.missing.iter().enumerate() {
            let start = if place == 0 { "missing" } else { "" };
            text.push_str(&format!("{start:<7} {what}: {why}\n"));
        }
        text
    }

    /// The manifest first, then the files in the order in which they came; all of the same moment, so that equal files
    /// make equal archives.
    fn archive(&self, manifest: &str) -> zip::result::ZipResult<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(vec![]));
        let options = SimpleFileOptions::default().unix_permissions(0o600);
        let files = self.entries.iter().map(|entry| (entry.name.as_str(), entry.text.as_str()));
        for (name, text) in std::iter::once(("manifest.json", manifest)).chain(files) {
            archive.start_file(name, options)?;
            archive.write_all(text.as_bytes())?;
        }
        Ok(archive.finish()?.into_inner())
    }
}

/// The nearest place before one, or it itself, that is not within a character.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// A name that is one on every system, and leads nowhere.
fn path(name: &str) -> String {
    let fits = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
    let name: String = redact(name).chars().map(|char| if fits(char) { char } else { '_' }).collect();
    name.replace("..", "_")
}

/// Whether the archive can be written, before anybody is asked for anything.
pub(super) fn check_output(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        let message = format!("{} is there already: name another file with -o", path.display());
        return Err(Failure::bad_input(message));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_none_or(Path::is_dir) {
        true => Ok(()),
        false => Err(Failure::bad_input(format!(
            "{} cannot be written: there is no such folder; name another file with -o",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_and_differ() {
        let mut bundle = Bundle::default();
        for _ in 0..2 {
            bundle.text("nodes/../[::1]:8080/metrics.txt", "x", "a");
        }
        let names: Vec<_> = bundle.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["nodes/_/___1__8080/metrics.txt", "nodes/_/___1__8080/metrics-2.txt"]);
    }

    #[test]
    fn sizes_are_limited_and_what_is_left_out_is_said() {
        let mut bundle = Bundle::default();
        let long = "y ".repeat(MOST_OF_ONE);
        bundle.text("long.txt", "x", &long);
        assert!(bundle.entries[0].cut && bundle.entries[0].bytes <= MOST_OF_ONE);
        bundle.json("long.json", "x", &long);
        assert_eq!(bundle.missing[0].what, "long.json");
        for number in 0..10 {
            bundle.add(&format!("{number}.txt"), "x", "y".repeat(MOST_OF_ONE), false);
        }
        assert!(bundle.bytes <= MOST_OF_ALL);
        assert!(bundle.missing.len() > 1, "what goes beyond the limit is named");
    }

    #[test]
    fn equal_files_make_equal_archives() {
        let made = || {
            let mut bundle = Bundle::default();
            bundle.text("b.txt", "x", "b");
            bundle.json("a.json", "x", &[1, 2]);
            bundle.archive("{}").unwrap()
        };
        assert_eq!(made(), made());
    }
}
