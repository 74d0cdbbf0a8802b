//! The properties that every operator has, to be run on users' own operators too.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use proptest::prelude::*;
use proptest::string::{RegexGeneratorStrategy, string_regex};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::{Operator, VariationContext, VariationLimits};
use crate::candidate::{Candidate, Placement, Shot};
use crate::case::Case;
use crate::rng::stream;

/// How many situations an operator is put into.
const SITUATIONS: u32 = 100;

/// One call of an operator.
#[derive(Debug, Clone)]
pub struct Situation {
    /// Two parents, the first alone for an operator of one.
    pub parents: [Candidate; 2],
    /// Train cases.
    pub train: Vec<Case>,
    /// Their difficulty.
    pub difficulty: Vec<Option<f64>>,
    /// Limits; the parents may break them.
    pub limits: VariationLimits,
    /// What the generator starts from.
    pub seed: u64,
}

/// Checks that an operator, over a hundred arbitrary situations (the same every time), gives children that keep
/// the limits, equal no parent and show no input twice unless a parent does; that it gives the same for the same
/// seed, survives too few parents, leaves the parents as they were, and applies at all.
///
/// # Panics
/// With the smallest situation found in which a property does not hold.
pub fn check_operator(operator: &dyn Operator) {
    let name = operator.name();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(
        !name.is_empty() && name.chars().all(is_plain),
        "`{name}` is no name of lower case and underscores"
    );
    assert!((1..=2).contains(&operator.arity()), "`{name}` takes {} parents", operator.arity());

    let config = Config { cases: SITUATIONS, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let applied = std::cell::Cell::new(0_u32);
    let result = TestRunner::new_with_rng(config, rng).run(&situations(), |situation| {
        applied.set(applied.get() + u32::from(holds(operator, &situation)?));
        Ok(())
    });
    match result {
        Ok(()) => assert!(applied.get() > 0, "`{name}` applied in none of {SITUATIONS} situations"),
        Err(TestError::Fail(reason, situation)) => panic!("`{name}`: {reason} in {situation:#?}"),
        Err(TestError::Abort(reason)) => panic!("`{name}`: {reason}"),
    }
}

/// Whether the operator applied, when all properties hold.
fn holds(operator: &dyn Operator, situation: &Situation) -> Result<bool, TestCaseError> {
    let Situation { parents, train, difficulty, limits, seed } = situation;
    let context = VariationContext { train: &train.clone().into(), difficulty, limits: *limits };
    let parents: Vec<&Candidate> = parents.iter().take(operator.arity()).collect();
    let before = serde_json::to_string(&parents).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let vary = |parents: &[&Candidate]| operator.vary(parents, &context, &mut stream(*seed, "suite", 0));

    prop_assert!(vary(&[]).is_none(), "a child of no parent");
    let child = vary(&parents);
    prop_assert_eq!(&child, &vary(&parents), "another child for the same seed");
    let after = serde_json::to_string(&parents).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(before, after, "parents changed");

    let Some(child) = child else { return Ok(false) };
    prop_assert!(!parents.contains(&&child), "the child equals a parent");
    prop_assert!(limits.admit(&child), "the child breaks the limits: {:?}", child);
    let repeats = |candidate: &Candidate| {
        let inputs: HashSet<_> = candidate.shots().iter().map(|shot| &shot.input).collect();
        inputs.len() < candidate.shots().len()
    };
    prop_assert!(
        !repeats(&child) || parents.iter().any(|parent| repeats(parent)),
        "the child shows an input twice: {:?}",
        child
    );
    Ok(true)
}

/// Arbitrary calls: any characters, none to many examples, tight and wide limits.
pub fn situations() -> impl Strategy<Value = Situation> {
    let limits = (0_usize..6, prop_oneof![1 => 1_usize..60, 1 => 60_usize..1_500, 2 => Just(8_000_usize)]);
    let limits = limits
        .prop_map(|(max_shots, max_component_length)| VariationLimits { max_shots, max_component_length });
    let train = prop::collection::vec((cases(), prop::option::of(0.0..=1.0)), 0..12);
    ([candidates(), candidates()], train, limits, any::<u64>()).prop_map(|(parents, train, limits, seed)| {
        let (train, difficulty) = train.into_iter().unzip();
        Situation { parents, train, difficulty, limits, seed }
    })
}

/// Arbitrary candidates: one component or several, some of them shared with other candidates by name, and none, one or
/// two parameters.
pub fn candidates() -> impl Strategy<Value = Candidate> {
    let names = prop::sample::select(vec!["instruction", "answer", "style", "system"]);
    let components = prop::collection::btree_map(names.prop_map(String::from), texts(), 1..5);
    let placement = prop::sample::select(Placement::ALL.to_vec());
    let shot =
        (texts(), labels()).prop_map(|(input, output)| Shot { input: input.into(), output: output.into() });
    let shots = prop::collection::vec(shot, 0..6);
    let parameters = prop::collection::btree_map(
        prop::sample::select(vec!["temperature", "top_p"]).prop_map(String::from),
        0.0..2.0,
        0..3,
    );
    (components, placement, shots, parameters).prop_filter_map(
        "no component has text",
        |(components, placement, shots, parameters): (BTreeMap<_, _>, _, _, _)| {
            Candidate::new(components, placement, shots).and_then(|c| c.with_parameters(parameters)).ok()
        },
    )
}

/// Arbitrary cases, some without an expected answer, some with the same input.
fn cases() -> impl Strategy<Value = Case> {
    let input = prop_oneof![texts(), matching("[ab]")];
    (input, prop::option::weighted(0.9, labels()), 0.1..3.0).prop_map(|(input, expected, weight)| Case {
        weight,
        ..match expected {
            Some(expected) => Case::new(input, expected),
            None => Case { expected: None, ..Case::new(input, "") },
        }
    })
}

fn labels() -> impl Strategy<Value = String> {
    prop_oneof![4 => matching(r"yes|no|\{all\}|[🙂é]"), 1 => characters(0..20)]
}

/// Prose of a few sentences, anything at all, and now and then a long text.
fn texts() -> impl Strategy<Value = String> {
    let sentence = matching("[A-Z][a-zé]{1,8}(,? [a-z0-9]{1,8}){0,5}[.!?]( |\n|\n\n)");
    prop_oneof![
        6 => prop::collection::vec(sentence, 1..4).prop_map(|sentences| sentences.concat()),
        3 => characters(0..30),
        1 => (characters(1..6), 50_usize..400).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

/// Any characters at all.
fn characters(count: Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), count).prop_map(String::from_iter)
}

/// Texts that match a regular expression, which is parsed once.
fn matching(expression: &str) -> RegexGeneratorStrategy<String> {
    string_regex(expression).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::RunRng;

    struct Faulty<F>(F);

    impl<F: Fn(&Candidate, &mut RunRng) -> Option<Candidate> + Send + Sync> Operator for Faulty<F> {
        fn name(&self) -> &str {
            "faulty"
        }

        fn vary(
            &self,
            parents: &[&Candidate],
            _: &VariationContext<'_>,
            rng: &mut RunRng,
        ) -> Option<Candidate> {
            (self.0)(parents.first()?, rng)
        }
    }

    #[test]
    #[should_panic(expected = "equals a parent")]
    fn a_copy_is_found() {
        check_operator(&Faulty(|parent: &Candidate, _: &mut RunRng| Some(parent.clone())));
    }

    #[test]
    #[should_panic(expected = "breaks the limits")]
    fn a_giant_is_found() {
        let grow =
            |parent: &Candidate, _: &mut RunRng| parent.with_component("style", "x".repeat(9_000)).ok();
        check_operator(&Faulty(grow));
    }

    #[test]
    #[should_panic(expected = "applied in none")]
    fn an_idle_operator_is_found() {
        check_operator(&Faulty(|_: &Candidate, _: &mut RunRng| None));
    }
}
