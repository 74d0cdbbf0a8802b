//! A child and one whom it must beat.

use crate::candidate::Candidate;
use crate::context::Context;

/// A child, and a rival that was measured on the same cases and all others that the search ranks on.
pub(crate) struct Duel<'a> {
    pub(crate) child: &'a Candidate,
    pub(crate) rival: &'a Candidate,
    /// Validation cases, a beginning of the shared order.
    pub(crate) cases: &'a [u32],
    /// The child's scores on the cases that count, less its handicap.
    pub(crate) scores: &'a [f64],
    /// The rival's scores on all ranked cases, in the same order, less its handicap.
    pub(crate) reference: &'a [f64],
    pub(crate) context: &'a Context<'a>,
}
