//! What of candidates is compared to tell how unlike they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Embedding, Shingles, Tokens};
use crate::candidate::{Candidate, CandidateId};

/// How the distance between candidates is measured: 0 for the same, 1 for those as unlike as can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// The Jaccard distance of token shingles ([`Shingles`]): which words follow each other.
    #[default]
    Shingles,
    /// The edit distance of tokens ([`Tokens`]) as a part of the longer text: it sees the order of sentences too.
    Edit,
    /// The cosine distance of embeddings ([`Embedding`]), and 1 beyond a right angle: what texts mean. A model is asked
    /// for the embedding of every candidate that is measured.
    Embedding,
}

/// What of a candidate is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Likeness {
    /// Its shingles.
    Shingles(Shingles),
    /// Its tokens.
    Tokens(Tokens),
    /// Its embedding.
    Embedding(Arc<Embedding>),
}

impl Likeness {
    /// The distance, 0 to 1. It is 1 where different things are compared: embeddings of different lengths, or a candidate
    /// that has one with a candidate that could not be given one.
    pub fn distance(&self, other: &Self) -> f64 {
        match (self, other) {
            (Self::Shingles(one), Self::Shingles(other)) => one.distance(other),
            (Self::Tokens(one), Self::Tokens(other)) => one.distance(other),
            (Self::Embedding(one), Self::Embedding(other)) if one.values().len() == other.values().len() => {
                one.distance(other).min(1.0)
            }
            _ => 1.0,
        }
    }
}

/// How the candidates of a run are compared, and the embeddings that are known.
#[derive(Debug, Clone, Default)]
pub struct Likenesses {
    distance: Distance,
    embeddings: BTreeMap<CandidateId, Arc<Embedding>>,
}

impl Likenesses {
    /// Those of a distance, without any embedding.
    pub fn new(distance: Distance) -> Self {
        Self { distance, embeddings: BTreeMap::new() }
    }

    /// How the distance is measured.
    pub fn kind(&self) -> Distance {
        self.distance
    }

    /// Keeps the embedding of a candidate.
    pub fn insert(&mut self, id: CandidateId, embedding: Embedding) {
        self.embeddings.insert(id, Arc::new(embedding));
    }

    /// What of a candidate is compared. Those that have no embedding are compared with each other by their shingles.
    pub fn of(&self, candidate: &Candidate) -> Likeness {
        match self.distance {
            Distance::Shingles => Likeness::Shingles(Shingles::of(candidate)),
            Distance::Edit => Likeness::Tokens(Tokens::of(candidate)),
            Distance::Embedding => match self.embeddings.get(&candidate.id()) {
                Some(embedding) => Likeness::Embedding(Arc::clone(embedding)),
                None => Likeness::Shingles(Shingles::of(candidate)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(text: &str) -> Candidate {
        Candidate::from_instruction(text).unwrap()
    }

    #[test]
    fn each_distance_sees_what_it_is_for() {
        let [one, moved, other] = ["a b. c d.", "c d. a b.", "e f."].map(candidate);
        let between = |kind, one, other| {
            let likenesses = Likenesses::new(kind);
            likenesses.of(one).distance(&likenesses.of(other))
        };
        let shingles = between(Distance::Shingles, &one, &moved);
        let edit = between(Distance::Edit, &one, &moved);
        assert!(shingles > 0.0 && edit > 0.0 && shingles != edit, "{shingles} {edit}");
        for kind in [Distance::Shingles, Distance::Edit, Distance::Embedding] {
            assert_eq!(between(kind, &one, &one), 0.0);
            assert!(between(kind, &one, &other) > 0.5);
        }
    }

    #[test]
    fn embeddings_are_compared_with_their_like() {
        let [one, near, far, short, none] = ["1", "2", "3", "4", "5"].map(candidate);
        let mut likenesses = Likenesses::new(Distance::Embedding);
        for (who, values) in
            [(&one, vec![1.0, 0.0]), (&near, vec![1.0, 1.0]), (&far, vec![-1.0, 0.0]), (&short, vec![1.0])]
        {
            likenesses.insert(who.id(), Embedding::new(values).unwrap());
        }
        let from_one = |other| likenesses.of(&one).distance(&likenesses.of(other));
        assert!((from_one(&near) - (1.0 - 0.5_f64.sqrt())).abs() < 1e-7);
        assert_eq!([&one, &far, &short, &none].map(from_one), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(likenesses.of(&none).distance(&likenesses.of(&none)), 0.0);
    }
}
