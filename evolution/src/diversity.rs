//! How unlike each other candidates are.
//!
//! The measure is the Jaccard distance of sets of token shingles (Broder 1997): 0 for the same text, 1 for texts
//! that have no two words in a row in common. It needs no model, and is the same on every machine. In its place a run may
//! measure the edit distance, which sees order, or the distance of embeddings, which sees meaning ([`Distance`]).

pub mod edit;
pub mod embedding;
pub mod likeness;
pub mod lsh;
pub mod minhash;
pub mod novelty_filter;
pub mod pairwise;
pub mod restart;
pub mod sharing;
pub mod shingles;

pub use edit::Tokens;
pub use embedding::{Embedding, EmbeddingError, mean_cosine_distance};
pub use likeness::{Distance, Likeness, Likenesses};
pub use lsh::LshIndex;
pub use minhash::{MinHash, mean_sketched_distance};
pub use novelty_filter::{Neighbour, NoveltyFilter};
pub use pairwise::{LikenessCache, MeanDistance, mean_distance};
pub use restart::{CollapseWatch, RestartConfig};
pub use sharing::{SharingConfig, shared_fitness};
pub use shingles::{Shingles, distance};
