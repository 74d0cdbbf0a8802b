use insta::assert_snapshot;

use super::*;
use crate::scripted::Scripted;

fn cases() -> [Case; 3] {
    [Case::new("a", "yes"), Case::new("b", "no"), Case::new("c", "yes")]
}

fn context() -> ScoreContext {
    ScoreContext::new("", &cases())
}

fn parsed(text: &str) -> Result<ScoreConfig, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

fn built(text: &str) -> Result<Arc<dyn Scorer>, String> {
    build(&parsed(text).unwrap(), &context()).map_err(|error| error.to_string())
}

fn error(text: &str) -> String {
    built(text).err().unwrap()
}

#[tokio::test]
async fn every_metric_is_built() {
    let judge = context().with_judge(Scripted::new([]));
    for (text, name) in [
        ("metric = 'exact'\nignore_case = true", "exact/1 ignore_case=true"),
        ("metric = 'contains'", "contains/1"),
        ("metric = 'regex'\npattern = '(\\w+)'", "regex/1"),
        (
            "metric = 'numeric'\ntolerance = 0.5\nrelative_tolerance = 0.1",
            "numeric/1 tolerance=0.5 relative=0.1",
        ),
        ("metric = 'json'\nfields = ['a']\nschema = { type = 'object' }", "json/1"),
        ("metric = 'similarity'\nmethod = 'token_f1'", "similarity/1 method=TokenF1"),
        ("metric = 'label'", "label/1 place=Start closed=false labels=[\"no\", \"yes\"]"),
        ("metric = 'label'\nlabels = ['a', 'b']", "label/1 place=Anywhere closed=true labels=[\"a\", \"b\"]"),
        ("metric = 'label'\nlabels = ['a']\nplace = 'start'", "label/1 place=Start closed=true"),
        ("metric = 'judge'\nrubric = 'Good?'", "judge/1 test:model max_output_tokens=1024"),
        ("metric = 'command'\ncommand = ['true']", "command/2 program"),
        ("metric = 'command'\nshell = 'echo 1'\ntimeout_seconds = 1.5\nversion = '2'", "command/2 shell"),
        (
            "[[parts]]\nmetric = 'exact'\nweight = 2\n[[parts]]\nmetric = 'contains'",
            "weighted/2 exact = 2*(exact/1",
        ),
    ] {
        let scorer = build(&parsed(text).unwrap(), &judge).map_err(|error| error.to_string()).unwrap();
        assert!(scorer.fingerprint().starts_with(name), "{} is no {name}", scorer.fingerprint());
    }
}

#[test]
fn unknown_keys_and_names_are_errors() {
    assert!(parsed("metrik = 'exact'").unwrap_err().contains("unknown field `metrik`"));
    assert_snapshot!(parsed("metric = 'lable'").unwrap_err(), @"there is no metric `lable` (there are `exact`, `contains`, `regex`, `numeric`, `json`, `similarity`, `label`, `judge` and `command`); did you mean `label`?");
}

#[test]
fn keys_must_belong_to_the_metric() {
    assert_snapshot!(error("metric = 'label'\npattern = 'x'"), @"`score.pattern` does not belong here; the metric `label` has the keys `labels` and `place`");
    assert_snapshot!(error("metric = 'exact'\nweight = 2"), @"`score.weight` does not belong here; only parts have a weight, and this (2) is the whole");
    assert_snapshot!(error("metric = 'exact'\n[[parts]]\nmetric = 'exact'"), @"`score.metric` does not belong here; a score of parts takes its keys in the parts");
    assert_snapshot!(error("[[parts]]\nmetric = 'exact'\n[[parts.parts]]\nmetric = 'exact'"), @"`score.parts[0].parts` does not belong here; a part has no parts of its own");
}

#[test]
fn needed_keys_must_be_there() {
    assert_snapshot!(error(""), @"`score.metric` is missing; write one of `exact`, `contains`, `regex`, `numeric`, `json`, `similarity`, `label`, `judge` and `command`");
    assert_snapshot!(error("metric = 'regex'"), @r"`score.pattern` is missing; write a regular expression such as 'Answer: (\w+)'");
    assert_snapshot!(error("metric = 'judge'"), @r#"`score.rubric` is missing; say what makes an answer good, as in "Is it polite and to the point?""#);
    assert_snapshot!(error("metric = 'judge'\nrubric = 'x'"), @"`score.metric` is `judge`, and there is no model that judges; name one as `model.judge`");
    assert_snapshot!(error("metric = 'command'"), @r#"`score.command` is missing; write a program and its arguments, as in ["python3", "score.py"]"#);
}

#[test]
fn values_must_make_sense() {
    assert!(
        error("[[parts]]\nmetric = 'exact'\n[[parts]]\nmetric = 'regex'\npattern = '('")
            .starts_with("`score.parts[1].pattern` ")
    );
    assert_snapshot!(error("[[parts]]\nmetric = 'exact'\nweight = 0"), @"`score.parts[0].weight` must be a number above 0, not 0");
    assert_snapshot!(error("metric = 'numeric'\ntolerance = -1"), @"`score.tolerance` must be a number of at least 0, not -1");
    assert_snapshot!(error("metric = 'label'\nlabels = []"), @"`score.labels` must name at least one label");
    assert_snapshot!(error("metric = 'label'\nlabels = ['C+', 'C#']"), @"`score.labels` labels `C+` and `C#` differ in punctuation only; use the metric `exact`");
    assert_snapshot!(error("metric = 'command'\nshell = 'x'\ntimeout_seconds = 0"), @"`score.timeout_seconds` must be a number above 0, not 0");
    assert!(
        error("metric = 'json'\nschema = { type = 'objekt' }")
            .starts_with("`score.schema` is no JSON Schema: ")
    );
    assert!(error("metric = 'json'\nschema_file = 'missing.json'").contains("missing.json: "));
}

#[test]
fn many_expected_answers_are_no_labels() {
    let cases: Vec<Case> = (0..30).map(|i| Case::new(format!("q{i}"), format!("answer {i}"))).collect();
    let context = ScoreContext::new("", &cases);
    let start = build(&parsed("metric = 'label'").unwrap(), &context).unwrap_or_else(|_| unreachable!());
    assert!(start.fingerprint().ends_with("labels=[]"));
    let anywhere = build(&parsed("metric = 'label'\nplace = 'anywhere'").unwrap(), &context);
    assert!(anywhere.err().unwrap().to_string().contains("the cases have 30 expected answers"));
}
