//! What processes use, as Linux says it.

use std::fs;

/// Ticks in a second of processor time.
const TICKS: f64 = 100.0;

/// Fields of `/proc/PID/stat` from the third on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in front may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Seconds of processor time that a process has used so far.
pub(crate) fn processor(pid: u32) -> f64 {
    let fields = stat(pid).unwrap_or_default();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

/// The same for the processes that a process has started and that live.
pub(crate) fn processor_of_children(parent: u32) -> f64 {
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| stat(*pid).is_some_and(|fields| fields.get(1) == Some(&parent.to_string()));
    pids.filter(is_child).map(processor).sum()
}

/// Megabytes of memory that a process has: its own, and its share of the files that it has mapped, its program above all.
pub(crate) fn memory(pid: u32) -> [f64; 2] {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let megabytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the kind");
        let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap();
        kilobytes * 1024.0 / 1e6
    };
    let all = megabytes("Pss:");
    let own = megabytes("Pss_Anon:");
    [own, all - own]
}
