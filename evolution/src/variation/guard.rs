//! The guard against leaks: case text in a prompt makes its score on those cases worthless.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use unicode_segmentation::UnicodeSegmentation;

use super::library::phrases;
use crate::candidate::Candidate;
use crate::case::{CaseSet, Split};

/// A run of so many words of an input is a leak. Shorter ones are common: names, idioms, phrases of the field.
const RUN: usize = 12;
/// An input of fewer words than [`RUN`], but so many, is a leak as a whole.
const SHORTEST: usize = 5;
/// What stands in so many different inputs, and in such a share of them, is their form and nothing of a case.
const FORM: usize = 3;
const FORM_SHARE: f64 = 0.1;

/// A case that the search sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseRef {
    /// Where it belongs.
    pub split: Split,
    /// Its index there.
    pub case: u32,
}

/// Finds case text in the texts of candidates: runs of 12 words of a train or validation input, or the whole of an
/// input of 5 to 11 words. Words are compared without case and punctuation. It takes about 16 bytes a word of the
/// inputs.
///
/// No leak is what the seeds say, what the library of phrases says, and what at least 3 inputs and a tenth of them
/// say alike.
#[derive(Debug, Clone)]
pub struct LeakGuard {
    vocabulary: Vocabulary,
    /// By the number of words: the hash of each run, in ascending order, and the first case that has it.
    runs: BTreeMap<usize, Vec<(u64, u32)>>,
    /// How many train cases there are; they come before the validation cases.
    train: u32,
}

impl LeakGuard {
    /// A guard of these cases for a search that begins with these seeds.
    pub fn new<'a>(cases: &CaseSet, seeds: impl IntoIterator<Item = &'a Candidate>) -> Self {
        let inputs: Vec<&str> =
            cases.train.iter().chain(&cases.validation).map(|case| case.input.as_str()).collect();
        let mut vocabulary = Vocabulary::default();
        let mut runs: BTreeMap<usize, Vec<(u64, u32)>> = BTreeMap::new();
        for (case, input) in (0..).zip(&inputs) {
            let words = vocabulary.learn(input);
            let length = words.len().min(RUN);
            if length >= SHORTEST {
                runs.entry(length).or_default().extend(words.windows(length).map(|run| (hash(run), case)));
            }
        }
        let own =
            seeds.into_iter().flat_map(|seed| seed.components().values().map(|text| vocabulary.read(text)));
        let mut exempt: Vec<Vec<u32>> = own.collect();
        exempt.extend(phrases(&cases.train).iter().map(|phrase| vocabulary.read(&phrase.text)));

        let distinct = |cases: &mut dyn Iterator<Item = &str>| cases.collect::<BTreeSet<_>>().len();
        let form = FORM.max((FORM_SHARE * distinct(&mut inputs.iter().copied()) as f64).ceil() as usize);
        for (length, runs) in &mut runs {
            let exempt: BTreeSet<u64> =
                exempt.iter().flat_map(|words| words.windows(*length)).map(hash).collect();
            runs.sort_unstable();
            let alike = runs.chunk_by(|one, other| one.0 == other.0);
            let telling = alike.filter(|alike| {
                let is_rare = alike.len() < form
                    || distinct(&mut alike.iter().map(|(_, case)| inputs[*case as usize])) < form;
                is_rare && !exempt.contains(&alike[0].0)
            });
            *runs = telling.map(|alike| alike[0]).collect();
        }
        Self { vocabulary, runs, train: cases.train.len() as u32 }
    }

    /// A case whose text stands in a text.
    pub fn leaks(&self, text: &str) -> Option<CaseRef> {
        let words = self.vocabulary.read(text);
        self.runs.iter().find_map(|(length, runs)| {
            words.windows(*length).find_map(|run| {
                let at = runs.binary_search_by_key(&hash(run), |(hash, _)| *hash).ok()?;
                Some(self.case(runs[at].1))
            })
        })
    }

    fn case(&self, number: u32) -> CaseRef {
        match number.checked_sub(self.train) {
            Some(case) => CaseRef { split: Split::Validation, case },
            None => CaseRef { split: Split::Train, case: number },
        }
    }
}

/// The words of all inputs, numbered.
#[derive(Debug, Clone, Default)]
struct Vocabulary(HashMap<String, u32>);

impl Vocabulary {
    /// The numbers of a text's words, with new numbers for new words.
    fn learn(&mut self, text: &str) -> Vec<u32> {
        let mut number = |word| {
            let next = self.0.len() as u32;
            *self.0.entry(word).or_insert(next)
        };
        words(text).map(&mut number).collect()
    }

    /// The numbers of a text's words, with [`UNKNOWN`] for those of no input.
    fn read(&self, text: &str) -> Vec<u32> {
        words(text).map(|word| self.0.get(&word).copied().unwrap_or(UNKNOWN)).collect()
    }
}

/// A word of no input.
const UNKNOWN: u32 = u32::MAX;

fn words(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().map(str::to_lowercase)
}

/// The words of a run one by one through the mix of SplitMix64.
fn hash(run: &[u32]) -> u64 {
    run.iter().fold(run.len() as u64, |state, word| {
        let mixed = (state ^ u64::from(*word)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::case::Case;

    const LONG: &str = "The old harbour of the town had been closed for years when, one morning in May, a ship \
                        came in that nobody had expected.";
    const SHORT: &str = "Who wrote the first symphony?";

    fn guard(train: &[&str], validation: &[&str], seed: &str) -> LeakGuard {
        let cases = |inputs: &[&str]| inputs.iter().map(|input| Case::new(*input, "x")).collect();
        let cases = CaseSet { train: cases(train), validation: cases(validation) };
        LeakGuard::new(&cases, &[Candidate::from_instruction(seed).unwrap()])
    }

    #[test]
    fn twelve_words_in_a_row_are_a_leak_however_they_are_written() {
        let guard = guard(&["another one"], &["nothing", LONG], "Answer.");
        let found = Some(CaseRef { split: Split::Validation, case: 1 });
        assert_eq!(guard.leaks(&format!("For example: {LONG} Answer yes.")), found);
        let twelve = "say: \"HAD been closed -- for years; when one morning, in may: a SHIP\" and so on";
        assert_eq!(guard.leaks(twelve), found);
        let eleven = "say: had been closed for years when one morning in may a, and so on";
        assert_eq!(guard.leaks(eleven), None);
        let other_word = "had been closed for years when one morning in June a ship came in that nobody knew";
        assert_eq!(guard.leaks(other_word), None);
    }

    #[test]
    fn a_short_input_is_a_leak_as_a_whole() {
        let guard = guard(&[SHORT, "great film"], &["x"], "Answer.");
        let found = Some(CaseRef { split: Split::Train, case: 0 });
        assert_eq!(guard.leaks("If asked who wrote the first symphony, say Haydn."), found);
        assert_eq!(guard.leaks("If asked who wrote a symphony, say Haydn."), None);
        assert_eq!(guard.leaks("Say yes to a great film."), None, "two words prove nothing");
    }

    #[test]
    fn what_seeds_and_library_say_is_none() {
        let said = "Name the one who wrote the first symphony?";
        let inputs = ["who wrote the first symphony", "Consider the whole text before you answer"];
        assert_eq!(guard(&inputs, &["x"], said).leaks(said), None);
        assert!(guard(&inputs, &["x"], "Answer.").leaks(said).is_some());
        assert_eq!(guard(&inputs, &["x"], said).leaks("Consider the whole text before you answer."), None);
    }

    #[test]
    fn the_form_of_inputs_is_none() {
        let form = "Read the following review of a film and say whether its writer liked it or not";
        let inputs =
            ["It was dull.", "It was great.", "I slept.", "I laughed."].map(|text| format!("{form}: {text}"));
        let inputs = inputs.each_ref().map(String::as_str);
        assert_eq!(guard(&inputs[..2], &inputs[2..], "x").leaks(form), None);
        assert!(guard(&inputs[..1], &inputs[2..3], "x").leaks(form).is_some(), "two may be alike by chance");
        assert!(guard(&inputs[..2], &inputs[2..], "x").leaks(inputs[1]).is_some());
    }

    fn texts(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(String::from), count)
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_word_by_word(input in texts(12..30), text in texts(0..40), at in 0_usize..30) {
            // A text of four words seldom meets an input by itself, so that a part of it is put in.
            let part = &input[at.min(input.len())..(at + 12).min(input.len())];
            let text: Vec<String> = text.iter().chain(part).cloned().collect();
            let guard = guard(&[&input.join(" ")], &["x"], "y");
            let leaks = text.windows(RUN).any(|run| input.windows(RUN).any(|known| known == run));
            prop_assert_eq!(guard.leaks(&text.join(", ")).is_some(), leaks);
        }
    }
}
