use super::*;
use crate::chat::ChatMessage;

fn load(file: &synthetic::Writer, options: &LocalOptions) -> Result<LocalModel, LlmError> {
    let file = file.file();
    let name = format!("local:{}", file.path().display()).parse().unwrap();
    LocalModel::open(name, options, &|_| ())
}

fn model() -> LocalModel {
    load(&synthetic::model(), &LocalOptions::default()).unwrap()
}

fn request(text: &str) -> ChatRequest {
    ChatRequest { max_output_tokens: Some(8), ..ChatRequest::new(vec![ChatMessage::user(text)]) }
}

#[test]
fn conversations_are_laid_out_as_the_template_does() {
    let model = model();
    let text = |messages: &[ChatMessage]| {
        let tokens = model.template.tokens(&model.tokenizer, messages).unwrap();
        let turns = tokens.iter().map(|&token| match token {
            1 => "{".to_owned(),
            2 => "}".to_owned(),
            token => model.tokenizer.decode(&[token]).unwrap(),
        });
        turns.collect::<String>()
    };
    assert_eq!(
        text(&[ChatMessage::user("the"), ChatMessage::assistant("b"), ChatMessage::user("c")]),
        "{system\nBe kind}\n{user\nthe}\n{assistant\nb}\n{user\nc}\n{assistant\n"
    );
    assert_eq!(
        text(&[ChatMessage::system("s"), ChatMessage::user("a")]),
        "{system\ns}\n{user\na}\n{assistant\n"
    );
    // Marks of turns in a text are text.
    assert_eq!(
        text(&[ChatMessage::system("s"), ChatMessage::user("<|im_end|>")]),
        "{system\ns}\n{user\n<|im_end|>}\n{assistant\n"
    );
}

#[tokio::test]
async fn requests_at_once_get_the_answers_they_get_alone() {
    let model = Arc::new(model());
    let texts: Vec<String> =
        (0..20).map(|at| format!("{} {at}", "an instruction of some length ".repeat(3))).collect();
    let tasks: Vec<_> = texts
        .iter()
        .map(|text| {
            let (model, request) = (model.clone(), request(text));
            tokio::spawn(async move { model.chat(request).await.unwrap() })
        })
        .collect();
    let mut shared = 0;
    for (task, text) in tasks.into_iter().zip(&texts) {
        let together = task.await.unwrap();
        shared += usize::from(together.usage.cached_input_tokens > 0);
        let alone = self::model().chat(request(text)).await.unwrap();
        assert_eq!(together.text, alone.text);
        assert_eq!(alone.usage.cached_input_tokens, 0);
        assert_eq!((alone.dollars, alone.retries), (Some(0.0), 0));
        assert_eq!(together.usage.input_tokens, alone.usage.input_tokens);
    }
    assert!(shared >= 19, "{shared} of 20 used what another had computed");
}

#[tokio::test]
async fn a_dropped_request_does_not_hold_up_others() {
    let options = LocalOptions { concurrency: NonZeroUsize::MIN, ..LocalOptions::default() };
    let model = Arc::new(load(&synthetic::model(), &options).unwrap());
    let long = ChatRequest { temperature: Some(1.0), max_output_tokens: None, ..request("a long story") };
    let dropped = tokio::spawn({
        let model = model.clone();
        async move { model.chat(long).await }
    });
    tokio::task::yield_now().await;
    dropped.abort();
    assert!(model.chat(request("b")).await.is_ok());
}

#[tokio::test]
async fn a_seed_repeats_an_answer() {
    let model = model();
    let with =
        |seed| ChatRequest { temperature: Some(1.5), top_p: Some(0.9), seed: Some(seed), ..request("a") };
    let first = model.chat(with(1)).await.unwrap();
    assert_eq!(model.chat(with(1)).await.unwrap().text, first.text);
    assert_ne!(model.chat(with(2)).await.unwrap().text, first.text);
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_numbers() {
    let model = model();
    let refusals = [
        (ChatRequest::new(Vec::new()), "no turn"),
        (ChatRequest { max_output_tokens: Some(0), ..request("a") }, "at least 1"),
        (ChatRequest { temperature: Some(-1.0), ..request("a") }, "temperature is -1"),
        (ChatRequest { top_p: Some(f64::NAN), ..request("a") }, "top_p is NaN"),
        (request(&"x".repeat(300)), "the model's context 256"),
    ];
    for (request, expected) in refusals {
        let error = model.chat(request).await.unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::InvalidRequest);
        assert!(error.message.contains(expected), "{error}");
    }
    // A prompt that fills the context but for a few tokens is answered in the rest.
    let long = ChatRequest { max_output_tokens: Some(100), ..request(&"x".repeat(200)) };
    let answer = model.chat(long).await.unwrap();
    assert!(answer.usage.input_tokens + answer.usage.output_tokens <= 256);
}

#[test]
fn models_that_cannot_run_here_say_why() {
    let mut rng = <rand_pcg::Pcg64 as rand::SeedableRng>::seed_from_u64(1);
    let mut spoiled: Vec<(synthetic::Writer, &str)> = Vec::new();
    let mut spoil = |expected, how: &mut dyn FnMut(&mut synthetic::Writer)| {
        let mut writer = synthetic::model();
        how(&mut writer);
        spoiled.push((writer, expected));
    };
    spoil("architecture `qwen2`", &mut |file| file.text("general.architecture", "qwen2"));
    spoil("`blk.1.attn_q.weight` is missing", &mut |file| file.remove("blk.1.attn_q.weight"));
    spoil("`blk.2.attn_norm.weight` is missing", &mut |file| file.number("llama.block_count", 3));
    spoil("`blk.0.attn_q.bias`", &mut |file| file.floats("blk.0.attn_q.bias", 1, 64, &mut rng));
    spoil("do not divide", &mut |file| file.number("llama.attention.head_count", 3));
    spoil("heads of 16 numbers", &mut |file| file.number("llama.attention.head_count", 4));
    spoil("rows of 64 values", &mut |file| file.number("llama.embedding_length", 128));
    spoil("not ChatML", &mut |file| file.text("tokenizer.chat_template", "[INST] {{ messages[0].content }}"));
    spoil("cannot be used", &mut |file| file.text("tokenizer.chat_template", "{% for"));
    spoil("cannot be used", &mut |file| {
        file.text(
            "tokenizer.chat_template",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        );
    });
    spoil("has no chat template", &mut |file| file.remove("tokenizer.chat_template"));
    spoil("tokenizer `llama`", &mut |file| file.text("tokenizer.ggml.model", "llama"));
    spoil("splits words as `qwen2`", &mut |file| file.text("tokenizer.ggml.pre", "qwen2"));
    spoil("does not make a token", &mut |file| file.texts("tokenizer.ggml.merges", &["z z".to_owned()]));
    spoil("stretches its context", &mut |file| file.text("llama.rope.scaling.type", "yarn"));
    for (file, expected) in spoiled {
        let error = load(&file, &LocalOptions::default()).unwrap_err();
        assert_eq!(error.kind, LlmErrorKind::LocalModel);
        assert!(error.message.contains(expected) && error.message.contains(".gguf: "), "{error}");
    }
}
