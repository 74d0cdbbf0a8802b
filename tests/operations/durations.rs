//! Time in the files of Prometheus and Alertmanager, made to pass quicker.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

/// How many times quicker than in earnest: a minute is a second and a half, unless `OPERATIONS_FACTOR` says otherwise,
/// for a machine that has too much to do.
static FACTOR: LazyLock<u64> = LazyLock::new(|| {
    let Ok(text) = std::env::var("OPERATIONS_FACTOR") else { return 40 };
    text.parse().unwrap_or_else(|error| panic!("OPERATIONS_FACTOR={text}: {error}"))
});

/// Added to how long an alert waits until it fires: the program's own clocks, such as that of its heartbeats, do not go
/// quicker.
const PATIENCE: u64 = 3_000;

/// Keys whose values are durations.
const KEYS: [&str; 8] = [
    "evaluation_interval",
    "group_interval",
    "group_wait",
    "interval",
    "keep_firing_for",
    "repeat_interval",
    "resolve_timeout",
    "scrape_interval",
];

/// Units, in milliseconds, the longest first.
const UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The milliseconds of a duration as Prometheus writes them, such as `1h30m`; `None` for anything else.
fn milliseconds(text: &str) -> Option<u64> {
    let (mut rest, mut sum) = (text, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number.parse::<u64>().ok()? * length;
        rest = &rest[digits + letters..];
    }
    (!text.is_empty()).then_some(sum)
}

/// A time of so many minutes, made shorter.
pub(crate) fn quick_minutes(minutes: u64) -> Duration {
    Duration::from_millis(60_000 * minutes / *FACTOR)
}

/// A duration, made shorter; `None` for anything else.
fn quick(text: &str) -> Option<String> {
    milliseconds(text).map(|milliseconds| match milliseconds {
        0 => text.to_owned(),
        _ => format!("{}ms", (milliseconds / *FACTOR).max(1)),
    })
}

/// An expression of PromQL with all its durations made shorter: those of ranges, steps and offsets.
pub(crate) fn quick_expression(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (mut made, mut rest, mut in_range) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => quoted(rest),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            // In a range a colon stands before the step.
            _ if first.is_ascii_digit() => {
                rest.find(|c: char| !is_name(c) && c != '.' || in_range && c == ':').unwrap_or(rest.len())
            }
            _ if is_name(first) && !(in_range && first == ':') => {
                rest.find(|c| !is_name(c)).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        match first {
            '[' => in_range = true,
            ']' => in_range = false,
            _ => {}
        }
        let token = &rest[..length];
        made.push_str(&quick(token).unwrap_or_else(|| token.to_owned()));
        rest = &rest[length..];
    }
    made
}

/// The length of the string that a text begins with, both marks included.
fn quoted(text: &str) -> usize {
    let mark = text.chars().next().expect("a mark");
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let is_end = *c == mark && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped && mark != '`';
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// Makes all durations of a document shorter, in expressions as well.
pub(crate) fn quicken(document: &mut Value) {
    match document {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "expr" => *text = quick_expression(text),
                    Value::String(text) if key == "for" => {
                        let patience =
                            milliseconds(text).unwrap_or_else(|| panic!("for: `{text}` is no duration"));
                        *text = format!("{}ms", PATIENCE.min(patience) + patience / *FACTOR);
                    }
                    Value::String(text) if KEYS.contains(&key.as_str()) => {
                        *text = quick(text).unwrap_or_else(|| panic!("{key}: `{text}` is no duration"));
                    }
                    _ => quicken(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(quicken),
        _ => {}
    }
}

/// A text in which times stand in milliseconds, as in `<60000>`, with shorter ones.
fn shorter(text: &str) -> String {
    let times = regex::Regex::new("<([0-9]+)>").unwrap();
    let made = times.replace_all(text, |time: &regex::Captures<'_>| {
        format!("{}ms", time[1].parse::<u64>().unwrap() / *FACTOR)
    });
    made.into_owned()
}

#[test]
fn durations_of_expressions_are_made_shorter() {
    for (slow, quick) in [
        ("up == 0", "up == 0"),
        ("rate(a_total[5m]) > 0.5", "rate(a_total[<300000>]) > 0.5"),
        ("job:errors:rate5m / job:all:5m", "job:errors:rate5m / job:all:5m"),
        (
            "max_over_time(a:b:c[1h30m:1m] offset 1d)",
            "max_over_time(a:b:c[<5400000>:<60000>] offset <86400000>)",
        ),
        (r#"a{b="[5m]", c=~'5m\'5m'}[1h:]"#, r#"a{b="[5m]", c=~'5m\'5m'}[<3600000>:]"#),
        ("a # in 5m\n> 1e3 * 60", "a # in 5m\n> 1e3 * 60"),
        ("(14.4 * 0.001) < 2 and on (x) y @ 5", "(14.4 * 0.001) < 2 and on (x) y @ 5"),
    ] {
        assert_eq!(quick_expression(slow), shorter(quick));
    }
}

#[test]
fn durations_of_documents_are_made_shorter() {
    let document = |interval: String, patience: [String; 2]| {
        let [none, one] = patience;
        let rules = serde_json::json!([{"for": none, "labels": {"a": "5m"}}, {"for": one}]);
        serde_json::json!({"groups": [{"interval": interval, "rules": rules}]})
    };
    let mut made = document("30s".to_owned(), ["0m", "1m"].map(str::to_owned));
    quicken(&mut made);
    let one = format!("{}ms", PATIENCE + 60_000 / *FACTOR);
    assert_eq!(made, document(shorter("<30000>"), ["0ms".to_owned(), one]));
}
