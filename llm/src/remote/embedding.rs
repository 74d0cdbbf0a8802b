//! Embeddings in the client library's terms.

use genai::ModelIden;
use genai::embed::{EmbedOptions, EmbedRequest};

use super::answer::{Answer, Said, service};
use super::failure::Failure;
use super::provider::Provider;
use crate::chat::Usage;

/// Asks for the vectors of some texts.
pub(super) async fn embed(provider: &Provider, model: &str, texts: &[String]) -> Result<Answer, Failure> {
    let target = service(provider, "embeddings", ModelIden::new(provider.config.kind.adapter(), model));
    // Some servers send numbers in base64 unless they are told.
    let options = EmbedOptions { encoding_format: Some("float".to_owned()), ..EmbedOptions::default() };
    let request = EmbedRequest::new_batch(texts.to_vec());
    let response =
        provider.client.exec_embed(target, request, Some(&options)).await.map_err(|error| match error {
            genai::Error::StreamParse { serde_error, .. } => {
                let what = format!("JSON that is no answer of an embedding model ({serde_error})");
                Failure::malformed(provider, &what, "")
            }
            other => Failure::from_client(other, provider),
        })?;
    let usage = response.usage.prompt_tokens.and_then(|tokens| u64::try_from(tokens).ok());
    let usage = usage.map(|input_tokens| Usage { input_tokens, ..Usage::default() });
    let mut embeddings = response.embeddings;
    embeddings.sort_by_key(|embedding| embedding.index);
    let vectors: Vec<Vec<f32>> = embeddings.into_iter().map(|embedding| embedding.vector).collect();
    let length = vectors.first().map_or(0, Vec::len);
    if vectors.len() != texts.len() || length == 0 || vectors.iter().any(|vector| vector.len() != length) {
        let what =
            format!("{} vectors for {} texts, or vectors of different lengths", vectors.len(), texts.len());
        return Err(Failure::malformed(provider, &what, ""));
    }
    Ok(Answer { said: Said::Vectors(vectors), usage })
}
