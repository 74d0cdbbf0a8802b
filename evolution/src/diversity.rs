//! How unlike each other candidates are.
//!
//! The measure is the Jaccard distance of sets of token shingles (Broder 1997): 0 for the same text, 1 for texts
//! that have no two words in a row in common. It needs no model, and is the same on every machine. Beside it stand
//! the edit distance, which sees order, and the distance of embeddings, which sees meaning.

pub mod edit;
pub mod embedding;
pub mod lsh;
pub mod minhash;
pub mod novelty_filter;
pub mod pairwise;
pub mod restart;
pub mod sharing;
pub mod shingles;

pub use edit::Tokens;
pub use embedding::{Embedding, EmbeddingError, mean_cosine_distance};
pub use lsh::LshIndex;
pub use minhash::{MinHash, mean_sketched_distance};
pub use novelty_filter::{Neighbour, NoveltyFilter};
pub use pairwise::{MeanDistance, ShingleCache, mean_distance};
pub use restart::{CollapseWatch, RestartConfig};
pub use sharing::{SharingConfig, shared_fitness};
pub use shingles::{Shingles, distance};
