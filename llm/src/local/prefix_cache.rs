//! Keeps the keys and values of prompts' beginnings for prompts that begin alike.

use std::collections::HashMap;
use std::sync::Arc;

use super::segment::{Part, Segment, length};

/// Beginnings of prompts, the least recently used of which give way.
#[derive(Debug)]
pub(super) struct PrefixCache {
    entries: Vec<Entry>,
    /// Bytes that the entries may take together.
    limit: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    tokens: Vec<u32>,
    parts: Vec<Part>,
    used: u64,
}

impl PrefixCache {
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit, clock: 0 }
    }

    /// What is known of the beginning of these tokens.
    pub(super) fn find(&mut self, tokens: &[u32]) -> Vec<Part> {
        self.clock += 1;
        let best = self
            .entries
            .iter_mut()
            .map(|entry| (common(&entry.tokens, tokens), entry))
            .filter(|(shared, _)| *shared > 0)
            .max_by_key(|(shared, _)| *shared);
        let Some((shared, entry)) = best else { return Vec::new() };
        entry.used = self.clock;
        cut(&entry.parts, shared)
    }

    /// Keeps the keys and values of these tokens, as far as memory allows.
    pub(super) fn insert(&mut self, tokens: &[u32], parts: &[Part]) {
        debug_assert_eq!(length(parts), tokens.len(), "parts cover their tokens");
        self.clock += 1;
        // What the new entry covers need not be kept twice.
        self.entries.retain(|entry| !tokens.starts_with(&entry.tokens));
        self.entries.push(Entry { tokens: tokens.to_vec(), parts: parts.to_vec(), used: self.clock });
        while self.bytes() > self.limit {
            let Some(oldest) = (0..self.entries.len()).min_by_key(|&at| self.entries[at].used) else { break };
            self.entries.swap_remove(oldest);
        }
    }

    /// Memory of all segments, shared ones counted once.
    fn bytes(&self) -> usize {
        let parts = self.entries.iter().flat_map(|entry| &entry.parts);
        let segments: HashMap<*const Segment, usize> =
            parts.map(|part| (Arc::as_ptr(&part.segment), part.segment.bytes())).collect();
        segments.values().sum()
    }
}

/// How many tokens two texts have in common at their beginnings.
pub(super) fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// The first tokens of some parts.
pub(super) fn cut(parts: &[Part], tokens: usize) -> Vec<Part> {
    let mut left = tokens;
    let mut kept = Vec::new();
    for part in parts {
        let len = part.len.min(left);
        if len == 0 {
            break;
        }
        kept.push(Part { segment: part.segment.clone(), len });
        left -= len;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::segment::KeyShape;
    use super::*;

    const SHAPE: KeyShape = KeyShape { layers: 1, heads: 1, width: 32 };

    fn part(tokens: usize) -> Part {
        let mut segment = Segment::with_capacity(SHAPE, tokens);
        segment.extend(tokens);
        Part { segment: Arc::new(segment), len: tokens }
    }

    fn run(first: u32, count: u32) -> Vec<u32> {
        (first..first + count).collect()
    }

    #[test]
    fn finds_the_longest_common_beginning() {
        let mut cache = PrefixCache::new(usize::MAX);
        cache.insert(&run(0, 40), &[part(40)]);
        cache.insert(&[run(0, 10), run(90, 10)].concat(), &[part(10), part(10)]);
        assert_eq!(length(&cache.find(&[run(0, 30), run(7, 5)].concat())), 30);
        assert_eq!(length(&cache.find(&[run(0, 10), run(90, 3)].concat())), 13);
        assert!(cache.find(&run(50, 5)).is_empty());
    }

    #[test]
    fn a_longer_entry_takes_the_place_of_its_beginning() {
        let mut cache = PrefixCache::new(usize::MAX);
        let first = part(32);
        cache.insert(&run(0, 32), std::slice::from_ref(&first));
        cache.insert(&run(0, 64), &[first.clone(), part(32)]);
        assert_eq!(cache.entries.len(), 1);
        assert_eq!(cache.bytes(), 64 * SHAPE.bytes_per_token());
    }

    #[test]
    fn the_least_recently_used_gives_way_and_shared_segments_count_once() {
        let mut cache = PrefixCache::new(3 * 32 * SHAPE.bytes_per_token());
        let shared = part(32);
        cache.insert(&[run(0, 32), run(100, 32)].concat(), &[shared.clone(), part(32)]);
        cache.insert(&[run(0, 32), run(200, 32)].concat(), &[shared, part(32)]);
        assert_eq!(cache.entries.len(), 2);
        assert_eq!(length(&cache.find(&[run(0, 32), run(100, 32)].concat())), 64);
        cache.insert(&run(500, 32), &[part(32)]);
        assert_eq!(length(&cache.find(&[run(0, 32), run(100, 32)].concat())), 64);
        assert_eq!(length(&cache.find(&[run(0, 32), run(200, 32)].concat())), 32);
    }

    #[test]
    fn what_is_larger_than_the_limit_is_not_kept() {
        let mut cache = PrefixCache::new(16);
        cache.insert(&run(0, 32), &[part(32)]);
        assert!(cache.entries.is_empty());
    }
}
