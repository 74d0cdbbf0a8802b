//! How unlike each other candidates are.
//!
//! The measure is the Jaccard distance of sets of token shingles (Broder 1997): 0 for the same text, 1 for texts
//! that have no two words in a row in common. It needs no model, and is the same on every machine.

pub mod pairwise;
pub mod shingles;

pub use pairwise::{MeanDistance, mean_distance, mean_pairwise_distance};
pub use shingles::{Shingles, distance};
