//! What was found, and what to do about it.

use evohub_monitoring::redaction::redact;
use serde::Serialize;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// Files, their rights, and what settings mean together.
    Configuration,
    /// Where a node and its listener will be reached.
    Ports,
    /// The time of day, here and elsewhere.
    Clock,
    /// The store.
    Database,
    /// The tables of the store.
    Migrations,
    /// The shared Redis.
    Redis,
    /// Providers of models, and their keys.
    Providers,
    /// Certificates and keys.
    Certificates,
    /// The nodes, as each of them sees them.
    Cluster,
    /// The page of metrics.
    Scrape,
    /// Who scrapes it.
    Prometheus,
    /// The collector of traces.
    Export,
    /// Space on disks.
    Disk,
    /// File descriptors.
    Descriptors,
    /// Where logs are written.
    Logs,
}

impl Check {
    /// Its name, as documents spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Ports => "ports",
            Self::Clock => "clock",
            Self::Database => "database",
            Self::Migrations => "migrations",
            Self::Redis => "redis",
            Self::Providers => "providers",
            Self::Certificates => "certificates",
            Self::Cluster => "cluster",
            Self::Scrape => "scrape",
            Self::Prometheus => "prometheus",
            Self::Export => "export",
            Self::Disk => "disk",
            Self::Descriptors => "descriptors",
            Self::Logs => "logs",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There was nothing to look at; the finding says why.
    NotApplicable,
    /// All is well.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// Something does not work, or will not.
    Problem,
}

impl Verdict {
    /// Its name, as documents spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "not_applicable",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What was found at one thing that was looked at. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub status: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it, in one line; `None` when there is nothing to do.
    pub advice: Option<String>,
}

impl Finding {
    fn new(check: Check, status: Verdict, found: &str, advice: Option<&str>) -> Self {
        let clean = |text: &str| redact(text).replace('\n', " ");
        Self { check, status, found: clean(found), advice: advice.map(clean) }
    }

    pub(super) fn ok(check: Check, found: impl AsRef<str>) -> Self {
        Self::new(check, Verdict::Ok, found.as_ref(), None)
    }

    pub(super) fn warning(check: Check, found: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Self::new(check, Verdict::Warning, found.as_ref(), Some(advice.as_ref()))
    }

    pub(super) fn problem(check: Check, found: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Self::new(check, Verdict::Problem, found.as_ref(), Some(advice.as_ref()))
    }

    pub(super) fn not_applicable(check: Check, why: impl AsRef<str>) -> Self {
        Self::new(check, Verdict::NotApplicable, why.as_ref(), None)
    }

    /// That of an error whose message says what is wrong and, after its last colon, what to do.
    pub(super) fn parted(check: Check, error: impl ToString) -> Self {
        let message = error.to_string();
        match message.rsplit_once(": ") {
            Some((found, advice)) if !found.is_empty() => Self::problem(check, found, advice),
            _ => Self::problem(check, &message, "mend that, and look again"),
        }
    }
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// In the order of the checks; each check has one finding or more.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    pub(super) fn new(mut findings: Vec<Finding>) -> Self {
        // Findings of a check stay in their order.
        findings.sort_by_key(|finding| finding.check);
        Self { findings }
    }

    /// The worst of it.
    pub fn status(&self) -> Verdict {
        let worst = self.findings.iter().map(|finding| finding.status).max();
        worst.unwrap_or(Verdict::Ok).max(Verdict::Ok)
    }

    /// How many findings there are of a kind.
    pub fn count(&self, status: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_finding_tells_a_secret() {
        let found = "postgres://ann:hunter2@db does not answer\nAuthorization: Bearer hush-1";
        let finding = Finding::problem(Check::Database, found, "ask ann@example.org");
        let text = format!("{finding:?}");
        for secret in ["hunter2", "hush-1", "ann@example"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!finding.found.contains('\n'));
    }

    #[test]
    fn the_worst_finding_is_that_of_all() {
        let finding = |status| Finding::new(Check::Disk, status, "so it is", None);
        let status = |all: &[Verdict]| Diagnosis::new(all.iter().copied().map(finding).collect()).status();
        assert_eq!(status(&[]), Verdict::Ok);
        assert_eq!(status(&[Verdict::NotApplicable]), Verdict::Ok);
        assert_eq!(status(&[Verdict::Ok, Verdict::Warning, Verdict::NotApplicable]), Verdict::Warning);
        assert_eq!(status(&[Verdict::Problem, Verdict::Warning]), Verdict::Problem);
    }

    #[test]
    fn names_are_those_of_the_documents() {
        for check in [Check::Configuration, Check::Descriptors] {
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
        assert_eq!(serde_json::to_value(Verdict::NotApplicable).unwrap(), Verdict::NotApplicable.as_str());
    }

    #[test]
    fn an_error_is_parted_into_what_was_found_and_what_to_do() {
        let finding = Finding::parted(Check::Database, "the store x is full: free some space");
        assert_eq!(finding.found, "the store x is full");
        assert_eq!(finding.advice.as_deref(), Some("free some space"));
        let finding = Finding::parted(Check::Database, "odd");
        assert_eq!((finding.found.as_str(), finding.advice.is_some()), ("odd", true));
    }
}
