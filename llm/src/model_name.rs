//! Names of models, `provider:model`.

use std::fmt;
use std::str::FromStr;

use evohub_monitoring::redaction::redact;
use serde::{Deserialize, Serialize};

/// A model and who serves it, written `provider:model`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName {
    provider: String,
    model: String,
}

/// A text that is no `provider:model`. Without what looks like a key: one may have been pasted in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a model name: write `provider:model`, as in `openai:gpt-5-mini` or `local:smollm2-135m-instruct`"
)]
pub struct InvalidModelName(String);

impl ModelName {
    /// Who serves the model: the part before the first colon.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The provider's name for the model: all after the first colon.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl FromStr for ModelName {
    type Err = InvalidModelName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
            }
            _ => Err(InvalidModelName(redact(text).into_owned())),
        }
    }
}

impl TryFrom<String> for ModelName {
    type Error = InvalidModelName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_colon_only() {
        let name: ModelName = "ollama:llama3:8b".parse().unwrap();
        assert_eq!((name.provider(), name.model()), ("ollama", "llama3:8b"));
        assert_eq!(name.to_string(), "ollama:llama3:8b");
    }

    #[test]
    fn refuses_what_lacks_a_half() {
        for text in ["gpt-5-mini", ":gpt", "openai:", ""] {
            let error = text.parse::<ModelName>().unwrap_err();
            assert!(error.to_string().contains("provider:model"), "{error}");
        }
        let error = "sk-proj-Zx9Qw8Er7Ty6Ui5Op4".parse::<ModelName>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Zx9Qw8"), "{error}");
    }
}
