//! What holds for every scorer.

use proptest::prelude::*;

use super::*;

/// All scorers that call nothing.
fn scorers() -> Vec<Box<dyn Scorer>> {
    let columns = ["input".to_owned(), "expected".to_owned()].into();
    let schema = serde_json::json!({"type": ["object", "number"]});
    vec![
        Box::new(ExactScorer { ignore_case: true }),
        Box::new(ContainsScorer::default()),
        Box::new(RegexScorer::new(r"^(\w+)|{expected}$", true, &columns).unwrap()),
        Box::new(NumericScorer { tolerance: 0.1, relative_tolerance: 0.1 }),
        Box::new(JsonScorer::new(Some(schema), vec![]).unwrap()),
        Box::new(SimilarityScorer::default()),
        Box::new(SimilarityScorer { method: Similarity::TokenF1, ignore_case: false }),
        Box::new(LabelScorer::new(LabelPlace::Start, ["a", "b"], false).unwrap()),
        Box::new(LabelScorer::new(LabelPlace::Anywhere, ["a", "b"], false).unwrap()),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn any_answer() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), r#"([-+0-9.,eE_ ]|[{}\[\]":]|a|b|```|\n|é|null){0,40}"#]
}

proptest! {
    #[test]
    fn every_answer_has_a_score_in_range(output in any_answer(), expected in any_answer()) {
        let case = Case::new("q", expected.as_str());
        for scorer in scorers() {
            if scorer.check(&case).is_ok() {
                let scored = block_on(scorer.score(&case, &output)).unwrap();
                prop_assert!((0.0..=1.0).contains(&scored.score), "{}", scorer.fingerprint());
                prop_assert!(!scored.feedback.is_empty());
                prop_assert!(scored.feedback.chars().count() < 30_000);
            }
        }
    }

    #[test]
    fn the_expected_answer_is_right(expected in r"[a-z0-9]{1,10}") {
        let case = Case::new("q", expected.as_str());
        for scorer in scorers() {
            if scorer.check(&case).is_ok() {
                let scored = block_on(scorer.score(&case, &expected)).unwrap();
                prop_assert_eq!(scored.score, 1.0, "{}", scorer.fingerprint());
            }
        }
    }
}

#[tokio::test]
async fn a_case_that_was_not_checked_is_a_failure_and_no_score() {
    let case = Case { expected: None, ..Case::new("q", "") };
    for scorer in scorers() {
        // With nothing expected, valid JSON is right.
        if !scorer.fingerprint().starts_with("json") {
            assert!(scorer.check(&case).is_err(), "{}", scorer.fingerprint());
            let failure = scorer.score(&case, "a").await.unwrap_err();
            assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Piece, "unscorable_case"));
        }
    }
}

#[test]
fn fingerprints_tell_scorers_apart() {
    let mut fingerprints: Vec<String> = scorers().iter().map(|scorer| scorer.fingerprint()).collect();
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), scorers().len());
}
