//! What a number counts.

/// The unit of a panel's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Things a minute.
    PerMinute,
    /// Requests a second.
    RequestsPerSecond,
    /// A part of a whole, 0 to 1.
    Share,
    /// A score, 0 to 1.
    Score,
    /// A duration in seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSecond,
    /// US dollars.
    Dollars,
    /// A number without unit: a factor, a load.
    Number,
}

impl Unit {
    /// As Grafana calls it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "cps",
            Self::PerMinute => "cpm",
            Self::RequestsPerSecond => "reqps",
            Self::Share => "percentunit",
            Self::Score | Self::Number => "none",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::Dollars => "currencyUSD",
        }
    }
}
