//! Rows of named cells, whatever the format of the file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::DataErrorKind;

/// One row of a file of cases: the cells that are not absent.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// Where it starts, from 1.
    pub(super) line: usize,
    pub(super) cells: BTreeMap<String, String>,
}

/// A problem and the line it is in, from 1.
pub(super) type Located = (Option<usize>, DataErrorKind);

/// One JSON object per line.
pub(super) fn from_jsonl(text: &str) -> Result<Vec<Row>, Located> {
    let mut rows = Vec::new();
    for (index, content) in text.lines().enumerate() {
        if content.trim().is_empty() {
            continue;
        }
        let line = index + 1;
        let value = serde_json::from_str(content).map_err(|error| (Some(line), json_error(&error)))?;
        rows.push(from_value(line, value)?);
    }
    Ok(rows)
}

/// An array of JSON objects.
pub(super) fn from_json(text: &str) -> Result<Vec<Row>, Located> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value = serde_json::from_str(text).map_err(|error| (Some(error.line()), json_error(&error)))?;
    let Value::Array(values) = value else {
        return Err((Some(1), DataErrorKind::NotAnArray { found: type_name(&value) }));
    };
    let lines = element_lines(text);
    lines.into_iter().zip(values).map(|(line, value)| from_value(line, value)).collect()
}

/// A header and rows. An empty cell is absent, for there is no other way to write that in this format.
pub(super) fn from_csv(text: &str, delimiter: u8) -> Result<Vec<Row>, Located> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::Headers).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| csv_error(text, &error))?.clone();
    let mut names = BTreeSet::new();
    if let Some(twice) = header.iter().find(|name| !name.is_empty() && !names.insert(*name)) {
        return Err((Some(1), DataErrorKind::RepeatedColumn(twice.to_owned())));
    }
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|error| csv_error(text, &error))?;
        let start = record.position().map_or(0, |position| row_start(text, position));
        line += text[counted..start].matches('\n').count();
        counted = start;
        let cells = header
            .iter()
            .zip(&record)
            .filter(|(name, cell)| !name.is_empty() && !cell.is_empty())
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .collect();
        rows.push(Row { line, cells });
    }
    Ok(rows)
}

fn from_value(line: usize, value: Value) -> Result<Row, Located> {
    let Value::Object(object) = value else {
        return Err((Some(line), DataErrorKind::NotAnObject { found: type_name(&value) }));
    };
    let cells = object.into_iter().filter_map(|(name, value)| Some((name, cell(value)?))).collect();
    Ok(Row { line, cells })
}

fn cell(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn json_error(error: &serde_json::Error) -> DataErrorKind {
    // The parser ends its message with the position, which is counted from the start of what it was given.
    let whole = error.to_string();
    let message = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(message, _)| message).to_owned();
    DataErrorKind::Json { column: error.column(), message }
}

/// The byte at which a row starts. The parser's positions come before the blank lines that precede a row.
fn row_start(text: &str, position: &csv::Position) -> usize {
    let before = (position.byte() as usize).min(text.len());
    let blank = text.as_bytes()[before..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    before + blank
}

fn csv_error(text: &str, error: &csv::Error) -> Located {
    let line = error.position().map(|position| text[..row_start(text, position)].matches('\n').count() + 1);
    let kind = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            DataErrorKind::RowLength { wanted: *expected_len, found: *len }
        }
        _ => DataErrorKind::Csv(error.to_string()),
    };
    (line, kind)
}

/// The lines on which the elements of a (valid) JSON array start.
fn element_lines(text: &str) -> Vec<usize> {
    let (mut lines, mut line, mut depth) = (Vec::new(), 1, 0_usize);
    let (mut in_string, mut escaped, mut awaiting) = (false, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        if byte == b'\n' {
            line += 1;
        }
        if awaiting && !byte.is_ascii_whitespace() && byte != b']' {
            lines.push(line);
            awaiting = false;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                awaiting = depth == 0;
                depth += 1;
            }
            b']' | b'}' => depth -= 1,
            b',' => awaiting = depth == 1,
            _ => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_an_array_know_their_lines() {
        let text = "[\n {\"input\": \"a, [b] {\\\"c\\\"}\",\n  \"n\": [1, {\"x\": 2}]}, {\"input\": \"b\"},\n\n {\"input\": \"c\"}\n]\n";
        let rows = from_json(text).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 5]);
        assert_eq!(rows[0].cells["n"], r#"[1,{"x":2}]"#);
        assert_eq!(from_json("[]").unwrap(), []);
    }

    #[test]
    fn scalars_become_text_and_null_is_absent() {
        let rows =
            from_jsonl(r#"{"a": 1, "b": 1.5, "c": true, "d": null, "e": "x", "f": {"g": [1]}}"#).unwrap();
        let cells: Vec<(&str, &str)> = rows[0].cells.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(cells, [("a", "1"), ("b", "1.5"), ("c", "true"), ("e", "x"), ("f", r#"{"g":[1]}"#)]);
    }

    #[test]
    fn a_quoted_cell_may_span_lines() {
        let rows = from_csv("input,expected\n\"a\nb\",1\n\nc,\n", b',').unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(rows[0].cells["input"], "a\nb");
        assert!(!rows[1].cells.contains_key("expected"));
    }
}
