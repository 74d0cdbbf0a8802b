//! What others than evohub tell: the exporters beside it, and Prometheus itself.

use std::marker::PhantomData;

use evohub_monitoring::metrics::names::{Counter, Gauge, Labels, NoLabels, Type};

use crate::promql::{Family, INSTANCE, JOB};

/// A family of an exporter.
#[derive(Debug)]
pub struct Exported<T, L = NoLabels> {
    name: &'static str,
    scope: &'static [(&'static str, &'static str)],
    of: PhantomData<fn() -> (T, L)>,
}

impl<T, L> Clone for Exported<T, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, L> Copy for Exported<T, L> {}

impl<T: Type, L: Labels> Family for Exported<T, L> {
    type Type = T;
    type Labels = L;

    fn name(self) -> String {
        self.name.to_owned()
    }

    fn scope(self) -> &'static [(&'static str, &'static str)] {
        self.scope
    }
}

/// Targets of evohub, like its own families.
const EVOHUB: &[(&str, &str)] = &[(JOB, "job"), (INSTANCE, "instance")];
/// Exporters, each with a variable of its own.
const POSTGRES: &[(&str, &str)] = &[(INSTANCE, "postgres")];
const REDIS: &[(&str, &str)] = &[(INSTANCE, "redis")];
const MACHINE: &[(&str, &str)] = &[(INSTANCE, "machine")];
/// What belongs to no target.
const NONE: &[(&str, &str)] = &[];

macro_rules! labels {
    ($($name:ident { $($label:ident),+ })+) => {
        $(
            /// Labels of a family of an exporter.
            #[derive(Debug, Clone, Copy)]
            pub struct $name {
                $(
                    #[doc = concat!("The label `", stringify!($label), "`.")]
                    pub $label: &'static str,
                )+
            }

            impl Labels for $name {
                type Names = Self;

                const NAMES: Self = Self { $($label: stringify!($label)),+ };
                const LIST: &'static [&'static str] = &[$(stringify!($label)),+];
            }
        )+
    };
}

macro_rules! exported {
    ($($constant:ident: $type:ident$(<$labels:ident>)? = $scope:ident $name:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: exported!(@type $type $($labels)?) =
                Exported { name: $name, scope: $scope, of: PhantomData };
        )+

        /// The names of all of them.
        pub const NAMES: &[&str] = &[$($name),+];
    };
    (@type $type:ident $labels:ident) => { Exported<$type, $labels> };
    (@type $type:ident) => { Exported<$type> };
}

labels! {
    AlertLabels { alertname, alertstate, severity }
    DatabaseLabels { datname }
    LockLabels { datname, mode }
    CpuLabels { cpu, mode }
    DeviceLabels { device }
    FilesystemLabels { mountpoint, fstype }
}

exported! {
    ALERTS: Gauge<AlertLabels> = NONE "ALERTS",
        "1 for each alert that is pending or firing, from Prometheus";
    UP: Gauge = EVOHUB "up",
        "Whether the last scrape of a target brought a page, from Prometheus";

    PG_UP: Gauge = POSTGRES "pg_up",
        "Whether PostgreSQL answered its exporter";
    PG_BACKENDS: Gauge<DatabaseLabels> = POSTGRES "pg_stat_database_numbackends",
        "Connections to a database";
    PG_MAX_CONNECTIONS: Gauge = POSTGRES "pg_settings_max_connections",
        "Most connections that the server takes";
    PG_COMMITS: Counter<DatabaseLabels> = POSTGRES "pg_stat_database_xact_commit",
        "Transactions that were committed";
    PG_ROLLBACKS: Counter<DatabaseLabels> = POSTGRES "pg_stat_database_xact_rollback",
        "Transactions that were rolled back";
    PG_BLOCKS_HIT: Counter<DatabaseLabels> = POSTGRES "pg_stat_database_blks_hit",
        "Blocks that were found in the server's memory";
    PG_BLOCKS_READ: Counter<DatabaseLabels> = POSTGRES "pg_stat_database_blks_read",
        "Blocks that were read from the disk, or from the system's memory";
    PG_DEADLOCKS: Counter<DatabaseLabels> = POSTGRES "pg_stat_database_deadlocks",
        "Transactions that were ended because they waited for each other";
    PG_LOCKS: Gauge<LockLabels> = POSTGRES "pg_locks_count",
        "Locks that are held or waited for";
    PG_SIZE: Gauge<DatabaseLabels> = POSTGRES "pg_database_size_bytes",
        "Bytes that a database takes on the disk";

    REDIS_EXPORTED_UP: Gauge = REDIS "redis_up",
        "Whether Redis answered its exporter";
    REDIS_MEMORY: Gauge = REDIS "redis_memory_used_bytes",
        "Bytes that Redis holds";
    REDIS_CLIENTS: Gauge = REDIS "redis_connected_clients",
        "Connections to Redis";
    REDIS_COMMANDS: Counter = REDIS "redis_commands_processed_total",
        "Commands that Redis carried out";
    REDIS_HITS: Counter = REDIS "redis_keyspace_hits_total",
        "Keys that were asked for and there";
    REDIS_MISSES: Counter = REDIS "redis_keyspace_misses_total",
        "Keys that were asked for and not there";
    REDIS_EVICTED: Counter = REDIS "redis_evicted_keys_total",
        "Keys that were thrown out for want of memory";

    NODE_CPU: Counter<CpuLabels> = MACHINE "node_cpu_seconds_total",
        "Seconds that processors spent, by what they did";
    NODE_LOAD: Gauge = MACHINE "node_load1",
        "Tasks that run or want to, over a minute";
    NODE_MEMORY_AVAILABLE: Gauge = MACHINE "node_memory_MemAvailable_bytes",
        "Bytes of memory that programs can have";
    NODE_MEMORY: Gauge = MACHINE "node_memory_MemTotal_bytes",
        "Bytes of memory that there are";
    NODE_DISK_FREE: Gauge<FilesystemLabels> = MACHINE "node_filesystem_avail_bytes",
        "Bytes that programs can still write to a file system";
    NODE_DISK: Gauge<FilesystemLabels> = MACHINE "node_filesystem_size_bytes",
        "Bytes that a file system can hold";
    NODE_RECEIVED: Counter<DeviceLabels> = MACHINE "node_network_receive_bytes_total",
        "Bytes that came over a network device";
    NODE_SENT: Counter<DeviceLabels> = MACHINE "node_network_transmit_bytes_total",
        "Bytes that went over a network device";
    NODE_RECEIVE_ERRORS: Counter<DeviceLabels> = MACHINE "node_network_receive_errs_total",
        "Packets that came over a network device and were broken";
    NODE_SEND_ERRORS: Counter<DeviceLabels> = MACHINE "node_network_transmit_errs_total",
        "Packets that a network device could not send";
}
