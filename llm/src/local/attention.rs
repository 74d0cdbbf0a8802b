//! Attention of the new tokens of one sequence to all tokens before them.

use pulp::{Simd, WithSimd};

use super::kernel::{Tiles, multiply, softmax};
use super::panels::PANEL;
use super::segment::{Part, Segment};

/// Memory that attention needs for a while.
#[derive(Debug, Default)]
pub(super) struct AttentionScratch {
    scores: Vec<f32>,
    queries: Tiles,
    weights: Tiles,
}

/// Attention of some new tokens, in the query heads that share one head of keys.
pub(super) struct Attention<'a> {
    pub(super) layer: usize,
    /// The head of keys and values.
    pub(super) head: usize,
    /// Numbers in a head.
    pub(super) width: usize,
    /// What lies before the sequence's own segment.
    pub(super) parts: &'a [Part],
    pub(super) own: &'a Segment,
    /// The place of the first new token in its own segment.
    pub(super) first: usize,
    pub(super) tokens: usize,
    /// Rotated and scaled queries: for each query head of the group, a row per token.
    pub(super) queries: &'a [f32],
    pub(super) scratch: &'a mut AttentionScratch,
    /// Attended values, in the order of the queries; zero at first.
    pub(super) out: &'a mut [f32],
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { layer, head, width, .. } = self;
        let rows = self.queries.len() / width;
        let own = self.first + self.tokens;
        let before: usize = self.parts.iter().map(|part| part.len).sum();
        let stride = before + own;
        let (tile, scores) = {
            let scores = &mut self.scratch.scores;
            scores.resize(rows * (PANEL + stride), 0.0);
            scores.split_at_mut(rows * PANEL)
        };
        let segments = self.parts.iter().map(|part| (&*part.segment, part.len)).chain([(self.own, own)]);

        let queries = &mut self.scratch.queries;
        queries.pack::<S>(self.queries, width, width);
        let mut start = 0;
        for (segment, len) in segments.clone() {
            for panel in 0..len.div_ceil(PANEL) {
                tile.fill(0.0);
                multiply(simd, queries, 0, segment.keys(layer, head, panel), tile, PANEL);
                let column = panel * PANEL;
                let count = PANEL.min(len - column);
                for (tile, scores) in tile.chunks_exact(PANEL).zip(scores.chunks_exact_mut(stride)) {
                    scores[start + column..][..count].copy_from_slice(&tile[..count]);
                }
            }
            start += len;
        }

        for (row, scores) in scores.chunks_exact_mut(stride).enumerate() {
            // A token sees what lies before it, and itself.
            let (seen, unseen) = scores.split_at_mut(before + self.first + row % self.tokens + 1);
            softmax(seen);
            unseen.fill(0.0);
        }

        let weights = &mut self.scratch.weights;
        weights.pack::<S>(scores, stride, stride);
        let mut start = 0;
        for (segment, len) in segments {
            for panel in 0..width / PANEL {
                let values = segment.values(layer, head, panel, len);
                multiply(simd, weights, start, values, &mut self.out[panel * PANEL..], width);
            }
            start += len;
        }
    }
}
