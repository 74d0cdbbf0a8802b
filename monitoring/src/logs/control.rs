//! Changes the filter while the program runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::reload::{Error, Handle};

use super::{LogError, parse};

/// Changes what is logged while the program runs. Clones change the same logs.
#[derive(Clone)]
pub struct LogControl(Arc<Parts>);

struct Parts {
    filter: Mutex<String>,
    replace: Box<dyn Fn(EnvFilter) -> Result<(), Error> + Send + Sync>,
}

impl LogControl {
    pub(super) fn new<S: 'static>(filter: &str, handle: Handle<EnvFilter, S>) -> Self {
        let filter = Mutex::new(filter.to_owned());
        Self(Arc::new(Parts { filter, replace: Box::new(move |filter| handle.reload(filter)) }))
    }

    /// The filter that holds now, as it was given.
    pub fn filter(&self) -> String {
        self.0.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has another filter hold from now on. Spans that are open keep to the filter under which they were opened.
    ///
    /// # Errors
    /// When the filter is not understood or empty, and when the logs have ended; then the old one holds on.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        let filter = filter.trim();
        if filter.is_empty() {
            return Err(LogError::Filter { filter: String::new(), problem: "it is empty".to_owned() });
        }
        let parsed = parse(filter)?;
        let mut current = self.0.filter.lock().unwrap_or_else(PoisonError::into_inner);
        (self.0.replace)(parsed).map_err(|_| LogError::Ended)?;
        filter.clone_into(&mut current);
        Ok(())
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogControl").field("filter", &self.filter()).finish_non_exhaustive()
    }
}
