//! Opens models by name.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evohub_monitoring::metrics::{Metrics, ModelMetrics};

use crate::chat::ChatModel;
use crate::embedding::EmbeddingModel;
use crate::error::{LlmError, LlmErrorKind};
use crate::limits::shared::{Membership, SharedQuota};
#[cfg(feature = "local-model")]
use crate::local::{FetchProgress, LocalModel, LocalOptions};
use crate::model_name::ModelName;
use crate::observed::{Observed, Server};
use crate::price::{PriceConfig, price_of};
use crate::provider_config::ProviderConfig;
use crate::provider_kind::ProviderKind;
use crate::remote::{Provider, ProviderProbe, RemoteModel};

/// The provider of models that run inside the process.
pub const LOCAL: &str = "local";

/// Reads environment variables.
type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// All models that can be opened. Models of one provider share its limits, its breaker and its connections.
///
/// Every call of a model that was opened here has a span `llm_api_call`, and is counted where there are
/// [metrics](Self::with_metrics).
pub struct ModelRegistry {
    configs: BTreeMap<String, ProviderConfig>,
    prices: BTreeMap<String, PriceConfig>,
    environment: Box<Environment>,
    metrics: Option<Arc<Metrics>>,
    /// `None` where each node keeps to the limits by itself.
    membership: Option<Membership>,
    opened: Mutex<Opened>,
    /// Held while a local model is loaded: two callers do not load the same weights twice, and nobody who
    /// opens another model waits for it.
    loading: Mutex<()>,
    #[cfg(feature = "local-model")]
    local: Local,
}

/// How local models are opened.
#[cfg(feature = "local-model")]
struct Local {
    options: LocalOptions,
    progress: Box<dyn Fn(FetchProgress) + Send + Sync>,
}

#[derive(Default)]
struct Opened {
    providers: BTreeMap<String, Arc<Provider>>,
    /// Those of the embedding program, as it gave them.
    registered: HashMap<ModelName, Arc<dyn ChatModel>>,
    /// Those of the embedding program that embed texts, as it gave them.
    registered_embeddings: HashMap<ModelName, Arc<dyn EmbeddingModel>>,
    /// All that were asked for, watched.
    models: HashMap<ModelName, Arc<dyn ChatModel>>,
    embeddings: HashMap<ModelName, Arc<dyn EmbeddingModel>>,
    /// Local ones, each loaded once for whatever it does.
    #[cfg(feature = "local-model")]
    local: HashMap<ModelName, Arc<LocalModel>>,
}

/// A model that does all that is asked of models.
trait Model: ChatModel + EmbeddingModel {}

impl<M: ChatModel + EmbeddingModel> Model for M {}

impl ModelRegistry {
    /// A registry with the built-in providers (one for each [`ProviderKind`]) and those given, which may
    /// replace them. `prices` are by model name (`openai:gpt-5-mini`) or by a pattern that ends in `*`
    /// (`lab:*`), and go before the list prices.
    ///
    /// # Errors
    /// [`LlmErrorKind::Configuration`] naming the provider or price and the key that is wrong. Keys and
    /// addresses are looked at when a model is opened.
    pub fn new(
        providers: BTreeMap<String, ProviderConfig>,
        prices: BTreeMap<String, PriceConfig>,
    ) -> Result<Self, LlmError> {
        for (name, config) in &providers {
            let place = format!("[providers.{name}]");
            if name == LOCAL || name.is_empty() || name.contains(':') {
                let message = "a provider cannot have this name: it is taken, empty or holds a colon";
                return Err(LlmError::new(LlmErrorKind::Configuration, place, message));
            }
            if let Some(fault) = config.fault() {
                return Err(LlmError::new(LlmErrorKind::Configuration, place, fault));
            }
        }
        for (name, price) in &prices {
            let place = format!("[prices.\"{name}\"]");
            if let Some(fault) = price.fault() {
                return Err(LlmError::new(LlmErrorKind::Configuration, place, fault));
            }
            if !name.contains(':') {
                let message = "a price goes by `provider:model`, or by a pattern such as `lab:*`";
                return Err(LlmError::new(LlmErrorKind::Configuration, place, message));
            }
        }
        let environment = Box::new(|name: &str| std::env::var(name).ok());
        Ok(Self {
            configs: providers,
            prices,
            environment,
            metrics: None,
            membership: None,
            opened: Mutex::default(),
            loading: Mutex::default(),
            #[cfg(feature = "local-model")]
            local: Local { options: LocalOptions::default(), progress: Box::new(|_| ()) },
        })
    }

    /// The same registry with another environment in the place of the process's own.
    #[must_use]
    pub fn with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.environment = Box::new(environment);
        self
    }

    /// The same registry with a place to count calls and show limits, for models that are opened from now on.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The same registry with a quota that all nodes share: providers of which a model is opened from now on keep their
    /// requests per minute, tokens per minute and dollars per hour over all nodes together. They go by their names there,
    /// which should mean the same on all nodes.
    ///
    /// While the quota does not answer, or takes longer than 250 ms, this node keeps to its `share` of the limits by
    /// itself: 1 divided by the number of living nodes, asked anew for each call. What is below 1/1000, or no number,
    /// counts as 1/1000, and what is above 1 as 1.
    #[must_use]
    pub fn with_quota(
        mut self,
        quota: Arc<dyn SharedQuota>,
        share: Arc<dyn Fn() -> f64 + Send + Sync>,
    ) -> Self {
        self.membership = Some(Membership { quota, share });
        self
    }

    /// The same registry with other options for local models, and with somebody who is told how the
    /// fetching of one goes on.
    #[cfg(feature = "local-model")]
    #[must_use]
    pub fn with_local(
        mut self,
        options: LocalOptions,
        progress: impl Fn(FetchProgress) + Send + Sync + 'static,
    ) -> Self {
        self.local = Local { options, progress: Box::new(progress) };
        self
    }

    /// Adds a model of the embedding program under its own name, in the place of any other of that name.
    pub fn register(&self, model: Arc<dyn ChatModel>) {
        let mut opened = self.lock();
        opened.models.remove(model.name());
        opened.registered.insert(model.name().clone(), model);
    }

    /// One probe for each remote provider of which a model was opened, by name.
    pub fn providers(&self) -> Vec<ProviderProbe> {
        let probe = |(name, provider): (&String, _)| ProviderProbe::new(name.clone(), Arc::clone(provider));
        self.lock().providers.iter().map(probe).collect()
    }

    /// The model of this name; the same one each time. Calls no provider, but loads a local model, which
    /// can take seconds (or a download) and blocks.
    ///
    /// # Errors
    /// [`LlmErrorKind::Configuration`] for an unknown provider or a wrong address,
    /// [`LlmErrorKind::Authentication`] for a missing key, and whatever loading a local model may say.
    pub fn open(&self, name: &ModelName) -> Result<Arc<dyn ChatModel>, LlmError> {
        let _loading = self.loading(name);
        if let Some(model) = self.lock().models.get(name) {
            return Ok(Arc::clone(model));
        }
        let registered = self.lock().registered.get(name).cloned();
        let (model, server): (Arc<dyn ChatModel>, _) = match registered {
            Some(model) => (model, None),
            None => {
                let (model, server) = self.load(name)?;
                (model, server)
            }
        };
        let model = Arc::new(Observed::chat(model, server, self.metrics_of(name)));
        Ok(Arc::clone(self.lock().models.entry(name.clone()).or_insert(model)))
    }

    /// Adds a model of the embedding program that embeds texts, in the place of any other of that name.
    pub fn register_embedding(&self, model: Arc<dyn EmbeddingModel>) {
        let mut opened = self.lock();
        opened.embeddings.remove(model.name());
        opened.registered_embeddings.insert(model.name().clone(), model);
    }

    /// The model of this name, to embed texts; otherwise as [`open`](Self::open), with which it shares the provider's
    /// limits, or the local model's weights.
    ///
    /// # Errors
    /// As [`open`](Self::open). Whether a provider's model embeds texts is seen by its first call.
    pub fn open_embedding(&self, name: &ModelName) -> Result<Arc<dyn EmbeddingModel>, LlmError> {
        let _loading = self.loading(name);
        if let Some(model) = self.lock().embeddings.get(name) {
            return Ok(Arc::clone(model));
        }
        let registered = self.lock().registered_embeddings.get(name).cloned();
        let (model, server): (Arc<dyn EmbeddingModel>, _) = match registered {
            Some(model) => (model, None),
            None => {
                let (model, server) = self.load(name)?;
                (model, server)
            }
        };
        let model = Arc::new(Observed::embeddings(model, server, self.metrics_of(name)));
        Ok(Arc::clone(self.lock().embeddings.entry(name.clone()).or_insert(model)))
    }

    /// Held while a local model is loaded, so that it is loaded once.
    fn loading(&self, name: &ModelName) -> Option<MutexGuard<'_, ()>> {
        let is_local = name.provider() == LOCAL;
        is_local.then(|| self.loading.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The model of this name that is not the embedding program's, and where its calls go if they leave the process.
    fn load(&self, name: &ModelName) -> Result<(Arc<dyn Model>, Option<Server>), LlmError> {
        if name.provider() == LOCAL {
            return Ok((self.open_local(name)?, None));
        }
        let (model, server) = self.open_remote(name)?;
        Ok((model, Some(server)))
    }

    fn open_remote(&self, name: &ModelName) -> Result<(Arc<RemoteModel>, Server), LlmError> {
        let mut opened = self.lock();
        let provider = match opened.providers.get(name.provider()) {
            Some(provider) => Arc::clone(provider),
            None => {
                let provider = Arc::new(self.provider(name.provider())?);
                opened.providers.insert(name.provider().to_owned(), Arc::clone(&provider));
                provider
            }
        };
        let server = provider.server();
        let model = RemoteModel::new(name.clone(), provider, self.metrics_of(name), |list| {
            price_of(name, &self.prices, list)
        });
        Ok((Arc::new(model), server))
    }

    #[cfg(feature = "local-model")]
    fn open_local(&self, name: &ModelName) -> Result<Arc<LocalModel>, LlmError> {
        if let Some(model) = self.lock().local.get(name) {
            return Ok(Arc::clone(model));
        }
        let model = LocalModel::open(name.clone(), &self.local.options, &self.local.progress)?;
        Ok(Arc::clone(self.lock().local.entry(name.clone()).or_insert_with(|| Arc::new(model))))
    }

    #[cfg(not(feature = "local-model"))]
    fn open_local(&self, name: &ModelName) -> Result<Arc<RemoteModel>, LlmError> {
        let message =
            "this build has no local models: build with the feature `local-model`, or name a remote one";
        Err(LlmError::new(LlmErrorKind::LocalModel, name, message))
    }

    fn provider(&self, name: &str) -> Result<Provider, LlmError> {
        let config = self
            .configs
            .get(name)
            .cloned()
            .or_else(|| ProviderKind::from_name(name).map(ProviderConfig::new))
            .ok_or_else(|| self.unknown(name))?;
        let metrics = self.metrics.as_ref().map(|metrics| &metrics.llm);
        Provider::new(name, config, &*self.environment, metrics, self.membership.clone())
    }

    fn metrics_of(&self, name: &ModelName) -> Option<ModelMetrics> {
        self.metrics.as_ref().map(|metrics| metrics.llm.model(name.provider(), name.model()))
    }

    fn unknown(&self, name: &str) -> LlmError {
        let mut known: Vec<&str> = self.configs.keys().map(String::as_str).collect();
        known.extend(ProviderKind::ALL.map(ProviderKind::as_str));
        known.push(LOCAL);
        known.sort_unstable();
        known.dedup();
        let nearest = known
            .iter()
            .map(|candidate| (strsim::osa_distance(&name.to_lowercase(), candidate), candidate))
            .min()
            .filter(|(distance, _)| *distance <= name.chars().count().max(3) / 3)
            .map(|(_, candidate)| format!("did you mean `{candidate}`? "))
            .unwrap_or_default();
        let message = format!(
            "no provider has this name; {nearest}known are {}; any other needs a section [providers.{name}]",
            known.join(", ")
        );
        LlmError::new(LlmErrorKind::Configuration, name, message)
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ModelRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelRegistry")
            .field("configs", &self.configs)
            .field("prices", &self.prices)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(variables: &'static [(&'static str, &'static str)]) -> ModelRegistry {
        let lab = ProviderConfig {
            base_url: Some("http://127.0.0.1:9/v1".to_owned()),
            ..ProviderConfig::new(ProviderKind::OpenAi)
        };
        let keyed = ProviderConfig { key_env: Some("LAB_KEY".to_owned()), ..lab.clone() };
        let far = ProviderConfig { base_url: Some("https://example.org/v1".to_owned()), ..lab.clone() };
        let providers = [("lab", lab), ("keyed", keyed), ("far", far)];
        let prices = [("lab:dear".to_owned(), PriceConfig { input: 1.0, cached_input: None, output: 2.0 })];
        ModelRegistry::new(providers.map(|(name, config)| (name.to_owned(), config)).into(), prices.into())
            .unwrap()
            .with_environment(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
    }

    fn refusal(registry: &ModelRegistry, name: &str) -> LlmError {
        registry.open(&name.parse().unwrap()).err().unwrap()
    }

    fn has_price(registry: &ModelRegistry, name: &str) -> bool {
        let request = crate::ChatRequest::new(vec![crate::ChatMessage::user("hello")]);
        registry.open(&name.parse().unwrap()).unwrap().cost_limit(&request).is_some()
    }

    #[test]
    fn an_unknown_provider_is_told_with_the_nearest_name() {
        let error = refusal(&registry(&[]), "opnai:gpt-5-mini");
        assert_eq!(error.kind, LlmErrorKind::Configuration);
        for part in ["did you mean `openai`?", "anthropic", "lab", "local", "[providers.opnai]"] {
            assert!(error.message.contains(part), "{error}");
        }
        let error = refusal(&registry(&[]), "zzz:gpt-5-mini");
        assert!(!error.message.contains("did you mean"), "{error}");
    }

    #[test]
    fn a_missing_key_is_told_before_any_call() {
        for (name, variable) in [
            ("openai:gpt-5-mini", "OPENAI_API_KEY"),
            ("anthropic:claude-haiku-4-5", "ANTHROPIC_API_KEY"),
            ("keyed:m", "LAB_KEY"),
        ] {
            let error = refusal(&registry(&[]), name);
            assert_eq!(error.kind, LlmErrorKind::Authentication);
            assert!(error.message.contains(variable) && error.message.contains("set"), "{error}");
        }
        let registry = registry(&[("OPENAI_API_KEY", "sk-abc"), ("LAB_KEY", "x")]);
        registry.open(&"openai:gpt-5-mini".parse().unwrap()).unwrap();
        registry.open(&"keyed:m".parse().unwrap()).unwrap();
    }

    #[test]
    fn an_own_endpoint_needs_no_key_and_has_no_list_price() {
        let registry = registry(&[]);
        assert!(!has_price(&registry, "lab:gpt-5-mini"));
        assert!(!has_price(&registry, "far:gpt-5-mini"));
        assert!(has_price(&registry, "lab:dear"));
        registry.open(&"ollama:llama3:8b".parse().unwrap()).unwrap();
    }

    #[test]
    fn a_loopback_address_in_the_environment_needs_no_key_and_has_no_list_price() {
        let here = registry(&[("OPENAI_BASE_URL", "http://localhost:4000/v1")]);
        assert!(!has_price(&here, "openai:gpt-5-mini"));
        let away = registry(&[("OPENAI_BASE_URL", "https://proxy.example.org/v1"), ("OPENAI_API_KEY", "k")]);
        assert!(has_price(&away, "openai:gpt-5-mini"));
        let wrong = registry(&[("OPENAI_BASE_URL", "localhost:4000"), ("OPENAI_API_KEY", "k")]);
        let error = refusal(&wrong, "openai:gpt-5-mini");
        assert!(error.message.contains("`OPENAI_BASE_URL`"), "{error}");
    }

    #[test]
    fn a_local_model_that_is_not_there_is_no_remote_one() {
        let error = refusal(&registry(&[]), "local:no-such-file.gguf");
        assert_eq!(error.kind, LlmErrorKind::LocalModel);
    }

    #[test]
    fn one_name_is_one_model() {
        let registry = registry(&[]);
        let open = |name: &str| registry.open(&name.parse().unwrap()).unwrap();
        assert!(Arc::ptr_eq(&open("lab:a"), &open("lab:a")));
        assert!(!Arc::ptr_eq(&open("lab:a"), &open("lab:b")));
    }

    #[test]
    fn faults_of_the_configuration_name_their_section() {
        let error = |providers: Vec<(&str, ProviderConfig)>, prices: Vec<(&str, PriceConfig)>| {
            let providers = providers.into_iter().map(|(name, config)| (name.to_owned(), config)).collect();
            let prices = prices.into_iter().map(|(name, price)| (name.to_owned(), price)).collect();
            ModelRegistry::new(providers, prices).unwrap_err().to_string()
        };
        let zero = ProviderConfig { max_concurrency: 0, ..ProviderConfig::new(ProviderKind::OpenAi) };
        let text = error(vec![("lab", zero)], vec![]);
        assert!(text.contains("[providers.lab]") && text.contains("`max_concurrency`"), "{text}");
        let text = error(vec![("local", ProviderConfig::new(ProviderKind::OpenAi))], vec![]);
        assert!(text.contains("[providers.local]"), "{text}");
        let price = PriceConfig { input: -1.0, cached_input: None, output: 1.0 };
        let text = error(vec![], vec![("lab:m", price)]);
        assert!(text.contains("lab:m") && text.contains("`input`"), "{text}");
        let text = error(vec![], vec![("m", PriceConfig { input: 1.0, ..price })]);
        assert!(text.contains("provider:model"), "{text}");
    }
}
