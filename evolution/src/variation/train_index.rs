//! What operators need to know of the train cases, found once for all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use memchr::memmem::Finder;

use super::labels::labels;
use super::library::{Phrase, phrases};
use crate::candidate::Shot;
use crate::case::{Case, CaseSet};
use crate::diversity::Shingles;

/// Among so many first cases distances are kept: half a megabyte of them at most.
const MOST_PAIRED: usize = 256;

/// The train cases, and what would have to be found in all of them for every child anew: the labels and the phrases
/// about them, which cases can be examples, which are alike in their input or their answer, and how much.
///
/// Examples, shingles and distances are made when they are first asked for.
#[derive(Debug)]
pub struct TrainIndex {
    cases: Arc<CaseSet>,
    labels: Option<Vec<String>>,
    phrases: Vec<Phrase>,
    /// What finds each of the phrases in a text.
    finders: Vec<Finder<'static>>,
    /// Positions of the cases with an expected answer.
    answered: Vec<usize>,
    /// All positions in the order of their inputs.
    by_input: Vec<usize>,
    /// Of each case the number of its input: the same for the same input.
    inputs: Vec<usize>,
    /// Of each case the number of its answer: the same for the same answer but for space around it.
    answers: Vec<usize>,
    /// How many answers differ.
    distinct_answers: usize,
    shots: Vec<OnceLock<Option<Shot>>>,
    input_shingles: Vec<OnceLock<Shingles>>,
    /// Distances of the inputs of two cases, by the later one and then by the earlier.
    distances: Vec<OnceLock<f64>>,
}

impl TrainIndex {
    /// Of the train cases of a run.
    pub fn new(cases: Arc<CaseSet>) -> Self {
        let train = &cases.train;
        let labels = labels(train).map(|labels| labels.into_iter().map(str::to_owned).collect());
        let answered = (0..train.len()).filter(|at| !answer(&train[*at]).is_empty()).collect();
        let mut by_input: Vec<usize> = (0..train.len()).collect();
        by_input.sort_by_key(|at| &train[*at].input);
        let (inputs, _) = numbered(train.iter().map(|case| case.input.as_str()));
        let (answers, distinct_answers) = numbered(train.iter().map(answer));
        let phrases = phrases(train);
        let paired = train.len().min(MOST_PAIRED);
        Self {
            labels,
            finders: phrases.iter().map(|phrase| Finder::new(&*phrase.text).into_owned()).collect(),
            phrases,
            answered,
            by_input,
            inputs,
            answers,
            distinct_answers,
            shots: vec![OnceLock::new(); train.len()],
            input_shingles: vec![OnceLock::new(); train.len()],
            distances: vec![OnceLock::new(); paired * paired.saturating_sub(1) / 2],
            cases,
        }
    }

    /// The train cases.
    pub fn cases(&self) -> &[Case] {
        &self.cases.train
    }

    /// The answers to choose from in alphabetical order, where the cases have [`labels`].
    pub fn labels(&self) -> Option<&[String]> {
        self.labels.as_deref()
    }

    /// The library of [`phrases`], those about the labels included.
    pub fn phrases(&self) -> &[Phrase] {
        &self.phrases
    }

    /// Whether a text says the phrase at this position of [`TrainIndex::phrases`].
    pub(super) fn is_said(&self, phrase: usize, text: &str) -> bool {
        self.finders[phrase].find(text.as_bytes()).is_some()
    }

    /// Positions of the cases that can be shown beside some examples, in ascending order: those with an expected
    /// answer whose input is not shown yet, so that examples never contradict each other.
    pub fn usable(&self, beside: &[Shot]) -> Cow<'_, [usize]> {
        let shown: Vec<usize> = beside
            .iter()
            .filter_map(|shot| self.with_input(&shot.input).next())
            .map(|at| self.inputs[at])
            .collect();
        if shown.is_empty() {
            return Cow::Borrowed(&self.answered);
        }
        let mut usable = Vec::with_capacity(self.answered.len());
        usable.extend(self.answered.iter().filter(|at| !shown.contains(&self.inputs[**at])));
        Cow::Owned(usable)
    }

    /// The number of a case's input: the same for the same input.
    pub(super) fn input_number(&self, case: usize) -> usize {
        self.inputs[case]
    }

    /// The number of a case's answer, below [`TrainIndex::distinct_answers`]: the same for the same answer but for
    /// space around it.
    pub(super) fn answer_number(&self, case: usize) -> usize {
        self.answers[case]
    }

    /// How many answers differ.
    pub(super) fn distinct_answers(&self) -> usize {
        self.distinct_answers
    }

    /// The Jaccard distance of the inputs of two cases by their shingles, 0 to 1.
    pub(super) fn distance(&self, one: usize, other: usize) -> f64 {
        let (first, last) = (one.min(other), one.max(other));
        let measure = || self.input_shingles(first).distance(self.input_shingles(last));
        if first == last {
            return 0.0;
        }
        match self.distances.get(last * (last - 1) / 2 + first) {
            Some(known) => *known.get_or_init(measure),
            None => measure(),
        }
    }

    /// The example that a case makes; `None` when it has no expected answer to show.
    pub fn shot(&self, case: usize) -> Option<&Shot> {
        self.shots[case].get_or_init(|| self.cases()[case].shot()).as_ref()
    }

    /// The shingles of a case's input.
    pub(super) fn input_shingles(&self, case: usize) -> &Shingles {
        self.input_shingles[case].get_or_init(|| Shingles::of_text(&self.cases()[case].input))
    }

    /// Positions of the cases that have this input.
    pub(super) fn with_input(&self, input: &str) -> impl Iterator<Item = usize> {
        let input_of = |at: usize| self.cases()[at].input.as_str();
        let start = self.by_input.partition_point(|at| input_of(*at) < input);
        self.by_input[start..].iter().copied().take_while(move |at| input_of(*at) == input)
    }
}

/// Of train cases without a run, as when an operator is tried out.
impl From<Vec<Case>> for TrainIndex {
    fn from(train: Vec<Case>) -> Self {
        Self::new(Arc::new(CaseSet { train, validation: vec![] }))
    }
}

/// What a case is expected to be answered with, without the space around it; empty where nothing is.
pub(super) fn answer(case: &Case) -> &str {
    case.expected.as_deref().unwrap_or_default().trim()
}

/// Numbers for texts, the same for the same text, in the order in which they first come; and how many there are.
fn numbered<'a>(texts: impl Iterator<Item = &'a str>) -> (Vec<usize>, usize) {
    let mut known = BTreeMap::new();
    let number = |text| {
        let next = known.len();
        *known.entry(text).or_insert(next)
    };
    let numbers = texts.map(number).collect();
    (numbers, known.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::variation::suite::{Situation, situations};

    fn shown(input: &str, output: &str) -> Shot {
        Shot { input: input.into(), output: output.into() }
    }

    #[test]
    fn only_answered_cases_with_new_inputs_are_usable() {
        let silent = Case { expected: None, ..Case::new("a", "") };
        let train =
            vec![silent, Case::new("b", "1"), Case::new("b", "2"), Case::new("c", " "), Case::new("d", "1")];
        let index = TrainIndex::from(train);
        assert_eq!(*index.usable(&[]), [1, 2, 4]);
        assert_eq!(*index.usable(&[shown("d", "x")]), [1, 2]);
        assert_eq!(*index.usable(&[shown("x", "1"), shown("b", "3")]), [4]);
        assert_eq!(index.shot(0), None);
    }

    #[test]
    fn distances_are_right_beyond_those_that_are_kept() {
        let train: Vec<_> =
            (0..MOST_PAIRED + 2).map(|n| Case::new(format!("a b {}", n % 5), (n % 2).to_string())).collect();
        let index = TrainIndex::from(train.clone());
        for (one, other) in [(0, 1), (1, 0), (3, 3), (4, MOST_PAIRED - 1), (MOST_PAIRED + 1, 7)] {
            let of = |at: usize| Shingles::of_text(&train[at].input);
            for _ in 0..2 {
                assert_eq!(index.distance(one, other), of(one).distance(&of(other)), "{one}, {other}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn says_what_a_look_at_every_case_says(Situation { parents, train, .. } in situations()) {
            let index = TrainIndex::from(train.clone());
            for (at, phrase) in index.phrases().iter().enumerate() {
                let text = parents[1].component("instruction");
                prop_assert_eq!(index.is_said(at, text), text.contains(&*phrase.text));
                prop_assert!(index.is_said(at, &[text, &*phrase.text, text].concat()));
            }
            let beside = parents[0].shots();
            let is_shown = |case: &Case| beside.iter().any(|shot| *shot.input == *case.input);
            let usable = (0..train.len()).filter(|at| train[*at].shot().is_some() && !is_shown(&train[*at]));
            prop_assert_eq!(index.usable(beside), usable.collect::<Vec<_>>());
            let found = index.labels().map(|labels| labels.iter().map(String::as_str).collect());
            prop_assert_eq!(found, labels(&train));
            for (one, case) in train.iter().enumerate() {
                for (other, beside) in train.iter().enumerate() {
                    let same = index.input_number(one) == index.input_number(other);
                    prop_assert_eq!(same, case.input == beside.input);
                    let same = index.answer_number(one) == index.answer_number(other);
                    prop_assert_eq!(same, answer(case) == answer(beside));
                }
            }
            for example in beside.iter().cloned().chain(train.iter().filter_map(Case::shot)) {
                let shingles = Shingles::of_text(&example.input);
                let shown: Vec<usize> = index.with_input(&example.input).collect();
                prop_assert!(shown.iter().all(|at| *train[*at].input == *example.input));
                for (one, case) in train.iter().enumerate() {
                    prop_assert_eq!(shown.contains(&one), *case.input == *example.input);
                    let distance = index.input_shingles(one).distance(&shingles);
                    prop_assert!(shown.iter().all(|at| index.distance(one, *at) == distance));
                }
            }
        }
    }
}
