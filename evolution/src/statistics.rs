//! How sure a measured score is.
//!
//! All of it is deterministic: what draws at random takes a seed.

pub mod beta;
pub mod interval;
pub mod mean;
pub mod paired;
pub mod sequential;

pub(crate) use beta::logistic;
pub use beta::{probability_beta_greater, regularized_incomplete_beta, sample_beta};
pub use interval::{Interval, mean_interval, wilson};
pub use mean::weighted_mean;
pub use paired::{PairedMethod, PairedTest, paired_test};
pub use sequential::SequentialTest;
