//! What a node is called.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a node, which outlives its processes: 1 to 63 characters of `a-z`, `0-9`, `-`, `_` and `.`.
///
/// No two living nodes of a cluster have the same name: of two, the one that started later stays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Arc<str>);

/// Not a name of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNodeName {
    /// It has no characters, or too many.
    #[error("the name of a node has 1 to {} characters, `{name}` has {length}", NodeName::MAX_LENGTH)]
    Length {
        /// What was given, or as much of it as fits in a line.
        name: String,
        /// Its characters.
        length: usize,
    },
    /// It holds a character that names do not have.
    #[error("`{character}` in `{name}` cannot stand in the name of a node: use a-z, 0-9, `-`, `_` and `.`")]
    Character {
        /// What was given.
        name: String,
        /// The first character that cannot stand in a name.
        character: char,
    },
}

impl NodeName {
    /// The characters of the longest name.
    pub const MAX_LENGTH: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = InvalidNodeName;

    fn from_str(name: &str) -> Result<Self, InvalidNodeName> {
        let length = name.chars().count();
        if length == 0 || length > Self::MAX_LENGTH {
            let name = name.chars().take(Self::MAX_LENGTH).collect();
            return Err(InvalidNodeName::Length { name, length });
        }
        let is_foreign = |c: &char| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.');
        match name.chars().find(is_foreign) {
            Some(character) => Err(InvalidNodeName::Character { name: name.to_owned(), character }),
            None => Ok(Self(name.into())),
        }
    }
}

impl TryFrom<String> for NodeName {
    type Error = InvalidNodeName;

    fn try_from(name: String) -> Result<Self, InvalidNodeName> {
        name.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.as_str().to_owned()
    }
}

impl Borrow<str> for NodeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_names_are_made_of() {
        for name in ["a", "node-1", "eu_west.2", &"x".repeat(63)] {
            assert_eq!(name.parse::<NodeName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |name: &str| name.parse::<NodeName>().unwrap_err().to_string();
        assert_eq!(message(""), "the name of a node has 1 to 63 characters, `` has 0");
        assert!(message(&"x".repeat(64)).ends_with("has 64"));
        assert_eq!(
            message("Node"),
            "`N` in `Node` cannot stand in the name of a node: use a-z, 0-9, `-`, `_` and `.`"
        );
        assert!(message("a#b").starts_with("`#`"));
    }
}
