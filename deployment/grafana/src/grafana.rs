//! A dashboard as Grafana reads it: the JSON of its first schema, which every version since Grafana 10 imports.

use serde_json::{Value, json};

use crate::model::{Annotation, Color, Dash, Dashboard, Form, Panel, Query, Row, Style, Variable};
use crate::promql::Window;

/// The version of the schema of dashboards that is written here: Grafana 12 and 13 read it as it is, and
/// others bring it up to date when they load it.
const SCHEMA_VERSION: u32 = 41;

/// Columns of a dashboard.
const COLUMNS: u8 = 24;

/// The word by which all dashboards of evohub are found.
const TAG: &str = "evohub";

/// The dashboards as files, each with its name and its text.
pub fn files(dashboards: &[Dashboard]) -> Vec<(String, String)> {
    let file = |dashboard: &Dashboard| {
        let mut json = json(dashboard, dashboards);
        // Whether objects keep the order of their fields is up to who else uses the library.
        json.sort_all_objects();
        // `{:#}` is JSON over several lines.
        (format!("{}.json", dashboard.uid), format!("{json:#}\n"))
    };
    dashboards.iter().map(file).collect()
}

/// A dashboard as Grafana's JSON. `others` are linked from its head.
pub fn json(dashboard: &Dashboard, others: &[Dashboard]) -> Value {
    let annotations: Vec<Value> = dashboard.annotations.iter().map(annotation).collect();
    let variables = std::iter::once(data_sources()).chain(dashboard.variables.iter().map(variable));
    let links: Vec<Value> = others.iter().filter(|other| other.uid != dashboard.uid).map(link).collect();
    json!({
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": dashboard.since, "to": "now"},
        "timezone": "browser",
        "links": links,
        "annotations": {"list": annotations},
        "templating": {"list": variables.collect::<Vec<_>>()},
        "panels": panels(&dashboard.rows),
    })
}

/// What every query asks.
fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn data_sources() -> Value {
    json!({
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes evohub",
        "query": "prometheus",
        "refresh": 1,
        "current": {"text": "Prometheus", "value": "prometheus"},
    })
}

fn variable(variable: &Variable) -> Value {
    let Variable { name, label, description, query, all, first } = variable;
    let (text, value) = first.map_or(("All", "$__all"), |first| (first, first));
    let mut json = json!({
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": data_source(),
        "query": query,
        "refresh": 2,
        "sort": 1,
        "multi": true,
        "includeAll": first.is_none(),
        "current": {"text": [text], "value": [value]},
    });
    if let Some(all) = all {
        json["allValue"] = json!(all);
    }
    json
}

fn annotation(annotation: &Annotation) -> Value {
    let Annotation { name, text, expression, color } = annotation;
    json!({
        "name": name,
        "enable": true,
        "iconColor": color.hex(),
        "datasource": data_source(),
        "target": {"refId": "Anno", "expr": expression.to_string(), "interval": ""},
        "titleFormat": name,
        "textFormat": text,
    })
}

fn link(dashboard: &Dashboard) -> Value {
    json!({
        "type": "link",
        "title": dashboard.title,
        "tooltip": dashboard.description,
        "url": format!("/d/{}", dashboard.uid),
        "icon": "dashboard",
        "tags": [],
        "asDropdown": false,
        "includeVars": true,
        "keepTime": true,
        "targetBlank": false,
    })
}

/// All panels, one row below the other.
fn panels(rows: &[Row]) -> Vec<Value> {
    let mut all = vec![];
    let (mut id, mut y) = (0, 0);
    for row in rows {
        id += 1;
        let head = json!({
            "type": "row",
            "id": id,
            "title": row.title,
            "collapsed": row.folded,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        });
        y += 1;
        let (mut placed, mut x, mut line) = (vec![], 0, 0);
        for panel in &row.panels {
            if x + panel.width > COLUMNS {
                (x, y, line) = (0, y + line, 0);
            }
            id += 1;
            let height = height(panel.form);
            let place = json!({"x": x, "y": y, "w": panel.width, "h": height});
            placed.push(self::panel(panel, id, place));
            (x, line) = (x + panel.width, line.max(height));
        }
        y += line;
        all.push(head);
        if row.folded {
            // What is folded hangs below its row, and takes no room until it is opened.
            let head = all.last_mut().expect("it was pushed");
            head["panels"] = Value::Array(placed);
        } else {
            all.extend(placed);
        }
    }
    all
}

const fn height(form: Form) -> u32 {
    match form {
        Form::Figure => 4,
        Form::Lines | Form::Areas | Form::Table | Form::Heatmap => 8,
    }
}

fn panel(panel: &Panel, id: u32, place: Value) -> Value {
    let queries = panel.queries.iter().enumerate();
    let targets: Vec<Value> = queries.map(|(index, query)| target(panel.form, query, index)).collect();
    json!({
        "id": id,
        "type": plugin(panel.form),
        "title": panel.title,
        "description": panel.description,
        "datasource": data_source(),
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": defaults(panel), "overrides": overrides(panel)},
        "options": options(panel),
    })
}

const fn plugin(form: Form) -> &'static str {
    match form {
        Form::Figure => "stat",
        Form::Lines | Form::Areas => "timeseries",
        Form::Table => "table",
        Form::Heatmap => "heatmap",
    }
}

/// The letter of a query.
fn letter(index: usize) -> String {
    char::from(b'A' + index as u8).to_string()
}

fn target(form: Form, query: &Query, index: usize) -> Value {
    let expression = query.expression.to_string();
    // What looks at all that is shown has one value, not a course.
    let looks_back = expression.contains(&Window::Shown.to_string());
    let is_instant = form == Form::Table || form == Form::Figure && looks_back;
    let format = match form {
        Form::Table => "table",
        Form::Heatmap => "heatmap",
        Form::Figure | Form::Lines | Form::Areas => "time_series",
    };
    json!({
        "refId": letter(index),
        "datasource": data_source(),
        "expr": expression,
        "legendFormat": query.legend,
        "editorMode": "code",
        "format": format,
        "range": !is_instant,
        "instant": is_instant,
        "exemplar": query.has_exemplars,
    })
}

fn defaults(panel: &Panel) -> Value {
    let base = if panel.is_bad_below { Color::Vermillion } else { Color::Blue };
    let steps = panel.thresholds.iter().map(|(value, color)| json!({"value": value, "color": color.hex()}));
    let steps: Vec<Value> =
        std::iter::once(json!({"value": null, "color": base.hex()})).chain(steps).collect();
    let color = match panel.form {
        Form::Figure => json!({"mode": "thresholds"}),
        _ => json!({"mode": "fixed", "fixedColor": Color::Blue.hex()}),
    };
    let mut defaults = json!({
        "unit": panel.unit.id(),
        "noValue": panel.without,
        "color": color,
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": custom(panel),
    });
    if !panel.is_signed {
        defaults["min"] = json!(0);
    }
    if let Some(uid) = panel.more {
        defaults["links"] = json!([{
            "title": "More",
            "url": format!("/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}&${{instance:queryparam}}"),
        }]);
    }
    defaults
}

fn custom(panel: &Panel) -> Value {
    match panel.form {
        Form::Lines | Form::Areas => {
            let is_sum = panel.form == Form::Areas;
            json!({
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 2,
                "fillOpacity": if is_sum { 30 } else { 0 },
                "showPoints": "auto",
                "spanNulls": false,
                "stacking": {"mode": if is_sum { "normal" } else { "none" }, "group": "A"},
                "thresholdsStyle": {"mode": if panel.thresholds.is_empty() { "off" } else { "dashed" }},
            })
        }
        Form::Figure | Form::Table | Form::Heatmap => json!({}),
    }
}

/// What makes series known: by their query, or by their name.
fn overrides(panel: &Panel) -> Vec<Value> {
    if !matches!(panel.form, Form::Lines | Form::Areas) {
        return vec![];
    }
    let mut overrides = vec![];
    for (index, query) in panel.queries.iter().enumerate() {
        let matcher = json!({"id": "byFrameRefID", "options": letter(index)});
        let style = panel.style(index);
        let mode = if query.has_many_series() { "shades" } else { "fixed" };
        overrides.push(json!({"matcher": matcher, "properties": properties(style, mode)}));
        for (name, style) in &query.known {
            let matcher = json!({"id": "byName", "options": name});
            overrides.push(json!({"matcher": matcher, "properties": properties(*style, "fixed")}));
        }
    }
    overrides
}

fn properties(Style { color, dash }: Style, mode: &str) -> Value {
    let style = match dash {
        Dash::Solid => json!({"fill": "solid"}),
        Dash::Dots => json!({"fill": "dot", "dash": dash.lengths()}),
        Dash::Long | Dash::Short => json!({"fill": "dash", "dash": dash.lengths()}),
    };
    json!([
        {"id": "color", "value": {"mode": mode, "fixedColor": color.hex()}},
        {"id": "custom.lineStyle", "value": style},
    ])
}

fn options(panel: &Panel) -> Value {
    match panel.form {
        Form::Figure => json!({
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "showPercentChange": false,
            "textMode": "value",
            "wideLayout": true,
        }),
        Form::Lines | Form::Areas => json!({
            "legend": {
                "showLegend": true,
                "displayMode": "table",
                "placement": "bottom",
                "calcs": ["lastNotNull", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Form::Table => json!({"showHeader": true, "frameIndex": 0, "cellHeight": "sm"}),
        // Cividis runs from dark blue to yellow: lightness says what colour does.
        Form::Heatmap => json!({
            "calculate": false,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Cividis",
                "exponent": 0.5,
                "fill": Color::Blue.hex(),
                "reverse": false,
                "steps": 64,
            },
            "exemplars": {"color": Color::Vermillion.hex()},
            "legend": {"show": true},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "yHistogram": true},
            "yAxis": {"axisPlacement": "left", "unit": panel.unit.id()},
        }),
    }
}
