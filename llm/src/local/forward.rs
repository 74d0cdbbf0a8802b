//! Computes a Llama model over a batch of sequences of different lengths.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::attention::{Attention, AttentionScratch};
use super::kernel::{Tiles, multiply, rms_norm, swiglu};
use super::llama::{Layer, Llama, Shape};
use super::panels::{PANEL, Weights};
use super::segment::{Part, Segment, length};

/// Columns of weights that are unpacked at a time: 24 KB, which stay in the first cache.
const UNPACKED_COLUMNS: usize = 192;
/// New tokens whose attention is one task.
const ATTENTION_TOKENS: usize = 32;

thread_local! {
    static UNPACKED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static ATTENTION: RefCell<(Vec<f32>, AttentionScratch)> = RefCell::default();
}

/// New tokens of one sequence.
pub(super) struct Run<'a> {
    pub(super) tokens: &'a [u32],
    /// What lies before the segment.
    pub(super) parts: &'a [Part],
    /// Takes the keys and values of the new tokens, behind those it has; it has room for them.
    pub(super) segment: &'a mut Segment,
    /// Whether to compute the scores of what comes after the last of the tokens.
    pub(super) scored: bool,
}

impl Llama {
    /// Computes all runs at once, and for each that wants it the scores of all tokens that may come next.
    pub(super) fn forward(&self, runs: &mut [Run<'_>]) -> Vec<Option<Vec<f32>>> {
        let batch = self.through_layers(runs);
        let mut last = 0;
        let mut rows = Vec::new();
        for run in runs.iter_mut() {
            run.segment.extend(run.tokens.len());
            last += run.tokens.len();
            if run.scored {
                rows.push(last - 1);
            }
        }
        let mut scores = batch.scores(self, &rows).into_iter();
        runs.iter().map(|run| if run.scored { scores.next() } else { None }).collect()
    }

    /// Computes all runs at once, and for each the sum of the last layer's states over its tokens, normalised as before
    /// scores are computed of them.
    pub(super) fn pooled(&self, runs: &mut [Run<'_>]) -> Vec<Vec<f64>> {
        let mut batch = self.through_layers(runs);
        normalize(&batch.hidden, &self.output_norm, self.shape.norm_epsilon, &mut batch.normed);
        let mut states = batch.normed.chunks_exact(self.shape.embedding);
        let sum_of = |run: &mut Run<'_>| {
            run.segment.extend(run.tokens.len());
            let mut sum = vec![0.0; self.shape.embedding];
            for state in states.by_ref().take(run.tokens.len()) {
                sum.iter_mut().zip(state).for_each(|(sum, number)| *sum += f64::from(*number));
            }
            sum
        };
        runs.iter_mut().map(sum_of).collect()
    }

    fn through_layers(&self, runs: &mut [Run<'_>]) -> Batch {
        let shape = &self.shape;
        let mut batch = Batch::new(self, runs);
        for (index, layer) in self.layers.iter().enumerate() {
            batch.attend(shape, layer, index, runs);
            batch.feed_forward(shape, layer);
        }
        batch
    }
}

/// The state of a batch between layers: one row for each token.
struct Batch {
    rows: usize,
    /// The numbers that stand for the tokens.
    hidden: Vec<f32>,
    normed: Vec<f32>,
    /// Products of one or more weight matrices: panel after panel, each with 32 numbers for each row.
    products: Vec<f32>,
    /// Attended values, by task.
    attended: Vec<f32>,
    /// The inner row of the feed-forward layer, or the attended values by token.
    inner: Vec<f32>,
    /// Cosine and sine by which each pair of a head's numbers is rotated.
    rotations: Vec<[f32; 2]>,
}

impl Batch {
    fn new(model: &Llama, runs: &[Run<'_>]) -> Self {
        let shape = &model.shape;
        let rows = runs.iter().map(|run| run.tokens.len()).sum();
        let mut hidden = vec![0.0; rows * shape.embedding];
        let tokens: Vec<u32> = runs.iter().flat_map(|run| run.tokens).copied().collect();
        hidden
            .par_chunks_mut(shape.embedding)
            .zip(&tokens)
            .for_each(|(hidden, &token)| model.embedding.row(token as usize, hidden));

        let pairs = shape.keys.width / 2;
        let speeds: Vec<f64> =
            (0..pairs).map(|pair| shape.rope_base.powf(-(pair as f64) / pairs as f64)).collect();
        let mut rotations = Vec::with_capacity(rows * pairs);
        for run in runs {
            let start = length(run.parts) + run.segment.len();
            for position in start..start + run.tokens.len() {
                rotations.extend(speeds.iter().map(|speed| {
                    let (sine, cosine) = (speed * position as f64).sin_cos();
                    [cosine as f32, sine as f32]
                }));
            }
        }
        Self {
            rows,
            normed: vec![0.0; hidden.len()],
            hidden,
            products: Vec::new(),
            attended: vec![0.0; rows * shape.embedding],
            inner: vec![0.0; rows * shape.embedding.max(shape.feed_forward)],
            rotations,
        }
    }

    /// Adds what the tokens take from those before them.
    fn attend(&mut self, shape: &Shape, layer: &Layer, index: usize, runs: &mut [Run<'_>]) {
        normalize(&self.hidden, &layer.attention_norm, shape.norm_epsilon, &mut self.normed);
        project(&[&layer.query, &layer.key, &layer.value], &self.normed, self.rows, &mut self.products);
        let products = Products { numbers: &self.products, rows: self.rows };
        let (width, pairs) = (shape.keys.width, shape.keys.width / 2);
        let rotations = &self.rotations;

        let mut first = 0;
        let mut places = Vec::with_capacity(runs.len());
        for run in &*runs {
            places.push(first);
            first += run.tokens.len();
        }
        let (first_key, first_value) = (layer.query.panels(), layer.query.panels() + layer.key.panels());
        runs.par_iter_mut().zip(&places).for_each(|(run, &place)| {
            let (mut key, mut value) = (vec![0.0; width], vec![0.0; width]);
            for head in 0..shape.keys.heads {
                for token in 0..run.tokens.len() {
                    let row = place + token;
                    products.head(first_key, head, row, &mut key);
                    rotate(&mut key, &rotations[row * pairs..], 1.0);
                    products.head(first_value, head, row, &mut value);
                    run.segment.put(index, head, run.segment.len() + token, &key, &value);
                }
            }
        });

        // Each task has its own stretch of `attended`: for each query head of the group, a row per token.
        let group = shape.group();
        let mut tasks = Vec::new();
        let mut rest = &mut *self.attended;
        for (run, &place) in runs.iter().zip(&places) {
            for first in (0..run.tokens.len()).step_by(ATTENTION_TOKENS) {
                let tokens = ATTENTION_TOKENS.min(run.tokens.len() - first);
                for head in 0..shape.keys.heads {
                    let (out, others) = rest.split_at_mut(group * tokens * width);
                    rest = others;
                    tasks.push((run, head, first, tokens, place + first, out));
                }
            }
        }
        tasks.par_iter_mut().for_each(|(run, head, first, tokens, place, out)| {
            ATTENTION.with_borrow_mut(|(queries, scratch)| {
                queries.resize(out.len(), 0.0);
                for (row, query) in queries.chunks_exact_mut(width).enumerate() {
                    let token = *place + row % *tokens;
                    products.head(0, *head * group + row / *tokens, token, query);
                    rotate(query, &rotations[token * pairs..], (width as f32).sqrt().recip());
                }
                out.fill(0.0);
                Arch::new().dispatch(Attention {
                    layer: index,
                    head: *head,
                    width,
                    parts: run.parts,
                    own: run.segment,
                    first: run.segment.len() + *first,
                    tokens: *tokens,
                    queries,
                    scratch,
                    out,
                });
            });
        });

        let by_token = &mut self.inner[..self.rows * shape.embedding];
        for (_, head, _, tokens, place, out) in &tasks {
            for (row, values) in out.chunks_exact(width).enumerate() {
                let (query_head, token) = (*head * group + row / tokens, place + row % tokens);
                by_token[token * shape.embedding + query_head * width..][..width].copy_from_slice(values);
            }
        }
        project(&[&layer.attention_output], by_token, self.rows, &mut self.products);
        self.add_products(shape);
    }

    /// Adds what the feed-forward layer makes of each token.
    fn feed_forward(&mut self, shape: &Shape, layer: &Layer) {
        normalize(&self.hidden, &layer.feed_forward_norm, shape.norm_epsilon, &mut self.normed);
        project(&[&layer.gate, &layer.up], &self.normed, self.rows, &mut self.products);
        let products = Products { numbers: &self.products, rows: self.rows };
        let inner = &mut self.inner[..self.rows * shape.feed_forward];
        inner.par_chunks_mut(shape.feed_forward).enumerate().for_each(|(row, out)| {
            Arch::new().dispatch(Gate { products, up: layer.gate.panels(), row, out })
        });
        project(&[&layer.down], inner, self.rows, &mut self.products);
        self.add_products(shape);
    }

    /// Adds the products of one matrix to the tokens' numbers.
    fn add_products(&mut self, shape: &Shape) {
        let products = Products { numbers: &self.products, rows: self.rows };
        self.hidden.par_chunks_mut(shape.embedding).enumerate().for_each(|(row, hidden)| {
            for (panel, hidden) in hidden.chunks_mut(PANEL).enumerate() {
                for (hidden, product) in hidden.iter_mut().zip(products.panel(panel, row)) {
                    *hidden += product;
                }
            }
        });
    }

    /// The scores of all tokens, for what comes after some rows.
    fn scores(mut self, model: &Llama, rows: &[usize]) -> Vec<Vec<f32>> {
        if rows.is_empty() {
            return Vec::new();
        }
        let width = model.shape.embedding;
        let last: Vec<f32> =
            rows.iter().flat_map(|row| &self.hidden[row * width..][..width]).copied().collect();
        let normed = &mut self.normed[..last.len()];
        normalize(&last, &model.output_norm, model.shape.norm_epsilon, normed);
        project(&[model.output()], normed, rows.len(), &mut self.products);
        let products = Products { numbers: &self.products, rows: rows.len() };
        (0..rows.len())
            .map(|row| {
                let mut scores = Vec::with_capacity(model.output().panels() * PANEL);
                for panel in 0..model.output().panels() {
                    scores.extend_from_slice(products.panel(panel, row));
                }
                scores.truncate(model.shape.vocabulary);
                scores
            })
            .collect()
    }
}

/// The products of weight matrices and rows.
#[derive(Clone, Copy)]
struct Products<'a> {
    numbers: &'a [f32],
    rows: usize,
}

impl Products<'_> {
    #[inline(always)]
    fn panel(&self, panel: usize, row: usize) -> &[f32] {
        &self.numbers[(panel * self.rows + row) * PANEL..][..PANEL]
    }

    /// One head of a matrix whose panels begin at `first`.
    fn head(&self, first: usize, head: usize, row: usize, out: &mut [f32]) {
        let first = first + head * (out.len() / PANEL);
        for (panel, out) in out.chunks_exact_mut(PANEL).enumerate() {
            out.copy_from_slice(self.panel(first + panel, row));
        }
    }
}

/// Rotates each pair of neighbours and scales it.
fn rotate(head: &mut [f32], rotations: &[[f32; 2]], scale: f32) {
    for ([x, y], [cosine, sine]) in head.as_chunks_mut().0.iter_mut().zip(rotations) {
        (*x, *y) = ((*x * cosine - *y * sine) * scale, (*x * sine + *y * cosine) * scale);
    }
}

fn normalize(rows: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = weights.len();
    out.par_chunks_mut(width)
        .zip(rows.par_chunks(width))
        .for_each(|(out, numbers)| Arch::new().dispatch(Normalize { numbers, weights, epsilon, out }));
}

/// Multiplies all rows with some matrices of equal width.
fn project(weights: &[&Weights], rows: &[f32], count: usize, products: &mut Vec<f32>) {
    let mut tiles = Tiles::default();
    Arch::new().dispatch(Pack { rows, columns: rows.len() / count, tiles: &mut tiles });
    let tiles = &tiles;
    let panels: usize = weights.iter().map(|weights| weights.panels()).sum();
    products.clear();
    products.resize(panels * count * PANEL, 0.0);
    let places = weights.iter().flat_map(|&weights| (0..weights.panels()).map(move |panel| (weights, panel)));
    let places: Vec<_> = places.collect();
    products.par_chunks_mut(count * PANEL).zip(places).for_each(|(out, (weights, panel))| {
        UNPACKED.with_borrow_mut(|unpacked| {
            Arch::new().dispatch(Project { weights, panel, rows: tiles, unpacked, out });
        });
    });
}

struct Pack<'a> {
    rows: &'a [f32],
    columns: usize,
    tiles: &'a mut Tiles,
}

impl WithSimd for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.tiles.pack::<S>(self.rows, self.columns, self.columns);
    }
}

/// One panel of a product.
struct Project<'a> {
    weights: &'a Weights,
    panel: usize,
    rows: &'a Tiles,
    unpacked: &'a mut Vec<f32>,
    out: &'a mut [f32],
}

impl WithSimd for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weights.columns;
        self.unpacked.resize(UNPACKED_COLUMNS * PANEL, 0.0);
        for first in (0..width).step_by(UNPACKED_COLUMNS) {
            let depth = UNPACKED_COLUMNS.min(width - first);
            let unpacked = &mut self.unpacked[..depth * PANEL];
            self.weights.unpack(simd, self.panel, first, unpacked);
            multiply(simd, self.rows, first, unpacked, self.out, PANEL);
        }
    }
}

struct Normalize<'a> {
    numbers: &'a [f32],
    weights: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        rms_norm(self.numbers, self.weights, self.epsilon, self.out);
    }
}

/// The gate of one row of a feed-forward layer; the panels of the other half begin at `up`.
struct Gate<'a> {
    products: Products<'a>,
    up: usize,
    row: usize,
    out: &'a mut [f32],
}

impl WithSimd for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (panel, out) in self.out.chunks_mut(PANEL).enumerate() {
            let gate = self.products.panel(panel, self.row);
            swiglu(gate, self.products.panel(self.up + panel, self.row), out);
        }
    }
}

#[cfg(test)]
mod tests;
