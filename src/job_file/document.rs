//! The text of a job file with the settings of the command line, and where each key stands in them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{JobFileError, Place};
use super::known::in_our_words;

/// A value that goes before the one in the file, as in `budget.evaluations=100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As it was given.
    given: String,
    /// The same as a line of TOML.
    line: String,
}

impl FromStr for Setting {
    type Err = String;

    /// The value is TOML; what is no TOML is a text and needs no quotes.
    fn from_str(given: &str) -> Result<Self, String> {
        let Some((key, value)) = given.split_once('=') else {
            return Err("write `key=value`, as in `budget.evaluations=100`".to_owned());
        };
        let quoted = toml::Value::String(value.trim().to_owned()).to_string();
        let lines = [format!("{key} = {value}"), format!("{key} = {quoted}")];
        // A value of several lines would bring keys of its own.
        let is_one = |line: &&String| DeTable::parse(line).is_ok_and(|table| table.get_ref().len() == 1);
        match lines.iter().find(is_one) {
            Some(line) => Ok(Self { given: given.to_owned(), line: line.clone() }),
            None => Err(format!("`{}` is no key; write dots between its parts", key.trim())),
        }
    }
}

/// A job file and the settings that go before it. Both are one text, so that a range says where something stands.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    /// Where the file ends and each setting begins.
    file_end: usize,
    settings: Vec<(usize, String)>,
    /// The range of each key, by its dotted path.
    places: BTreeMap<String, Range<usize>>,
}

impl Document {
    pub(super) fn parse(path: &Path, text: &str, settings: &[Setting]) -> Result<Self, JobFileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut document = Self {
            path: path.to_owned(),
            text: format!("{text}\n"),
            file_end: text.len() + 1,
            settings: vec![],
            places: BTreeMap::new(),
        };
        for setting in settings {
            document.settings.push((document.text.len(), setting.given.clone()));
            document.text.push_str(&setting.line);
            document.text.push('\n');
        }
        let mut places = BTreeMap::new();
        note_places("", document.tree()?.get_ref(), &mut places);
        document.places = places;
        Ok(document)
    }

    /// All keys with their values, settings included.
    pub(super) fn tree(&self) -> Result<Spanned<DeTable<'_>>, JobFileError> {
        let failed = |error: toml::de::Error, offset: usize| {
            let start = error.span().map_or(0, |span| span.start) + offset;
            JobFileError::new(self.place(start), None, in_our_words(error.message(), &[]))
        };
        let file = &self.text[..self.file_end];
        let mut tree = DeTable::parse(file).map_err(|error| failed(error, 0))?;
        for (index, (start, _)) in self.settings.iter().enumerate() {
            let end = self.settings.get(index + 1).map_or(self.text.len(), |next| next.0);
            let setting = DeTable::parse(&self.text[*start..end]).map_err(|error| failed(error, *start))?;
            merge(tree.get_mut(), setting.into_inner(), *start);
        }
        Ok(tree)
    }

    /// Reads a part of the tree. `more` are keys that are known there besides those of `T`.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        part: Spanned<DeValue<'_>>,
        more: &[&str],
    ) -> Result<T, JobFileError> {
        T::deserialize(ValueDeserializer::from(part)).map_err(|error| {
            let message = in_our_words(error.message(), more);
            match error.span() {
                None => JobFileError::new(Place::File(self.path.clone()), None, message),
                Some(span) => JobFileError::new(self.place(span.start), self.key_at(&span), message),
            }
        })
    }

    /// An error about a key, or about the lack of it.
    pub(super) fn error(&self, key: &str, message: impl Into<String>) -> JobFileError {
        // What is not there may be missed in the table that is.
        let mut ancestors =
            std::iter::successors(Some(key), |key| key.rsplit_once('.').map(|(table, _)| table));
        let place = match ancestors.find_map(|key| self.places.get(key)) {
            Some(range) => self.place(range.start),
            None => Place::File(self.path.clone()),
        };
        JobFileError::new(place, Some(key.to_owned()), message)
    }

    /// Whether the file or a setting has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    fn place(&self, offset: usize) -> Place {
        if offset < self.file_end {
            let line = self.text[..offset].matches('\n').count() + 1;
            return Place::Line(self.path.clone(), line);
        }
        let setting = self.settings.iter().rev().find(|(start, _)| *start <= offset);
        setting.map_or_else(|| Place::File(self.path.clone()), |(_, given)| Place::Setting(given.clone()))
    }

    /// The key whose name or value is the narrowest that holds the beginning of a range.
    fn key_at(&self, span: &Range<usize>) -> Option<String> {
        let around = self.places.iter().filter(|(_, range)| range.contains(&span.start));
        around.min_by_key(|(_, range)| range.len()).map(|(key, _)| key.clone())
    }
}

/// Puts the keys of a setting, which stands at `offset` of the text, in the place of those that are there.
fn merge<'a>(tree: &mut DeTable<'a>, setting: DeTable<'a>, offset: usize) {
    for (key, value) in setting {
        let key = moved(key, offset);
        let existing = tree.get_mut(&key).map(Spanned::get_mut);
        match (existing, value.into_inner_with_span()) {
            (Some(DeValue::Table(existing)), (DeValue::Table(table), _)) => merge(existing, table, offset),
            (existing, (value, span)) => {
                let value = moved(Spanned::new(span, deep_moved(value, offset)), offset);
                if existing.is_some() {
                    tree.remove(&key);
                }
                tree.insert(key, value);
            }
        }
    }
}

trait IntoInnerWithSpan<T> {
    fn into_inner_with_span(self) -> (T, Range<usize>);
}

impl<T> IntoInnerWithSpan<T> for Spanned<T> {
    fn into_inner_with_span(self) -> (T, Range<usize>) {
        let span = self.span();
        (self.into_inner(), span)
    }
}

fn moved<T>(value: Spanned<T>, offset: usize) -> Spanned<T> {
    let (value, span) = value.into_inner_with_span();
    Spanned::new(span.start + offset..span.end + offset, value)
}

fn deep_moved(value: DeValue<'_>, offset: usize) -> DeValue<'_> {
    match value {
        DeValue::Table(table) => {
            let mut new = DeTable::new();
            for (key, value) in table {
                let (value, span) = value.into_inner_with_span();
                new.insert(moved(key, offset), moved(Spanned::new(span, deep_moved(value, offset)), offset));
            }
            DeValue::Table(new)
        }
        DeValue::Array(array) => {
            let items = array.into_iter().map(|item| {
                let (value, span) = item.into_inner_with_span();
                moved(Spanned::new(span, deep_moved(value, offset)), offset)
            });
            DeValue::Array(items.collect())
        }
        plain => plain,
    }
}

/// A key as it is written in a file: in quotes where it needs them.
fn written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        toml::Value::from(key).to_string()
    }
}

/// Notes the range of every key: its name, and up to the end of its value where that follows.
fn note_places(prefix: &str, table: &DeTable<'_>, places: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in table {
        let name = written(key.get_ref());
        let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        note_value(&path, key.span(), value, places);
    }
}

fn note_value(
    path: &str,
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    places: &mut BTreeMap<String, Range<usize>>,
) {
    let end = value.span().end.max(key.end);
    places.insert(path.to_owned(), key.start..end);
    match value.get_ref() {
        DeValue::Table(table) => note_places(path, table, places),
        DeValue::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                note_value(&format!("{path}[{index}]"), value.span(), value, places);
            }
        }
        _ => {}
    }
}
