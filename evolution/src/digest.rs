//! Content hashes, the identity of everything that is stored.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes in a row before it needs more memory: enough for most prompts.
const ROW: usize = 2_048;

/// The first 128 bits of a BLAKE3 hash, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(u128);

/// A text that is no [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: expected 32 hexadecimal digits")]
pub struct InvalidDigest(String);

impl Digest {
    /// The hash of a sequence of fields. Each is preceded by its length, so that no two different sequences
    /// hash alike by running together.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // In one row first: the hash takes many short pieces one by one far slower than it takes a long one.
        let mut row = Vec::with_capacity(ROW);
        // A loop of its own would ask a chain of iterators at each step which of them it is in.
        fields.into_iter().for_each(|field| {
            row.extend_from_slice(&(field.len() as u64).to_le_bytes());
            row.extend_from_slice(field);
        });
        let mut head = [0; 16];
        head.copy_from_slice(&blake3::hash(&row).as_bytes()[..16]);
        Self(u128::from_be_bytes(head))
    }

    /// The bits, as stored in databases.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The inverse of [`Digest::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The first eight digits: enough for a person to tell candidates of one job apart.
    pub fn short(self) -> String {
        format!("{:08x}", self.0 >> 96)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(bits) if plain => Ok(Self(bits)),
            _ => Err(InvalidDigest(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let whole = Digest::of_fields([b"ab".as_slice(), b"c"]);
        let other = Digest::of_fields([b"a".as_slice(), b"bc"]);
        assert_ne!(whole, other);
    }

    #[test]
    fn the_hash_is_that_of_lengths_and_fields_in_turn() {
        for length in [0, 1, 1_000, 1_024, 5_000, 70_000] {
            let fields = [vec![b'x'; length], b"y".to_vec()];
            let mut hasher = blake3::Hasher::new();
            for field in &fields {
                hasher.update(&(field.len() as u64).to_le_bytes()).update(field);
            }
            let expected = Digest::from_bytes(hasher.finalize().as_bytes()[..16].try_into().unwrap());
            assert_eq!(Digest::of_fields(fields.iter().map(Vec::as_slice)), expected, "{length}");
        }
    }

    #[test]
    fn text_form_round_trips_and_refuses_signs() {
        let digest = Digest::of_fields([b"x".as_slice()]);
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("+0000000000000000000000000000000".parse::<Digest>().is_err());
        assert!("00".parse::<Digest>().is_err());
    }
}
