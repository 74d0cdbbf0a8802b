//! The infrastructure dashboard: nodes, what is between them, what is below them.

use evohub_monitoring::metrics::names::{self, Counter};

use super::{INFRASTRUCTURE, detail, events, row, targets};
use crate::exporters::{self, DeviceLabels, Exported};
use crate::model::{Dashboard, Panel, Query, Row, Unit, Variable};
use crate::promql::{Expression, INSTANCE, Window, of};

pub(super) fn dashboard() -> Dashboard {
    let mut variables = targets();
    variables.extend([
        Variable::of_target(
            "postgres",
            "PostgreSQL",
            "A server, by its exporter",
            exporters::PG_UP,
            INSTANCE,
            &[],
        ),
        Variable::of_target(
            "redis",
            "Redis",
            "A server, by its exporter",
            exporters::REDIS_MEMORY,
            INSTANCE,
            &[],
        ),
        Variable::of_target(
            "machine",
            "Machine",
            "A machine, by its exporter",
            exporters::NODE_LOAD,
            INSTANCE,
            &[],
        ),
    ]);
    Dashboard {
        uid: INFRASTRUCTURE,
        title: "evohub: infrastructure",
        description: "Nodes, what is between them, and what is below them",
        since: "now-1h",
        variables,
        annotations: events(),
        rows: vec![
            overview(),
            nodes(),
            cluster(),
            detail("Actors", actors()),
            detail("Store", store()),
            detail("PostgreSQL", postgres()),
            detail("Redis", redis()),
            detail("Machines", machines()),
        ],
    }
}

fn overview() -> Row {
    let alive = of(names::CLUSTER_NODES).is(|of| of.state, "alive");
    row(
        "Overview",
        vec![
            Panel::figure(
                "Targets",
                "Share of the nodes of evohub whose last scrape brought a page.",
                Unit::Share,
                of(exporters::UP).now().mean(),
            )
            .warns_below(0.6, 1.0),
            Panel::figure(
                "Smallest view",
                "Living nodes, as the node sees them that sees the fewest. Fewer than there are: a part is cut off.",
                Unit::Count,
                alive.now().min(),
            ),
            Panel::figure(
                "Messages that wait",
                "Messages in the mailboxes of all actors.",
                Unit::Count,
                of(names::ACTOR_MAILBOX_DEPTH).now().sum(),
            ),
            Panel::figure(
                "PostgreSQL",
                "Whether the servers answer their exporters: 1 if all do.",
                Unit::Number,
                of(exporters::PG_UP).now().min(),
            )
            .warns_below(1.0, 1.0)
            .without("not watched"),
            Panel::figure(
                "Redis",
                "Whether the servers answer their exporters: 1 if all do.",
                Unit::Number,
                of(exporters::REDIS_EXPORTED_UP).now().min(),
            )
            .warns_below(1.0, 1.0)
            .without("not watched"),
            Panel::figure(
                "Memory of machines",
                "Share of the memory that is in use, on the machine that has the least left.",
                Unit::Share,
                memory_in_use().greatest(),
            )
            .warns(0.85, 0.95)
            .without("not watched"),
        ],
    )
}

fn nodes() -> Row {
    row("Nodes", vec![
        Panel::lines("Processors", "Processors that each node keeps busy; 1 is one of them, all the time.", Unit::Number)
            .ask("{{instance}}", of(names::PROCESS_CPU).rate().sum_by(|_| [INSTANCE])),
        Panel::lines("Memory", "Memory of each node that is in RAM.", Unit::Bytes)
            .ask("{{instance}}", of(names::PROCESS_RESIDENT_MEMORY).now().sum_by(|_| [INSTANCE])),
        Panel::lines("Open files", "File descriptors that each node has open, connections among them.", Unit::Count)
            .ask("{{instance}}", of(names::PROCESS_OPEN_FDS).now().sum_by(|_| [INSTANCE])),
        Panel::lines(
            "Tasks of the runtime",
            "Asynchronous tasks of each node that have not ended.",
            Unit::Count,
        )
        .ask("{{instance}}", of(names::TOKIO_RUNTIME_ALIVE_TASKS).now().sum_by(|_| [INSTANCE])),
        Panel::lines(
            "Tasks that wait for a thread",
            "Tasks in the queue that all threads of a node share. Above 0 for long, a node has too few processors, or \
             something blocks them.",
            Unit::Count,
        )
        .ask("{{instance}}", of(names::TOKIO_RUNTIME_GLOBAL_QUEUE_DEPTH).now().sum_by(|_| [INSTANCE])),
        Panel::lines(
            "Since the start",
            "Time since the process of each node started. A line that falls to 0 is a restart.",
            Unit::Seconds,
        )
        .ask("{{instance}}", of(names::PROCESS_START_TIME).now().age().max_by(|_| [INSTANCE])),
        Panel::table(
            "Programs",
            "The version that each node runs, the commit that it was built from, and the compiler. More than one \
             version is a rollout that is not over.",
            Unit::Count,
            of(names::EVOHUB_BUILD).now().max_by(|of| [INSTANCE, of.version, of.revision, of.rustc]),
        )
        .wide(16),
        Panel::lines(
            "HTTP requests",
            "Requests a second by status, probes and scrapes included.",
            Unit::RequestsPerSecond,
        )
        .ask("{{status}}", of(names::HTTP_REQUESTS).rate().sum_by(|of| [of.status])),
    ])
}

fn cluster() -> Row {
    row("Cluster", vec![
        Panel::lines(
            "Nodes by state",
            "Nodes as those that are scraped know them; those that left or died for as long as they are remembered.",
            Unit::Count,
        )
        .query(
            Query::new("{{state}}", of(names::CLUSTER_NODES).now().max_by(|of| [of.state]))
                .known_as(&["alive", "draining", "left", "dead"]),
        ),
        Panel::lines(
            "Silence of links",
            "Time since each linked node was last heard, by the one that has waited longest. Some seconds of it and a \
             node is asked for by way of others, and then found dead.",
            Unit::Seconds,
        )
        .ask("{{peer}}", of(names::CLUSTER_LINK_HEARTBEAT).now().max_by(|of| [of.peer]))
        .without("no links"),
        Panel::lines("Bytes over links", "Bytes a second between nodes, before encryption.", Unit::BytesPerSecond)
            .query(
                Query::new("{{direction}}", of(names::CLUSTER_LINK_BYTES).rate().sum_by(|of| [of.direction]))
                    .known_as(&["received", "sent"]),
            ),
        Panel::lines(
            "Places at nodes",
            "Evaluations that all nodes together may have under way at each node at once.",
            Unit::Count,
        )
        .ask("{{peer}}", of(names::CLUSTER_PERMITS).now().sum_by(|of| [of.peer]))
        .without("no places"),
        Panel::areas(
            "Given out once more",
            "Evaluations a minute that were given to another node after the first did not bring them to an end, by \
             cause.",
            Unit::PerMinute,
        )
        .query(
            Query::new("{{cause}}", of(names::CLUSTER_REDISPATCHED).rate().sum_by(|of| [of.cause]) * 60.0)
                .known_as(&["node_down", "expired", "failed", "busy"]),
        ),
        Panel::lines(
            "What faults cost",
            "A minute: results that came twice (and were paid twice), evaluations that were given to a second node \
             because the first took long, answers that nobody waited for any more, jobs that were taken over.",
            Unit::PerMinute,
        )
        .ask("duplicates", of(names::CLUSTER_DUPLICATES).rate().sum() * 60.0)
        .ask("hedged", of(names::CLUSTER_HEDGED).rate().sum() * 60.0)
        .ask("late answers", of(names::CLUSTER_LATE_ANSWERS).rate().sum() * 60.0)
        .ask("takeovers", of(names::CLUSTER_LEASE_TAKEOVERS).rate().sum() * 60.0),
        Panel::areas(
            "Refused connections",
            "Connections a minute that did not become a link, by reason. A cookie or a certificate is wrong somewhere, \
             or somebody knocks who should not.",
            Unit::PerMinute,
        )
        .ask("{{reason}}", of(names::CLUSTER_REFUSED).rate().sum_by(|of| [of.reason]) * 60.0),
    ])
}

fn actors() -> Vec<Panel> {
    vec![
        Panel::lines("Mailboxes", "Messages that were sent and not yet begun with, by kind of actor.", Unit::Count)
            .ask("{{actor}}", of(names::ACTOR_MAILBOX_DEPTH).now().sum_by(|of| [of.actor])),
        Panel::lines(
            "Wait in the mailbox",
            "Time that 95 % of the messages waited at most, by kind of actor.",
            Unit::Seconds,
        )
        .ask("{{actor}}", of(names::ACTOR_MAILBOX_WAIT).quantile_by(0.95, |of| [of.actor])),
        Panel::lines(
            "Time at a message",
            "Time that 95 % of the messages took at most, by kind of actor. Of evaluators it is that of an evaluation.",
            Unit::Seconds,
        )
        .ask("{{actor}}", of(names::ACTOR_HANDLE).quantile_by(0.95, |of| [of.actor])),
        Panel::areas("Messages", "Messages a second that actors began with, by their kind.", Unit::PerSecond)
            .ask("{{actor}}", of(names::ACTOR_MESSAGES).rate().sum_by(|of| [of.actor])),
        Panel::lines("Actors", "Actors that run (of a pool: workers), by kind.", Unit::Count)
            .ask("{{actor}}", of(names::ACTORS_ALIVE).now().sum_by(|of| [of.actor])),
        Panel::lines(
            "Dead letters and restarts",
            "Messages whose actor had died, and actors that were started again, in the time shown by one point.",
            Unit::Count,
        )
        .ask(
            "dead letters to {{actor}}",
            of(names::ACTOR_DEAD_LETTERS)
                .increase(Window::Rate)
                .sum_by(|of| [of.actor])
                .or_none("actor", "nobody"),
        )
        .ask(
            "restarts: {{cause}}",
            of(names::ACTOR_RESTARTS).increase(Window::Rate).sum_by(|of| [of.cause]).or_none("cause", "none"),
        ),
    ]
}

fn store() -> Vec<Panel> {
    let failed = of(names::STORE_OPERATION).is(|of| of.outcome, "failed");
    let lookups = of(names::SHARED_CACHE_LOOKUPS);
    vec![
        Panel::lines(
            "Time of operations",
            "Time within which 95 % of the operations of the store were over, by kind: keep writes results, note writes \
             checkpoints, candidates and curves.",
            Unit::Seconds,
        )
        .query(
            Query::new("{{operation}}", of(names::STORE_OPERATION).quantile_by(0.95, |of| [of.operation]))
                .with_exemplars(),
        ),
        Panel::areas(
            "Operations that fail",
            "Operations of the store a second that failed, by kind.",
            Unit::PerSecond,
        )
        .ask("{{operation}}", failed.rate().sum_by(|of| [of.operation]).or_none("operation", "none")),
        Panel::lines(
            "Results in a transaction",
            "Results that become durable together, on average. It grows with what arrives while the store writes.",
            Unit::Number,
        )
        .ask(
            "results",
            of(names::JOURNAL_BATCH_SIZE).sum_rate().sum() / of(names::JOURNAL_BATCH_SIZE).rate().sum().positive(),
        ),
        Panel::lines("Time until results are durable", "From the journal to the store.", Unit::Seconds)
            .query(Query::new("half within", of(names::JOURNAL_LAG).quantile(0.5)).with_exemplars())
            .query(Query::new("95 % within", of(names::JOURNAL_LAG).quantile(0.95))),
        Panel::areas("Connections to the store", "Connections of all nodes, by whether somebody uses them.", Unit::Count)
            .query(
                Query::new("{{state}}", of(names::STORE_POOL_CONNECTIONS).now().sum_by(|of| [of.state]))
                    .known_as(&["busy", "idle"]),
            ),
        Panel::areas(
            "Lookups in the shared cache",
            "Evaluations a second that the cache of all nodes was asked for, by whether it had them.",
            Unit::PerSecond,
        )
        .query(
            Query::new("{{outcome}}", lookups.rate().sum_by(|of| [of.outcome])).known_as(&["hit", "miss"]),
        ),
    ]
}

fn postgres() -> Vec<Panel> {
    let hit = of(exporters::PG_BLOCKS_HIT).rate().sum_by(|of| [of.datname]);
    let read = of(exporters::PG_BLOCKS_READ).rate().sum_by(|of| [of.datname]);
    vec![
        Panel::lines(
            "Connections",
            "Connections by database, beside the most that the server takes.",
            Unit::Count,
        )
        .ask("{{datname}}", of(exporters::PG_BACKENDS).now().sum_by(|of| [of.datname]))
        .ask("most", of(exporters::PG_MAX_CONNECTIONS).now().min()),
        Panel::areas("Transactions", "Transactions a second of all databases.", Unit::PerSecond)
            .ask("committed", of(exporters::PG_COMMITS).rate().sum())
            .ask("rolled back", of(exporters::PG_ROLLBACKS).rate().sum()),
        Panel::lines(
            "Found in memory",
            "Share of the blocks that were found in the server's memory, by database. Below 0.95 for long it has too \
             little.",
            Unit::Share,
        )
        .ask("{{datname}}", hit.clone() / (hit + read).positive()),
        Panel::areas("Locks", "Locks that are held or waited for, by mode.", Unit::Count)
            .ask("{{mode}}", of(exporters::PG_LOCKS).now().sum_by(|of| [of.mode])),
        Panel::lines(
            "Deadlocks",
            "Transactions that were ended because they waited for each other, in the time shown by one point.",
            Unit::Count,
        )
        .ask("deadlocks", of(exporters::PG_DEADLOCKS).increase(Window::Rate).sum())
        .alarms(1.0),
        Panel::lines("Size of databases", "Bytes on the disk.", Unit::Bytes)
            .ask("{{datname}}", of(exporters::PG_SIZE).now().max_by(|of| [of.datname])),
    ]
}

fn redis() -> Vec<Panel> {
    let hits = of(exporters::REDIS_HITS).rate().sum();
    let misses = of(exporters::REDIS_MISSES).rate().sum();
    vec![
        Panel::lines("Memory", "Bytes that each server holds.", Unit::Bytes)
            .ask("{{instance}}", of(exporters::REDIS_MEMORY).now().sum_by(|_| [INSTANCE])),
        Panel::lines("Connections", "Connections to each server.", Unit::Count)
            .ask("{{instance}}", of(exporters::REDIS_CLIENTS).now().sum_by(|_| [INSTANCE])),
        Panel::lines("Commands", "Commands a second that each server carried out.", Unit::PerSecond)
            .ask("{{instance}}", of(exporters::REDIS_COMMANDS).rate().sum_by(|_| [INSTANCE])),
        Panel::lines("Keys that are there", "Share of the keys that were asked for and there.", Unit::Share)
            .ask("there", hits.clone() / (hits + misses).positive())
            .without("no key was asked for"),
        Panel::lines(
            "Keys thrown out",
            "Keys a second that were thrown out for want of memory: the cache is too small for what it is asked.",
            Unit::PerSecond,
        )
        .ask("{{instance}}", of(exporters::REDIS_EVICTED).rate().sum_by(|_| [INSTANCE])),
        Panel::lines(
            "As nodes see it",
            "Nodes of evohub whose last question Redis answered.",
            Unit::Count,
        )
        .ask("nodes", of(names::REDIS_UP).now().sum())
        .without("no node uses one"),
    ]
}

/// The share of each machine's memory that is in use.
fn memory_in_use() -> Expression {
    let total = || of(exporters::NODE_MEMORY).now().sum_by(|_| [INSTANCE]);
    (total() - of(exporters::NODE_MEMORY_AVAILABLE).now().sum_by(|_| [INSTANCE])) / total()
}

fn machines() -> Vec<Panel> {
    // What is no disk: made anew at each start, or read only.
    const NO_DISK: &str = "tmpfs|ramfs|squashfs|iso9660|overlay";
    let size = || of(exporters::NODE_DISK).differs(|of| of.fstype, NO_DISK);
    let free = of(exporters::NODE_DISK_FREE).differs(|of| of.fstype, NO_DISK);
    vec![
        Panel::areas("Processors", "Processors that are busy, by what they do.", Unit::Number).ask(
            "{{mode}}",
            of(exporters::NODE_CPU).differs(|of| of.mode, "idle|iowait|steal").rate().sum_by(|of| [of.mode]),
        ),
        Panel::lines("Load", "Tasks that run or want to, over a minute, by machine.", Unit::Number)
            .ask("{{instance}}", of(exporters::NODE_LOAD).now().max_by(|_| [INSTANCE])),
        Panel::lines("Memory", "Share of each machine's memory that is in use.", Unit::Share)
            .ask("{{instance}}", memory_in_use())
            .warns(0.85, 0.95),
        Panel::lines("Disks", "Share of each file system that is full.", Unit::Share)
            .ask(
                "{{instance}} {{mountpoint}}",
                (size().now().max_by(|of| [INSTANCE, of.mountpoint])
                    - free.now().max_by(|of| [INSTANCE, of.mountpoint]))
                    / size().now().max_by(|of| [INSTANCE, of.mountpoint]),
            )
            .warns(0.8, 0.9),
        Panel::lines("Network", "Bytes a second over all devices but the loopback.", Unit::BytesPerSecond)
            .ask("received by {{instance}}", wire(exporters::NODE_RECEIVED))
            .ask("sent by {{instance}}", wire(exporters::NODE_SENT)),
        Panel::lines(
            "Network errors",
            "Packets a second that were broken or could not be sent.",
            Unit::PerSecond,
        )
        .ask("received by {{instance}}", wire(exporters::NODE_RECEIVE_ERRORS))
        .ask("sent by {{instance}}", wire(exporters::NODE_SEND_ERRORS)),
    ]
}

/// Of all network devices but the loopback, by machine.
fn wire(family: Exported<Counter, DeviceLabels>) -> Expression {
    of(family).is_not(|of| of.device, "lo").rate().sum_by(|_| [INSTANCE])
}
