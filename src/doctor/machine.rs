//! What the machine gives: space, file descriptors, a place for logs.

use std::path::{Path, PathBuf};

use evohub_store::Address;

use super::finding::{Check, Finding};
use super::settings::Settings;

/// Bytes free below which something should be done.
const LOW: u64 = 1 << 30;

/// Bytes free below which nothing can be written soon.
const EMPTY: u64 = 100 << 20;

/// File descriptors for all but evaluations, at most: the listener's connections (128), those of nodes and clients
/// (64 + 256), the database, logs.
const OTHERS: u64 = 512;

/// Those of them without which nothing goes.
const FEWEST: u64 = 64;

/// Looks at disks, limits and the place for logs.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![];
    let store = match &settings.store {
        Address::File(path) => Some(("the store", path.clone())),
        _ => None,
    };
    let log = settings.log_file.clone().map(|path| ("logs", path));
    let temporary = Some(("temporary files", std::env::temp_dir()));
    for (of, path) in [store, log, temporary].into_iter().flatten() {
        findings.push(disk(of, &path));
    }
    findings.push(descriptors(settings.workers));
    findings.push(match &settings.log_file {
        Some(path) => log_file(path),
        None => Finding::not_applicable(Check::Logs, "logs go to standard error; no --log-file is named"),
    });
    findings
}

/// The nearest folder above a path that is there; or the path itself.
fn existing(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().find(|path| path.exists()).unwrap_or(&path).to_owned()
}

fn disk(of: &str, path: &Path) -> Finding {
    let place = existing(path);
    match space(&place) {
        Some((free, all)) => judge_space(of, &place, free, all),
        None => Finding::not_applicable(
            Check::Disk,
            format!("how much space {} has is not told by this machine", place.display()),
        ),
    }
}

/// Bytes that are free for users, and all bytes, of the disk that a path is on.
fn space(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(path).ok()?;
        Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn judge_space(of: &str, place: &Path, free: u64, all: u64) -> Finding {
    let found = format!("for {of}, {} has {} of {} free", place.display(), human(free), human(all));
    let advice = "free some space, or name a place on another disk";
    match free {
        ..EMPTY => Finding::problem(Check::Disk, found, advice),
        EMPTY..LOW => Finding::warning(Check::Disk, found, advice),
        _ => Finding::ok(Check::Disk, found),
    }
}

fn descriptors(workers: u32) -> Finding {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        judge_descriptors(limit, workers)
    }
    #[cfg(not(unix))]
    {
        let _ = workers;
        Finding::not_applicable(Check::Descriptors, "this machine has no limit of file descriptors")
    }
}

/// A limit of `None` is none.
#[cfg_attr(not(unix), expect(dead_code, reason = "there is nothing to judge"))]
fn judge_descriptors(limit: Option<u64>, workers: u32) -> Finding {
    let needed = u64::from(workers) + OTHERS;
    let Some(limit) = limit else {
        return Finding::ok(Check::Descriptors, "file descriptors are not limited here");
    };
    let found =
        format!("a process here may open {limit} file descriptors; {workers} workers need up to {needed}");
    let advice = "raise the limit (ulimit -n 65536; LimitNOFILE=65536), or run fewer --workers";
    if limit < u64::from(workers) + FEWEST {
        Finding::problem(Check::Descriptors, found, advice)
    } else if limit < needed {
        Finding::warning(Check::Descriptors, found, advice)
    } else {
        Finding::ok(Check::Descriptors, found)
    }
}

fn log_file(path: &Path) -> Finding {
    let place = existing(path);
    let shown = path.display();
    if path.is_dir() {
        let found = format!("{shown} is a folder");
        return Finding::problem(Check::Logs, found, "name a file in it with --log-file");
    }
    if !path.exists() && !place.is_dir() {
        let found = format!("{shown} cannot be made: {} is no folder", place.display());
        return Finding::problem(Check::Logs, found, "name another --log-file");
    }
    match may_write(&place) {
        Ok(()) => Finding::ok(Check::Logs, format!("{shown} can be written")),
        Err(error) => Finding::problem(
            Check::Logs,
            format!("{shown} cannot be written: {}: {error}", place.display()),
            "let the user of evohub write there, or name another --log-file",
        ),
    }
}

fn may_write(place: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::Access;
        // To make a file in a folder takes the right to go there, too.
        let right = if place.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
        Ok(rustix::fs::access(place, right)?)
    }
    #[cfg(not(unix))]
    {
        match std::fs::metadata(place)?.permissions().readonly() {
            true => Err(std::io::ErrorKind::PermissionDenied.into()),
            false => Ok(()),
        }
    }
}

/// Bytes in a unit that people read.
pub(super) fn human(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn bytes_are_told_in_units() {
        for (bytes, text) in
            [(512, "0.5 KiB"), (1 << 20, "1.0 MiB"), (3 << 40, "3.0 TiB"), (1 << 60, "1048576.0 TiB")]
        {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn space_and_descriptors_are_judged() {
        let space = |free| judge_space("the store", Path::new("/"), free, 1 << 40).status;
        assert_eq!(
            (space(EMPTY - 1), space(LOW - 1), space(LOW)),
            (Verdict::Problem, Verdict::Warning, Verdict::Ok)
        );
        let judged = |limit| judge_descriptors(limit, 256).status;
        assert_eq!(judged(Some(319)), Verdict::Problem);
        assert_eq!(judged(Some(767)), Verdict::Warning);
        assert_eq!(judged(Some(1_024)), Verdict::Ok);
        assert_eq!(judged(Some(65_536)), Verdict::Ok);
        assert_eq!(judged(None), Verdict::Ok);
    }

    #[test]
    fn a_place_for_logs_need_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("log");
        assert_eq!(log_file(&path).status, Verdict::Ok);
        assert!(!folder.path().join("new").exists(), "nothing is made");
        assert_eq!(log_file(folder.path()).status, Verdict::Problem);
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(log_file(&folder.path().join("file").join("log")).status, Verdict::Problem);
    }
}
