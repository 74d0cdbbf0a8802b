//! The rules of Grafana's dashboard-linter, under its names for them. Two differ, because these dashboards look at more
//! than one kind of target: a series of an exporter is narrowed down by a variable for that exporter, and one of a
//! recording rule, which is over all targets, by none. Rules about Loki say nothing here; a test sees that nobody asks it.

use std::collections::BTreeSet;

use evohub_dashboards::recorded;
use serde_json::{Value, json};

use super::{list, panels, queries, shipped};
use crate::promql::{Selector, selectors};

/// Finds what is wrong with a dashboard.
type Rule = fn(&Value) -> Vec<String>;

/// A way to break a rule.
type Fault = fn(&mut Value);

/// Each rule, with a way to break it.
const RULES: [(&str, Rule, Fault); 16] = [
    ("template-datasource-rule", data_source, |board| variable(board, "datasource")["name"] = json!("ds")),
    (
        "template-job-rule",
        |board| target_variable(board, "job"),
        |board| {
            variable(board, "job")["multi"] = json!(false);
        },
    ),
    (
        "template-instance-rule",
        |board| target_variable(board, "instance"),
        |board| {
            variable(board, "instance")["allValue"] = json!(".*");
        },
    ),
    ("template-label-promql-rule", variable_queries, |board| {
        variable(board, "job")["query"] = json!("label_value(up, job)");
    }),
    ("template-on-time-change-reload-rule", variable_refresh, |board| {
        variable(board, "instance")["refresh"] = json!(1);
    }),
    ("panel-datasource-rule", panel_source, |board| panel(board)["datasource"]["uid"] = json!("prometheus")),
    ("panel-title-description-rule", panel_words, |board| panel(board)["description"] = json!("")),
    ("panel-units-rule", panel_unit, |board| {
        panel(board)["fieldConfig"]["defaults"]["unit"] = json!("apples")
    }),
    ("panel-no-targets-rule", panel_targets, |board| panel(board)["targets"] = json!([])),
    ("target-promql-rule", target_language, |board| target(board)["expr"] = json!("sum(rate(x[5m])")),
    ("target-rate-interval-rule", target_interval, |board| {
        target(board)["expr"] = json!("rate(x_total[5m])")
    }),
    (
        "target-job-rule",
        |board| target_matcher(board, "job"),
        |board| {
            target(board)["expr"] = json!("sum(evolution_jobs{instance=~\"$instance\"})");
        },
    ),
    (
        "target-instance-rule",
        |board| target_matcher(board, "instance"),
        |board| {
            target(board)["expr"] = json!("sum(evolution_jobs{job=~\"$job\", instance=\"$instance\"})");
        },
    ),
    ("target-counter-agg-rule", target_counter, |board| target(board)["expr"] = json!("sum(x_total)")),
    ("uneditable-dashboard", editable, |board| board["editable"] = json!(true)),
    ("target-logql-rule", other_sources, |board| target(board)["datasource"]["type"] = json!("loki")),
];

fn variable<'a>(board: &'a mut Value, name: &str) -> &'a mut Value {
    let variables = board["templating"]["list"].as_array_mut().unwrap();
    variables.iter_mut().find(|variable| variable["name"] == name).unwrap()
}

/// The first panel that is none of a row.
fn panel(board: &mut Value) -> &mut Value {
    let panels = board["panels"].as_array_mut().unwrap();
    panels.iter_mut().find(|panel| panel["type"] != "row").unwrap()
}

fn target(board: &mut Value) -> &mut Value {
    &mut panel(board)["targets"][0]
}

#[test]
fn dashboards_keep_the_rules() {
    for (file, board) in shipped() {
        for (name, rule, _) in RULES {
            assert_eq!(rule(&board), [""; 0], "{file}: {name}");
        }
    }
}

#[test]
fn rules_find_who_breaks_them() {
    let (_, sound) = shipped().into_iter().find(|(file, _)| file == "meta-prompt-hub.json").unwrap();
    for (name, rule, spoil) in RULES {
        let mut board = sound.clone();
        spoil(&mut board);
        assert_eq!(rule(&board).len(), 1, "{name}: {:?}", rule(&board));
    }
}

/// A problem unless all is well.
fn unless(is_well: bool, problem: impl Into<String>) -> Option<String> {
    (!is_well).then(|| problem.into())
}

fn find<'a>(board: &'a Value, name: &str) -> Option<&'a Value> {
    list(&board["templating"]["list"]).find(|variable| variable["name"] == name)
}

fn query_variables(board: &Value) -> impl Iterator<Item = &Value> {
    list(&board["templating"]["list"]).filter(|variable| variable["type"] == "query")
}

fn data_source(board: &Value) -> Vec<String> {
    let of_type: Vec<&Value> =
        list(&board["templating"]["list"]).filter(|variable| variable["type"] == "datasource").collect();
    let is_one = matches!(of_type[..], [one] if one["name"] == "datasource" && one["label"] == "Data source");
    unless(is_one, format!("one variable `datasource` with the label `Data source`: {of_type:?}"))
        .into_iter()
        .collect()
}

fn target_variable(board: &Value, name: &str) -> Vec<String> {
    let Some(variable) = find(board, name) else { return vec![format!("there is no variable {name}")] };
    let label = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    [
        unless(variable["label"] == label.as_str(), format!("its label is {label}")),
        unless(variable["datasource"]["uid"] == "${datasource}", "it asks the chosen data source"),
        unless(variable["type"] == "query", "its values come from a query"),
        unless(variable["multi"] == true, "several can be chosen"),
        unless(variable["allValue"] == ".+", "all are `.+`"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn variable_queries(board: &Value) -> Vec<String> {
    let check = |variable: &Value| {
        let query = variable["query"].as_str().unwrap_or_default();
        let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let selector = inside.and_then(|inside| inside.rsplit_once(", "));
        unless(selector.is_some_and(|(selector, _)| selectors(selector).len() == 1), query)
    };
    query_variables(board).filter_map(check).collect()
}

fn variable_refresh(board: &Value) -> Vec<String> {
    query_variables(board)
        .filter_map(|variable| unless(variable["refresh"] == 2, variable["name"].to_string()))
        .collect()
}

fn of_panels(board: &Value, check: impl Fn(&Value) -> bool) -> Vec<String> {
    panels(board).into_iter().filter_map(|panel| unless(check(panel), panel["title"].to_string())).collect()
}

fn panel_source(board: &Value) -> Vec<String> {
    of_panels(board, |panel| panel["datasource"]["uid"] == "${datasource}")
}

fn panel_words(board: &Value) -> Vec<String> {
    let has = |panel: &Value, what: &str| panel[what].as_str().is_some_and(|text| !text.is_empty());
    of_panels(board, |panel| has(panel, "title") && has(panel, "description"))
}

/// Those of Grafana's units that make sense here.
const UNITS: [&str; 14] = [
    "none",
    "short",
    "percentunit",
    "percent",
    "s",
    "bytes",
    "Bps",
    "cps",
    "cpm",
    "ops",
    "reqps",
    "currencyUSD",
    "dateTimeAsIso",
    "bool",
];

fn panel_unit(board: &Value) -> Vec<String> {
    of_panels(board, |panel| {
        panel["fieldConfig"]["defaults"]["unit"].as_str().is_some_and(|unit| UNITS.contains(&unit))
    })
}

fn panel_targets(board: &Value) -> Vec<String> {
    of_panels(board, |panel| list(&panel["targets"]).next().is_some())
}

fn of_queries(board: &Value, check: impl Fn(&str) -> bool) -> Vec<String> {
    queries(board)
        .into_iter()
        .filter_map(|(title, expression)| unless(check(expression), format!("{title}: {expression}")))
        .collect()
}

/// What Prometheus itself does not find fault with is another test's; here it is asked for nothing half written.
fn target_language(board: &Value) -> Vec<String> {
    let balanced =
        |expression: &str, open, close| expression.matches(open).count() == expression.matches(close).count();
    of_queries(board, |expression| {
        balanced(expression, '(', ')') && balanced(expression, '{', '}') && !selectors(expression).is_empty()
    })
}

fn target_interval(board: &Value) -> Vec<String> {
    let is_well = |Selector { range, function, .. }: Selector| {
        let is_rate = ["rate", "irate"].contains(&function.as_str());
        !is_rate || range.as_deref() == Some("$__rate_interval")
    };
    of_queries(board, |expression| selectors(expression).into_iter().all(is_well))
}

/// The variable that narrows a series down by a label; none for what is over all targets.
fn narrowed_by(name: &str, label: &str) -> Option<&'static str> {
    let of_exporter = [("pg_", "$postgres"), ("redis_", "$redis"), ("node_", "$machine")];
    let exporter =
        of_exporter.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, variable)| *variable);
    match label {
        _ if name == "ALERTS" || recorded::NAMES.contains(&name) => None,
        "job" if exporter.is_some() => None,
        "job" => Some("$job"),
        _ => exporter.or(Some("$instance")),
    }
}

fn target_matcher(board: &Value, label: &str) -> Vec<String> {
    let is_well = |selector: Selector| {
        let Some(variable) = narrowed_by(&selector.name, label) else { return true };
        let wanted = (label.to_owned(), "=~".to_owned(), variable.to_owned());
        // Redis is also looked at from the nodes.
        let from_nodes = selector.name == "redis_up"
            && selector.matchers.contains(&(label.to_owned(), "=~".to_owned(), format!("${label}")));
        selector.matchers.contains(&wanted) || from_nodes
    };
    of_queries(board, |expression| selectors(expression).into_iter().all(is_well))
}

fn target_counter(board: &Value) -> Vec<String> {
    let is_well = |Selector { name, range, function, .. }: Selector| {
        let is_growth = ["rate", "irate", "increase"].contains(&function.as_str()) && range.is_some();
        !name.ends_with("_total") || is_growth
    };
    of_queries(board, |expression| selectors(expression).into_iter().all(is_well))
}

fn editable(board: &Value) -> Vec<String> {
    unless(board["editable"] == false, "it can be edited in Grafana").into_iter().collect()
}

fn other_sources(board: &Value) -> Vec<String> {
    let targets = panels(board).into_iter().flat_map(|panel| list(&panel["targets"]));
    let kinds: BTreeSet<&str> =
        targets.map(|target| target["datasource"]["type"].as_str().unwrap_or_default()).collect();
    unless(kinds == BTreeSet::from(["prometheus"]), format!("{kinds:?}")).into_iter().collect()
}
