//! Keeps what is hardly new from being measured.

use super::lsh::LshIndex;
use super::{MinHash, Shingles};
use crate::candidate::{Candidate, CandidateId};

/// Turns away candidates that are nearer than a threshold to one already known, in Jaccard distance of shingles.
///
/// Whom to compare with is looked up in an index of sketches, so that a candidate costs about the same whatever the
/// number of those known; the distance itself is exact. Nobody is turned away wrongly. Of those just nearer than
/// the threshold about one in a hundred gets through, of copies none.
#[derive(Debug, Clone)]
pub struct NoveltyFilter {
    threshold: f64,
    index: LshIndex,
    known: Vec<(Candidate, Shingles)>,
}

/// One known already, and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Which candidate.
    pub id: CandidateId,
    /// Its Jaccard distance, 0 to 1.
    pub distance: f64,
}

impl NoveltyFilter {
    /// A filter that knows nobody, with a threshold from 0 (lets everybody through) to 1. It is no state of its own:
    /// given the same candidates again, it is the same again.
    pub fn new(threshold: f64) -> Self {
        Self { threshold, index: LshIndex::new(threshold), known: vec![] }
    }

    /// Remembers a candidate if nobody known is nearer to it than the threshold. Numeric parameters are no text:
    /// candidates that differ in them are never near.
    ///
    /// # Errors
    /// The nearest of those that are too near, the first to come among equals.
    pub fn admit(&mut self, candidate: &Candidate) -> Result<(), Neighbour> {
        let shingles = Shingles::of(candidate);
        let sketch = MinHash::of(&shingles);
        let found = self.index.candidates(&sketch).into_iter().map(|number| &self.known[number]);
        let near = found
            .filter(|(known, _)| known.parameters() == candidate.parameters())
            .map(|(known, other)| Neighbour { id: known.id(), distance: shingles.distance(other) })
            .filter(|neighbour| neighbour.distance < self.threshold)
            .min_by(|one, other| one.distance.total_cmp(&other.distance));
        if let Some(neighbour) = near {
            return Err(neighbour);
        }
        self.index.insert(sketch);
        self.known.push((candidate.clone(), shingles));
        Ok(())
    }

    /// How many it knows.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it knows nobody.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::diversity::distance;
    use crate::variation::suite::candidates;

    fn candidate(text: &str) -> Candidate {
        Candidate::from_instruction(text).unwrap()
    }

    #[test]
    fn what_is_hardly_new_is_turned_away() {
        let mut filter = NoveltyFilter::new(0.5);
        let (base, other) =
            (candidate("Read the text and say what it is about."), candidate("Answer yes or no."));
        assert_eq!((filter.admit(&base), filter.admit(&other)), (Ok(()), Ok(())));
        let near = candidate("Read the text and say what it is about!");
        assert_eq!(filter.admit(&near), Err(Neighbour { id: base.id(), distance: distance(&base, &near) }));
        assert_eq!(filter.admit(&base), Err(Neighbour { id: base.id(), distance: 0.0 }));
        let warmer = base.with_parameters(BTreeMap::from([("temperature".into(), 0.7)])).unwrap();
        assert_eq!((filter.admit(&warmer), filter.len()), (Ok(()), 3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn nobody_is_turned_away_wrongly(
            pool in prop::collection::vec(candidates(), 1..20),
            threshold in 0.0..1.0,
        ) {
            let mut filter = NoveltyFilter::new(threshold);
            let mut admitted: Vec<Candidate> = vec![];
            for candidate in &pool {
                match filter.admit(candidate) {
                    Ok(()) => admitted.push(candidate.clone()),
                    Err(neighbour) => {
                        let known = admitted.iter().find(|known| known.id() == neighbour.id).unwrap();
                        prop_assert_eq!(neighbour.distance, distance(known, candidate));
                        prop_assert!(neighbour.distance < threshold);
                    }
                }
            }
            prop_assert_eq!(filter.len(), admitted.len());
            prop_assert!(threshold == 0.0 || admitted.iter().all(|known| filter.admit(known).is_err()));
        }
    }
}
