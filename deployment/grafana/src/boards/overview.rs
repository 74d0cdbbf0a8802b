//! The main dashboard: is it well, does it get on, what is in its way?

use evohub_monitoring::metrics::names;

use super::{BUSINESS, INFRASTRUCTURE, MAIN, detail, events, row, targets};
use crate::exporters;
use crate::model::{Dashboard, Panel, Query, Row, Unit};
use crate::promql::{INSTANCE, Window, of};
use crate::recorded;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: MAIN,
        title: "evohub",
        description: "Is it well, does it get on, and what is in its way?",
        since: "now-1h",
        variables: targets(),
        annotations: events(),
        rows: vec![health(), evolution(), performance(), resources(), errors(), objectives()],
    }
}

fn health() -> Row {
    let failed = of(names::PROMPT_EVALUATIONS).is(|of| of.outcome, "failed");
    let tried = of(names::PROMPT_EVALUATIONS).matches(|of| of.outcome, "success|failed");
    row(
        "System health",
        vec![
        Panel::figure(
            "Nodes",
            "Nodes that work, as those that are scraped know them. A process by itself counts as none.",
            Unit::Count,
            of(names::CLUSTER_NODES).is(|of| of.state, "alive").now().max(),
        )
        .wide(3)
        .more(INFRASTRUCTURE),
        Panel::figure(
            "Nodes lost",
            "Nodes that were found dead, for as long as they are remembered. Their work goes on elsewhere.",
            Unit::Count,
            of(names::CLUSTER_NODES).is(|of| of.state, "dead").now().max(),
        )
        .wide(3)
        .alarms(1.0)
        .more(INFRASTRUCTURE),
        Panel::figure(
            "Jobs at work",
            "Jobs that search, or whose choice is scored on the test cases.",
            Unit::Count,
            of(names::EVOLUTION_JOBS).matches(|of| of.state, "running|closing").now().sum(),
        )
        .wide(3),
        Panel::figure(
            "Best fitness",
            "The best mean score in the populations of running jobs, 0 to 1.",
            Unit::Score,
            of(names::EVOLUTION_BEST_FITNESS).now().max(),
        )
        .wide(3)
        .without("no job runs"),
        Panel::figure(
            "Evaluations",
            "Evaluations a second that were measured and are durable.",
            Unit::PerSecond,
            of(names::PROMPT_EVALUATIONS).is(|of| of.outcome, "success").rate().sum(),
        )
        .wide(3),
        Panel::figure(
            "Evaluations that fail",
            "Share of the attempts at an evaluation that failed. One that is tried again counts each time.",
            Unit::Share,
            failed.rate().sum() / tried.rate().sum().positive(),
        )
        .wide(3)
        .warns(0.05, 0.2)
        .without("nothing is evaluated"),
        Panel::figure(
            "Spending",
            "US dollars an hour at the pace of the last minutes, where prices are known.",
            Unit::Dollars,
            (of(names::LLM_API_COST).rate().sum() * 3600.0).or_zero(),
        )
        .wide(3)
        .more(BUSINESS),
        Panel::figure(
            "Alerts",
            "Alerts of severity warning or critical that fire now. Each names its runbook.",
            Unit::Count,
            of(exporters::ALERTS)
                .is(|of| of.alertstate, "firing")
                .matches(|of| of.severity, "warning|critical")
                .now()
                .count()
                .or_zero(),
        )
        .wide(3)
        .warns(1.0, 5.0),
    ],
    )
}

fn evolution() -> Row {
    row("Evolution", vec![
        Panel::lines(
            "Fitness",
            "Best and mean score of the populations of running jobs, 0 to 1. A best that rises no more while the mean \
             catches up is a search that has converged.",
            Unit::Score,
        )
        .ask("best", of(names::EVOLUTION_BEST_FITNESS).now().max())
        .ask("mean", of(names::EVOLUTION_MEAN_FITNESS).now().mean())
        .without("no job runs"),
        Panel::lines(
            "Diversity",
            "Mean distance of two candidates of the least diverse population: 0 when all are alike. Near 0 a search \
             explores no more.",
            Unit::Score,
        )
        .ask("diversity", of(names::EVOLUTION_POPULATION_DIVERSITY).now().min())
        .without("no job runs"),
        Panel::lines(
            "Generations",
            "Generations, or windows of a steady state, that were completed a minute.",
            Unit::PerMinute,
        )
        .ask("completed", of(names::EVOLUTION_GENERATIONS_COMPLETED).rate().sum() * 60.0),
        Panel::areas(
            "Fate of candidates",
            "Candidates a minute by what became of them. Many that fall early are cheap; none that is kept means that \
             the operators bring nothing new.",
            Unit::PerMinute,
        )
        .query(
            Query::new("{{outcome}}", of(names::EVOLUTION_CANDIDATES).rate().sum_by(|of| [of.outcome]) * 60.0)
                .known_as(&["kept", "rejected", "dropped", "displaced", "unfinished", "unmeasurable"]),
        ),
        Panel::lines(
            "Jobs by state",
            "Jobs of all nodes. Those that are over count since their process started.",
            Unit::Count,
        )
        .query(
            Query::new("{{state}}", of(names::EVOLUTION_JOBS).now().sum_by(|of| [of.state]))
                .known_as(&["running", "closing", "done", "stopped", "failed", "moved"]),
        ),
        Panel::lines(
            "Candidates",
            "Candidates in the populations of running jobs.",
            Unit::Count,
        )
        .ask("candidates", of(names::EVOLUTION_POPULATION_SIZE).now().sum())
        .without("no job runs"),
        Panel::lines(
            "Time without a result",
            "Longest time that a running job has gone without a result. It is that of an evaluation at least; one that \
             only grows is a job that stands still.",
            Unit::Seconds,
        )
        .ask("{{instance}}", of(names::EVOLUTION_JOB_IDLE).now().max_by(|_| [INSTANCE]))
        .without("no job runs"),
        Panel::lines(
            "Budget of jobs",
            "Largest share of its dollars or tokens that a running job has spent, where it has such a limit. At 1 it ends.",
            Unit::Share,
        )
        .ask(
            "{{instance}}",
            of(names::EVOLUTION_BUDGET_SPENT).now().max_by(|_| [INSTANCE]).or_none("instance", "no limit"),
        )
        .warns(0.8, 0.95),
        Panel::lines(
            "Migrants",
            "Candidates a minute that populations took over from others of the same job, by to whom they send them.",
            Unit::PerMinute,
        )
        .query(
            Query::new("{{topology}}", of(names::EVOLUTION_MIGRATIONS).rate().sum_by(|of| [of.topology]) * 60.0)
                .known_as(&["ring", "full", "random"]),
        ),
    ])
}

fn performance() -> Row {
    let evaluation = of(names::EVALUATION_DURATION);
    row("Performance", vec![
        Panel::areas(
            "Evaluations by outcome",
            "Evaluations a second: measured and durable (success), known before (cached), and attempts that failed.",
            Unit::PerSecond,
        )
        .query(
            Query::new("{{outcome}}", of(names::PROMPT_EVALUATIONS).rate().sum_by(|of| [of.outcome]))
                .known_as(&["success", "failed", "cached"]),
        ),
        Panel::lines(
            "Time of an evaluation",
            "Model calls and scoring of an attempt, queues left out. Diamonds are single evaluations and lead to their \
             traces.",
            Unit::Seconds,
        )
        .query(Query::new("half within", evaluation.quantile(0.5)).with_exemplars())
        .query(Query::new("95 % within", evaluation.quantile(0.95)))
        .query(Query::new("99 % within", evaluation.quantile(0.99))),
        Panel::lines(
            "Wait for a worker",
            "Time that evaluations waited in the pool of a node before a worker took them. It grows when more is asked \
             of a node than it has places for.",
            Unit::Seconds,
        )
        .query(Query::new("half within", of(names::EVALUATION_QUEUE_WAIT).quantile(0.5)).with_exemplars())
        .query(Query::new("95 % within", of(names::EVALUATION_QUEUE_WAIT).quantile(0.95))),
        Panel::lines(
            "Time of a model call",
            "Time within which 95 % of the calls that succeeded were answered, from sending to the whole answer, by \
             model.",
            Unit::Seconds,
        )
        .query(
            Query::new("{{model}}", of(names::LLM_API_DURATION).quantile_by(0.95, |of| [of.model]))
                .with_exemplars(),
        ),
        Panel::lines(
            "Places in the cluster",
            "Evaluations under way, beside those that could begin at once, over all nodes. Busy at the top and nothing \
             free: more nodes, or wider limits of the provider, make it faster.",
            Unit::Count,
        )
        .ask("under way", of(names::CLUSTER_WORKERS_BUSY).now().max())
        .ask("free", of(names::CLUSTER_WORKERS_AVAILABLE).now().max()),
        Panel::lines(
            "Time of an HTTP request",
            "Time from the head of a request to its answer, probes and scrapes included. The objective is 95 % within \
             two seconds.",
            Unit::Seconds,
        )
        .query(Query::new("half within", of(names::HTTP_REQUEST_DURATION).quantile(0.5)).with_exemplars())
        .query(Query::new("95 % within", of(names::HTTP_REQUEST_DURATION).quantile(0.95)))
        .alarms(2.0),
    ])
}

fn resources() -> Row {
    let open = of(names::PROCESS_OPEN_FDS).now().sum_by(|_| [INSTANCE]);
    let memory = of(names::PROCESS_RESIDENT_MEMORY).now().sum_by(|_| [INSTANCE]);
    let allowed = of(names::PROCESS_MEMORY_LIMIT).now().sum_by(|_| [INSTANCE]);
    row("Resources", vec![
        Panel::lines(
            "Processors",
            "Processors that each node keeps busy; 1 is one of them, all the time.",
            Unit::Number,
        )
        .ask("{{instance}}", of(names::PROCESS_CPU).rate().sum_by(|_| [INSTANCE]))
        .more(INFRASTRUCTURE),
        Panel::lines(
            "Memory",
            "Memory of each node that is in RAM.",
            Unit::Bytes,
        )
        .ask("{{instance}}", memory.clone())
        .more(INFRASTRUCTURE),
        Panel::lines(
            "Memory of what is allowed",
            "Share of the memory that its control group allows each node, where that sets a limit. At 1 the kernel ends \
             it.",
            Unit::Share,
        )
        .ask("{{instance}}", (memory / allowed).or_none("instance", "no limit"))
        .warns(0.85, 0.95),
        Panel::lines(
            "Open files",
            "Share of the file descriptors that a node may have open. At 1 it takes no more connections.",
            Unit::Share,
        )
        .ask("{{instance}}", open / of(names::PROCESS_MAX_FDS).now().sum_by(|_| [INSTANCE]))
        .warns(0.8, 0.95),
        Panel::lines(
            "Model calls under way",
            "Calls under way, beside what the providers allow at once. Where they touch, the provider is the limit.",
            Unit::Count,
        )
        .ask("under way", of(names::LLM_API_IN_FLIGHT).now().sum())
        .ask("allowed", of(names::LLM_API_LIMIT).is(|of| of.kind, "concurrency").now().sum()),
        Panel::lines(
            "Time until results are durable",
            "Time from a result's arrival in the journal until the store has it. It grows when the store is the limit.",
            Unit::Seconds,
        )
        .query(Query::new("half within", of(names::JOURNAL_LAG).quantile(0.5)).with_exemplars())
        .query(Query::new("95 % within", of(names::JOURNAL_LAG).quantile(0.95))),
        Panel::lines(
            "Messages that wait",
            "Messages in the mailboxes of all actors, by their kind. One that only grows is an actor that does not keep \
             up.",
            Unit::Count,
        )
        .ask("{{actor}}", of(names::ACTOR_MAILBOX_DEPTH).now().sum_by(|of| [of.actor]))
        .more(INFRASTRUCTURE),
    ])
}

fn errors() -> Row {
    let calls = of(names::LLM_API_CALLS).is_not(|of| of.outcome, "success");
    row("Errors and alerts", vec![
        Panel::areas(
            "Failed evaluations",
            "Attempts at an evaluation that failed a second, by cause. They are tried again.",
            Unit::PerSecond,
        )
        .ask(
            "{{error_type}}",
            of(names::PROMPT_EVALUATIONS_FAILED)
                .rate()
                .sum_by(|of| [of.error_type])
                .or_none("error_type", "none"),
        ),
        Panel::areas(
            "Failed model calls",
            "Calls that failed for good a second, by the type of the error: all their retries failed, or it was of no \
             use to try again.",
            Unit::PerSecond,
        )
        .ask("{{outcome}}", calls.rate().sum_by(|of| [of.outcome]).or_none("outcome", "none")),
        Panel::areas(
            "Retries of model calls",
            "Attempts at a call that failed and were made again a second, by the type of the error.",
            Unit::PerSecond,
        )
        .ask(
            "{{error_type}}",
            of(names::LLM_API_RETRIES).rate().sum_by(|of| [of.error_type]).or_none("error_type", "none"),
        ),
        Panel::lines(
            "Actors in trouble",
            "Actors that died and were started again, and messages whose actor had died, in the time shown by one \
             point. Both are 0 on a healthy node.",
            Unit::Count,
        )
        .ask("restarts", of(names::ACTOR_RESTARTS).increase(Window::Rate).sum().or_zero())
        .ask("dead letters", of(names::ACTOR_DEAD_LETTERS).increase(Window::Rate).sum().or_zero())
        .alarms(1.0),
        Panel::lines(
            "Telemetry that is lost",
            "Spans that no collector took, log lines that no disk took, and observations that found no series of their \
             own, a second.",
            Unit::PerSecond,
        )
        .ask(
            "spans",
            of(names::TRACE_SPANS).matches(|of| of.outcome, "failed|dropped").rate().sum().or_zero(),
        )
        .ask("log lines", of(names::LOG_LINES_DROPPED).rate().sum().or_zero())
        .ask("observations", of(names::METRICS_SERIES_FOLDED).rate().sum().or_zero()),
        Panel::areas(
            "Alerts that fire",
            "By name. Watchdog always fires: it says that alerts are heard.",
            Unit::Count,
        )
        .ask(
            "{{alertname}}",
            of(exporters::ALERTS)
                .is(|of| of.alertstate, "firing")
                .now()
                .sum_by(|of| [of.alertname])
                .or_none("alertname", "none"),
        ),
    ])
}

fn objectives() -> Row {
    detail("Service level objectives", vec![
        Panel::figure(
            "Available",
            "1 while the service can take work: a node answers, and the database does.",
            Unit::Number,
            of(recorded::AVAILABLE).now().min(),
        )
        .warns_below(1.0, 1.0),
        Panel::lines(
            "Error budget left",
            "Share of what may go wrong in 30 days that is left, by objective. Below 0 the objective is missed.",
            Unit::Share,
        )
        .ask("{{slo}}", of(recorded::BUDGET_REMAINING).now().min_by(|of| [of.slo]))
        .signed()
        .wide(10),
        Panel::lines(
            "How fast the budget is spent",
            "1 spends the budget of 30 days in 30 days. 14.4 over an hour and over five minutes pages somebody.",
            Unit::Number,
        )
        .ask("{{slo}} over 5 m", of(recorded::BURN_RATE_5M).now().max_by(|of| [of.slo]))
        .ask("{{slo}} over 1 h", of(recorded::BURN_RATE_1H).now().max_by(|of| [of.slo]))
        .ask("{{slo}} over 6 h", of(recorded::BURN_RATE_6H).now().max_by(|of| [of.slo]))
        .warns(6.0, 14.4)
        .wide(10),
        Panel::lines(
            "What goes wrong",
            "Share of bad moments, requests, slow requests and lost evaluations in five minutes, by objective.",
            Unit::Share,
        )
        .ask("{{slo}}", of(recorded::ERROR_RATIO_5M).now().max_by(|of| [of.slo]))
        .wide(12),
        Panel::lines(
            "Requests of users that fail",
            "Share of users' requests that were answered with 5xx, neither probes nor scrapes.",
            Unit::Share,
        )
        .ask("5xx", of(recorded::HTTP_ERROR_RATIO).now().max().or_zero())
        .warns(0.001, 0.05)
        .wide(12),
        Panel::lines(
            "Requests of users",
            "Time within which users' requests are answered, neither probes nor scrapes. The objective is 95 % within \
             two seconds.",
            Unit::Seconds,
        )
        .ask("half within", of(recorded::HTTP_DURATION_P50).now().max().or_zero())
        .ask("95 % within", of(recorded::HTTP_DURATION_P95).now().max().or_zero())
        .alarms(2.0)
        .wide(12),
    ])
}
