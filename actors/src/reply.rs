//! Answers that cannot be forgotten.

/// Where the result of a piece of work goes. If whoever holds it goes away without an answer (a panic, a dropped
/// message), its owner hears that the work is lost instead of waiting for a deadline.
pub(crate) struct Reply<T> {
    send: Option<Box<dyn FnOnce(Option<T>) + Send>>,
}

impl<T> Reply<T> {
    /// Calls `send` once: with the result, or with `None` when the work was lost.
    pub(crate) fn new(send: impl FnOnce(Option<T>) + Send + 'static) -> Self {
        Self { send: Some(Box::new(send)) }
    }

    /// Gives the result.
    pub(crate) fn send(mut self, result: T) {
        if let Some(send) = self.send.take() {
            send(Some(result));
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(send) = self.send.take() {
            send(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn says_once_what_came_or_that_nothing_will() {
        let (sender, receiver) = channel();
        let other = sender.clone();
        Reply::new(move |result: Option<u8>| sender.send(result).unwrap()).send(7);
        drop(Reply::new(move |result: Option<u8>| other.send(result).unwrap()));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Some(7), None]);
    }
}
