//! Proves of numbers, ids and other short texts that they hold no secret, in a third of the time or less in which the
//! patterns find none.
//!
//! It errs on one side alone: what it calls harmless matches no pattern, and of the rest it knows nothing.

/// The shortest run of letters, digits, `-` and `_` that the patterns look at without knowing how it starts.
const RANDOM: usize = 40;

/// Whether a text certainly matches no pattern.
pub(super) fn is_harmless(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without branches this takes many bytes at once.
    if bytes.iter().fold(false, |found, byte| found | is_telling(*byte)) {
        return false;
    }
    let mut run = 0;
    let mut before = false;
    for (place, &byte) in bytes.iter().enumerate() {
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_';
        if is_word && !before && may_start(&bytes[place..]) {
            return false;
        }
        run = if is_word || byte == b'-' { run + 1 } else { 0 };
        if run == RANDOM || byte == b'-' && bytes[place..].starts_with(b"-----") {
            return false;
        }
        before = is_word;
    }
    true
}

/// Whether a character may part a name from its value, or is in an address with a user or for e-mail, or is of another
/// alphabet, which may have letters like ours.
fn is_telling(byte: u8) -> bool {
    !byte.is_ascii() | (byte == b'=') | (byte == b':') | (byte == b'@')
}

/// Whether a pattern may match from the start of a word on.
fn may_start(word: &[u8]) -> bool {
    // In lower case, with `_` as `-`.
    let at = |place: usize| match word.get(place) {
        Some(b'_') => b'-',
        Some(byte) => byte.to_ascii_lowercase(),
        None => b' ',
    };
    match [at(0), at(1), at(2), at(3)] {
        [b'a' | b'p' | b'r' | b's', b'k', b'-', _] => true,
        [b'f', b'w', b'-', _] | [b'h', b'f', b'-', _] | [b'r', b'8', b'-', _] => true,
        [b'c' | b'g', b's', b'k', b'-'] | [b'a', b'p', b'i', b'-'] | [b'k', b'e', b'y', b'-'] => true,
        [b'g', b'h', b'a'..=b'z', b'-'] | [b't', b'g', b'p', b'-'] | [b'x', b'a', b'i', b'-'] => true,
        [b'e', b'y', b'j', _] | [b'x', b'o', b'x', _] => true,
        // The first letters of longer ones: bearer, github, glpat, nvapi, pplx.
        start => [b"aiza", b"akia", b"asia", b"bear", b"gith", b"glpa", b"nvap", b"pplx", b"ya29"]
            .contains(&&start),
    }
}

/// Whether a name certainly is not that of a secret: it ends in no way in which those end.
pub(super) fn is_harmless_name(name: &str) -> bool {
    let Some(end) = name.as_bytes().last_chunk::<3>() else { return name.is_ascii() };
    let is_end = matches!(
        &end.map(|byte| byte.to_ascii_lowercase()),
        b"ion" | b"key" | b"ord" | b"swd" | b"ase" | b"ret" | b"kie" | b"ken"
    );
    !is_end && name.is_ascii()
}
