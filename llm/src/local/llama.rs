//! Models of the Llama architecture: their shape and their weights.

use super::fault::Fault;
use super::gguf::{Gguf, Value};
use super::panels::{PANEL, Weights};
use super::segment::KeyShape;
use super::tokenizer::vocabulary_size;

/// More than any model of this architecture has; keeps sums of sizes far from overflow.
const MOST: usize = 1 << 24;
const MOST_LAYERS: usize = 1 << 10;

/// The sizes and constants of a model.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Numbers that stand for a token between layers.
    pub(super) embedding: usize,
    /// Numbers inside a feed-forward layer.
    pub(super) feed_forward: usize,
    /// Heads of queries.
    pub(super) heads: usize,
    pub(super) keys: KeyShape,
    /// The most tokens of a prompt and its answer.
    pub(super) context: usize,
    pub(super) vocabulary: usize,
    pub(super) norm_epsilon: f32,
    pub(super) rope_base: f64,
}

/// The weights of one layer.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) query: Weights,
    pub(super) key: Weights,
    pub(super) value: Weights,
    pub(super) attention_output: Weights,
    pub(super) feed_forward_norm: Vec<f32>,
    pub(super) gate: Weights,
    pub(super) up: Weights,
    pub(super) down: Weights,
}

/// A model, ready to compute.
#[derive(Debug)]
pub(super) struct Llama {
    pub(super) shape: Shape,
    pub(super) embedding: Weights,
    pub(super) layers: Vec<Layer>,
    pub(super) output_norm: Vec<f32>,
    /// `None` when the output uses the embedding's weights.
    output: Option<Weights>,
}

impl Llama {
    /// Reads shape and weights.
    pub(super) fn read(file: &Gguf) -> Result<Self, Fault> {
        let shape = Shape::read(file)?;
        let vocabulary = shape.vocabulary;
        let embedding = Weights::read(file, "token_embd.weight", vocabulary, shape.embedding)?;
        let layers =
            (0..shape.keys.layers).map(|layer| Layer::read(file, &shape, layer)).collect::<Result<_, _>>()?;
        let output_norm = vector(file, "output_norm.weight", shape.embedding)?;
        let output = file
            .has_tensor("output.weight")
            .then(|| Weights::read(file, "output.weight", vocabulary, shape.embedding))
            .transpose()?;
        refuse_unknown_tensors(file, shape.keys.layers)?;
        Ok(Self { shape, embedding, layers, output_norm, output })
    }

    pub(super) fn output(&self) -> &Weights {
        self.output.as_ref().unwrap_or(&self.embedding)
    }
}

impl Shape {
    fn read(file: &Gguf) -> Result<Self, Fault> {
        let architecture = file.text("general.architecture").unwrap_or("(none)");
        if architecture != "llama" {
            return Err(Fault::new(format!(
                "has architecture `{architecture}`; only `llama` runs in the process (serve others through an \
                 OpenAI-compatible server)"
            )));
        }
        let layers = file.positive("llama.block_count", MOST_LAYERS)?;
        let embedding = file.positive("llama.embedding_length", MOST)?;
        let feed_forward = file.positive("llama.feed_forward_length", MOST)?;
        let heads = file.positive("llama.attention.head_count", MOST)?;
        let key_heads = file.size("llama.attention.head_count_kv", MOST)?.unwrap_or(heads);
        let context = file.positive("llama.context_length", MOST)?;
        if !embedding.is_multiple_of(heads) || key_heads == 0 || !heads.is_multiple_of(key_heads) {
            return Err(Fault::new(format!(
                "has {heads} query heads and {key_heads} key heads for {embedding} numbers, which do not divide"
            )));
        }
        let width = embedding / heads;
        if !width.is_multiple_of(PANEL) {
            return Err(Fault::new(format!("has heads of {width} numbers, no multiple of {PANEL}")));
        }
        for key in
            ["llama.rope.dimension_count", "llama.attention.key_length", "llama.attention.value_length"]
        {
            if file.size(key, MOST)?.is_some_and(|size| size != width) {
                return Err(Fault::new(format!("has another `{key}` than the {width} numbers of a head")));
            }
        }
        if file.text("llama.rope.scaling.type").is_some_and(|kind| kind != "none") {
            return Err(Fault::new(
                "stretches its context (`llama.rope.scaling.type`), which is not supported",
            ));
        }
        if matches!(file.value("llama.expert_count"), Some(value) if *value != Value::Integer(0)) {
            return Err(Fault::new("is a mixture of experts, which is not supported"));
        }
        let norm_epsilon = file
            .number("llama.attention.layer_norm_rms_epsilon")?
            .filter(|&epsilon| (0.0..1.0).contains(&epsilon))
            .ok_or_else(|| Fault::new("has no sensible `llama.attention.layer_norm_rms_epsilon`"))?;
        let rope_base = file.number("llama.rope.freq_base")?.unwrap_or(10_000.0);
        if rope_base < 1.0 {
            return Err(Fault::new(format!("has `llama.rope.freq_base` {rope_base}, less than 1")));
        }
        Ok(Self {
            embedding,
            feed_forward,
            heads,
            keys: KeyShape { layers, heads: key_heads, width },
            context,
            vocabulary: vocabulary_size(file)?,
            norm_epsilon: norm_epsilon as f32,
            rope_base,
        })
    }

    /// Query heads that share a head of keys.
    pub(super) fn group(&self) -> usize {
        self.heads / self.keys.heads
    }
}

impl Layer {
    fn read(file: &Gguf, shape: &Shape, layer: usize) -> Result<Self, Fault> {
        let keys = shape.keys.heads * shape.keys.width;
        let (embedding, feed_forward) = (shape.embedding, shape.feed_forward);
        let matrix = |name: &str, rows, columns| {
            Weights::read(file, &format!("blk.{layer}.{name}.weight"), rows, columns)
        };
        let norm = |name: &str| vector(file, &format!("blk.{layer}.{name}.weight"), embedding);
        Ok(Self {
            attention_norm: norm("attn_norm")?,
            query: matrix("attn_q", embedding, embedding)?,
            key: matrix("attn_k", keys, embedding)?,
            value: matrix("attn_v", keys, embedding)?,
            attention_output: matrix("attn_output", embedding, embedding)?,
            feed_forward_norm: norm("ffn_norm")?,
            gate: matrix("ffn_gate", feed_forward, embedding)?,
            up: matrix("ffn_up", feed_forward, embedding)?,
            down: matrix("ffn_down", embedding, feed_forward)?,
        })
    }
}

fn vector(file: &Gguf, name: &str, length: usize) -> Result<Vec<f32>, Fault> {
    let (tensor, bytes) = file.tensor(name, 1, length)?;
    let mut numbers = vec![0.0; length];
    tensor.format.floats(&bytes, &mut numbers);
    Ok(numbers)
}

/// A tensor that is not used (a bias, a scale) would change what the model says.
fn refuse_unknown_tensors(file: &Gguf, layers: usize) -> Result<(), Fault> {
    const OF_A_LAYER: [&str; 9] = [
        "attn_norm.weight",
        "attn_q.weight",
        "attn_k.weight",
        "attn_v.weight",
        "attn_output.weight",
        "ffn_norm.weight",
        "ffn_gate.weight",
        "ffn_up.weight",
        "ffn_down.weight",
    ];
    let known = |name: &str| match name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
        Some((layer, name)) => {
            layer.parse().is_ok_and(|layer: usize| layer < layers) && OF_A_LAYER.contains(&name)
        }
        None => ["token_embd.weight", "output_norm.weight", "output.weight"].contains(&name),
    };
    match file.tensor_names().filter(|name| !known(name)).min() {
        None => Ok(()),
        Some(name) => {
            Err(Fault::new(format!("has a tensor `{name}`, which a plain Llama model does not have")))
        }
    }
}
