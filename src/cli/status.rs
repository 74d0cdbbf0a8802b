//! How the program ends.

use std::process::ExitCode;

/// The exit status of the program. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// All was done.
    Done,
    /// The job failed.
    Failed,
    /// The command line, a file or the store cannot be used as it is; nothing was begun.
    BadInput,
    /// A budget ended before any prompt was measured.
    NoResult,
    /// Somebody stopped the job; it can be resumed.
    Interrupted,
}

impl Status {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::BadInput => 2,
            Self::NoResult => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        status.code().into()
    }
}
