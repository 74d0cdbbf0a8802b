//! Takes secrets out of documents, and what a user wrote.

use evohub::monitoring::redaction::{REDACTED, is_secret_name, redact};
use serde_json::{Map, Value, json};

/// Parts of a job's specification that hold nothing but settings.
const SETTINGS: [&str; 14] = [
    "name",
    "seed",
    "reflection",
    "algorithm",
    "limits",
    "operators",
    "parameters",
    "budget",
    "slots",
    "providers",
    "prices",
    "hedge",
    "evaluator",
    "islands",
];

/// Names of settings whose texts are one of a few words, or names of models.
const WORDS: [&str; 8] = ["model", "judge", "metric", "kind", "name", "base_url", "key_env", "key_file"];

/// A document without secrets.
pub(super) fn without_secrets(document: Value) -> Value {
    match document {
        Value::String(text) => Value::String(redact(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(field).collect()),
        other => other,
    }
}

fn field((name, value): (String, Value)) -> (String, Value) {
    let value = match value {
        Value::String(text) if is_secret_name(&name) && !text.is_empty() => {
            Value::String(REDACTED.to_owned())
        }
        value => without_secrets(value),
    };
    (redact(&name).into_owned(), value)
}

/// A job's specification without what its user wrote: prompts, cases, templates, rubrics, patterns, commands.
pub(super) fn settings_of(spec: &Value) -> Value {
    let mut settings = Map::new();
    for (name, part) in spec.as_object().into_iter().flatten() {
        let part = match name.as_str() {
            "seeds" => json!(length(part)),
            "data" => counts(part),
            "islands" => islands(part),
            known if SETTINGS.contains(&known) => without_texts(known, part),
            _ => continue,
        };
        settings.insert(name.clone(), part);
    }
    Value::Object(settings)
}

/// How many items a list has.
fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// How many cases each part of the data has.
fn counts(data: &Value) -> Value {
    let search = &data["search"];
    json!({
        "train": length(&search["train"]),
        "validation": length(&search["validation"]),
        "test": length(&data["test"]),
    })
}

fn islands(islands: &Value) -> Value {
    let mut islands = islands.clone();
    for island in islands["each"].as_array_mut().into_iter().flatten() {
        if let Some(seeds) = island.get_mut("seeds") {
            *seeds = json!(length(seeds));
        }
    }
    without_texts("islands", &islands)
}

/// Texts that a user may have written are replaced by how long they are.
fn without_texts(name: &str, value: &Value) -> Value {
    match value {
        Value::String(_) if WORDS.contains(&name) => value.clone(),
        // The names of variants, such as those of routes between islands, have no space and are short.
        Value::String(text) if is_word(text) && name != "template" => value.clone(),
        Value::String(text) => Value::String(format!("[{} characters]", text.chars().count())),
        Value::Array(items) => items.iter().map(|item| without_texts("", item)).collect(),
        Value::Object(fields) => {
            let clean = |(name, value): (&String, &Value)| match name.as_str() {
                // Fields of a request that the user chose, and expected answers.
                "body" | "labels" => {
                    (name.clone(), json!(value.as_object().map_or_else(|| length(value), Map::len)))
                }
                name => (name.to_owned(), without_texts(name, value)),
            };
            Value::Object(fields.iter().map(clean).collect())
        }
        other => other.clone(),
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte))
}

/// A job's result without its prompts.
pub(super) fn without_prompts(mut result: Value) -> Value {
    for standing in ["seed", "best"] {
        if let Some(fields) = result.get_mut(standing).and_then(Value::as_object_mut) {
            fields.remove("prompt");
            fields.remove("candidate");
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_from_values_names_and_below_secret_names() {
        let document = json!({
            "url": "postgres://ann:hunter2@db/evohub",
            "password": "hunter2",
            "deep": [{"api_key": "tide", "note": "write to ann@example.org"}],
            "sk-proj-Zx9Qw8Er7Ty6Ui5Op4": 1,
            "tokens": 12,
        });
        let text = without_secrets(document).to_string();
        for secret in ["hunter2", "tide", "ann@example", "Zx9Qw8"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("\"tokens\":12") && text.contains("postgres://ann:"), "{text}");
    }

    #[test]
    fn what_a_user_wrote_is_counted_and_left_out() {
        let spec = json!({
            "name": "films", "seed": 7, "seeds": [{"components": {"instruction": "WROTE THIS"}}],
            "data": {"search": {"train": [{"input": "WROTE THIS"}], "validation": []}, "test": [1, 2]},
            "evaluator": {"prompt": {
                "model": "lab:Student One", "template": "wrote", "folder": "/home/WROTE",
                "score": {"metric": "judge", "rubric": "WROTE THIS", "labels": ["wrote"]},
            }},
            "islands": {"count": 2, "each": [{"seeds": ["WROTE THIS"]}], "migration": {"topology": "ring"}},
            "providers": {"lab": {"kind": "openai", "key_env": "LAB_KEY", "body": {"system": "WROTE THIS"}}},
            "budget": {"evaluations": 150},
            "of_another_release": "wrote",
        });
        let settings = settings_of(&spec);
        let text = settings.to_string();
        assert!(!text.to_lowercase().contains("wrote"), "{text}");
        assert_eq!((&settings["seeds"], &settings["data"]["test"]), (&json!(1), &json!(2)));
        assert_eq!(settings["evaluator"]["prompt"]["model"], "lab:Student One");
        assert_eq!(settings["evaluator"]["prompt"]["score"]["rubric"], "[10 characters]");
        assert_eq!(settings["islands"]["migration"]["topology"], "ring");
        assert_eq!(settings["budget"]["evaluations"], 150);
        assert_eq!(settings["providers"]["lab"]["key_env"], "LAB_KEY");
    }
}
