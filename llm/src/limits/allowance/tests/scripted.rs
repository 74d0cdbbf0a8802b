//! A quota that does as it is told.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use crate::limits::shared::{ProviderLimits, SharedQuota, SharedQuotaAway};

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mood {
    /// With so long a wait.
    Gives(Duration),
    /// So much time after it was asked, with no wait.
    Late(Duration),
    Away,
    Silent,
}

/// What it was asked and told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heard {
    Reserve(ProviderLimits, u64, f64),
    Settle(i64, f64),
    GiveBack(u64, f64),
}

pub(super) struct Scripted {
    mood: Mutex<Mood>,
    heard: Mutex<Vec<Heard>>,
}

impl Scripted {
    pub(super) fn new(mood: Mood) -> Self {
        Self { mood: Mutex::new(mood), heard: Mutex::default() }
    }

    pub(super) fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(super) fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// How often it was asked for a place.
    pub(super) fn asked(&self) -> usize {
        self.heard.lock().unwrap().iter().filter(|heard| matches!(heard, Heard::Reserve(..))).count()
    }

    fn hear(&self, provider: &str, heard: Heard) {
        assert_eq!(provider, "lab");
        self.heard.lock().unwrap().push(heard);
    }
}

#[async_trait]
impl SharedQuota for Scripted {
    async fn reserve(
        &self,
        provider: &str,
        limits: ProviderLimits,
        tokens: u64,
        dollars: f64,
    ) -> Result<Duration, SharedQuotaAway> {
        self.hear(provider, Heard::Reserve(limits, tokens, dollars));
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Gives(wait) => Ok(wait),
            Mood::Late(delay) => {
                tokio::time::sleep(delay).await;
                Ok(Duration::ZERO)
            }
            Mood::Away => Err(SharedQuotaAway { why: "out of order".to_owned() }),
            Mood::Silent => std::future::pending().await,
        }
    }

    async fn settle(&self, provider: &str, tokens: i64, dollars: f64) -> Result<(), SharedQuotaAway> {
        self.hear(provider, Heard::Settle(tokens, dollars));
        Ok(())
    }

    async fn give_back(&self, provider: &str, tokens: u64, dollars: f64) -> Result<(), SharedQuotaAway> {
        self.hear(provider, Heard::GiveBack(tokens, dollars));
        Ok(())
    }
}
