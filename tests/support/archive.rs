//! A zip archive that the program wrote.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The files in it, by name.
pub(crate) fn files(path: &Path) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).unwrap();
        let (name, mut text) = (entry.name().unwrap().into_owned(), String::new());
        entry.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    files
}
