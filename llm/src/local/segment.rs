//! Keys and values of a run of tokens: what attention looks back at.

use std::sync::Arc;

use super::panels::PANEL;

/// The sizes that the keys and values of a token depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyShape {
    pub(super) layers: usize,
    /// Heads of keys and values.
    pub(super) heads: usize,
    /// Numbers in a head.
    pub(super) width: usize,
}

impl KeyShape {
    /// Memory that one token takes.
    pub(super) fn bytes_per_token(&self) -> usize {
        2 * self.layers * self.heads * self.width * size_of::<f32>()
    }
}

/// Keys and values of consecutive tokens, in all layers.
#[derive(Debug)]
pub(super) struct Segment {
    shape: KeyShape,
    capacity: usize,
    filled: usize,
    /// By layer and head: panels of 32 tokens, in which the 32 keys' numbers lie side by side.
    keys: Vec<f32>,
    /// By layer, head and 32 numbers of a head: one token's numbers after the other's.
    values: Vec<f32>,
}

impl Segment {
    /// An empty segment with room for some tokens.
    pub(super) fn with_capacity(shape: KeyShape, tokens: usize) -> Self {
        let capacity = tokens.next_multiple_of(PANEL);
        let numbers = shape.layers * shape.heads * shape.width * capacity;
        Self { shape, capacity, filled: 0, keys: vec![0.0; numbers], values: vec![0.0; numbers] }
    }

    /// Tokens in it.
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    pub(super) fn bytes(&self) -> usize {
        self.capacity * self.shape.bytes_per_token()
    }

    /// Counts the tokens whose keys and values have been put behind the last one in every layer.
    pub(super) fn extend(&mut self, tokens: usize) {
        self.filled += tokens;
    }

    fn start(&self, layer: usize, head: usize) -> usize {
        (layer * self.shape.heads + head) * self.capacity * self.shape.width
    }

    /// Puts one layer's key and value of the token `at`.
    pub(super) fn put(&mut self, layer: usize, head: usize, at: usize, key: &[f32], value: &[f32]) {
        let (start, width) = (self.start(layer, head), self.shape.width);
        let panel = &mut self.keys[start + at / PANEL * PANEL * width..][..PANEL * width];
        for (numbers, key) in panel.as_chunks_mut::<PANEL>().0.iter_mut().zip(key) {
            numbers[at % PANEL] = *key;
        }
        for (panel, value) in value.chunks_exact(PANEL).enumerate() {
            self.values[start + (panel * self.capacity + at) * PANEL..][..PANEL].copy_from_slice(value);
        }
    }

    /// The keys of the tokens `32 * panel ..`: a row of 32 for each number of a key.
    pub(super) fn keys(&self, layer: usize, head: usize, panel: usize) -> &[f32] {
        let width = self.shape.width;
        &self.keys[self.start(layer, head) + panel * PANEL * width..][..PANEL * width]
    }

    /// The numbers `32 * panel ..` of the first tokens' values.
    pub(super) fn values(&self, layer: usize, head: usize, panel: usize, tokens: usize) -> &[f32] {
        let start = self.start(layer, head) + panel * self.capacity * PANEL;
        &self.values[start..][..tokens * PANEL]
    }
}

/// The beginning of a segment, shared by all who need it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    /// Tokens of it that count.
    pub(super) len: usize,
}

/// Tokens in a row of parts.
pub(super) fn length(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.len).sum()
}
