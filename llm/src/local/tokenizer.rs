//! Turns text into a model's tokens and back.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper};

use super::fault::Fault;
use super::gguf::{Gguf, Value};

/// Marks a token as special in `tokenizer.ggml.token_type`.
const SPECIAL: i64 = 3;
/// Tokens that end an answer, whether or not the file names them.
const ENDS: [&str; 2] = ["<|im_end|>", "<|endoftext|>"];

/// The tokenizer of a model file.
pub(super) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    ends: Vec<u32>,
}

impl Tokenizer {
    pub(super) fn read(file: &Gguf) -> Result<Self, Fault> {
        match file.text("tokenizer.ggml.model") {
            Some("gpt2") => {}
            other => {
                return Err(Fault::new(format!(
                    "has tokenizer `{}`; only byte-level BPE (`gpt2`) is supported",
                    other.unwrap_or("(none)")
                )));
            }
        }
        let bytes = PreTokenizerWrapper::from(ByteLevel::new(false, true, true));
        let pre_tokenizer = match file.text("tokenizer.ggml.pre") {
            Some("smollm") => Sequence::new(vec![Digits::new(true).into(), bytes]),
            Some("gpt-2") => Sequence::new(vec![bytes]),
            other => {
                return Err(Fault::new(format!(
                    "splits words as `{}`; only `smollm` and `gpt-2` are supported",
                    other.unwrap_or("(none)")
                )));
            }
        };
        let tokens = tokens(file)?;
        let Some(Value::Texts(merges)) = file.value("tokenizer.ggml.merges") else {
            return Err(Fault::new("has no list of merges (`tokenizer.ggml.merges`)"));
        };
        let special: Vec<&str> = match file.value("tokenizer.ggml.token_type") {
            Some(Value::Integers(kinds)) if kinds.len() == tokens.len() => {
                let special = tokens.iter().zip(kinds).filter(|&(_, &kind)| kind == SPECIAL);
                special.map(|(token, _)| token.as_str()).collect()
            }
            _ => return Err(Fault::new("has no type for each token (`tokenizer.ggml.token_type`)")),
        };
        if special.contains(&"") {
            return Err(Fault::new("has a special token without a letter"));
        }

        let vocabulary: HashMap<String, u32> = tokens.iter().cloned().zip(0..).collect();
        if vocabulary.len() != tokens.len() {
            return Err(Fault::new("lists a token twice (`tokenizer.ggml.tokens`)"));
        }
        let pairs = merges
            .iter()
            .map(|merge| {
                merge
                    .split_once(' ')
                    .map(|(left, right)| (left.to_owned(), right.to_owned()))
                    .filter(|(left, right)| vocabulary.contains_key(&format!("{left}{right}")))
                    .ok_or_else(|| Fault::new(format!("has a merge `{merge}` that does not make a token")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let ends = ends(file, &vocabulary, tokens.len())?;
        let model = BPE::builder()
            .vocab_and_merges(vocabulary.into_iter().collect::<Vocab>(), pairs)
            .build()
            .map_err(|error| Fault::new(format!("has a tokenizer that cannot be built: {error}")))?;

        let mut inner = tokenizers::Tokenizer::new(model);
        inner.with_pre_tokenizer(Some(pre_tokenizer));
        inner.with_decoder(Some(ByteLevel::new(false, true, true)));
        inner
            .add_special_tokens(special.into_iter().map(|token| AddedToken::from(token, true)))
            .map_err(|error| Fault::new(format!("has special tokens that cannot be used: {error}")))?;
        // Texts of users are texts: `<|im_end|>` in a test case ends no turn.
        inner.set_encode_special_tokens(true);
        Ok(Self { inner, ends })
    }

    /// The token of exactly this text, special ones included.
    pub(super) fn token(&self, text: &str) -> Option<u32> {
        self.inner.token_to_id(text)
    }

    /// Whether an answer ends with this token.
    pub(super) fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// Appends the tokens of a plain text.
    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<u32>) -> Result<(), Fault> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| Fault::new(format!("cannot make tokens of a text: {error}")))?;
        tokens.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// The text of some tokens, without special ones.
    pub(super) fn decode(&self, tokens: &[u32]) -> Result<String, Fault> {
        self.inner
            .decode(tokens, true)
            .map_err(|error| Fault::new(format!("cannot make a text of its tokens: {error}")))
    }
}

/// How many tokens the model of a file knows.
pub(super) fn vocabulary_size(file: &Gguf) -> Result<usize, Fault> {
    tokens(file).map(<[String]>::len)
}

fn tokens(file: &Gguf) -> Result<&[String], Fault> {
    match file.value("tokenizer.ggml.tokens") {
        Some(Value::Texts(tokens)) if !tokens.is_empty() => Ok(tokens),
        _ => Err(Fault::new("has no list of tokens (`tokenizer.ggml.tokens`)")),
    }
}

fn ends(file: &Gguf, vocabulary: &HashMap<String, u32>, size: usize) -> Result<Vec<u32>, Fault> {
    let mut ends: Vec<u32> = ENDS.iter().filter_map(|&end| vocabulary.get(end).copied()).collect();
    if let Some(end) = file.size("tokenizer.ggml.eos_token_id", size - 1)? {
        ends.push(end as u32);
    }
    if ends.is_empty() {
        return Err(Fault::new("does not say which token ends an answer (`tokenizer.ggml.eos_token_id`)"));
    }
    Ok(ends)
}
