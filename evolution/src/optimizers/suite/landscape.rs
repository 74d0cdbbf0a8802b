//! Prompts whose true quality is known, and the changes that a model or an operator makes to them.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::candidate::{Candidate, INSTRUCTION};
use crate::digest::Digest;
use crate::piece::{Answer, ProposalOrder};
use crate::rng::{RunRng, stream};
use crate::variation::{Operator, VariationContext};

/// Quality of the seed, in each skill.
const SEED: &str = "0.4000";
/// Stands in a prompt that has the defect.
const DEFECT: &str = "(contradictory)";
/// Best quality of a prompt that states none.
const POOR: f64 = 0.3;

/// How proposals change what a prompt is worth. A prompt is a list of its qualities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landscape {
    /// Mean change of quality by a proposal.
    pub drift: f64,
    /// Standard deviation of the change.
    pub spread: f64,
    /// A case needs one of so many skills, 1 or more; a proposal changes one, by twice as much where there are several.
    pub skills: usize,
    /// Standard deviation of how much a proposal favours one of two answers over the other: cases with that answer gain
    /// so much, those with the other lose it. Above 0, half of the cases have the one answer, and `skills` is 2.
    pub lean: f64,
    /// Probability that a proposal mends the defect that the seed has, 0 to 1: while it is there every answer is wrong,
    /// whatever else is good about the prompt. Absent: the seed has none.
    pub mended: Option<f64>,
}

impl Landscape {
    /// Proposals help on average.
    pub const HELPFUL: Self = Self { drift: 0.01, spread: 0.05, skills: 1, lean: 0.0, mended: None };
    /// Proposals hurt on average, but differ widely.
    pub const WIDE: Self = Self { drift: -0.02, spread: 0.1, ..Self::HELPFUL };
    /// Proposals mostly hurt.
    pub const HARMFUL: Self = Self { drift: -0.03, ..Self::HELPFUL };
    /// Each proposal changes one skill in six.
    pub const SKILLS: Self = Self { drift: 0.0, skills: 6, ..Self::HELPFUL };
    /// Proposals hurt a little on average, and most make one of two answers likelier, right or wrong: what small models do
    /// with a prompt for a classification.
    pub const LEANING: Self = Self { drift: -0.01, spread: 0.08, skills: 2, lean: 0.25, mended: None };
    /// The seed asks for the wrong form of answer, and one proposal in ten mends that: until then nothing shows what
    /// helps.
    pub const DEFECTIVE: Self = Self { mended: Some(0.1), ..Self::HELPFUL };
    /// Those without a defect with what they are called.
    pub const ALL: [(&'static str, Self); 5] = [
        ("proposals help", Self::HELPFUL),
        ("proposals hurt, wide", Self::WIDE),
        ("proposals mostly hurt", Self::HARMFUL),
        ("six skills", Self::SKILLS),
        ("proposals favour an answer", Self::LEANING),
    ];

    /// Where the search starts.
    #[expect(clippy::expect_used, reason = "a landscape has a skill")]
    pub fn seed(&self) -> Candidate {
        let mut words = vec![SEED; self.skills];
        words.extend(self.mended.map(|_| DEFECT));
        Candidate::from_instruction(words.join(" ")).expect("a text")
    }

    /// Score of a candidate on the case with this number: right (1) or wrong (0), the same for ever.
    pub fn score(&self, candidate: &Candidate, number: u32) -> f64 {
        if is_defective(candidate.component(INSTRUCTION)) {
            return 0.0;
        }
        let qualities = qualities(candidate.component(INSTRUCTION));
        let quality = qualities[number as usize % qualities.len()];
        let shared = hash(&[b"case", &number.to_le_bytes()]);
        let own = hash(&[b"own", &number.to_le_bytes(), format!("{quality:.4}").as_bytes()]);
        f64::from(u8::from(shared * 0.6 + own * 0.4 < quality))
    }

    /// Long-run accuracy, 0 to 1: the mean over 2,000 cases that no search sees.
    pub fn truth(&self, candidate: &Candidate) -> f64 {
        (5_000..7_000).map(|number| self.score(candidate, number)).sum::<f64>() / 2_000.0
    }

    /// What a reflection model of this price answers: a change of one of the prompts it is shown. It depends on the
    /// question and the proposal alone.
    pub fn answer(&self, order: &ProposalOrder, price: f64, seed: u64) -> Answer {
        let digest = Digest::of_fields([order.question.as_bytes(), &order.id.0.to_le_bytes()]);
        let mut rng = stream(seed, &digest.to_string(), order.id.0);
        // What stands between fences; the prompts among it state qualities.
        let prompts: Vec<&str> =
            order.question.split("```").skip(1).step_by(2).filter(|text| !stated(text).is_empty()).collect();
        let words = match prompts[..] {
            [] => format!("Do it in manner {digest}."),
            [parent] => self.vary(parent, &mut rng),
            _ => self.vary(prompts[rng.random_range(0..prompts.len())], &mut rng),
        };
        let text = format!("```\n{words}\n```");
        Answer { text, truncated: false, dollars: price, price, tokens: 100 }
    }

    /// The text of a child.
    fn vary(&self, parent: &str, rng: &mut RunRng) -> String {
        let mut qualities = qualities(parent);
        let skill = rng.random_range(0..qualities.len());
        let scale = if self.skills == 1 { 1.0 } else { 2.0 };
        let noise: f64 = StandardNormal.sample(rng);
        let change = self.drift + self.spread * noise;
        let changed = |quality: f64, change: f64| (quality + change).clamp(0.05, 0.97);
        if self.lean > 0.0 {
            let noise: f64 = StandardNormal.sample(rng);
            let lean = self.lean * noise;
            for (quality, change) in qualities.iter_mut().zip([change + lean, change - lean]) {
                *quality = changed(*quality, change);
            }
        } else {
            qualities[skill] = changed(qualities[skill], change * scale);
        }
        let mut words: Vec<String> = qualities.iter().map(|quality| format!("{quality:.4}")).collect();
        // Without a defect nothing more is drawn.
        let stays = is_defective(parent) && self.mended.is_none_or(|mended| !rng.random_bool(mended));
        words.extend(stays.then(|| DEFECT.to_owned()));
        words.join(" ")
    }
}

/// Whether a prompt has the defect.
fn is_defective(text: &str) -> bool {
    text.split_whitespace().any(|word| word == DEFECT)
}

/// The qualities that a text states, one a skill.
fn stated(text: &str) -> Vec<f64> {
    let quality = |word: &str| word.parse().ok().filter(|quality| (0.0..1.0).contains(quality));
    text.split_whitespace().filter_map(quality).collect()
}

/// The qualities of a prompt: who states none has a poor one.
fn qualities(text: &str) -> Vec<f64> {
    let stated = stated(text);
    if stated.is_empty() { vec![POOR * hash(&[b"poor", text.as_bytes()])] } else { stated }
}

/// A uniform number in 0..1 that depends on nothing but what is hashed.
pub(super) fn hash(fields: &[&[u8]]) -> f64 {
    let bytes = Digest::of_fields(fields.iter().copied()).to_bytes();
    let number = bytes[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number as f64 / u64::MAX as f64
}

/// Changes a prompt as the model would, without asking it.
pub(super) struct Shift(pub(super) Landscape);

impl Operator for Shift {
    fn name(&self) -> &str {
        "shift"
    }

    fn vary(&self, parents: &[&Candidate], _: &VariationContext<'_>, rng: &mut RunRng) -> Option<Candidate> {
        let parent = parents.first()?;
        let text = self.0.vary(parent.component(INSTRUCTION), rng);
        parent.with_component(INSTRUCTION, text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::ProposalId;

    fn answered(question: &str) -> String {
        let order =
            ProposalOrder { id: ProposalId(3), operator: "x".into(), model: 0, question: question.into() };
        Landscape::HELPFUL.answer(&order, 0.01, 1).text.replace("```", "").trim().to_owned()
    }

    #[test]
    fn a_better_prompt_is_right_more_often() {
        let truth = |text: &str| Landscape::HELPFUL.truth(&Candidate::from_instruction(text).unwrap());
        assert!(truth("0.2") + 0.2 < truth("0.5") && truth("0.5") + 0.2 < truth("0.8"));
        assert!(truth("Do it.") < 0.3);
    }

    #[test]
    fn a_defect_spoils_everything_until_it_is_mended() {
        let landscape = Landscape::DEFECTIVE;
        let seed = landscape.seed();
        assert_eq!(landscape.truth(&seed), 0.0);
        let mended = (0..400).filter(|number| {
            let text = landscape.vary(seed.component(INSTRUCTION), &mut stream(*number, "test", 0));
            landscape.truth(&Candidate::from_instruction(text).unwrap()) > 0.2
        });
        let mended = mended.count();
        assert!((20..=60).contains(&mended), "{mended} of 400");
    }

    #[test]
    fn the_model_changes_a_prompt_that_it_is_shown() {
        let answer: f64 = answered("1. Look:\n```\n0.9\n```\nwithin ``` blocks.").parse().unwrap();
        assert!((answer - 0.9).abs() < 0.3, "{answer}");
        assert!(stated(&answered("Write advice within ``` blocks.")).is_empty());
    }
}
