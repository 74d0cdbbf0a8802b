//! The store, and its tables.

use evohub_store::{Examination, PostgresExamination, SchemaState, StoreError};

use super::finding::{Check, Finding};
use super::machine::human;

/// The first version whose tables number themselves as ours do.
const OLDEST_POSTGRES: i32 = 100_000;

/// Milliseconds that a round trip may take: a node makes one for every group of results.
const SLOW: u128 = 50;

/// What was found out of the store: the store itself first, then its tables.
pub(super) fn judge(found: &Result<Examination, StoreError>, is_node: bool) -> Vec<Finding> {
    let examination = match found {
        Ok(examination) => examination,
        Err(error) => {
            let why = "the database could not be asked";
            return vec![
                Finding::parted(Check::Database, error),
                Finding::not_applicable(Check::Migrations, why),
            ];
        }
    };
    let mut findings = match examination {
        Examination::Postgres(server) => of_server(server),
        _ if is_node => vec![Finding::problem(
            Check::Database,
            "the store is for one process alone, and a cluster needs one that all nodes share",
            "give all nodes the same PostgreSQL database: --store postgres://…",
        )],
        Examination::File(file) => vec![match file.bytes {
            Some(bytes) => Finding::ok(Check::Database, format!("{}, {}", file.path.display(), human(bytes))),
            None => Finding::ok(
                Check::Database,
                format!("{} is not there yet; the first job makes it", file.path.display()),
            ),
        }],
        _ => vec![Finding::ok(Check::Database, "the store is in memory, and gone with its process")],
    };
    findings.push(match examination.schema() {
        Some(schema) => of_schema(schema),
        None => Finding::not_applicable(Check::Migrations, "the store is in memory"),
    });
    findings
}

fn of_server(server: &PostgresExamination) -> Vec<Finding> {
    const CHECK: Check = Check::Database;
    let milliseconds = server.latency.as_secs_f64() * 1_000.0;
    let found = format!("PostgreSQL {} answers in {milliseconds:.1} ms", server.version);
    let mut findings = vec![if server.version_number < OLDEST_POSTGRES {
        Finding::problem(CHECK, found, "use PostgreSQL 10 or later")
    } else if server.latency.as_millis() >= SLOW {
        let advice = "bring nodes and database closer together: each group of results waits for a round trip";
        Finding::warning(CHECK, found, advice)
    } else {
        Finding::ok(CHECK, found)
    }];
    if server.is_read_only {
        let found = "the database is read-only; it may be a standby";
        findings.push(Finding::problem(CHECK, found, "name the server that writes, or allow writing"));
    }
    if server.encoding != "UTF8" {
        let found = format!("the database keeps its texts as {}, which not every text is", server.encoding);
        findings.push(Finding::problem(CHECK, found, "use a database of UTF8 (createdb --encoding=UTF8)"));
    }
    if server.namespace.is_none() {
        let found = "the database has no schema to make tables in";
        findings.push(Finding::problem(CHECK, found, "make one, or set the search_path of the user"));
    }
    if !server.missing_rights.is_empty() {
        let found = format!("the user may not {}", server.missing_rights.join(", "));
        findings.push(Finding::problem(CHECK, found, "grant the rights, or name another user"));
    }
    findings.push(of_connections(server));
    findings
}

fn of_connections(server: &PostgresExamination) -> Finding {
    let PostgresExamination { most_connections: most, open_connections: open, .. } = server;
    let own = i64::from(server.connections_of_a_process);
    let found = format!(
        "{open} of {most} connections are open; a node has up to {own}, so there is room for {} nodes in all",
        most / own
    );
    if most - open >= own {
        return Finding::ok(Check::Database, found);
    }
    let advice = "raise max_connections, run fewer nodes, or see who holds them (pg_stat_activity)";
    Finding::warning(Check::Database, found, advice)
}

fn of_schema(schema: &SchemaState) -> Finding {
    const CHECK: Check = Check::Migrations;
    match schema {
        SchemaState::Current { version } => {
            Finding::ok(CHECK, format!("the tables are in date (schema {version})"))
        }
        SchemaState::Empty => {
            Finding::ok(CHECK, "there are no tables yet; the first process to open the store makes them")
        }
        SchemaState::Older { version, newest } => Finding::warning(
            CHECK,
            format!("the tables are older (schema {version}) than this program ({newest})"),
            "back the database up, end all nodes of the older release, and start one of this: it updates the tables",
        ),
        SchemaState::Newer { version, newest } => Finding::problem(
            CHECK,
            format!("a newer program wrote the store (schema {version}, this one knows {newest})"),
            "update evohub here, or name another store",
        ),
        SchemaState::Foreign => Finding::problem(
            CHECK,
            "the store is a database of another program",
            "name another database or file, or a schema of its own (?options[search_path]=evohub)",
        ),
        SchemaState::Unknown { problem } => Finding::problem(
            CHECK,
            format!("the tables are of no release of evohub: {problem}"),
            "restore the store from a backup, or name another one",
        ),
        schema => Finding::warning(CHECK, format!("{schema:?}"), "use the release that knows this state"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::finding::Verdict;

    fn server() -> PostgresExamination {
        PostgresExamination {
            version: "15.14".to_owned(),
            version_number: 150_014,
            latency: Duration::from_micros(400),
            clock_ahead: 0,
            encoding: "UTF8".to_owned(),
            is_read_only: false,
            namespace: Some("public".to_owned()),
            missing_rights: vec![],
            schema: SchemaState::Current { version: 2 },
            most_connections: 97,
            open_connections: 31,
            connections_of_a_process: 10,
        }
    }

    fn judged(change: impl FnOnce(&mut PostgresExamination)) -> Vec<(Verdict, String)> {
        let mut server = server();
        change(&mut server);
        let findings = judge(&Ok(Examination::Postgres(server)), true);
        findings.into_iter().map(|finding| (finding.status, finding.found)).collect()
    }

    #[test]
    fn a_server_in_order_is_told_in_figures() {
        let found: Vec<String> = judged(|_| {})
            .into_iter()
            .map(|(status, found)| {
                assert_eq!(status, Verdict::Ok, "{found}");
                found
            })
            .collect();
        assert_eq!(
            found,
            [
                "PostgreSQL 15.14 answers in 0.4 ms",
                "31 of 97 connections are open; a node has up to 10, so there is room for 9 nodes in all",
                "the tables are in date (schema 2)",
            ]
        );
    }

    #[test]
    fn each_defect_of_a_server_has_its_finding() {
        let defects: [(&dyn Fn(&mut PostgresExamination), Verdict, &str); 11] = [
            (&|it| it.version_number = 90_624, Verdict::Problem, "PostgreSQL"),
            (&|it| it.latency = Duration::from_millis(80), Verdict::Warning, "80.0 ms"),
            (&|it| it.is_read_only = true, Verdict::Problem, "read-only"),
            (&|it| it.encoding = "LATIN1".to_owned(), Verdict::Problem, "LATIN1"),
            (&|it| it.namespace = None, Verdict::Problem, "no schema"),
            (&|it| it.missing_rights = vec!["write".to_owned()], Verdict::Problem, "may not write"),
            (&|it| it.open_connections = 90, Verdict::Warning, "90 of 97"),
            (&|it| it.schema = SchemaState::Older { version: 1, newest: 2 }, Verdict::Warning, "older"),
            (&|it| it.schema = SchemaState::Newer { version: 3, newest: 2 }, Verdict::Problem, "newer"),
            (&|it| it.schema = SchemaState::Foreign, Verdict::Problem, "another program"),
            (&|it| it.schema = SchemaState::Unknown { problem: "odd".to_owned() }, Verdict::Problem, "odd"),
        ];
        for (defect, status, said) in defects {
            let found = judged(defect);
            let bad: Vec<_> = found.iter().filter(|(status, _)| *status > Verdict::Ok).collect();
            assert!(
                matches!(&bad[..], [(worst, found)] if *worst == status && found.contains(said)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_file_is_no_store_for_a_node() {
        let memory = Ok(Examination::Memory);
        assert_eq!(judge(&memory, true)[0].status, Verdict::Problem);
        assert_eq!(judge(&memory, false)[0].status, Verdict::Ok);
    }
}
