//! Runbooks: one for each alert, whose queries and commands exist.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::promql::check_names;
use crate::rules::alerts;
use crate::tool::check;

/// Pages that belong to no alert.
const OTHERS: [&str; 1] = ["troubleshooting"];

const HEADINGS: [&str; 5] =
    ["What it means", "What users feel", "How to look", "What to do", "How to confirm"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks")
}

/// Names and texts of all pages.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let page = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    entries.map(page).collect()
}

/// The text of each fenced block of a language.
pub(crate) fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| &rest[..rest.find("```").expect("a block ends")]).collect()
}

/// What a page asks Prometheus: a query a line.
fn queries(text: &str) -> impl Iterator<Item = &str> {
    blocks(text, "promql").into_iter().flat_map(str::lines)
}

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let mut expected = alerts();
    expected.extend(OTHERS.map(str::to_owned));
    let found: BTreeSet<String> = pages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, expected);
}

#[test]
fn pages_say_all_that_they_must() {
    for (name, text) in pages() {
        assert!(text.starts_with("# "), "{name} has no title");
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        assert!(text.starts_with(&format!("# {name}\n")), "{name} has another title");
        let sections: Vec<(&str, &str)> =
            text.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect();
        let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
        assert_eq!(headings, HEADINGS, "{name}");
        assert!(
            sections.iter().all(|(_, body)| body.trim().len() > 10),
            "{name} has a section that is empty"
        );
        assert_ne!(queries(&text).count(), 0, "{name} looks at nothing");
    }
}

#[test]
fn queries_parse_and_ask_for_what_is_there() {
    let pages = pages();
    let queries: Vec<(&str, &str)> = pages
        .iter()
        .flat_map(|(name, text)| queries(text).map(move |query| (name.as_str(), query)))
        .collect();
    check_names(queries.iter().copied());
    let mut rules = "groups:\n- name: queries\n  rules:\n".to_owned();
    for (number, (_, query)) in queries.iter().enumerate() {
        writeln!(rules, "  - record: query:{number}\n    expr: {}", serde_json::json!(query)).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), rules).unwrap();
    let said = check("promtool", ["check", "rules", &file.path().to_string_lossy()]);
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
}

#[test]
fn commands_are_those_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_evohub")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: BTreeSet<&str> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    // In blocks of a shell, and in code within a sentence.
    let named = Regex::new(r"(?m)(?:^\$ |`)evohub ([a-z]+)").unwrap();
    for (name, text) in pages() {
        for command in named.captures_iter(&text) {
            assert!(commands.contains(&command[1]), "{name}: there is no evohub {}", &command[1]);
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#([^)]+))?\)").unwrap();
    for (name, text) in pages() {
        for link in link.captures_iter(&text) {
            let target = folder().join(&link[1]);
            let target =
                fs::read_to_string(&target).unwrap_or_else(|error| panic!("{name}: {}: {error}", &link[1]));
            let Some(heading) = link.get(2) else { continue };
            let mut anchors = target
                .lines()
                .filter(|line| line.starts_with('#'))
                .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"));
            assert!(anchors.any(|anchor| anchor == heading.as_str()), "{name}: #{}", heading.as_str());
        }
    }
}
