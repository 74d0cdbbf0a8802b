//! The answer is JSON of the right form and content.

use async_trait::async_trait;
use evohub_evolution::{Case, Digest, Failure};
use jsonschema::Validator;
use serde_json::Value;

use super::excerpt::excerpt;
use super::{Scored, Scorer, expected, has_expected, unscorable};

/// Scores an answer that should be JSON. What is no JSON, or does not satisfy the schema, is worth 0. Else: the
/// share of the fields that are as in the expected JSON; 1 when nothing is expected. The answer may stand in a
/// fenced code block with text around it.
#[derive(Debug)]
pub struct JsonScorer {
    schema: Option<(Value, Validator)>,
    fields: Vec<String>,
}

impl JsonScorer {
    /// A scorer with a JSON Schema (references to other documents are not resolved) and the fields to compare:
    /// names, or JSON pointers that begin with `/`. With no fields named, all of the expected object count.
    ///
    /// # Errors
    /// When the schema is none.
    pub fn new(schema: Option<Value>, fields: Vec<String>) -> Result<Self, String> {
        let schema = match schema {
            None => None,
            Some(schema) => {
                let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
                Some((schema, validator))
            }
        };
        Ok(Self { schema, fields })
    }

    fn compare(&self, wanted: &Value, found: &Value) -> (usize, Vec<String>) {
        let pairs: Vec<(String, Option<&Value>, Option<&Value>)> = match (&self.fields[..], wanted) {
            ([], Value::Object(fields)) => {
                fields.iter().map(|(name, value)| (name.clone(), Some(value), found.get(name))).collect()
            }
            ([], _) => vec![("the value".into(), Some(wanted), Some(found))],
            (fields, _) => {
                fields.iter().map(|name| (name.clone(), field(wanted, name), field(found, name))).collect()
            }
        };
        let shown =
            |value: Option<&Value>| value.map_or("nothing".into(), |value| excerpt(&value.to_string()));
        let wrong = pairs.iter().filter(|(_, wanted, found)| !alike(*wanted, *found));
        let wrong = wrong.map(|(name, w, f)| format!("{name}: expected {}, found {}", shown(*w), shown(*f)));
        (pairs.len(), wrong.collect())
    }
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { value.pointer(name) } else { value.get(name) }
}

/// Equal as JSON, where 1 and 1.0 are one number, and a field that is absent is null.
fn alike(one: Option<&Value>, two: Option<&Value>) -> bool {
    match (one.unwrap_or(&Value::Null), two.unwrap_or(&Value::Null)) {
        (Value::Number(one), Value::Number(two)) => one == two || one.as_f64() == two.as_f64(),
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| alike(Some(one), Some(two)))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.iter().all(|(name, value)| alike(Some(value), two.get(name)))
                && two.keys().all(|name| one.contains_key(name) || two[name].is_null())
        }
        (one, two) => one == two,
    }
}

/// The JSON of an answer: the whole of it, or its first fenced block.
fn parse(output: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(output.trim()).or_else(|error| {
        let block = output.split_once("```").and_then(|(_, rest)| {
            let (_, rest) = rest.split_once('\n')?;
            rest.split_once("```").map(|(block, _)| block)
        });
        block.map_or(Err(error), serde_json::from_str)
    })
}

#[async_trait]
impl Scorer for JsonScorer {
    fn fingerprint(&self) -> String {
        let schema = self.schema.as_ref().map_or(String::new(), |(schema, _)| schema.to_string());
        let fields = self.fields.iter().map(String::as_bytes);
        format!("json/1 {}", Digest::of_fields([schema.as_bytes()].into_iter().chain(fields)))
    }

    fn check(&self, case: &Case) -> Result<(), String> {
        if !self.fields.is_empty() {
            has_expected(case)?;
        }
        let Some(text) = &case.expected else { return Ok(()) };
        let wanted: Value = serde_json::from_str(text)
            .map_err(|error| format!("its expected answer {} is not JSON: {error}", excerpt(text)))?;
        match self.fields.iter().find(|name| field(&wanted, name).is_none()) {
            Some(name) => Err(format!("its expected answer has no field `{name}`")),
            None => Ok(()),
        }
    }

    async fn score(&self, case: &Case, output: &str) -> Result<Scored, Failure> {
        let found = match parse(output) {
            Ok(found) => found,
            Err(error) => {
                return Ok(Scored::new(
                    0.0,
                    format!("the answer is not JSON ({error}): {}", excerpt(output)),
                ));
            }
        };
        if let Some((_, validator)) = &self.schema {
            let errors: Vec<String> = validator
                .iter_errors(&found)
                .take(3)
                .map(|error| format!("{error} at `{}`", error.instance_path()))
                .collect();
            if !errors.is_empty() {
                return Ok(Scored::new(0.0, format!("the answer breaks the schema: {}", errors.join("; "))));
            }
        }
        if case.expected.is_none() && self.fields.is_empty() {
            return Ok(Scored::new(1.0, "correct: the answer is JSON of the form asked for"));
        }
        let wanted: Value = serde_json::from_str(expected(case)?)
            .map_err(|error| unscorable(format!("the expected answer is not JSON: {error}")))?;
        let (all, wrong) = self.compare(&wanted, &found);
        if wrong.is_empty() {
            return Ok(Scored::new(1.0, "correct: the JSON is as expected"));
        }
        let score = (all - wrong.len()) as f64 / all as f64;
        let right = all - wrong.len();
        Ok(Scored::new(score, format!("{right} of {all} fields are right; {}", wrong.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(expected: Option<&str>) -> Case {
        Case { expected: expected.map(str::to_owned), ..Case::new("q", "") }
    }

    async fn score(scorer: &JsonScorer, expected: Option<&str>, output: &str) -> Scored {
        scorer.score(&case(expected), output).await.unwrap()
    }

    #[tokio::test]
    async fn valid_json_is_enough_when_nothing_is_expected() {
        let scorer = JsonScorer::new(None, vec![]).unwrap();
        assert_eq!(score(&scorer, None, " {\"a\": 1}\n").await.score, 1.0);
        assert_eq!(score(&scorer, None, "Here:\n```json\n{\"a\": 1}\n```\nDone.").await.score, 1.0);
        for broken in ["", "{a: 1}", "{\"a\": 1} and more", "```\n{", &"[".repeat(100_000)] {
            let scored = score(&scorer, None, broken).await;
            assert_eq!(scored.score, 0.0);
            assert!(scored.feedback.starts_with("the answer is not JSON"), "{}", scored.feedback);
        }
    }

    #[tokio::test]
    async fn the_schema_must_hold() {
        let schema = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
        let scorer = JsonScorer::new(Some(schema), vec![]).unwrap();
        assert_eq!(score(&scorer, None, r#"{"n": 1}"#).await.score, 1.0);
        let wrong = score(&scorer, None, r#"{"n": "x"}"#).await;
        assert_eq!(wrong.score, 0.0);
        insta::assert_snapshot!(wrong.feedback, @r#"the answer breaks the schema: "x" is not of type "integer" at `/n`"#);
    }

    #[test]
    fn a_broken_schema_and_foreign_documents_are_refused() {
        assert!(JsonScorer::new(Some(json!({"type": "objekt"})), vec![]).is_err());
        assert!(JsonScorer::new(Some(json!({"$ref": "http://127.0.0.1:1/schema.json"})), vec![]).is_err());
    }

    #[tokio::test]
    async fn fields_are_compared_with_what_is_expected() {
        let all = JsonScorer::new(None, vec![]).unwrap();
        let wanted = Some(r#"{"a": 1, "b": ["x", {"c": null}], "d": "y"}"#);
        assert_eq!(
            score(&all, wanted, r#"{"d": "y", "b": ["x", {}], "a": 1.0, "more": 0}"#).await.score,
            1.0
        );
        let half = score(&all, wanted, r#"{"a": 2, "d": "y"}"#).await;
        assert!((half.score - 1.0 / 3.0).abs() < 1e-9);
        insta::assert_snapshot!(half.feedback, @r#"1 of 3 fields are right; a: expected `1`, found `2`; b: expected `["x",{"c":null}]`, found nothing"#);
        assert_eq!(score(&all, Some("[1, 2]"), "[1, 2]").await.score, 1.0);
        assert_eq!(score(&all, Some("[1, 2]"), "[2, 1]").await.score, 0.0);

        let some = JsonScorer::new(None, vec!["a".into(), "/b/0".into()]).unwrap();
        assert_eq!(score(&some, wanted, r#"{"a": 1, "b": ["x"], "d": "z"}"#).await.score, 1.0);
        assert_eq!(score(&some, wanted, r#"{"a": 1, "b": []}"#).await.score, 0.5);
    }

    #[test]
    fn expectations_that_cannot_be_compared_are_found() {
        let scorer = JsonScorer::new(None, vec!["a".into()]).unwrap();
        assert!(scorer.check(&case(None)).is_err());
        assert!(scorer.check(&case(Some("{a}"))).is_err());
        assert!(scorer.check(&case(Some("{\"b\": 1}"))).unwrap_err().contains("`a`"));
        assert!(scorer.check(&case(Some("{\"a\": 1}"))).is_ok());
    }
}
