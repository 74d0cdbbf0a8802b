//! Certificates: whether they belong together, and how long they are good.

use std::path::Path;
use std::time::{Duration, SystemTime};

use evohub_cluster::{ClusterError, TlsFiles, Validity, validity, verify_chain};
use evohub_monitoring::listener::Tls;

use super::finding::{Check, Finding};
use super::settings::Settings;

const CHECK: Check = Check::Certificates;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Days before the end from which on it is time for another.
const SOON: u64 = 30;

const MAKE: &str = "have your authority sign one (for trying out: evohub cluster certs)";

/// Looks at all certificates that are named.
pub(super) fn check(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let mut findings = vec![];
    if let Some(node) = &settings.node {
        if let Ok(config) = &node.config
            && let Some(files) = &config.tls
        {
            match config.check() {
                Err(ClusterError::Tls(error)) => {
                    findings.push(Finding::problem(CHECK, error.to_string(), MAKE))
                }
                _ => findings.extend(of_cluster(files, &format!("node `{}`", config.name), now)),
            }
        }
        findings.extend(node.client.iter().flat_map(|files| of_cluster(files, "the client", now)));
    }
    if let Some((certificate, key)) = settings.http.as_ref().and_then(|http| http.tls.as_ref()) {
        match Tls::from_files(certificate, key) {
            Err(error) => findings.push(Finding::problem(CHECK, error.to_string(), MAKE)),
            Ok(_) => findings.extend(times(certificate, "the listener", now)),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::not_applicable(CHECK, "no certificate is named"));
    }
    findings
}

fn of_cluster(files: &TlsFiles, whose: &str, now: SystemTime) -> Vec<Finding> {
    let chain = match verify_chain(files, now) {
        Ok(()) => Finding::ok(CHECK, format!("that of {whose} comes from {}", files.authority.display())),
        Err(error) => Finding::problem(CHECK, error.to_string(), MAKE),
    };
    let times = [times(&files.certificate, whose, now), times(&files.authority, "the authority", now)];
    [chain].into_iter().chain(times.into_iter().flatten()).collect()
}

/// How long the certificates in a file are good.
fn times(path: &Path, whose: &str, now: SystemTime) -> Vec<Finding> {
    match validity(path) {
        Ok(all) => all.iter().map(|time| judge(whose, path, time, now)).collect(),
        Err(error) => vec![Finding::problem(CHECK, error.to_string(), MAKE)],
    }
}

fn judge(whose: &str, path: &Path, time: &Validity, now: SystemTime) -> Finding {
    let path = path.display();
    let days = |time: Duration| time.as_secs() / DAY.as_secs();
    if let Ok(early) = time.begins.duration_since(now)
        && !early.is_zero()
    {
        let found =
            format!("the certificate {path} of {whose} is not good for another {} s", early.as_secs());
        return Finding::problem(CHECK, found, "see whether the clock of this machine is right");
    }
    match time.ends.duration_since(now) {
        Ok(left) if days(left) >= SOON => {
            Finding::ok(CHECK, format!("that of {whose} is good for {} days", days(left)))
        }
        Ok(left) => Finding::warning(
            CHECK,
            format!("the certificate {path} of {whose} is good for {} days only", days(left)),
            "replace it and start the process anew before it ends",
        ),
        Err(late) => Finding::problem(
            CHECK,
            format!("the certificate {path} of {whose} expired {} days ago", days(late.duration())),
            "replace it and start the process anew: no node links with it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn days_are_counted_to_the_end() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let status = |begins: i64, ends: i64| {
            let day = |days: i64| SystemTime::UNIX_EPOCH + DAY * u32::try_from(20_000 + days).unwrap();
            let time = Validity { begins: day(begins), ends: day(ends) };
            let finding = judge("node `a`", Path::new("a.pem"), &time, now);
            (finding.status, finding.found)
        };
        assert_eq!(status(-1, 30), (Verdict::Ok, "that of node `a` is good for 30 days".to_owned()));
        assert_eq!(status(-1, 29).0, Verdict::Warning);
        let (verdict, found) = status(-100, -3);
        assert_eq!(verdict, Verdict::Problem);
        assert_eq!(found, "the certificate a.pem of node `a` expired 3 days ago");
        assert_eq!(status(1, 100).0, Verdict::Problem);
    }
}
