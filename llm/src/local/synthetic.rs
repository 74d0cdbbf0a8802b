//! A tiny model with random weights, written as a GGUF file.

use std::io::Write;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use tempfile::NamedTempFile;

pub(super) const EMBEDDING: usize = 64;
pub(super) const FEED_FORWARD: usize = 96;
pub(super) const HEADS: usize = 2;
pub(super) const LAYERS: usize = 2;
pub(super) const CONTEXT: usize = 256;
/// A token for each printable ASCII character as byte-level BPE writes it, and three special ones.
pub(super) const VOCABULARY: usize = 3 + 94 + 3;

/// A GGUF file in the making.
pub(super) struct Writer {
    entries: Vec<(String, Vec<u8>)>,
    tensors: Vec<(String, usize, usize, u32, Vec<u8>)>,
}

/// A model that can be spoiled before it is written.
pub(super) fn model() -> Writer {
    let mut writer = Writer { entries: Vec::new(), tensors: Vec::new() };
    writer.text("general.architecture", "llama");
    writer.number("llama.block_count", LAYERS as u32);
    writer.number("llama.context_length", CONTEXT as u32);
    writer.number("llama.embedding_length", EMBEDDING as u32);
    writer.number("llama.feed_forward_length", FEED_FORWARD as u32);
    writer.number("llama.attention.head_count", HEADS as u32);
    writer.number("llama.attention.head_count_kv", 1);
    writer.float("llama.attention.layer_norm_rms_epsilon", 1e-5);
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", "smollm");
    writer.number("tokenizer.ggml.eos_token_id", 2);
    let mut tokens = vec!["<|endoftext|>".to_owned(), "<|im_start|>".to_owned(), "<|im_end|>".to_owned()];
    tokens.extend(('!'..='~').map(String::from));
    tokens.extend(["Ġ", "Ċ", "th"].map(String::from));
    writer.texts("tokenizer.ggml.tokens", &tokens);
    writer.kinds(
        "tokenizer.ggml.token_type",
        &(0..tokens.len()).map(|at| if at < 3 { 3 } else { 1 }).collect::<Vec<_>>(),
    );
    writer.texts("tokenizer.ggml.merges", &["t h".to_owned()]);
    writer.text(
        "tokenizer.chat_template",
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
         {{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + \
         message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}\
         {{ '<|im_start|>assistant\n' }}{% endif %}",
    );

    let mut rng = Pcg64::seed_from_u64(17);
    // One tensor of each sort that matters: floats, two quants a byte, one quant a byte.
    writer.floats("token_embd.weight", VOCABULARY, EMBEDDING, &mut rng);
    for layer in 0..LAYERS {
        let name = |name: &str| format!("blk.{layer}.{name}.weight");
        writer.floats(&name("attn_norm"), 1, EMBEDDING, &mut rng);
        writer.quants(&name("attn_q"), EMBEDDING, EMBEDDING, 3, &mut rng);
        writer.quants(&name("attn_k"), EMBEDDING / HEADS, EMBEDDING, 3, &mut rng);
        writer.quants(&name("attn_v"), EMBEDDING / HEADS, EMBEDDING, 8, &mut rng);
        writer.quants(&name("attn_output"), EMBEDDING, EMBEDDING, 8, &mut rng);
        writer.floats(&name("ffn_norm"), 1, EMBEDDING, &mut rng);
        writer.quants(&name("ffn_gate"), FEED_FORWARD, EMBEDDING, 3, &mut rng);
        writer.quants(&name("ffn_up"), FEED_FORWARD, EMBEDDING, 8, &mut rng);
        writer.floats(&name("ffn_down"), EMBEDDING, FEED_FORWARD, &mut rng);
    }
    writer.floats("output_norm.weight", 1, EMBEDDING, &mut rng);
    writer
}

impl Writer {
    fn entry(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        self.entries.retain(|(other, _)| other != key);
        self.entries.push((key.to_owned(), [kind.to_le_bytes().to_vec(), value].concat()));
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.entry(key, 8, text(value));
    }

    pub(super) fn number(&mut self, key: &str, value: u32) {
        self.entry(key, 4, value.to_le_bytes().to_vec());
    }

    pub(super) fn float(&mut self, key: &str, value: f32) {
        self.entry(key, 6, value.to_le_bytes().to_vec());
    }

    pub(super) fn texts(&mut self, key: &str, values: &[String]) {
        let texts = values.iter().flat_map(|value| text(value));
        let head = [8_u32.to_le_bytes().to_vec(), (values.len() as u64).to_le_bytes().to_vec()].concat();
        self.entry(key, 9, head.into_iter().chain(texts).collect());
    }

    fn kinds(&mut self, key: &str, values: &[i32]) {
        let head = [5_u32.to_le_bytes().to_vec(), (values.len() as u64).to_le_bytes().to_vec()].concat();
        self.entry(
            key,
            9,
            head.into_iter().chain(values.iter().flat_map(|value| value.to_le_bytes())).collect(),
        );
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.entries.retain(|(other, _)| other != name);
        self.tensors.retain(|(other, ..)| other != name);
    }

    pub(super) fn floats(&mut self, name: &str, rows: usize, columns: usize, rng: &mut Pcg64) {
        let numbers = (0..rows * columns).flat_map(|_| (rng.random::<f32>() - 0.5).to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), rows, columns, 0, numbers));
    }

    /// Blocks of Q4_1 (format 3) or Q8_0 (format 8).
    fn quants(&mut self, name: &str, rows: usize, columns: usize, format: u32, rng: &mut Pcg64) {
        let mut bytes = Vec::new();
        for _ in 0..rows * columns / 32 {
            let scale = if format == 3 { 0.04 } else { 0.004 } * (0.5 + rng.random::<f32>());
            bytes.extend(half::f16::from_f32(scale).to_le_bytes());
            if format == 3 {
                bytes.extend(half::f16::from_f32(-7.5 * scale).to_le_bytes());
            }
            bytes.extend((0..if format == 3 { 16 } else { 32 }).map(|_| rng.random::<u8>()));
        }
        self.tensors.push((name.to_owned(), rows, columns, format, bytes));
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.entries.len() as u64).to_le_bytes());
        for (key, value) in &self.entries {
            bytes.extend(text(key));
            bytes.extend(value);
        }
        let mut offset = 0;
        for (name, rows, columns, format, data) in &self.tensors {
            bytes.extend(text(name));
            let dimensions: &[usize] = if *rows == 1 { &[*columns] } else { &[*columns, *rows] };
            bytes.extend((dimensions.len() as u32).to_le_bytes());
            bytes.extend(dimensions.iter().flat_map(|&size| (size as u64).to_le_bytes()));
            bytes.extend(format.to_le_bytes());
            bytes.extend((offset as u64).to_le_bytes());
            offset = (offset + data.len()).next_multiple_of(32);
        }
        for (.., data) in &self.tensors {
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend(data);
        }
        bytes
    }

    pub(super) fn file(&self) -> NamedTempFile {
        file_of(&self.bytes())
    }
}

/// A file with these bytes.
pub(super) fn file_of(bytes: &[u8]) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
}
