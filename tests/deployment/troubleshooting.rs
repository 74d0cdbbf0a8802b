//! What the runbooks have operators ask PostgreSQL and Redis is asked here, of real servers.

use std::fs;
use std::path::Path;

use crate::runbooks::blocks;
use crate::tool::check;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks/troubleshooting.md");
    fs::read_to_string(path).unwrap()
}

/// The address of a server that `scripts/test` starts.
pub(crate) fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: scripts/servers starts the servers of tests"))
}

#[test]
fn postgresql_answers_every_query() {
    let address = server("EVOHUB_TEST_POSTGRES");
    let ask = |query: &str| {
        check(
            "psql",
            [
                address.as_str(),
                "--no-psqlrc",
                "--quiet",
                "--csv",
                "--set=ON_ERROR_STOP=1",
                "--command",
                query,
            ],
        )
    };
    ask("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    let page = page();
    let queries = blocks(&page, "sql");
    assert!(queries.len() >= 7, "{}", queries.len());
    for query in queries {
        let answer = ask(query);
        // At least the names of the columns.
        assert!(!answer.trim().is_empty(), "{query}");
    }
}

#[test]
fn redis_answers_every_command() {
    let address = server("EVOHUB_TEST_REDIS");
    let page = page();
    let commands: Vec<&str> = blocks(&page, "redis").into_iter().flat_map(str::lines).collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let words = ["-u", address.as_str(), "-e"].into_iter().chain(command.split_whitespace());
        let answer = check("redis-cli", words);
        assert!(!answer.starts_with("ERR"), "{command}: {answer}");
    }
}
