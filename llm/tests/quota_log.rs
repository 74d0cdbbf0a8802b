//! What is said in the log of a shared quota that goes and comes back.
//!
//! In a process of its own: whether an event is wanted is remembered for all threads, also of those that do not listen.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use evohub_llm::{
    ChatMessage, ChatModel, ChatRequest, ModelRegistry, ProviderConfig, ProviderKind, ProviderLimits,
    SharedQuota, SharedQuotaAway,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A quota that can be taken away.
#[derive(Default)]
struct Fickle {
    is_away: AtomicBool,
}

impl Fickle {
    fn answer<T>(&self, answer: T) -> Result<T, SharedQuotaAway> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(SharedQuotaAway { why: "out of order".to_owned() });
        }
        Ok(answer)
    }
}

#[async_trait]
impl SharedQuota for Fickle {
    async fn reserve(&self, _: &str, _: ProviderLimits, _: u64, _: f64) -> Result<Duration, SharedQuotaAway> {
        self.answer(Duration::ZERO)
    }

    async fn settle(&self, _: &str, _: i64, _: f64) -> Result<(), SharedQuotaAway> {
        self.answer(())
    }

    async fn give_back(&self, _: &str, _: u64, _: f64) -> Result<(), SharedQuotaAway> {
        self.answer(())
    }
}

/// Notes what is said in the log of the quota, above the level of debugging.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<(Level, String)>>>);

impl Events {
    fn all(&self) -> Vec<(Level, String)> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().contains("limits") && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

/// A model that nobody serves, with limits that hold nobody up.
fn model(quota: &Arc<Fickle>) -> Arc<dyn ChatModel> {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = ProviderConfig {
        base_url: Some(format!("http://{closed}/v1")),
        max_retries: 0,
        breaker_failures: u32::MAX,
        requests_per_minute: Some(u32::MAX),
        ..ProviderConfig::new(ProviderKind::OpenAi)
    };
    let quota = Arc::clone(quota) as Arc<dyn SharedQuota>;
    ModelRegistry::new(BTreeMap::from([("lab".to_owned(), config)]), BTreeMap::new())
        .unwrap()
        .with_quota(quota, Arc::new(|| 0.5))
        .open(&"lab:m".parse().unwrap())
        .unwrap()
}

#[tokio::test]
async fn going_and_coming_are_said_once_each() {
    let events = Events::default();
    let _noting = tracing::subscriber::set_default(events.clone());
    let quota = Arc::new(Fickle::default());
    let model = model(&quota);
    let call = async || {
        let request = ChatRequest::new(vec![ChatMessage::user("hello")]);
        model.chat(request).await.unwrap_err();
    };
    for round in 1..=2 {
        quota.is_away.store(true, Ordering::SeqCst);
        for _ in 0..10 {
            call().await;
        }
        assert_eq!(events.all().len(), 2 * round - 1, "{:?}", events.all());
        quota.is_away.store(false, Ordering::SeqCst);
        let deadline = Instant::now() + Duration::from_secs(20);
        while events.all().len() < 2 * round {
            assert!(Instant::now() < deadline, "{:?}", events.all());
            call().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..10 {
            call().await;
        }
    }
    let said = events.all();
    let levels: Vec<_> = said.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::WARN, Level::INFO, Level::WARN, Level::INFO], "{said:?}");
    let first = &said[0].1;
    assert!(first.contains("lab") && first.contains("out of order") && first.contains("0.5"), "{first}");
}
