//! Prices as the providers list them.

use crate::price::PriceConfig;
use crate::provider_kind::ProviderKind;

/// List prices of November 2026 in US dollars per million tokens: input, cached input, output. Standard
/// service, without surcharges for very long prompts and without discounts for batches.
const PRICES: &[(ProviderKind, &str, f64, f64, f64)] = &[
    (ProviderKind::Anthropic, "claude-fable-5", 10.0, 1.0, 50.0),
    (ProviderKind::Anthropic, "claude-fable-5-1", 10.0, 0.25, 50.0),
    (ProviderKind::Anthropic, "claude-haiku-4-5", 1.0, 0.1, 5.0),
    (ProviderKind::Anthropic, "claude-haiku-5-5", 0.1, 0.01, 0.5),
    (ProviderKind::Anthropic, "claude-mythos-5", 10.0, 1.0, 50.0),
    (ProviderKind::Anthropic, "claude-mythos-5-1", 10.0, 0.25, 50.0),
    (ProviderKind::Anthropic, "claude-opus-4-5", 5.0, 0.5, 25.0),
    (ProviderKind::Anthropic, "claude-opus-4-6", 5.0, 0.5, 25.0),
    (ProviderKind::Anthropic, "claude-opus-4-7", 5.0, 0.5, 25.0),
    (ProviderKind::Anthropic, "claude-opus-4-8", 5.0, 0.5, 25.0),
    (ProviderKind::Anthropic, "claude-opus-5", 5.0, 0.5, 25.0),
    (ProviderKind::Anthropic, "claude-opus-5-5", 4.0, 0.2, 20.0),
    (ProviderKind::Anthropic, "claude-sonnet-4-5", 3.0, 0.3, 15.0),
    (ProviderKind::Anthropic, "claude-sonnet-4-6", 3.0, 0.3, 15.0),
    (ProviderKind::Anthropic, "claude-sonnet-5", 2.0, 0.2, 10.0),
    (ProviderKind::Anthropic, "claude-sonnet-5-5", 2.0, 0.1, 10.0),
    (ProviderKind::DeepSeek, "deepseek-chat", 0.28, 0.028, 0.42),
    (ProviderKind::DeepSeek, "deepseek-flash", 0.3, 0.006, 1.2),
    (ProviderKind::DeepSeek, "deepseek-reasoner", 0.28, 0.028, 0.42),
    (ProviderKind::DeepSeek, "deepseek-v4-flash", 0.3, 0.006, 1.2),
    (ProviderKind::DeepSeek, "deepseek-v4-pro", 1.32, 0.044, 3.96),
    (ProviderKind::Gemini, "gemini-2.5-flash", 0.3, 0.03, 2.5),
    (ProviderKind::Gemini, "gemini-2.5-flash-lite", 0.1, 0.01, 0.4),
    (ProviderKind::Gemini, "gemini-2.5-pro", 1.25, 0.125, 10.0),
    (ProviderKind::Gemini, "gemini-3-flash", 0.5, 0.05, 3.0),
    (ProviderKind::Gemini, "gemini-3.1-flash-lite", 0.25, 0.025, 1.5),
    (ProviderKind::Gemini, "gemini-3.1-pro", 2.0, 0.2, 12.0),
    (ProviderKind::Gemini, "gemini-3.5-flash", 1.5, 0.15, 9.0),
    (ProviderKind::Gemini, "gemini-3.5-flash-lite", 0.3, 0.03, 2.5),
    (ProviderKind::Gemini, "gemini-3.6-flash", 0.75, 0.075, 3.75),
    (ProviderKind::Gemini, "gemini-3.7-flash", 0.75, 0.075, 3.75),
    (ProviderKind::Gemini, "gemini-3.8-flash", 0.75, 0.075, 3.75),
    (ProviderKind::Gemini, "gemini-4-argon", 2.0, 0.1, 10.0),
    (ProviderKind::Groq, "openai/gpt-oss-120b", 0.15, 0.075, 0.6),
    (ProviderKind::Groq, "openai/gpt-oss-20b", 0.075, 0.0375, 0.3),
    (ProviderKind::Mistral, "mistral-large-2512", 0.5, 0.05, 1.5),
    (ProviderKind::Mistral, "mistral-large-4", 0.68, 0.068, 2.09),
    (ProviderKind::Mistral, "mistral-medium-2604", 1.5, 0.15, 7.5),
    (ProviderKind::Mistral, "mistral-small-2603", 0.15, 0.015, 0.6),
    (ProviderKind::Mistral, "ministral-8b-2512", 0.15, 0.015, 0.15),
    (ProviderKind::OpenAi, "gpt-4.1", 2.0, 0.5, 8.0),
    (ProviderKind::OpenAi, "gpt-4.1-mini", 0.4, 0.1, 1.6),
    (ProviderKind::OpenAi, "gpt-4.1-nano", 0.1, 0.025, 0.4),
    (ProviderKind::OpenAi, "gpt-4o", 2.5, 1.25, 10.0),
    (ProviderKind::OpenAi, "gpt-4o-mini", 0.15, 0.075, 0.6),
    (ProviderKind::OpenAi, "gpt-5", 1.25, 0.125, 10.0),
    (ProviderKind::OpenAi, "gpt-5-mini", 0.25, 0.025, 2.0),
    (ProviderKind::OpenAi, "gpt-5-nano", 0.05, 0.005, 0.4),
    (ProviderKind::OpenAi, "gpt-5-pro", 15.0, 15.0, 120.0),
    (ProviderKind::OpenAi, "gpt-5.1", 1.25, 0.125, 10.0),
    (ProviderKind::OpenAi, "gpt-5.2", 1.75, 0.175, 14.0),
    (ProviderKind::OpenAi, "gpt-5.2-pro", 21.0, 21.0, 168.0),
    (ProviderKind::OpenAi, "gpt-5.4", 2.5, 0.25, 15.0),
    (ProviderKind::OpenAi, "gpt-5.4-mini", 0.75, 0.075, 4.5),
    (ProviderKind::OpenAi, "gpt-5.4-nano", 0.2, 0.02, 1.25),
    (ProviderKind::OpenAi, "gpt-5.4-pro", 30.0, 30.0, 180.0),
    (ProviderKind::OpenAi, "gpt-5.5", 5.0, 0.5, 30.0),
    (ProviderKind::OpenAi, "gpt-5.5-pro", 30.0, 30.0, 180.0),
    (ProviderKind::OpenAi, "gpt-5.6", 4.0, 0.4, 20.0),
    (ProviderKind::OpenAi, "gpt-5.6-luna", 0.2, 0.02, 1.2),
    (ProviderKind::OpenAi, "gpt-5.6-sol", 4.0, 0.4, 20.0),
    (ProviderKind::OpenAi, "gpt-5.6-terra", 2.0, 0.2, 12.0),
    (ProviderKind::OpenAi, "gpt-6-astra", 10.0, 1.0, 50.0),
    (ProviderKind::OpenAi, "gpt-6-luna", 0.1, 0.01, 0.5),
    (ProviderKind::OpenAi, "gpt-6-sol", 2.0, 0.2, 10.0),
    (ProviderKind::OpenAi, "gpt-6.1-sol", 2.0, 0.1, 10.0),
    (ProviderKind::OpenAi, "o1", 15.0, 7.5, 60.0),
    (ProviderKind::OpenAi, "o3", 2.0, 0.5, 8.0),
    (ProviderKind::OpenAi, "o3-mini", 1.1, 0.55, 4.4),
    (ProviderKind::OpenAi, "o3-pro", 20.0, 20.0, 80.0),
    (ProviderKind::OpenAi, "o4-mini", 1.1, 0.275, 4.4),
    (ProviderKind::Xai, "grok-4.3", 1.25, 0.2, 2.5),
    (ProviderKind::Xai, "grok-4.5", 2.0, 0.3, 6.0),
    (ProviderKind::Xai, "grok-4.6", 2.0, 0.5, 6.0),
    (ProviderKind::Xai, "grok-4.7", 2.0, 0.5, 6.0),
    (ProviderKind::Xai, "grok-4.20", 1.25, 0.2, 2.5),
    (ProviderKind::Xai, "grok-code-fast", 1.0, 0.2, 2.0),
];

/// The list price of a model, found by its exact name or by the longest name of which it is a dated or
/// labelled snapshot (`gpt-5-mini-2025-08-07`, `gemini-3-flash-preview`). A sibling is no snapshot:
/// `gpt-5-ultra` has no price because `gpt-5` has one.
pub(crate) fn list_price(kind: ProviderKind, model: &str) -> Option<PriceConfig> {
    PRICES
        .iter()
        .filter(|(of, name, ..)| *of == kind && is_snapshot(model, name))
        .max_by_key(|(_, name, ..)| name.len())
        .map(|&(_, _, input, cached_input, output)| PriceConfig {
            input,
            cached_input: Some(cached_input),
            output,
        })
}

/// Whether `model` is `name`, or `name` with nothing but dates and stages of release behind it.
pub(crate) fn is_snapshot(model: &str, name: &str) -> bool {
    let Some(rest) = model.strip_prefix(name) else { return false };
    if rest.is_empty() {
        return true;
    }
    rest.starts_with(['-', '@'])
        && rest[1..].split('-').all(|part| {
            matches!(part, "latest" | "preview" | "exp")
                || (part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: ProviderKind, model: &str) -> Option<f64> {
        list_price(kind, model).map(|price| price.input)
    }

    #[test]
    fn finds_names_and_their_snapshots() {
        let kind = ProviderKind::OpenAi;
        assert_eq!(input(kind, "gpt-5-mini"), Some(0.25));
        assert_eq!(input(kind, "gpt-5-mini-2025-08-07"), Some(0.25));
        assert_eq!(input(kind, "gpt-5-2025-08-07"), Some(1.25));
        assert_eq!(input(ProviderKind::Anthropic, "claude-haiku-4-5-20251001"), Some(1.0));
        assert_eq!(input(ProviderKind::Gemini, "gemini-3-flash-preview"), Some(0.5));
    }

    #[test]
    fn does_not_guess_from_a_sibling() {
        assert_eq!(input(ProviderKind::OpenAi, "gpt-5-ultra"), None);
        assert_eq!(input(ProviderKind::OpenAi, "gpt-5.9"), None);
        assert_eq!(input(ProviderKind::Anthropic, "gpt-5-mini"), None);
        // A version is no date: 5-5 may cost less or more than 5.
        assert_eq!(input(ProviderKind::Anthropic, "claude-opus-5-7"), None);
    }

    #[test]
    fn the_table_is_sound() {
        for (kind, name, input, cached, output) in PRICES {
            assert!(*cached > 0.0 && cached <= input && input <= output, "{kind}:{name}");
        }
        let mut names: Vec<_> = PRICES.iter().map(|(kind, name, ..)| (kind.as_str(), *name)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PRICES.len(), "a model is listed twice");
    }
}
