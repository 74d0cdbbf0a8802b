//! Reads the header of a GGUF file: its metadata, and where its tensors lie.
//!
//! The file is not trusted. Every length is checked against the bytes that are left before anything is
//! allocated for it, so that memory stays within a small multiple of the file's own length.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::fault::Fault;
use super::format::Format;

const MAGIC: &[u8; 4] = b"GGUF";
/// The least that a metadata entry can take: a key of no letters, a type, one byte.
const LEAST_ENTRY: u64 = 8 + 4 + 1;
/// The least that a tensor's description can take: no name, no dimensions, a type, an offset.
const LEAST_TENSOR: u64 = 8 + 4 + 4 + 8;
const MOST_DIMENSIONS: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;

/// A metadata value, as far as a model needs them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Integers(Vec<i64>),
    /// An array of anything else: passed over.
    Ignored,
}

/// Where a tensor lies and what it is.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// Values in one row: the fastest moving dimension.
    pub(super) columns: usize,
    /// The product of all other dimensions.
    pub(super) rows: usize,
    pub(super) format: Format,
    offset: u64,
    bytes: usize,
}

/// An open file whose header has been read.
#[derive(Debug)]
pub(super) struct Gguf {
    file: File,
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, Tensor>,
}

impl Gguf {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|error| Fault::new(format!("cannot be opened: {error}")))?;
        let length = file
            .metadata()
            .and_then(|metadata| {
                if metadata.is_file() { Ok(metadata.len()) } else { Err(std::io::Error::other("not a file")) }
            })
            .map_err(|error| Fault::new(format!("cannot be read: {error}")))?;
        let copy = file.try_clone().map_err(|error| Fault::new(format!("cannot be read: {error}")))?;
        let (metadata, tensors) = Header { reader: BufReader::new(copy), left: length, length }.read()?;
        Ok(Self { file, metadata, tensors })
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// A text that may be missing.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number that may be missing, from 0 to `most`.
    pub(super) fn size(&self, key: &str, most: usize) -> Result<Option<usize>, Fault> {
        match self.value(key) {
            None => Ok(None),
            Some(&Value::Integer(number)) => usize::try_from(number)
                .ok()
                .filter(|&number| number <= most)
                .map(Some)
                .ok_or_else(|| Fault::new(format!("`{key}` is {number}, not 0 to {most}"))),
            Some(_) => Err(Fault::new(format!("`{key}` is not a whole number"))),
        }
    }

    /// A positive whole number that has to be there.
    pub(super) fn positive(&self, key: &str, most: usize) -> Result<usize, Fault> {
        self.size(key, most)?
            .filter(|&number| number > 0)
            .ok_or_else(|| Fault::new(format!("`{key}` is missing or 0")))
    }

    /// A finite number that may be missing.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, Fault> {
        match self.value(key) {
            None => Ok(None),
            Some(&Value::Float(number)) if number.is_finite() => Ok(Some(number)),
            Some(_) => Err(Fault::new(format!("`{key}` is not a finite number"))),
        }
    }

    pub(super) fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor's description and bytes; the shape has to be the expected one.
    pub(super) fn tensor(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<(&Tensor, Vec<u8>), Fault> {
        let tensor =
            self.tensors.get(name).ok_or_else(|| Fault::new(format!("tensor `{name}` is missing")))?;
        if (tensor.rows, tensor.columns) != (rows, columns) {
            return Err(Fault::new(format!(
                "tensor `{name}` has {} rows of {} values, where {rows} rows of {columns} are expected",
                tensor.rows, tensor.columns
            )));
        }
        let mut bytes = vec![0; tensor.bytes];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(tensor.offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Fault::new(format!("tensor `{name}` cannot be read: {error}")))?;
        Ok((tensor, bytes))
    }
}

/// What is left to read of the header.
struct Header<R> {
    reader: R,
    left: u64,
    length: u64,
}

type Contents = (HashMap<String, Value>, HashMap<String, Tensor>);

impl<R: Read> Header<R> {
    fn read(mut self) -> Result<Contents, Fault> {
        if &self.bytes::<4>().map_err(|_| Fault::new("is too short to be a GGUF file"))? != MAGIC {
            return Err(Fault::new("is not a GGUF file (it does not begin with `GGUF`)"));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(Fault::new(format!("has GGUF version {version}; versions 2 and 3 can be read")));
        }
        let tensor_count = self.u64()?;
        let entry_count = self.u64()?;
        self.expect_room(entry_count, LEAST_ENTRY, "metadata entries")?;
        let mut metadata = HashMap::new();
        for _ in 0..entry_count {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = self.value(kind)?;
            metadata.insert(key, value);
        }
        self.expect_room(tensor_count, LEAST_TENSOR, "tensors")?;
        let mut described = Vec::new();
        for _ in 0..tensor_count {
            described.push(self.tensor()?);
        }

        let alignment = match metadata.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(&Value::Integer(number)) if number > 0 && (number as u64).is_power_of_two() => number as u64,
            Some(_) => return Err(Fault::new("`general.alignment` is not a power of two")),
        };
        let start = (self.length - self.left).checked_next_multiple_of(alignment);
        let mut tensors = HashMap::new();
        for (name, mut tensor) in described {
            tensor.offset = start
                .and_then(|start| start.checked_add(tensor.offset))
                .filter(|offset| {
                    offset.checked_add(tensor.bytes as u64).is_some_and(|end| end <= self.length)
                })
                .ok_or_else(|| {
                    Fault::new(format!("tensor `{name}` ends behind the end of the file: is it cut short?"))
                })?;
            tensors.insert(name, tensor);
        }
        Ok((metadata, tensors))
    }

    fn tensor(&mut self) -> Result<(String, Tensor), Fault> {
        let name = self.text()?;
        let dimensions = self.u32()?;
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(Fault::new(format!("tensor `{name}` has {dimensions} dimensions")));
        }
        let columns = self.u64()?;
        let mut rows = 1_u64;
        for _ in 1..dimensions {
            rows = rows.checked_mul(self.u64()?).ok_or_else(|| absurd(&name))?;
        }
        let kind = self.u32()?;
        let format = Format::from_code(kind).ok_or_else(|| {
            Fault::new(format!("tensor `{name}` has number format {kind}; {} can be read", Format::NAMES))
        })?;
        let offset = self.u64()?;
        let columns = usize::try_from(columns).ok().filter(|&columns| columns > 0);
        let rows = usize::try_from(rows).ok().filter(|&rows| rows > 0);
        let (Some(columns), Some(rows)) = (columns, rows) else { return Err(absurd(&name)) };
        let bytes = format
            .row_bytes(columns)
            .ok_or_else(|| {
                Fault::new(format!(
                    "tensor `{name}` has rows of {columns} values: no whole blocks of {format:?}"
                ))
            })?
            .checked_mul(rows)
            .filter(|&bytes| bytes as u64 <= self.length)
            .ok_or_else(|| absurd(&name))?;
        Ok((name, Tensor { columns, rows, format, offset, bytes }))
    }

    fn value(&mut self, kind: u32) -> Result<Value, Fault> {
        Ok(match kind {
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => Value::Bool(self.bytes::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 => self.array()?,
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            _ => Value::Integer(self.integer(kind)?),
        })
    }

    fn array(&mut self) -> Result<Value, Fault> {
        let kind = self.u32()?;
        let count = self.u64()?;
        match kind {
            8 => {
                self.expect_room(count, 8, "texts in an array")?;
                let mut texts = Vec::new();
                for _ in 0..count {
                    texts.push(self.text()?);
                }
                Ok(Value::Texts(texts))
            }
            6 | 7 | 12 => {
                let size = [4, 1, 8][usize::from(kind > 6) + usize::from(kind > 7)];
                self.expect_room(count, size, "numbers in an array")?;
                for _ in 0..count {
                    self.value(kind)?;
                }
                Ok(Value::Ignored)
            }
            _ => {
                self.expect_room(count, 1, "numbers in an array")?;
                let mut integers = Vec::new();
                for _ in 0..count {
                    integers.push(self.integer(kind)?);
                }
                Ok(Value::Integers(integers))
            }
        }
    }

    fn integer(&mut self, kind: u32) -> Result<i64, Fault> {
        Ok(match kind {
            0 => u8::from_le_bytes(self.bytes()?).into(),
            1 => i8::from_le_bytes(self.bytes()?).into(),
            2 => u16::from_le_bytes(self.bytes()?).into(),
            3 => i16::from_le_bytes(self.bytes()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.bytes()?).into(),
            10 => i64::try_from(self.u64()?).unwrap_or(i64::MAX),
            11 => i64::from_le_bytes(self.bytes()?),
            _ => return Err(Fault::new(format!("holds metadata of type {kind}, which GGUF does not have"))),
        })
    }

    fn text(&mut self) -> Result<String, Fault> {
        let length = self.u64()?;
        self.expect_room(length, 1, "bytes in a text")?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Fault::new("holds a text that is not UTF-8"))
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.expect_room(bytes.len() as u64, 1, "bytes")?;
        self.reader
            .read_exact(bytes)
            .map_err(|error| Fault::new(format!("cannot be read to its end: {error}")))?;
        self.left -= bytes.len() as u64;
        Ok(())
    }

    /// Refuses a count of things that cannot fit into what is left of the file.
    fn expect_room(&self, count: u64, size: u64, what: &str) -> Result<(), Fault> {
        if count.checked_mul(size).is_some_and(|bytes| bytes <= self.left) {
            return Ok(());
        }
        Err(Fault::new(format!(
            "announces {count} {what} where {} bytes are left: it is cut short or corrupt",
            self.left
        )))
    }
}

fn absurd(name: &str) -> Fault {
    Fault::new(format!("tensor `{name}` is empty or larger than the file"))
}

#[cfg(test)]
mod tests;
