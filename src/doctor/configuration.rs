//! Whether the files are there, who may read them, and whether settings go together.

use std::path::Path;

use evohub_monitoring::listener::{Access, ListenerConfig, Tls, Token};

use super::finding::{Check, Finding};
use super::settings::{HttpSettings, NodeSettings, Settings};

const CHECK: Check = Check::Configuration;

const COOKIE: &str =
    "give all nodes the same, such as `openssl rand -hex 32 > cookie && chmod 600 cookie` makes";
const TOKEN: &str =
    "keep one that only its owner reads, such as `openssl rand -hex 32 > token && chmod 600 token` makes";

/// Looks at the files of a process.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![];
    match &settings.node {
        Some(node) => findings.extend(of_node(node)),
        None => findings.push(Finding::not_applicable(
            CHECK,
            "no --cookie-file is named: the process is examined as one that is no node of a cluster",
        )),
    }
    if let Some(http) = &settings.http {
        findings.extend(of_listener(http));
    }
    match &settings.job {
        Some(Ok(job)) => {
            findings.push(Finding::ok(CHECK, format!("the job file {} is in order", job.path.display())));
            let warn = |warning: &String| Finding::warning(CHECK, warning, "see whether it is meant so");
            findings.extend(job.warnings.iter().map(warn));
            let keys = job.spec.providers.values().filter_map(|provider| provider.key_file.as_deref());
            findings.extend(keys.filter_map(|path| shared("key", path)));
        }
        Some(Err(error)) => findings.push(Finding::problem(
            CHECK,
            error.to_string(),
            "mend the job file; `evohub check` says more of what it would do",
        )),
        None => findings.push(Finding::not_applicable(CHECK, "no job file is named")),
    }
    findings
}

fn of_node(node: &NodeSettings) -> Vec<Finding> {
    let config = match &node.config {
        Ok(config) => config,
        Err(error) => return vec![Finding::problem(CHECK, error, COOKIE)],
    };
    // What is wrong with certificates is said of them.
    let checked = match (&config.tls, config.check()) {
        (_, Ok(())) | (Some(_), Err(evohub_cluster::ClusterError::Tls(_))) => {
            Finding::ok(CHECK, format!("node `{}` has what it needs to start", config.name))
        }
        (_, Err(error @ evohub_cluster::ClusterError::Cookie { .. })) => {
            Finding::problem(CHECK, error.to_string(), COOKIE)
        }
        (_, Err(error)) => Finding::parted(CHECK, error),
    };
    let key = config.tls.as_ref().and_then(|tls| shared("private key", &tls.key));
    [Some(checked), shared("cookie", &node.cookie_file), key].into_iter().flatten().collect()
}

fn of_listener(http: &HttpSettings) -> Vec<Finding> {
    let mut findings = vec![];
    let token = http.token_file.as_deref().map(Token::from_file).transpose();
    let token = token.unwrap_or_else(|error| {
        findings.push(Finding::problem(CHECK, error.to_string(), TOKEN));
        None
    });
    // What is wrong with them is said of certificates.
    let tls = http.tls.as_ref().and_then(|(certificate, key)| Tls::from_files(certificate, key).ok());
    let is_whole = token.is_some() == http.token_file.is_some() && tls.is_some() == http.tls.is_some();
    let access = Access { token, tls, insecure: http.insecure };
    let config = ListenerConfig { access, ..ListenerConfig::new(http.listen) };
    if is_whole {
        findings.push(match config.check() {
            Ok(()) => Finding::ok(CHECK, format!("the listener at {} has what it needs", http.listen)),
            Err(error) => Finding::parted(CHECK, error),
        });
    }
    findings.extend(http.tls.as_ref().and_then(|(_, key)| shared("private key", key)));
    findings
}

/// That others than those whom it is for may read a secret; `None` when they may not, and when there is no file.
fn shared(what: &str, path: &Path) -> Option<Finding> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(path).ok()?;
        evohub_monitoring::listener::is_open_to_others(&file).then(|| {
            let mode = file.permissions().mode() & 0o777;
            let path = path.display();
            let found =
                format!("the {what} file {path} can be read by others than its owner (mode {mode:o})");
            Finding::warning(CHECK, found, format!("chmod 600 {path}"))
        })
    }
    // Elsewhere the rights of a file do not tell who reads it.
    #[cfg(not(unix))]
    {
        let _ = (what, path);
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn a_secret_is_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookie");
        assert_eq!(shared("cookie", &path), None);
        std::fs::write(&path, "x").unwrap();
        for (mode, is_shared) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = shared("cookie", &path);
            assert_eq!(found.is_some(), is_shared, "{mode:o}");
            assert!(found.is_none_or(|found| found.advice.unwrap().starts_with("chmod 600 ")));
        }
    }

    #[test]
    fn a_listener_for_others_needs_token_and_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let mut http = HttpSettings {
            listen: "0.0.0.0:8080".parse().unwrap(),
            token_file: None,
            tls: None,
            insecure: false,
        };
        let [finding] = &of_listener(&http)[..] else { panic!("one finding") };
        assert_eq!(finding.status, Verdict::Problem);
        assert!(finding.found.contains("no token and no TLS"), "{finding:?}");
        http.token_file = Some(folder.path().join("none"));
        let [finding] = &of_listener(&http)[..] else { panic!("one finding") };
        assert!(finding.found.contains("the token file"), "{finding:?}");
        http = HttpSettings { listen: "127.0.0.1:8080".parse().unwrap(), token_file: None, ..http };
        assert_eq!(of_listener(&http)[0].status, Verdict::Ok);
    }
}
