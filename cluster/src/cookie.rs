//! The secret that the nodes and clients of a cluster share.

use rand::RngExt;

/// A new one: 256 random bits in hexadecimal digits.
pub fn new_cookie() -> String {
    rand::rng().random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (one, other) = (new_cookie(), new_cookie());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }
}
