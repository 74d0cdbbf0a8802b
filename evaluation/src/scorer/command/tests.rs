use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const PLENTY: Duration = Duration::from_secs(60);

fn shell(line: &str, folder: &Path) -> CommandScorer {
    CommandScorer::new(Invocation::Shell(line.into()), folder, PLENTY, "")
}

async fn score(line: &str, output: &str) -> Result<Scored, Failure> {
    let folder = tempfile::tempdir().unwrap();
    shell(line, folder.path()).score(&Case::new("the input", "the answer"), output).await
}

#[tokio::test]
async fn a_program_gets_the_case_and_prints_a_score() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("judge.sh");
    fs::write(
        &script,
        "#!/bin/sh\ncat > question.json\necho \"{\\\"score\\\": $1, \\\"feedback\\\": \\\"so so\\\"}\"\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let words = Invocation::Program(vec!["./judge.sh".into(), "0.5".into()]);
    let scorer = CommandScorer::new(words, folder.path(), PLENTY, "");
    let scored = scorer.score(&Case::new("the \"input\"", "the answer"), "the\noutput").await.unwrap();
    assert_eq!((scored.score, scored.feedback.as_str()), (0.5, "so so"));
    let question: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("question.json")).unwrap()).unwrap();
    assert_eq!(
        question,
        json!({"input": "the \"input\"", "expected": "the answer", "output": "the\noutput",
            "columns": {"input": "the \"input\"", "expected": "the answer"}})
    );
}

#[tokio::test]
async fn arguments_are_no_shell_words() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["printf", "%s", "1 $(exit 3); exit 4"].map(String::from).to_vec();
    let scorer = CommandScorer::new(Invocation::Program(words), folder.path(), PLENTY, "");
    let failure = scorer.score(&Case::new("q", "a"), "").await.unwrap_err();
    assert!(failure.message.contains("it printed `1 $(exit 3); exit 4`"), "{}", failure.message);
}

#[tokio::test]
async fn a_number_alone_is_a_score() {
    assert_eq!(score("echo 0.25", "").await.unwrap().score, 0.25);
    assert_eq!(score("cat > /dev/null; echo 1", &"x".repeat(1 << 20)).await.unwrap().score, 1.0);
    // Nothing of a long question is read.
    assert_eq!(score("echo 0", &"x".repeat(1 << 20)).await.unwrap().score, 0.0);
}

#[tokio::test]
async fn further_numbers_are_objectives() {
    let print = |objectives: &str| format!("echo '{{\"score\": 0.5, \"objectives\": {objectives}}}'");
    let scored = score(&print("{\"politeness\": -2, \"words\": 14.5}"), "").await.unwrap();
    let objectives = [("politeness".to_owned(), -2.0), ("words".to_owned(), 14.5)].into();
    assert_eq!((scored.score, scored.objectives), (0.5, objectives));
    let failure = score(&print("{\"politeness\": \"high\"}"), "").await.unwrap_err();
    assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Piece, "command_reply"));
    let failure = score(&print("{\"length\": 3}"), "").await.unwrap_err();
    assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Systemic, "command_objective"));
}

#[tokio::test]
async fn anything_else_is_a_failure() {
    for line in
        ["echo", "echo good", "echo 1.5", "echo -- -1", "echo NaN", "echo '{\"score\": \"1\"}'", "echo 1 2"]
    {
        let failure = score(line, "").await.unwrap_err();
        assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Piece, "command_reply"), "{line}");
    }
    let failure = score("echo 1; echo 'no such column' >&2; exit 3", "").await.unwrap_err();
    assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Piece, "command_status"));
    assert!(failure.message.contains("exit status: 3") && failure.message.contains("no such column"));
}

#[tokio::test]
async fn long_complaints_hold_nothing_up() {
    let line = "head -c 1000000 /dev/zero >&2; echo 1";
    assert_eq!(score(line, "").await.unwrap().score, 1.0);
}

#[tokio::test]
async fn a_program_that_is_not_there_ends_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let words = Invocation::Program(vec!["./missing".into()]);
    let failure = CommandScorer::new(words, folder.path(), PLENTY, "")
        .score(&Case::new("q", "a"), "")
        .await
        .unwrap_err();
    assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Systemic, "command_start"));
    assert!(failure.message.contains("./missing"), "{}", failure.message);
}

// The clock is paused: it jumps to the time limit as soon as there is nothing to do but wait.
#[tokio::test(start_paused = true)]
async fn one_that_does_not_end_is_stopped() {
    let failure = score("exec tail -f /dev/null", "").await.unwrap_err();
    assert_eq!((failure.kind, failure.cause.as_str()), (FailureKind::Transient, "command_timeout"));
    assert!(failure.message.contains("60 seconds"), "{}", failure.message);
}

#[tokio::test]
async fn what_it_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // The pipe's reader comes to its end only when the last writer, a grandchild, is gone.
    let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
    let failure =
        shell("exec 3> pipe; echo started >&3; tail -f /dev/null & while :; do echo 1; done", folder.path())
            .score(&Case::new("q", "a"), "")
            .await
            .unwrap_err();
    assert!(failure.message.contains("more than 65536 bytes"), "{}", failure.message);
    assert_eq!(reader.join().unwrap(), b"started\n");
}

#[test]
fn an_edited_script_is_another_scorer() {
    let folder = tempfile::tempdir().unwrap();
    let fingerprint = |version: &str| {
        let words = Invocation::Program(vec!["sh".into(), "judge.sh".into()]);
        CommandScorer::new(words, folder.path(), PLENTY, version).fingerprint()
    };
    fs::write(folder.path().join("judge.sh"), "echo 1").unwrap();
    let before = fingerprint("");
    assert_eq!(before, fingerprint(""));
    assert_ne!(before, fingerprint("2"));
    fs::write(folder.path().join("judge.sh"), "echo 0").unwrap();
    assert_ne!(before, fingerprint(""));
}
