//! Fitness sharing (Goldberg and Richardson 1987).

/// How near others must be to share with, and how.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SharingConfig {
    /// Only those nearer than this share, in units of the distance, above 0.
    pub radius: f64,
    /// How the share falls with the distance: 1 evenly, above 1 slower at first. Above 0.
    pub shape: f64,
}

impl Default for SharingConfig {
    fn default() -> Self {
        Self { radius: 0.3, shape: 1.0 }
    }
}

impl SharingConfig {
    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        for (key, value) in [("radius", self.radius), ("shape", self.shape)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("`sharing.{key}` is {value}, and must be above 0"));
            }
        }
        Ok(())
    }

    /// The share that two candidates have in each other: 1 - (distance / radius)^shape, and 0 from the radius on.
    fn share(&self, distance: f64) -> f64 {
        if distance < self.radius { 1.0 - (distance / self.radius).powf(self.shape) } else { 0.0 }
    }
}

/// The fitness of each candidate divided by the number of those in its niche, in which the nearer count for more and
/// itself counts as one: what a place in the search space is worth is shared among those who live there. Negative
/// fitness is multiplied instead, so that company never helps. Takes a distance for each pair of positions.
pub fn shared_fitness(
    fitness: &[f64],
    config: &SharingConfig,
    distance: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let mut niches = vec![1.0; fitness.len()];
    for one in 0..fitness.len() {
        for other in one + 1..fitness.len() {
            let share = config.share(distance(one, other));
            niches[one] += share;
            niches[other] += share;
        }
    }
    let shared =
        |(fitness, niche): (&f64, f64)| if *fitness < 0.0 { fitness * niche } else { fitness / niche };
    fitness.iter().zip(niches).map(shared).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_by_hand() {
        let places: [f64; 3] = [0.0, 0.5, 3.0];
        let distance = |one: usize, other: usize| (places[one] - places[other]).abs();
        let config = SharingConfig { radius: 1.0, shape: 2.0 };
        assert_eq!(shared_fitness(&[0.7, -0.7, 0.6], &config, distance), [0.7 / 1.75, -0.7 * 1.75, 0.6]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        assert_eq!(SharingConfig::default().validate(), Ok(()));
        let error = SharingConfig { radius: 0.0, shape: 1.0 }.validate().unwrap_err();
        assert!(error.contains("`sharing.radius` is 0"), "{error}");
        assert!(SharingConfig { radius: 1.0, shape: f64::NAN }.validate().is_err());
    }

    proptest! {
        #[test]
        fn copies_are_worth_as_much_as_one(copies in 1_usize..20, fitness in 0.0..1.0) {
            let shared = shared_fitness(&vec![fitness; copies], &SharingConfig::default(), |_, _| 0.0);
            prop_assert!((shared.iter().sum::<f64>() - fitness).abs() < 1e-9);
        }
    }
}
