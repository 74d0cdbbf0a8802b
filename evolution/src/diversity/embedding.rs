//! How unlike each other texts are in what they mean, by embedding vectors of a model.

use serde::{Deserialize, Serialize};

/// An embedding vector. It survives JSON to the last bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f32>", into = "Vec<f32>")]
pub struct Embedding {
    values: Vec<f32>,
    norm: f64,
}

/// A vector that has no direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    /// All is 0, or there is nothing.
    #[error("an embedding of {0} numbers has none that is not 0")]
    Zero(usize),
    /// A number is NaN or infinite.
    #[error("number {0} of an embedding is not finite")]
    NotFinite(usize),
}

impl Embedding {
    /// Takes a vector of any length but 0.
    ///
    /// # Errors
    /// When a number is not finite, or none differs from 0.
    pub fn new(values: Vec<f32>) -> Result<Self, EmbeddingError> {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(EmbeddingError::NotFinite(index));
        }
        let norm = dot(&values, &values).sqrt();
        if norm == 0.0 { Err(EmbeddingError::Zero(values.len())) } else { Ok(Self { values, norm }) }
    }

    /// The vector.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The cosine distance: 0 for the same direction, 1 for a right angle, 2 for the opposite.
    ///
    /// # Panics
    /// When the vectors differ in length: they are of different models.
    pub fn distance(&self, other: &Self) -> f64 {
        assert_eq!(self.values.len(), other.values.len(), "embeddings of different models are compared");
        let cosine = dot(&self.values, &other.values) / (self.norm * other.norm);
        (1.0 - cosine).clamp(0.0, 2.0)
    }
}

/// The mean cosine distance over all pairs, exact and in linear time: the cosines of all pairs are in the square of
/// the sum of the unit vectors. 0 for fewer than two.
///
/// # Panics
/// When the vectors differ in length: they are of different models.
pub fn mean_cosine_distance(embeddings: &[&Embedding]) -> f64 {
    let [first, _, ..] = embeddings else { return 0.0 };
    let mut sum = vec![0.0; first.values.len()];
    for embedding in embeddings {
        assert_eq!(embedding.values.len(), sum.len(), "embeddings of different models are compared");
        for (sum, value) in sum.iter_mut().zip(&embedding.values) {
            *sum += f64::from(*value) / embedding.norm;
        }
    }
    let count = embeddings.len() as f64;
    let square: f64 = sum.iter().map(|value| value * value).sum();
    (1.0 - (square - count) / (count * (count - 1.0))).clamp(0.0, 2.0)
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

impl TryFrom<Vec<f32>> for Embedding {
    type Error = EmbeddingError;

    fn try_from(values: Vec<f32>) -> Result<Self, Self::Error> {
        Self::new(values)
    }
}

impl From<Embedding> for Vec<f32> {
    fn from(embedding: Embedding) -> Self {
        embedding.values
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f32]) -> Embedding {
        Embedding::new(values.to_vec()).unwrap()
    }

    #[test]
    fn angles_and_not_lengths_count() {
        let base = of(&[3.0, 4.0]);
        for (other, distance) in
            [([6.0, 8.0], 0.0), ([4.0, -3.0], 1.0), ([-0.3, -0.4], 2.0), ([1.0, 0.0], 0.4)]
        {
            assert!((base.distance(&of(&other)) - distance).abs() < 1e-7, "{other:?}");
        }
        assert!(of(&[f32::MAX, f32::MAX]).distance(&of(&[f32::MIN_POSITIVE, 0.0])) < 0.3);
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        assert_eq!(Embedding::new(vec![]), Err(EmbeddingError::Zero(0)));
        assert_eq!(Embedding::new(vec![0.0, -0.0]), Err(EmbeddingError::Zero(2)));
        assert_eq!(Embedding::new(vec![0.0, f32::NAN]), Err(EmbeddingError::NotFinite(1)));
        assert!(serde_json::from_str::<Embedding>("[0.0]").is_err());
    }

    #[test]
    #[should_panic(expected = "different models")]
    fn vectors_of_different_models_are_not_compared() {
        of(&[1.0]).distance(&of(&[1.0, 0.0]));
    }

    proptest! {
        #[test]
        fn the_mean_is_that_of_all_pairs(
            vectors in prop::collection::vec(prop::array::uniform5(0.1_f32..9.0), 0..20),
            signs in prop::array::uniform5(any::<bool>()),
        ) {
            let sign = |(value, negative): (f32, bool)| if negative { -value } else { value };
            let flip = |(index, vector): (usize, [f32; 5])| {
                let signs = signs.map(|negative| negative && index % 2 == 0);
                of(&vector.into_iter().zip(signs).map(sign).collect::<Vec<_>>())
            };
            let embeddings: Vec<_> = vectors.into_iter().enumerate().map(flip).collect();
            let pairs = (0..embeddings.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
            let distances: Vec<_> =
                pairs.map(|(one, other)| embeddings[one].distance(&embeddings[other])).collect();
            let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
            let found = mean_cosine_distance(&embeddings.iter().collect::<Vec<_>>());
            prop_assert!((found - mean).abs() < 1e-9, "{found} for {mean}");
            let json = serde_json::to_string(&embeddings).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<Embedding>>(&json).unwrap(), embeddings);
        }
    }
}
