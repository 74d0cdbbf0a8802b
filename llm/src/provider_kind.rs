//! The kinds of providers, and what is known of each.

use std::fmt;

use genai::adapter::AdapterKind;
use serde::{Deserialize, Serialize};

/// The form in which a provider takes requests.
///
/// Each kind is also a provider that needs no configuration: `groq:some-model` works with nothing but
/// `GROQ_API_KEY` in the environment, and `GROQ_BASE_URL` sends it elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProviderKind {
    /// Anthropic's messages.
    Anthropic,
    /// Cohere's chat.
    Cohere,
    /// DeepSeek, OpenAI's form with its own way of reasoning.
    DeepSeek,
    /// Fireworks, OpenAI's form.
    Fireworks,
    /// Google's Gemini.
    Gemini,
    /// Groq, OpenAI's form.
    Groq,
    /// Mistral, nearly OpenAI's form.
    Mistral,
    /// Ollama's own form; needs no key.
    Ollama,
    /// OpenAI's chat completions, and every endpoint compatible with them.
    OpenAi,
    /// OpenRouter, OpenAI's form.
    OpenRouter,
    /// Together, OpenAI's form.
    Together,
    /// xAI, OpenAI's form.
    Xai,
}

impl ProviderKind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 12] = [
        Self::Anthropic,
        Self::Cohere,
        Self::DeepSeek,
        Self::Fireworks,
        Self::Gemini,
        Self::Groq,
        Self::Mistral,
        Self::Ollama,
        Self::OpenAi,
        Self::OpenRouter,
        Self::Together,
        Self::Xai,
    ];

    /// The name in configuration files and in front of a model: `openai`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Cohere => "cohere",
            Self::DeepSeek => "deepseek",
            Self::Fireworks => "fireworks",
            Self::Gemini => "gemini",
            Self::Groq => "groq",
            Self::Mistral => "mistral",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
            Self::OpenRouter => "openrouter",
            Self::Together => "together",
            Self::Xai => "xai",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The environment variable that holds the key by custom; `None` where no key is needed.
    pub fn key_variable(self) -> Option<&'static str> {
        Some(match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Cohere => "COHERE_API_KEY",
            Self::DeepSeek => "DEEPSEEK_API_KEY",
            Self::Fireworks => "FIREWORKS_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
            Self::Groq => "GROQ_API_KEY",
            Self::Mistral => "MISTRAL_API_KEY",
            Self::Ollama => return None,
            Self::OpenAi => "OPENAI_API_KEY",
            Self::OpenRouter => "OPENROUTER_API_KEY",
            Self::Together => "TOGETHER_API_KEY",
            Self::Xai => "XAI_API_KEY",
        })
    }

    /// The environment variable that replaces [`Self::default_base_url`].
    pub fn base_url_variable(self) -> String {
        format!("{}_BASE_URL", self.as_str().to_ascii_uppercase())
    }

    /// Where the provider is reached by default.
    pub fn default_base_url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Cohere => "https://api.cohere.com/v1/",
            Self::DeepSeek => "https://api.deepseek.com/v1/",
            Self::Fireworks => "https://api.fireworks.ai/inference/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/",
            Self::Groq => "https://api.groq.com/openai/v1/",
            Self::Mistral => "https://api.mistral.ai/v1/",
            Self::Ollama => "http://127.0.0.1:11434/",
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::OpenRouter => "https://openrouter.ai/api/v1/",
            Self::Together => "https://api.together.xyz/v1/",
            Self::Xai => "https://api.x.ai/v1/",
        }
    }

    pub(crate) fn adapter(self) -> AdapterKind {
        match self {
            Self::Anthropic => AdapterKind::Anthropic,
            Self::Cohere => AdapterKind::Cohere,
            Self::DeepSeek => AdapterKind::DeepSeek,
            Self::Fireworks => AdapterKind::Fireworks,
            Self::Gemini => AdapterKind::Gemini,
            Self::Groq => AdapterKind::Groq,
            Self::Mistral => AdapterKind::Mistral,
            Self::Ollama => AdapterKind::Ollama,
            Self::OpenAi => AdapterKind::OpenAI,
            Self::OpenRouter => AdapterKind::OpenRouter,
            Self::Together => AdapterKind::Together,
            Self::Xai => AdapterKind::Xai,
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_configuration() {
        for kind in ProviderKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ProviderKind::from_name(kind.as_str()), Some(kind));
        }
        assert!(ProviderKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
        assert_eq!(ProviderKind::OpenAi.base_url_variable(), "OPENAI_BASE_URL");
    }
}
