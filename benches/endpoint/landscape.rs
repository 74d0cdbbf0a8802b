//! Prompts whose true quality is known: it stands in their text.
//!
//! A prompt states a quality for each skill (`q=0.4000`, or several with commas between). A case needs one skill, and
//! is answered right when the quality exceeds a number that belongs in part to the case and in part to the case and
//! the quality together. A proposal moves one quality of its parent at random.

use std::ops::Range;

use evohub::evolution::rng::RunRng;
use evohub::evolution::{Case, Digest};
use rand::RngExt;
use serde_json::Value;

/// Numbers of the cases that no search sees, on which a chosen prompt is judged.
pub(crate) const FRESH: Range<u64> = 5_000..7_000;
/// The right answers there are.
pub(crate) const LABELS: [&str; 2] = ["yes", "no"];
/// The quality of the prompts that a search starts from.
const START: f64 = 0.4;
const MARK: &str = "q=";

/// How proposals change what a prompt is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landscape {
    pub(crate) name: &'static str,
    /// Mean change of quality by a proposal.
    pub(crate) drift: f64,
    /// Standard deviation of the change.
    pub(crate) spread: f64,
    /// A case needs one of so many skills; a proposal changes one.
    pub(crate) skills: usize,
}

/// Those that searches are compared on.
pub(crate) const LANDSCAPES: [Landscape; 4] = [
    Landscape { name: "proposals help", drift: 0.01, spread: 0.05, skills: 1 },
    Landscape { name: "proposals hurt, wide", drift: -0.02, spread: 0.1, skills: 1 },
    Landscape { name: "proposals mostly hurt", drift: -0.03, spread: 0.05, skills: 1 },
    Landscape { name: "six skills", drift: 0.0, spread: 0.05, skills: 6 },
];

impl Landscape {
    /// A prompt to start from.
    pub(crate) fn start(&self) -> String {
        prompt(&vec![START; self.skills])
    }

    /// What the task model answers: the label of the case that was asked about last, or the other one.
    pub(crate) fn answer(&self, turns: &[&str]) -> Option<String> {
        let number = case_number(turns)?;
        let qualities = turns.iter().find_map(|turn| qualities(turn).into_iter().next());
        let right = qualities.is_some_and(|qualities| is_right(&qualities, number));
        let [label, other] = if is_yes(number) { LABELS } else { [LABELS[1], LABELS[0]] };
        Some(if right { label } else { other }.to_owned())
    }

    /// What the reflection model answers, in the forms that are asked for: a fenced block, and a tag. Of several
    /// parents, each skill is taken from any.
    pub(crate) fn propose(&self, question: &str, rng: &mut RunRng) -> String {
        let parents = qualities(question);
        let mut child: Vec<f64> = (0..self.skills)
            .map(|skill| match parents.len() {
                // The instruction was lost on the way here: what is written now can be worth no more than nothing.
                0 => 0.0,
                count => *parents[rng.random_range(0..count)].get(skill).unwrap_or(&0.0),
            })
            .collect();
        let moved = rng.random_range(0..self.skills);
        let scale = if self.skills == 1 { 1.0 } else { 2.0 };
        let change = (self.drift + self.spread * gauss(rng)) * scale;
        child[moved] = (child[moved] + change).clamp(0.05, 0.97);
        let text = prompt(&child);
        format!("```\n{text}\n```\n<prompt>{text}</prompt>")
    }

    /// The share of fresh cases that a prompt answers right.
    pub(crate) fn truth(&self, prompt: &str) -> f64 {
        let Some(qualities) = qualities(prompt).into_iter().next() else { return 0.0 };
        FRESH.filter(|number| is_right(&qualities, *number)).count() as f64 / FRESH.count() as f64
    }
}

/// The cases of these numbers.
pub(crate) fn cases(numbers: Range<u64>) -> Vec<Case> {
    numbers.map(|number| Case::new(format!("case {number}"), LABELS[usize::from(!is_yes(number))])).collect()
}

/// The number of the case that the last turn ends with; examples may stand before it.
pub(crate) fn case_number(turns: &[&str]) -> Option<u64> {
    let (_, rest) = turns.last()?.rsplit_once("case ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The texts of a conversation.
pub(crate) fn turns(body: &Value) -> Vec<&str> {
    body["messages"].as_array().into_iter().flatten().filter_map(|turn| turn["content"].as_str()).collect()
}

pub(crate) fn gauss(rng: &mut RunRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random_range(f64::MIN_POSITIVE..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn prompt(qualities: &[f64]) -> String {
    let words: Vec<String> = qualities.iter().map(|quality| format!("{quality:.4}")).collect();
    format!("Say yes or no. {MARK}{}", words.join(","))
}

/// What the prompts in a text state.
fn qualities(text: &str) -> Vec<Vec<f64>> {
    let stated = text.split(MARK).skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(rest.len());
        rest[..end].split(',').map_while(|word| word.trim_end_matches('.').parse().ok()).collect()
    });
    stated.filter(|qualities: &Vec<f64>| !qualities.is_empty()).collect()
}

fn is_right(qualities: &[f64], number: u64) -> bool {
    let quality = qualities[number as usize % qualities.len()];
    let shared = hash(&[b"case", &number.to_le_bytes()]);
    let own = hash(&[b"own", &number.to_le_bytes(), format!("{quality:.4}").as_bytes()]);
    0.6 * shared + 0.4 * own < quality
}

fn is_yes(number: u64) -> bool {
    hash(&[b"label", &number.to_le_bytes()]) < 0.5
}

/// A uniform number from 0 to 1 that depends on nothing but what is hashed.
fn hash(fields: &[&[u8]]) -> f64 {
    let bytes = Digest::of_fields(fields.iter().copied()).to_bytes();
    let (head, _) = bytes.split_first_chunk().unwrap();
    u64::from_be_bytes(*head) as f64 / u64::MAX as f64
}
