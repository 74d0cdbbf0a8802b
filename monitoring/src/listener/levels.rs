//! What the listener needs of the logs.

use crate::logs::LogControl;

/// Tells and changes, while the program runs, what is logged.
pub trait LevelControl: Send + Sync {
    /// The filter in force.
    fn filter(&self) -> String;

    /// Puts another filter in force.
    ///
    /// # Errors
    /// What is wrong with the filter, for whoever sent it. The old one stays in force.
    fn set_filter(&self, filter: &str) -> Result<(), String>;
}

impl LevelControl for LogControl {
    fn filter(&self) -> String {
        self.filter()
    }

    fn set_filter(&self, filter: &str) -> Result<(), String> {
        self.set_filter(filter).map_err(|error| error.to_string())
    }
}
