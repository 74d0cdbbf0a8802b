//! The Grafana dashboards.

mod lint;
mod schema;

use std::collections::BTreeSet;
use std::time::Duration;

use evohub_dashboards::choices::Choices;
use evohub_dashboards::model::Color;
use evohub_dashboards::{boards, exporters, grafana, recorded};
use serde_json::Value;

use crate::promql::{check_names, selectors};
use crate::tool::{check, deployment, read};

/// The dashboards as they are shipped, each with the name of its file.
fn shipped() -> Vec<(String, Value)> {
    let mut files: Vec<_> = std::fs::read_dir(deployment().join("grafana/dashboards"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// All panels but the heads of rows, those that are folded below them included.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let is_row = |panel: &&Value| panel["type"] == "row";
    let top = list(&dashboard["panels"]);
    top.flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])))
        .filter(|panel| !is_row(panel))
        .collect()
}

/// The queries of panels, each with the panel's title.
fn queries(dashboard: &Value) -> Vec<(&str, &str)> {
    let mut found = vec![];
    for panel in panels(dashboard) {
        let title = panel["title"].as_str().unwrap();
        found.extend(list(&panel["targets"]).map(|target| (title, target["expr"].as_str().unwrap())));
    }
    found
}

/// All that is asked in PromQL, each with who asks.
fn questions(dashboard: &Value) -> Vec<(&str, String)> {
    let panels = queries(dashboard).into_iter().map(|(title, expression)| (title, expression.to_owned()));
    let events = list(&dashboard["annotations"]["list"])
        .map(|event| (event["name"].as_str().unwrap(), event["target"]["expr"].as_str().unwrap().to_owned()));
    let variables = list(&dashboard["templating"]["list"]).filter_map(|variable| {
        let query = variable["query"].as_str()?.strip_prefix("label_values(")?;
        let (selector, _) = query.rsplit_once(", ")?;
        Some((variable["name"].as_str()?, selector.to_owned()))
    });
    panels.chain(events).chain(variables).collect()
}

#[test]
fn the_files_are_made_from_the_code() {
    let made: BTreeSet<(String, String)> = grafana::files(&boards::all()).into_iter().collect();
    let names: BTreeSet<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    let shipped = shipped();
    assert_eq!(names, shipped.iter().map(|(name, _)| name.as_str()).collect(), "run scripts/generate");
    for (name, text) in &made {
        let path = deployment().join("grafana/dashboards").join(name);
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            *text,
            "{name} is out of date: run scripts/generate"
        );
    }
}

#[test]
fn prometheus_understands_every_question() {
    let folder = tempfile::tempdir().unwrap();
    let choices = Choices::new(Duration::from_secs(60), Duration::from_secs(3600));
    for (file, dashboard) in shipped() {
        let rules: Vec<Value> = questions(&dashboard)
            .into_iter()
            .enumerate()
            .map(|(index, (_, expression))| {
                serde_json::json!({"record": format!("asked:{index}"), "expr": choices.apply(&expression)})
            })
            .collect();
        assert!(rules.len() > 20, "{file}: {}", rules.len());
        let path = folder.path().join(&file);
        // YAML reads JSON.
        let text = serde_json::json!({"groups": [{"name": "asked", "rules": rules}]}).to_string();
        std::fs::write(&path, text).unwrap();
        check("promtool", [std::ffi::OsStr::new("check"), "rules".as_ref(), path.as_os_str()]);
    }
}

#[test]
fn only_what_is_there_is_asked_for_and_all_that_is_named_is() {
    let mut asked = BTreeSet::new();
    for (file, dashboard) in shipped() {
        let questions = questions(&dashboard);
        let placed: Vec<(String, &str)> =
            questions.iter().map(|(who, text)| (format!("{file}: {who}"), text.as_str())).collect();
        check_names(placed.iter().map(|(place, text)| (place.as_str(), *text)));
        asked.extend(questions.iter().flat_map(|(_, text)| selectors(text)).map(|selector| selector.name));
    }
    for name in exporters::NAMES.iter().chain(recorded::NAMES) {
        assert!(asked.contains(*name), "nobody asks for {name}");
    }
}

#[test]
fn panels_stand_side_by_side_and_have_numbers_of_their_own() {
    for (file, dashboard) in shipped() {
        let mut ids = BTreeSet::new();
        let rows = list(&dashboard["panels"]).filter(|panel| panel["type"] == "row");
        for panel in rows.chain(panels(&dashboard)) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {panel}");
        }
        // What is folded overlaps what is below its row, until it is opened and pushes that down.
        let folded = list(&dashboard["panels"]).map(|row| list(&row["panels"]).collect::<Vec<_>>());
        for together in std::iter::once(list(&dashboard["panels"]).collect()).chain(folded) {
            let mut taken = BTreeSet::new();
            for panel in together {
                let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
                assert!(w > 0 && h > 0 && x + w <= 24, "{file}: {panel}");
                for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                    assert!(taken.insert(place), "{file}: {} lies upon another", panel["title"]);
                }
            }
        }
    }
}

/// All texts in a value.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn colours_are_those_that_the_colour_blind_can_tell_apart() {
    let palette: BTreeSet<&str> = Color::ALL.iter().map(|color| color.hex()).collect();
    for (file, dashboard) in shipped() {
        let mut all = vec![];
        texts(&dashboard, &mut all);
        let colors: Vec<&str> = all.iter().copied().filter(|text| text.starts_with('#')).collect();
        assert!(colors.len() > 20);
        for color in colors {
            assert!(palette.contains(color), "{file}: {color}");
        }
        for named in ["red", "green", "dark-red", "semi-dark-green", "palette-classic", "continuous-GrYlRd"] {
            assert!(!all.contains(&named), "{file}: {named}");
        }
        // Colour is never alone: lines of one panel differ in their strokes, too.
        for panel in panels(&dashboard).into_iter().filter(|panel| panel["type"] == "timeseries") {
            let single = list(&panel["fieldConfig"]["overrides"])
                .filter(|rule| rule["properties"][0]["value"]["mode"] == "fixed")
                .filter(|rule| rule["matcher"]["id"] == "byFrameRefID");
            let strokes: Vec<&Value> = single.map(|rule| &rule["properties"][1]["value"]).collect();
            let different: BTreeSet<String> = strokes.iter().map(ToString::to_string).collect();
            assert_eq!(different.len(), strokes.len(), "{file}: {}", panel["title"]);
        }
    }
}

#[test]
fn links_lead_to_dashboards_that_exist() {
    let shipped = shipped();
    let uids: BTreeSet<&str> =
        shipped.iter().map(|(_, dashboard)| dashboard["uid"].as_str().unwrap()).collect();
    assert!(uids.contains("meta-prompt-hub"));
    for (file, dashboard) in &shipped {
        assert_eq!(*file, format!("{}.json", dashboard["uid"].as_str().unwrap()));
        let mut all = vec![];
        texts(dashboard, &mut all);
        let mut linked = BTreeSet::new();
        for link in all.iter().filter_map(|text| text.strip_prefix("/d/")) {
            let uid = link.split(['?', '/']).next().unwrap();
            assert!(uids.contains(uid), "{file}: {link}");
            linked.insert(uid);
        }
        assert_eq!(linked.len(), shipped.len() - 1, "{file} leads to each of the others");
    }
}

#[test]
fn provisioning_names_what_the_dashboards_ask() {
    let sources: Vec<Value> = read("grafana/provisioning/datasources/evohub.yml");
    let uid = |kind: &str| {
        let found = list(&sources[0]["datasources"]).find(|source| source["type"] == kind);
        found.unwrap_or_else(|| panic!("no source of type {kind}"))["uid"].as_str().unwrap().to_owned()
    };
    let prometheus = list(&sources[0]["datasources"]).find(|source| source["type"] == "prometheus").unwrap();
    let traces = &prometheus["jsonData"]["exemplarTraceIdDestinations"][0];
    // As `Durations` names it in exemplars.
    assert_eq!(traces["name"], "trace_id");
    assert_eq!(traces["datasourceUid"], uid("jaeger").as_str());
    for (file, dashboard) in shipped() {
        let variable =
            list(&dashboard["templating"]["list"]).find(|variable| variable["type"] == "datasource");
        assert_eq!(variable.unwrap()["current"]["value"], uid("prometheus").as_str(), "{file}");
    }
    let folders: Vec<Value> = read("grafana/provisioning/dashboards/evohub.yml");
    assert_eq!(folders[0]["providers"][0]["options"]["path"], "/etc/grafana/dashboards");
}
