//! What calls cost.

mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chat::{ChatRequest, Usage};
use crate::model_name::ModelName;
use crate::provider_kind::ProviderKind;

/// The price of a model in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Of the request.
    pub input: f64,
    /// Of those tokens of the request that the provider had ready; the same as `input` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// Of the answer.
    pub output: f64,
}

/// Output tokens that a call is taken to use at most when its request sets no limit, as
/// [`PriceConfig::limit`] reckons.
pub const ASSUMED_OUTPUT_TOKENS: u32 = 4096;

/// Bytes of text per token, as [`estimated_input_tokens`] reckons: on the low side for English (about
/// four), so that the estimate is rather too high.
const BYTES_PER_TOKEN: usize = 3;

/// Tokens that the frame of a turn takes, on the high side.
const TOKENS_PER_TURN: usize = 8;

impl PriceConfig {
    /// US dollars for what a call used.
    pub fn dollars(&self, usage: Usage) -> f64 {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        let cached_price = self.cached_input.unwrap_or(self.input);
        (fresh as f64 * self.input + cached as f64 * cached_price + usage.output_tokens as f64 * self.output)
            / 1e6
    }

    /// The most that a call with this request costs, in US dollars: a token for every three bytes of
    /// input, none of them cached, and as much output as the request allows, or
    /// [`ASSUMED_OUTPUT_TOKENS`] where it does not say.
    pub fn limit(&self, request: &ChatRequest) -> f64 {
        self.dollars(Usage {
            input_tokens: estimated_input_tokens(request),
            cached_input_tokens: 0,
            output_tokens: u64::from(request.max_output_tokens.unwrap_or(ASSUMED_OUTPUT_TOKENS)),
        })
    }

    pub(crate) fn fault(&self) -> Option<String> {
        let fields =
            [("input", Some(self.input)), ("cached_input", self.cached_input), ("output", Some(self.output))];
        let (key, value) = fields.into_iter().find_map(|(key, value)| {
            value.filter(|dollars| !(dollars.is_finite() && *dollars >= 0.0)).map(|dollars| (key, dollars))
        })?;
        Some(format!("`{key}` is {value}: write US dollars per million tokens, 0 or more"))
    }
}

/// About how many tokens a text has; rather too many than too few.
pub(crate) fn estimated_tokens(text: &str) -> u64 {
    text.len().div_ceil(BYTES_PER_TOKEN) as u64
}

/// About how many tokens a request has; rather too many than too few.
pub fn estimated_input_tokens(request: &ChatRequest) -> u64 {
    let tokens: usize = request
        .messages
        .iter()
        .map(|message| message.content.len().div_ceil(BYTES_PER_TOKEN) + TOKENS_PER_TURN)
        .sum();
    tokens as u64
}

/// The price that applies to a model: the user's own (by exact name, by the name of which it is a
/// snapshot, or by the longest pattern that ends in `*`), else the list price of `list`, the kind of
/// provider that really serves the model.
pub(crate) fn price_of(
    name: &ModelName,
    own: &BTreeMap<String, PriceConfig>,
    list: Option<ProviderKind>,
) -> Option<PriceConfig> {
    let full = name.to_string();
    let longest = |matches: &dyn Fn(&str) -> bool| {
        own.iter().filter(|(key, _)| matches(key)).max_by_key(|(key, _)| key.len()).map(|(_, price)| *price)
    };
    longest(&|key| table::is_snapshot(&full, key))
        .or_else(|| longest(&|key| key.strip_suffix('*').is_some_and(|prefix| full.starts_with(prefix))))
        .or_else(|| table::list_price(list?, name.model()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::ChatMessage;

    const PRICE: PriceConfig = PriceConfig { input: 2.0, cached_input: Some(0.5), output: 10.0 };

    fn usage(input_tokens: u64, cached_input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, cached_input_tokens, output_tokens }
    }

    #[test]
    fn cached_input_has_its_own_price() {
        let close = |left: f64, right: f64| assert!((left - right).abs() < 1e-12, "{left} {right}");
        close(PRICE.dollars(usage(1_000_000, 0, 0)), 2.0);
        close(PRICE.dollars(usage(1_000_000, 400_000, 100_000)), 1.2 + 0.2 + 1.0);
        close(PriceConfig { cached_input: None, ..PRICE }.dollars(usage(1_000_000, 400_000, 0)), 2.0);
    }

    #[test]
    fn own_prices_win_and_the_nearest_name_among_them() {
        let price = |input| PriceConfig { input, cached_input: None, output: 1.0 };
        let own = BTreeMap::from([
            ("lab:*".to_owned(), price(1.0)),
            ("lab:big*".to_owned(), price(2.0)),
            ("lab:big".to_owned(), price(3.0)),
            ("openai:gpt-5".to_owned(), price(4.0)),
        ]);
        let input = |name: &str, list| price_of(&name.parse().unwrap(), &own, list).map(|price| price.input);
        assert_eq!(input("lab:small", None), Some(1.0));
        assert_eq!(input("lab:bigger", None), Some(2.0));
        assert_eq!(input("lab:big", None), Some(3.0));
        assert_eq!(input("lab:big-2026-01-01", None), Some(3.0));
        assert_eq!(input("openai:gpt-5", Some(ProviderKind::OpenAi)), Some(4.0));
        assert_eq!(input("openai:gpt-5-mini", Some(ProviderKind::OpenAi)), Some(0.25));
        assert_eq!(input("openai:gpt-5-mini", None), None);
    }

    #[test]
    fn a_limit_takes_the_output_it_is_allowed() {
        let mut request = ChatRequest::new(vec![ChatMessage::user("x".repeat(3000))]);
        let assumed = PRICE.limit(&request);
        request.max_output_tokens = Some(ASSUMED_OUTPUT_TOKENS);
        assert_eq!(PRICE.limit(&request), assumed);
        request.max_output_tokens = Some(1);
        assert_eq!(PRICE.limit(&request), PRICE.dollars(usage(1008, 0, 1)));
    }

    proptest! {
        #[test]
        fn no_call_within_its_bounds_costs_more_than_its_limit(
            text in ".{0,200}", allowed in 0u32..5000, used in 0.0f64..=1.0, read in 0.0f64..=1.0, cached in 0.0f64..=1.0,
        ) {
            let mut request = ChatRequest::new(vec![ChatMessage::user(text)]);
            request.max_output_tokens = Some(allowed);
            let input = (estimated_input_tokens(&request) as f64 * read) as u64;
            let output = (f64::from(allowed) * used) as u64;
            let dollars = PRICE.dollars(usage(input, (input as f64 * cached) as u64, output));
            prop_assert!(dollars <= PRICE.limit(&request) + 1e-15);
        }
    }

    #[test]
    fn negative_prices_are_refused() {
        let fault = PriceConfig { output: -1.0, ..PRICE }.fault().unwrap();
        assert!(fault.contains("`output`"), "{fault}");
        assert_eq!(PRICE.fault(), None);
    }
}
