//! The paths that are served.

use hyper::Method;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Health,
    Detailed,
    Ready,
    Live,
    LogLevel,
}

/// Who may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// Anybody.
    Open,
    /// Who shows the token, where one is set.
    Token,
    /// Who shows the token; nobody where none is set.
    Admin,
}

/// The label of all paths that lead nowhere: a path itself would make a series for each that a client invents.
pub(super) const UNKNOWN: &str = "unknown";

impl Route {
    pub(super) const ALL: [Self; 6] =
        [Self::Metrics, Self::Health, Self::Detailed, Self::Ready, Self::Live, Self::LogLevel];

    pub(super) fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Health => "/health",
            Self::Detailed => "/health/detailed",
            Self::Ready => "/health/ready",
            Self::Live => "/health/live",
            Self::LogLevel => "/admin/log-level",
        }
    }

    pub(super) fn entrance(self) -> Entrance {
        match self {
            Self::Metrics | Self::Detailed => Entrance::Token,
            Self::Health | Self::Ready | Self::Live => Entrance::Open,
            Self::LogLevel => Entrance::Admin,
        }
    }

    /// The methods that it takes, as a header lists them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::LogLevel => "GET, HEAD, PUT",
            _ => "GET, HEAD",
        }
    }

    pub(super) fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|known| known == method.as_str())
    }
}
