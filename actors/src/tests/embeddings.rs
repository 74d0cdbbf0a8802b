//! Jobs whose distances are those of embeddings.

use std::collections::HashSet;
use std::sync::Mutex;

use evohub_evolution::Distance;
use evohub_evolution::diversity::SharingConfig;
use evohub_evolution::optimizers::NoveltySearchConfig;
use evohub_llm::{EmbeddingModel, EmbeddingResponse, LlmError, ModelName, Usage};

use super::*;

/// Says where a text lies by counting its letters, and remembers what it was asked. A text costs a cent.
pub(super) struct Letters {
    name: ModelName,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Letters {
    pub(super) fn new(asked: &Arc<Mutex<Vec<String>>>) -> Self {
        Self { name: "test:letters".parse().unwrap(), asked: Arc::clone(asked) }
    }
}

#[async_trait]
impl EmbeddingModel for Letters {
    fn name(&self) -> &ModelName {
        &self.name
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn cost_limit(&self, texts: &[String]) -> Option<f64> {
        Some(0.02 * texts.len() as f64)
    }

    async fn embed(&self, texts: Vec<String>) -> Result<EmbeddingResponse, LlmError> {
        self.asked.lock().unwrap().extend(texts.iter().cloned());
        let vector = |text: &String| {
            let count = |letter: char| text.chars().filter(|other| *other == letter).count() as f32;
            ('a'..='z').map(count).chain([1.0]).collect()
        };
        Ok(EmbeddingResponse {
            vectors: texts.iter().map(vector).collect(),
            usage: Usage { input_tokens: 7, ..Usage::default() },
            dollars: Some(0.01),
            latency: Duration::ZERO,
            retries: 0,
            limits_wait: Duration::ZERO,
            retry_time: Duration::ZERO,
        })
    }
}

fn by_embeddings(algorithm: AlgorithmConfig) -> JobSpec {
    let model = Some("test:letters".parse().unwrap());
    JobSpec { diversity: DiversitySpec { distance: Distance::Embedding, model }, ..spec(algorithm) }
}

fn searches() -> [AlgorithmConfig; 2] {
    let ga = GaConfig { sharing: Some(SharingConfig::default()), min_distance: 0.01, ..GaConfig::default() };
    [AlgorithmConfig::Ga(ga), AlgorithmConfig::Novelty(NoveltySearchConfig::default())]
}

#[tokio::test]
async fn each_text_is_paid_for_once_however_often_a_job_is_stopped() {
    for algorithm in searches() {
        let whole = world(never).await;
        let undisturbed =
            whole.engine.submit(by_embeddings(algorithm.clone())).await.unwrap().result().await.unwrap();
        let expected = course(&whole, &undisturbed).await;
        let texts = whole.embedded.lock().unwrap().len();
        let paid = 0.01 * texts as f64;
        assert!(texts > 10 && (undisturbed.dollars - paid).abs() < 1e-9, "{texts} {}", undisturbed.dollars);
        assert_eq!(undisturbed.tokens, 7 * texts as u64);

        let world = world(never).await;
        let job = world.submit_until(by_embeddings(algorithm.clone()), 200).await;
        let id = job.id().clone();
        to_job(&world.engine.supervisor, id.clone(), JobMessage::Panic);
        assert!(job.result().await.is_err());
        world.open();
        let resumed = world.engine.resume(&id).await.unwrap().result().await.unwrap();
        assert_eq!(course(&world, &resumed).await, expected);
        let asked = world.embedded.lock().unwrap().clone();
        assert_eq!(asked.iter().collect::<HashSet<_>>().len(), asked.len(), "no text is asked for twice");
        assert!((resumed.dollars - 0.01 * asked.len() as f64).abs() < 1e-9, "{}", resumed.dollars);

        // By its content, in whichever job.
        let again = world.engine.submit(by_embeddings(algorithm)).await.unwrap().result().await.unwrap();
        assert_eq!((again.dollars, world.embedded.lock().unwrap().len()), (0.0, asked.len()));
        assert_eq!(again.best.unwrap().id, resumed.best.unwrap().id);
    }
}

#[tokio::test]
async fn embeddings_count_against_the_budget() {
    let world = world(never).await;
    let [ga, _] = searches();
    let budget = JobBudget { evaluations: Some(600), dollars: Some(0.3), ..JobBudget::default() };
    let job = JobSpec { budget, ..by_embeddings(ga) };
    let result = world.engine.submit(job).await.unwrap().result().await.unwrap();
    assert_eq!(result.status, "done");
    assert!(result.dollars <= 0.3 && result.dollars > 0.1, "{}", result.dollars);
}

#[tokio::test]
async fn a_distance_and_its_model_go_together() {
    let world = world(never).await;
    let [ga, _] = searches();
    let with = |distance, model: Option<&str>| {
        let model = model.map(|name| name.parse().unwrap());
        JobSpec { diversity: DiversitySpec { distance, model }, ..spec(ga.clone()) }
    };
    for (job, said) in [
        (with(Distance::Embedding, None), "`diversity.model`"),
        (with(Distance::Edit, Some("test:letters")), "take the model away"),
        (with(Distance::Embedding, Some("nowhere:m")), "nowhere"),
    ] {
        let error = world.engine.submit(job).await.err().unwrap();
        assert!(error.to_string().contains(said), "{error}");
    }
}
