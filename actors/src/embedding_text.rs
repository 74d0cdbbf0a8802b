//! Vectors as texts, as they are stored among the answers of models.

use evohub_evolution::Embedding;

/// The bits of a vector's numbers, eight hexadecimal digits each.
pub(crate) fn text_of(vector: &[f32]) -> String {
    vector.iter().map(|number| format!("{:08x}", number.to_bits())).collect()
}

/// The vector of a text.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn embedding_of(text: &str) -> Result<Embedding, String> {
    let number = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 8)?;
        u32::from_str_radix(digits, 16).ok().map(f32::from_bits)
    };
    let numbers: Option<Vec<f32>> = text.as_bytes().chunks(8).map(number).collect();
    let numbers = numbers.ok_or_else(|| "a stored embedding is none: it is of another version".to_owned())?;
    Embedding::new(numbers).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_comes_back_to_the_bit() {
        let vector = [0.1, -0.0, f32::MIN_POSITIVE, 3.4e38, -1.5];
        let found = embedding_of(&text_of(&vector)).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(found.values()), bits(&vector));
        for text in ["", "0000000", "zzzzzzzz", "7fc00000", "00000000", "3f80000\u{e9}"] {
            assert!(embedding_of(text).is_err(), "{text}");
        }
    }
}
