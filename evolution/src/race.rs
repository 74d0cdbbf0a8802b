//! Measuring a candidate only as long as it can still win.

mod bayes;
mod student;

use serde::{Deserialize, Deserializer, Serialize};

use crate::statistics::SequentialTest;

pub use bayes::probability_better;

/// How a candidate that lies behind is told from one that has had bad luck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RaceTest {
    /// A sequential test by betting ([`SequentialTest`]; Waudby-Smith and Ramdas 2024): a candidate better than its
    /// reference by the worth of one case or more, over all cases of the race, is dropped with probability `alpha`
    /// at most, however often it is looked at. That holds for a reference that was chosen without regard to these
    /// cases; where it is the luckiest of many, a candidate as good in truth is dropped more often.
    Anytime,
    /// Drops a candidate whose probability to be better, given the cases both were measured on, is below
    /// `threshold` ([`probability_better`]). It saves most, and drops many that are better: a belief is no promise
    /// of how often it errs, least when it is looked at again and again.
    Bayes,
    /// A paired one-sided t-test at each look, at level `alpha`, as in CAPO (arXiv 2504.16005; blocks of 30 cases,
    /// 0.2). Not corrected for the number of looks: with many of them far more than `alpha` are wrongly dropped.
    PairedT,
}

/// How a candidate's measurement is broken off early. Where a file says only part of it, the rest is what suits the
/// test ([`RaceConfig::of`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "Given")]
pub struct RaceConfig {
    /// Whether to race at all; otherwise every candidate is measured on all cases that the search ranks on.
    pub enabled: bool,
    /// How it is decided who is dropped.
    pub test: RaceTest,
    /// Probability that a candidate is dropped although it is better than the reference, at most: for the tests
    /// that have one. Above 0, up to 0.5.
    pub alpha: f64,
    /// For `bayes`: a candidate is dropped once the probability that it is better than the reference falls below
    /// this. 0 to 0.5.
    pub threshold: f64,
    /// Cases before the first look, 1 or more.
    pub first_look: usize,
    /// How many times as many cases the next look is at, 1.1 to 10.
    pub growth: f64,
    /// Instead of `growth`, the number of cases from look to look, 1 or more: 1 is after every case, 30 are the
    /// blocks of CAPO. The fewer, the earlier a candidate is dropped, and the longer a race takes.
    pub block: Option<usize>,
}

impl Default for RaceConfig {
    fn default() -> Self {
        Self::of(RaceTest::Anytime)
    }
}

impl RaceConfig {
    /// The race by a test, with looks that suit it: `anytime` may look often, `bayes` errs the more the more often
    /// it looks, and `paired-t` is CAPO's.
    pub fn of(test: RaceTest) -> Self {
        let (first_look, growth, block) = match test {
            RaceTest::Anytime => (6, 1.15, None),
            RaceTest::Bayes => (6, 2.0, None),
            RaceTest::PairedT => (30, 2.0, Some(30)),
        };
        Self { enabled: true, test, alpha: 0.2, threshold: 0.25, first_look, growth, block }
    }

    /// Reads the settings of an optimizer that races by belief unless told otherwise.
    pub(crate) fn bayes_unless_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Given::deserialize(deserializer)?.completed(RaceTest::Bayes))
    }

    /// What is wrong with the settings, with the key.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        if !(self.alpha > 0.0 && self.alpha <= 0.5) {
            return Err(format!("`race.alpha` is {}, and must be above 0 and at most 0.5", self.alpha));
        }
        if !(0.0..=0.5).contains(&self.threshold) {
            return Err(format!("`race.threshold` is {}, and must be from 0 to 0.5", self.threshold));
        }
        if self.first_look == 0 {
            return Err("`race.first_look` must be 1 or more".into());
        }
        if !(1.1..=10.0).contains(&self.growth) {
            return Err(format!("`race.growth` is {}, and must be from 1.1 to 10", self.growth));
        }
        if self.block == Some(0) {
            return Err("`race.block` must be 1 or more".into());
        }
        Ok(())
    }

    /// How many cases have been measured at each look, the last being `cases`: each look at `growth` times as many
    /// as the one before, so that a candidate far behind costs little and one close behind is looked at few times;
    /// or a `block` further.
    pub fn looks(&self, cases: usize) -> Vec<usize> {
        let mut looks = vec![];
        if self.enabled {
            let mut next = self.first_look.max(1);
            // A look that leaves almost nothing to save is none.
            while next * 4 < cases * 3 {
                looks.push(next);
                next = match self.block {
                    Some(block) => next + block.max(1),
                    None => ((next as f64 * self.growth).round() as usize).max(next + 1),
                };
            }
        }
        looks.push(cases);
        looks
    }

    /// Whether a candidate need not be measured further: it can hardly be better than the reference, or not at all.
    ///
    /// Both are scored from 0 to 1 on the first of the `cases` of the race, in the same order, which has nothing to
    /// do with the scores. The reference may have been measured on more of them than the candidate: what it reached
    /// there counts only for what is certain.
    pub fn is_hopeless(&self, scores: &[f64], reference: &[f64], cases: usize) -> bool {
        self.enabled && (is_lost(scores, reference, cases) || self.is_behind(scores, reference, cases))
    }

    /// How many of the rivals a candidate can hardly be better than: CAPO drops those that enough others beat.
    /// As for [`is_hopeless`](Self::is_hopeless); a small penalty that lowers all scores of a candidate alike, as
    /// for its length, does no harm.
    pub fn beaten_by(&self, scores: &[f64], rivals: &[Vec<f64>], cases: usize) -> usize {
        rivals.iter().filter(|rival| self.is_hopeless(scores, rival, cases)).count()
    }

    fn is_behind(&self, scores: &[f64], reference: &[f64], cases: usize) -> bool {
        match self.test {
            RaceTest::Anytime => {
                // A candidate is better by one case or not at all where answers are right or wrong.
                let least = 1.0 / cases.max(1) as f64;
                let mut test = SequentialTest::new(least, 1.0, self.alpha).of_population(cases);
                scores.iter().zip(reference).for_each(|(score, reference)| test.observe(score - reference));
                test.rejects()
            }
            RaceTest::Bayes => probability_better(scores, reference) < self.threshold,
            RaceTest::PairedT => student::probability_as_low(scores, reference) < self.alpha,
        }
    }
}

/// What a file says of a race.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    enabled: Option<bool>,
    test: Option<RaceTest>,
    alpha: Option<f64>,
    threshold: Option<f64>,
    first_look: Option<usize>,
    growth: Option<f64>,
    block: Option<usize>,
}

impl Given {
    fn completed(self, test: RaceTest) -> RaceConfig {
        let rest = RaceConfig::of(self.test.unwrap_or(test));
        RaceConfig {
            enabled: self.enabled.unwrap_or(rest.enabled),
            test: rest.test,
            alpha: self.alpha.unwrap_or(rest.alpha),
            threshold: self.threshold.unwrap_or(rest.threshold),
            first_look: self.first_look.unwrap_or(rest.first_look),
            growth: self.growth.unwrap_or(rest.growth),
            // Who says how looks grow does not want blocks.
            block: self.block.or(rest.block.filter(|_| self.growth.is_none())),
        }
    }
}

impl From<Given> for RaceConfig {
    fn from(given: Given) -> Self {
        given.completed(RaceTest::Anytime)
    }
}

/// Whether a candidate ends below the reference even if it is perfect on all cases that are left to it, and the
/// reference wrong on all that are left to that.
fn is_lost(scores: &[f64], reference: &[f64], cases: usize) -> bool {
    let left = cases.saturating_sub(scores.len()) as f64;
    let most = scores.iter().sum::<f64>() + left;
    most < reference.iter().sum::<f64>() - 1e-9
}

#[cfg(test)]
mod tests;
