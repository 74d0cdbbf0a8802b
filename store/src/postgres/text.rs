//! Texts that PostgreSQL can hold.
//!
//! It holds every text but those with a NUL. One is written as a sign that stands for nothing by itself, followed by a
//! digit, and so is that sign. All other texts stand as they are, to be read by people, too.

use std::borrow::Cow;

use sqlx::error::BoxDynError;

/// Reserved by Unicode for use within programs: no text has a reason to contain it.
const ESCAPE: char = '\u{fdd0}';

/// The text as it is written.
pub(super) fn written(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for sign in text.chars() {
        match sign {
            '\0' => written.extend([ESCAPE, '0']),
            ESCAPE => written.extend([ESCAPE, '1']),
            sign => written.push(sign),
        }
    }
    Cow::Owned(written)
}

/// The text that was written.
pub(super) fn read(text: String) -> Result<String, BoxDynError> {
    if !text.contains(ESCAPE) {
        return Ok(text);
    }
    let mut read = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        read.push(match sign {
            ESCAPE => match signs.next() {
                Some('0') => '\0',
                Some('1') => ESCAPE,
                other => return Err(format!("no text was written with {ESCAPE:?} before {other:?}").into()),
            },
            sign => sign,
        });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_texts_stand_as_they_are() {
        for text in ["", "an answer", "ü 🦀 \u{feff} \\0 \n"] {
            assert!(matches!(written(text), Cow::Borrowed(same) if same == text));
        }
        assert_eq!(written("a\0\u{fdd0}b"), "a\u{fdd0}0\u{fdd0}1b");
    }

    #[test]
    fn what_was_never_written_is_not_read() {
        for text in ["\u{fdd0}", "a\u{fdd0}", "\u{fdd0}2", "\u{fdd0}\u{fdd0}0"] {
            read(text.to_owned()).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn any_text_is_held_without_a_nul_and_comes_back(signs in prop::collection::vec(
            prop_oneof![Just('\0'), Just(ESCAPE), Just('0'), Just('1'), any::<char>()], 0..40,
        )) {
            let text: String = signs.into_iter().collect();
            let held = written(&text).into_owned();
            prop_assert!(!held.contains('\0'));
            prop_assert_eq!(read(held).unwrap(), text);
        }
    }
}
