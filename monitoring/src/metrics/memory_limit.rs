//! How much memory the process may take before the kernel ends it.

use std::fs;
use std::path::{Path, PathBuf};

/// The least of the limits that hold for the control groups of the process; `None` where there is none, or where it
/// cannot be found out.
pub(super) fn memory_limit() -> Option<u64> {
    limit(Path::new("/sys/fs/cgroup"), &fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// The same from where control groups are mounted, and from what `/proc/self/cgroup` says.
fn limit(mounted: &Path, groups: &str) -> Option<u64> {
    groups.lines().filter_map(|line| of_group(mounted, line)).min()
}

/// Of one line, `NUMBER:CONTROLLERS:PATH`. Version 2 names no controllers.
fn of_group(mounted: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, file) = match controllers {
        "" => (mounted.to_owned(), "memory.max"),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            (mounted.join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // A group has the limits of those around it, too. Of a container the path may be that outside: what is mounted is
    // its own group then.
    let group: PathBuf = root.join(path.trim_start_matches('/'));
    group
        .ancestors()
        .take_while(|group| group.starts_with(&root))
        .filter_map(|group| read(&group.join(file)))
        .min()
}

/// What no machine has is no limit: version 1 writes the largest number of pages so.
const NO_LIMIT: u64 = 1 << 60;

fn read(file: &Path) -> Option<u64> {
    // Version 2 writes `max` where there is no limit.
    fs::read_to_string(file).ok()?.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files in it.
    fn mounted(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_tightest_group_counts() {
        let files = [
            ("memory.max", "max\n"),
            ("a/memory.max", "1000\n"),
            ("a/b/memory.max", "2000\n"),
            ("c/memory.max", "max\n"),
        ];
        let folder = mounted(&files);
        assert_eq!(limit(folder.path(), "0::/a/b\n"), Some(1000));
        assert_eq!(limit(folder.path(), "0::/a\n"), Some(1000));
        assert_eq!(limit(folder.path(), "0::/c\n"), None);
    }

    #[test]
    fn version_one_has_a_hierarchy_for_memory() {
        let files = [
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/a/memory.limit_in_bytes", "4096\n"),
            ("memory.max", "1\n"),
        ];
        let folder = mounted(&files);
        assert_eq!(limit(folder.path(), "5:cpu,cpuacct:/a\n4:memory:/a\n"), Some(4096));
        assert_eq!(limit(folder.path(), "4:memory:/\n"), None);
    }

    #[test]
    fn a_container_that_knows_the_path_outside_finds_its_own_group() {
        let folder = mounted(&[("memory.max", "4096\n")]);
        assert_eq!(limit(folder.path(), "0::/kubepods/pod1/c1\n"), Some(4096));
    }

    #[test]
    fn what_is_not_there_is_no_limit() {
        let folder = mounted(&[]);
        assert_eq!(limit(folder.path(), "0::/\n"), None);
        assert_eq!(limit(folder.path(), "nonsense"), None);
    }
}
