//! Texts as the mean of what the model makes of their tokens.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::fault::Fault;
use super::forward::Run;
use super::llama::Llama;
use super::schedule::STEP_TOKENS;
use super::segment::Segment;

/// A text to embed, in tokens.
#[derive(Debug)]
pub(super) struct Text {
    /// At least one token, within the model's context.
    pub(super) tokens: Vec<u32>,
    pub(super) reply: oneshot::Sender<Result<Vec<f32>, Fault>>,
}

/// Embeds the first of the texts that wait, and as many of the next as are worth computing with it. One is embedded alone
/// as it is with others.
pub(super) fn step(model: &Llama, waiting: &mut VecDeque<Text>) {
    let mut batch: Vec<Text> = vec![];
    let mut tokens = 0;
    while let Some(text) = waiting.front()
        && (batch.is_empty() || tokens + text.tokens.len() <= STEP_TOKENS)
    {
        tokens += text.tokens.len();
        batch.extend(waiting.pop_front());
    }
    // Nobody waits for a text whose caller has gone.
    batch.retain(|text| !text.reply.is_closed());
    let texts: Vec<&[u32]> = batch.iter().map(|text| &text.tokens[..]).collect();
    let vectors = embed(model, &texts);
    for (text, vector) in batch.into_iter().zip(vectors) {
        let _ = text.reply.send(vector);
    }
}

/// The mean of the last states of each text's tokens, of length 1.
fn embed(model: &Llama, texts: &[&[u32]]) -> Vec<Result<Vec<f32>, Fault>> {
    let mut segments: Vec<Segment> =
        texts.iter().map(|text| Segment::with_capacity(model.shape.keys, text.len())).collect();
    let mut sums = vec![vec![0.0; model.shape.embedding]; texts.len()];
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    // Only a text that is alone is longer than a step.
    for first in (0..longest).step_by(STEP_TOKENS) {
        let mut runs: Vec<Run<'_>> = texts
            .iter()
            .zip(&mut segments)
            .map(|(text, segment)| {
                let end = text.len().min(first + STEP_TOKENS);
                Run { tokens: &text[first.min(end)..end], parts: &[], segment, scored: false }
            })
            .collect();
        for (sum, part) in sums.iter_mut().zip(model.pooled(&mut runs)) {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    sums.into_iter().map(|sum| unit(&sum)).collect()
}

fn unit(vector: &[f64]) -> Result<Vec<f32>, Fault> {
    let norm = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
    if norm > 0.0 && norm.is_finite() {
        return Ok(vector.iter().map(|number| (number / norm) as f32).collect());
    }
    Err(Fault::new("the model computed states that are no numbers: its weights are corrupt"))
}
