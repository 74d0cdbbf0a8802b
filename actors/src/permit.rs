//! The right to a place in a pool.

/// A place in a pool of evaluators; given back when it is dropped, however the work ends that holds it.
pub(crate) struct Permit(Option<Box<dyn FnOnce() + Send>>);

impl Permit {
    /// A place that is given back by `give_back`.
    pub(crate) fn new(give_back: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(give_back)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(give_back) = self.0.take() {
            give_back();
        }
    }
}
