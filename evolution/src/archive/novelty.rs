//! What was new when it came (novelty search; Lehman and Stanley 2011, Evolutionary Computation 19:2).

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::rng::RunRng;

/// Settings of a [`NoveltyArchive`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoveltyConfig {
    /// Neighbours whose mean distance is the novelty, 1 or more.
    pub neighbours: usize,
    /// Who is admitted to the archive.
    pub admission: Admission,
}

impl Default for NoveltyConfig {
    fn default() -> Self {
        Self { neighbours: 15, admission: Admission::default() }
    }
}

/// Who is admitted to an archive of novelty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Whose novelty is above a threshold that adapts: after every `window` candidates it falls by 5 % when none of
    /// them was admitted, and rises by 20 % when more than `most` were.
    Threshold {
        /// Where it starts, above 0, in units of the distance.
        start: f64,
        /// Candidates between two changes, 1 or more.
        window: u32,
        /// Candidates admitted in a window that leave it as it is.
        most: u32,
    },
    /// Anyone, with this probability (Gomes, Mariano and Christensen 2015 find it as good, with nothing to tune).
    Random {
        /// 0 to 1.
        probability: f64,
    },
}

impl Default for Admission {
    fn default() -> Self {
        Self::Random { probability: 0.1 }
    }
}

impl NoveltyConfig {
    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        if self.neighbours == 0 {
            return Err("`neighbours` must be 1 or more".into());
        }
        match self.admission {
            Admission::Threshold { start, .. } if !(start > 0.0 && start.is_finite()) => {
                Err(format!("`admission.threshold.start` is {start}, and must be above 0"))
            }
            Admission::Threshold { window: 0, .. } => {
                Err("`admission.threshold.window` must be 1 or more".into())
            }
            Admission::Random { probability } if !(0.0..=1.0).contains(&probability) => {
                Err(format!("`admission.random.probability` is {probability}, and must be from 0 to 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Behaviours, of whatever type, that were new when they came, so that a search for novelty does not come back to
/// where it was. Who is admitted stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "B: Serialize", deserialize = "B: Deserialize<'de>"))]
pub struct NoveltyArchive<B> {
    config: NoveltyConfig,
    #[serde(with = "crate::pairs")]
    members: BTreeMap<CandidateId, B>,
    /// By how much the threshold has changed.
    factor: f64,
    /// Candidates offered in this window.
    offered: u32,
    /// Candidates of them that were admitted.
    admitted: u32,
}

/// What the threshold is multiplied with when it was too high.
const LOWER: f64 = 0.95;
/// What the threshold is multiplied with when it was too low.
const RAISE: f64 = 1.2;

impl<B> NoveltyArchive<B> {
    /// An empty one.
    pub fn new(config: NoveltyConfig) -> Self {
        Self { config, members: BTreeMap::new(), factor: 1.0, offered: 0, admitted: 0 }
    }

    /// How new a behaviour is: the mean distance to its nearest neighbours among the archive and the others of the
    /// population, of whom there may be fewer than the settings ask for. A candidate is no neighbour of itself, and
    /// one that is in both counts once. `None` where there is nobody; distances that are not a number do not count.
    pub fn novelty<'a>(
        &'a self,
        id: CandidateId,
        behaviour: &B,
        population: impl IntoIterator<Item = (CandidateId, &'a B)>,
        distance: impl Fn(&B, &B) -> f64,
    ) -> Option<f64> {
        let members = self.members.iter().map(|(other, behaviour)| (*other, behaviour));
        let others = population.into_iter().filter(|(other, _)| !self.members.contains_key(other));
        let neighbours = members.chain(others).filter(|(other, _)| *other != id);
        let distances = neighbours.map(|(_, other)| distance(behaviour, other));
        let mut nearest: Vec<f64> = distances.filter(|distance| !distance.is_nan()).collect();
        let count = self.config.neighbours.min(nearest.len());
        if count == 0 {
            return None;
        }
        if count < nearest.len() {
            nearest.select_nth_unstable_by(count, f64::total_cmp);
            nearest.truncate(count);
        }
        // A sum depends on its order.
        nearest.sort_unstable_by(f64::total_cmp);
        Some(nearest.iter().sum::<f64>() / count as f64)
    }

    /// Offers a candidate with its novelty (`None`: there was nobody to compare it with), and says whether it was
    /// admitted. One that is a member already is not admitted again.
    pub fn offer(&mut self, id: CandidateId, behaviour: B, novelty: Option<f64>, rng: &mut RunRng) -> bool {
        let is_admitted = !self.members.contains_key(&id)
            && match self.config.admission {
                Admission::Threshold { start, .. } => novelty.is_none_or(|found| found > start * self.factor),
                Admission::Random { probability } => rng.random::<f64>() < probability,
            };
        if is_admitted {
            self.members.insert(id, behaviour);
        }
        self.adapt(is_admitted);
        is_admitted
    }

    /// The behaviours in the archive, by candidate.
    pub fn members(&self) -> &BTreeMap<CandidateId, B> {
        &self.members
    }

    /// The threshold as it stands, where there is one.
    pub fn threshold(&self) -> Option<f64> {
        match self.config.admission {
            Admission::Threshold { start, .. } => Some(start * self.factor),
            Admission::Random { .. } => None,
        }
    }

    fn adapt(&mut self, is_admitted: bool) {
        let Admission::Threshold { window, most, .. } = self.config.admission else { return };
        self.offered += 1;
        self.admitted += u32::from(is_admitted);
        if self.offered >= window {
            if self.admitted == 0 {
                self.factor *= LOWER;
            } else if self.admitted > most {
                self.factor *= RAISE;
            }
            (self.offered, self.admitted) = (0, 0);
        }
    }
}

/// The Euclidean distance of behaviours that are vectors.
pub fn euclidean(one: &[f64], other: &[f64]) -> f64 {
    super::kd_tree::squared_distance(one, other).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::rng::stream;

    fn id(number: u64) -> CandidateId {
        Digest::of_fields([&number.to_le_bytes()[..]])
    }

    fn archive(neighbours: usize, admission: Admission) -> NoveltyArchive<Vec<f64>> {
        NoveltyArchive::new(NoveltyConfig { neighbours, admission })
    }

    #[test]
    fn novelty_is_the_mean_distance_to_the_nearest() {
        let distance = |one: &Vec<f64>, other: &Vec<f64>| euclidean(one, other);
        let mut archive = archive(2, Admission::Random { probability: 1.0 });
        let own = vec![0.0, 0.0];
        assert_eq!(archive.novelty(id(0), &own, [], distance), None);
        for (number, place) in [(1, [3.0, 4.0]), (2, [0.0, 1.0]), (3, [f64::NAN, 0.0])] {
            assert!(archive.offer(id(number), place.to_vec(), None, &mut stream(1, "test", number)));
        }
        assert_eq!(archive.novelty(id(0), &own, [], distance), Some(3.0));
        let (near, same) = (vec![0.0, 2.0], vec![0.0, 1.0]);
        let population = [(id(4), &near), (id(2), &same), (id(0), &own)];
        assert_eq!(archive.novelty(id(0), &own, population, distance), Some(1.5));
        assert_eq!(archive.novelty(id(2), &same, [], distance), Some(18.0_f64.sqrt()));
    }

    #[test]
    fn the_threshold_follows_what_comes() {
        let rng = &mut stream(1, "test", 0);
        let mut archive = archive(1, Admission::Threshold { start: 1.0, window: 4, most: 1 });
        let mut offer = |number, novelty| archive.offer(id(number), vec![], novelty, rng);
        assert!((0..4).all(|number| !offer(number, Some(1.0))));
        assert!(offer(4, Some(0.96)) && offer(5, None) && !offer(5, Some(9.0)) && !offer(6, Some(f64::NAN)));
        assert_eq!(archive.threshold(), Some(0.95 * 1.2));
        let json = serde_json::to_string(&archive).unwrap();
        assert_eq!(serde_json::from_str::<NoveltyArchive<Vec<f64>>>(&json).unwrap(), archive);
    }

    #[test]
    fn random_admission_is_as_often_as_asked() {
        let mut archive = archive(1, Admission::Random { probability: 0.25 });
        let rng = &mut stream(1, "test", 0);
        let admitted = (0..2_000).filter(|number| archive.offer(id(*number), vec![], Some(0.0), rng)).count();
        assert!((430..=570).contains(&admitted) && archive.members().len() == admitted, "{admitted}");
        assert_eq!(archive.threshold(), None);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let of = |neighbours, admission| NoveltyConfig { neighbours, admission }.validate();
        assert_eq!(NoveltyConfig::default().validate(), Ok(()));
        assert!(of(0, Admission::default()).unwrap_err().contains("`neighbours`"));
        assert!(of(1, Admission::Random { probability: 1.5 }).unwrap_err().contains("1.5"));
        for (start, window) in [(0.0, 1), (f64::NAN, 1), (1.0, 0)] {
            assert!(of(1, Admission::Threshold { start, window, most: 4 }).is_err());
        }
    }
}
