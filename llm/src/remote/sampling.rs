//! Parameters that a model turns out to refuse.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::chat::ChatRequest;
use crate::provider_kind::ProviderKind;

/// Which parameters a model takes. Reasoning models refuse some of them; what is not known beforehand is
/// learnt from the first refusal, and the request is sent again without the parameter.
#[derive(Debug)]
pub(super) struct Sampling {
    refuses_temperature: AtomicBool,
    refuses_top_p: AtomicBool,
    refuses_seed: AtomicBool,
    /// The limit of output tokens is called `max_completion_tokens`.
    wants_completion_limit: AtomicBool,
}

impl Sampling {
    /// What is known of a model beforehand.
    pub(super) fn of(kind: ProviderKind, model: &str) -> Self {
        let is_reasoning = matches!(kind, ProviderKind::OpenAi | ProviderKind::OpenRouter)
            && is_openai_reasoning(model.rsplit('/').next().unwrap_or(model));
        Self {
            refuses_temperature: AtomicBool::new(is_reasoning),
            refuses_top_p: AtomicBool::new(is_reasoning),
            refuses_seed: AtomicBool::new(false),
            wants_completion_limit: AtomicBool::new(is_reasoning && kind == ProviderKind::OpenAi),
        }
    }

    /// The request without what the model refuses, and whether its limit goes by the newer name.
    pub(super) fn fit(&self, request: &ChatRequest) -> Fitted {
        let takes = |refuses: &AtomicBool| !refuses.load(Ordering::Relaxed);
        Fitted {
            temperature: request.temperature.filter(|_| takes(&self.refuses_temperature)),
            top_p: request.top_p.filter(|_| takes(&self.refuses_top_p)),
            seed: request.seed.filter(|_| takes(&self.refuses_seed)),
            uses_completion_limit: !takes(&self.wants_completion_limit),
        }
    }

    /// Learns from the body of a refusal, in lower case. Returns the parameter that will be left out or
    /// renamed from now on, if the refusal is about one that was sent.
    pub(super) fn learn(&self, sent: &Fitted, has_limit: bool, refusal: &str) -> Option<&'static str> {
        if has_limit && !sent.uses_completion_limit && refusal.contains("max_completion_tokens") {
            self.wants_completion_limit.store(true, Ordering::Relaxed);
            return Some("max_tokens");
        }
        let is_refused =
            ["unsupported", "not support", "deprecated", "not allowed", "not permitted", "cannot both"]
                .iter()
                .any(|sign| refusal.contains(sign));
        if !is_refused {
            return None;
        }
        // `top_p` first: where both cannot be given, the temperature is the one to keep.
        let parameters = [
            ("top_p", sent.top_p.is_some(), &self.refuses_top_p),
            ("temperature", sent.temperature.is_some(), &self.refuses_temperature),
            ("seed", sent.seed.is_some(), &self.refuses_seed),
        ];
        let (name, _, refuses) =
            parameters.into_iter().find(|(name, was_sent, _)| *was_sent && refusal.contains(name))?;
        refuses.store(true, Ordering::Relaxed);
        Some(name)
    }
}

/// The parameters to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fitted {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) seed: Option<u64>,
    pub(super) uses_completion_limit: bool,
}

/// OpenAI's models that reason before they answer: `o1`, `o3-mini`, `gpt-5` and later. Those for chat
/// (`gpt-5-chat-latest`) do not.
fn is_openai_reasoning(model: &str) -> bool {
    let number = |prefix: &str| -> Option<u32> {
        let digits: String = model.strip_prefix(prefix)?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    number("o").is_some() || (number("gpt-").is_some_and(|version| version >= 5) && !model.contains("-chat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatMessage;

    fn request() -> ChatRequest {
        ChatRequest {
            max_output_tokens: Some(5),
            temperature: Some(0.5),
            top_p: Some(0.9),
            seed: Some(1),
            ..ChatRequest::new(vec![ChatMessage::user("hello")])
        }
    }

    #[test]
    fn knows_reasoning_models_of_openai() {
        for model in ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "gpt-5.1", "gpt-6.1-sol"]
        {
            assert!(is_openai_reasoning(model), "{model}");
        }
        for model in
            ["gpt-4o", "gpt-4.1-mini", "gpt-oss-120b", "gpt-5-chat-latest", "omni", "olmo-2", "claude-5"]
        {
            assert!(!is_openai_reasoning(model), "{model}");
        }
        assert_eq!(Sampling::of(ProviderKind::OpenAi, "gpt-5-mini").fit(&request()).temperature, None);
        assert_eq!(Sampling::of(ProviderKind::OpenRouter, "openai/o3").fit(&request()).temperature, None);
        assert_eq!(Sampling::of(ProviderKind::Groq, "o3").fit(&request()).temperature, Some(0.5));
    }

    #[test]
    fn learns_what_is_refused_once() {
        let sampling = Sampling::of(ProviderKind::OpenAi, "new-model");
        let refusal = "unsupported value: 'temperature' does not support 0.5 with this model.";
        let sent = sampling.fit(&request());
        assert_eq!(sampling.learn(&sent, true, refusal), Some("temperature"));
        let sent = sampling.fit(&request());
        assert_eq!((sent.temperature, sent.top_p), (None, Some(0.9)));
        assert_eq!(sampling.learn(&sent, true, refusal), None, "it was not sent again");
    }

    #[test]
    fn learns_the_newer_name_of_the_limit() {
        let sampling = Sampling::of(ProviderKind::OpenAi, "deployment");
        let refusal =
            "unsupported parameter: 'max_tokens' is not supported. use 'max_completion_tokens' instead.";
        let sent = sampling.fit(&request());
        assert_eq!(sampling.learn(&sent, false, refusal), None, "no limit was sent");
        assert_eq!(sampling.learn(&sent, true, refusal), Some("max_tokens"));
        assert!(sampling.fit(&request()).uses_completion_limit);
    }

    #[test]
    fn a_value_out_of_range_is_no_refusal_of_the_parameter() {
        let sampling = Sampling::of(ProviderKind::OpenAi, "m");
        let sent = sampling.fit(&request());
        assert_eq!(sampling.learn(&sent, true, "temperature must be between 0 and 2"), None);
        assert_eq!(sampling.learn(&sent, true, "max_tokens is too large: this model supports 4096"), None);
        let both = "`temperature` and `top_p` cannot both be specified for this model.";
        assert_eq!(sampling.learn(&sent, true, both), Some("top_p"));
    }
}
