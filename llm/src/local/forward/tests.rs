use std::sync::Arc;

use super::super::gguf::Gguf;
use super::super::synthetic::{self, VOCABULARY};
use super::*;

fn model() -> Llama {
    Llama::read(&Gguf::open(synthetic::model().file().path()).unwrap()).unwrap()
}

fn tokens(count: usize, step: usize) -> Vec<u32> {
    (0..count).map(|at| (at * step % VOCABULARY) as u32).collect()
}

/// The scores after a prompt that is computed alone and at once.
fn alone(model: &Llama, tokens: &[u32]) -> Vec<f32> {
    let mut segment = Segment::with_capacity(model.shape.keys, tokens.len());
    let run = Run { tokens, parts: &[], segment: &mut segment, scored: true };
    model.forward(&mut [run]).remove(0).unwrap()
}

#[test]
fn scores_are_numbers_that_depend_on_every_token() {
    let model = model();
    let scores = alone(&model, &tokens(50, 7));
    assert_eq!(scores.len(), VOCABULARY);
    assert!(scores.iter().all(|score| score.is_finite()));
    for changed in [0, 20, 49] {
        let mut other = tokens(50, 7);
        other[changed] += 1;
        assert_ne!(alone(&model, &other), scores, "token {changed}");
    }
}

#[test]
fn a_batch_gives_each_sequence_what_it_gets_alone() {
    let model = model();
    let prompts: Vec<_> = [1, 2, 13, 40, 33, 100].iter().map(|&count| tokens(count, count + 3)).collect();
    let mut segments: Vec<_> =
        prompts.iter().map(|prompt| Segment::with_capacity(model.shape.keys, prompt.len())).collect();
    let mut runs: Vec<_> = prompts
        .iter()
        .zip(&mut segments)
        .map(|(tokens, segment)| Run { tokens, parts: &[], segment, scored: true })
        .collect();
    let scores = model.forward(&mut runs);
    for (prompt, scores) in prompts.iter().zip(scores) {
        assert_eq!(scores.unwrap(), alone(&model, prompt), "{} tokens", prompt.len());
    }
}

#[test]
fn a_prompt_in_pieces_gives_what_it_gives_at_once() {
    let model = model();
    let prompt = tokens(90, 11);
    let expected = alone(&model, &prompt);
    // Shared parts of which less is used than there is, then own tokens in two steps.
    for (first, second, third) in [(1, 32, 33), (40, 41, 42), (31, 64, 89), (45, 46, 80)] {
        let mut parts = Vec::new();
        for (from, to) in [(0, first), (first, second)] {
            let longer = &prompt[from..(to + 5).min(90)];
            let mut segment = Segment::with_capacity(model.shape.keys, longer.len());
            let scored = model.forward(&mut [Run {
                tokens: longer,
                parts: &parts,
                segment: &mut segment,
                scored: false,
            }]);
            assert_eq!(scored, [None]);
            parts.push(Part { segment: Arc::new(segment), len: to - from });
        }
        let mut segment = Segment::with_capacity(model.shape.keys, 90 - second);
        for (from, to) in [(second, third), (third, 90)] {
            let run =
                Run { tokens: &prompt[from..to], parts: &parts, segment: &mut segment, scored: to == 90 };
            if let Some(scores) = model.forward(&mut [run]).remove(0) {
                assert_eq!(scores, expected, "cut at {first}, {second}, {third}");
            }
        }
        assert_eq!(segment.len(), 90 - second);
    }
}

#[test]
fn tokens_see_only_what_is_before_them() {
    let model = model();
    let prompt = tokens(60, 5);
    let mut segment = Segment::with_capacity(model.shape.keys, 60);
    model.forward(&mut [Run { tokens: &prompt, parts: &[], segment: &mut segment, scored: false }]);
    // The keys of the first 30 tokens are those of a prompt that ends there.
    let parts = [Part { segment: Arc::new(segment), len: 30 }];
    let mut rest = Segment::with_capacity(model.shape.keys, 1);
    let run = Run { tokens: &prompt[30..31], parts: &parts, segment: &mut rest, scored: true };
    assert_eq!(model.forward(&mut [run]).remove(0).unwrap(), alone(&model, &prompt[..31]));
}
