//! A child and one whom it must beat.

use crate::candidate::Candidate;
use crate::context::Context;

/// A child that is being measured and a rival that was measured on all ranked cases.
pub(crate) struct Duel<'a> {
    pub(crate) child: &'a Candidate,
    pub(crate) rival: &'a Candidate,
    /// Validation cases that the child was measured on, a beginning of the shared order.
    pub(crate) cases: &'a [u32],
    /// The child's scores on the cases that count, less its handicap.
    pub(crate) scores: &'a [f64],
    /// The rival's scores on these and on the other ranked cases, less its handicap.
    pub(crate) reference: &'a [f64],
    pub(crate) context: &'a Context<'a>,
}
