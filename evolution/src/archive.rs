//! Memories of a search that keep what is good of every kind, or what is new, instead of the best alone.

pub mod axis;
pub mod cvt;
mod elites;
pub mod grid;
mod kd_tree;
pub mod novelty;

pub use axis::{Axis, AxisError};
pub use cvt::Cvt;
pub use elites::{Elite, EliteArchive, Insertion, Niches};
pub use grid::Grid;
pub use novelty::{Admission, NoveltyArchive, NoveltyConfig};
