//! The process, as the operating system sees it.

use super::name::families;

// What only Linux tells is named everywhere: who asks may run elsewhere.
#[cfg(target_os = "linux")]
mod collector;

#[cfg(target_os = "linux")]
pub(super) use collector::declare;

families! {
    PROCESS_CPU: Counter = "process_cpu" in "seconds", "Time on processors, of the user and of the system";
    PROCESS_RESIDENT_MEMORY: Gauge = "process_resident_memory" in "bytes", "Memory that is in RAM";
    PROCESS_MEMORY_LIMIT: Gauge = "process_memory_limit" in "bytes",
        "Memory that the control group of the process may take; absent where it has no limit";
    PROCESS_OPEN_FDS: Gauge = "process_open_fds", "Open file descriptors";
    PROCESS_MAX_FDS: Gauge = "process_max_fds", "Most file descriptors that may be open";
    PROCESS_START_TIME: Gauge = "process_start_time" in "seconds",
        "When the process started, in seconds since 1970";
}
