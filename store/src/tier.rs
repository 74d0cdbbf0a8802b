//! A Redis that all nodes share, and that none of them depends on.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, RedisError};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout};

use crate::address::{redacted, scheme};
use crate::clock::Clock;
use crate::error::{StoreError, StoreErrorKind};

/// While Redis is away, it is asked no more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_millis(500);

/// A shared Redis with a breaker before it. It is connected to when it is first asked, so that one which is away is no
/// error; and when it does not answer, it is asked once a second until it does.
pub struct Tier {
    address: String,
    url: SecretString,
    clock: Clock,
    breaker: Mutex<Breaker>,
}

/// Whether a shared Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TierState {
    /// It answered when it was last asked, or was never asked.
    Reachable,
    /// It did not.
    Away {
        /// The first time that it did not, in milliseconds since the Unix epoch.
        since: i64,
        /// What was the matter when it was last asked.
        why: String,
    },
}

struct Breaker {
    connection: Option<ConnectionManager>,
    /// Counts connections, so that what an old one comes to says nothing of the next.
    generation: u64,
    state: TierState,
    /// When it may be asked again.
    next: Option<Instant>,
}

/// The right to ask once.
pub(crate) struct Attempt {
    pub(crate) connection: ConnectionManager,
    generation: u64,
}

impl Tier {
    /// A Redis by its URL: `redis://:PASSWORD@HOST:PORT/DATABASE`, with TLS `rediss://…`. Connects to nothing yet.
    ///
    /// # Errors
    /// `Address` when it is no such URL.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let address = redacted(url);
        let is_known = matches!(scheme(url), Some("redis" | "rediss"));
        // What the driver says is not passed on: it may quote the password.
        if !is_known || redis::Client::open(url).is_err() {
            let message = format!(
                "`{address}` is no address of a Redis: write `redis://:PASSWORD@HOST:PORT/DATABASE`, with `rediss:` for \
                 TLS and `%2F` for `/`, `%3F` for `?`, `%23` for `#`, `%40` for `@` in a password"
            );
            return Err(StoreError::new(StoreErrorKind::Address, message));
        }
        let breaker = Breaker { connection: None, generation: 0, state: TierState::Reachable, next: None };
        Ok(Self {
            address,
            url: SecretString::from(url),
            clock: Clock::system(),
            breaker: Mutex::new(breaker),
        })
    }

    /// Where it is, with no secret in it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it answers.
    pub fn state(&self) -> TierState {
        self.lock().state.clone()
    }

    /// The right to ask, unless it was found away a moment ago.
    pub(crate) fn attempt(&self) -> Option<Attempt> {
        let mut breaker = self.lock();
        if matches!(breaker.state, TierState::Away { .. }) {
            let now = Instant::now();
            if breaker.next.is_some_and(|next| now < next) {
                return None;
            }
            breaker.next = Some(now + PAUSE);
        }
        let connection = match &breaker.connection {
            Some(connection) => connection.clone(),
            None => match self.connect() {
                Ok(connection) => breaker.connection.insert(connection).clone(),
                Err(error) => {
                    self.give_up(&mut breaker, &error.to_string());
                    return None;
                }
            },
        };
        Some(Attempt { connection, generation: breaker.generation })
    }

    /// Waits for the answer, within a limit, and notes whether there was one.
    pub(crate) async fn answer<T: FromRedisValue>(
        &self,
        generation: u64,
        limit: Duration,
        question: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, String> {
        let answer = match timeout(limit, question).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
        };
        let mut breaker = self.lock();
        if breaker.generation == generation {
            match &answer {
                Ok(_) => self.welcome(&mut breaker),
                Err(why) => self.give_up(&mut breaker, why),
            }
        }
        answer
    }

    /// Why it is not asked now.
    pub(crate) fn why_away(&self) -> String {
        match self.state() {
            TierState::Away { why, .. } => why,
            TierState::Reachable => "it was asked a moment ago".to_owned(),
        }
    }

    fn connect(&self) -> Result<ConnectionManager, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_number_of_retries(1)
            .set_max_delay(CONNECT);
        ConnectionManager::new_lazy_with_config(redis::Client::open(self.url.expose_secret())?, config)
    }

    fn welcome(&self, breaker: &mut Breaker) {
        if let TierState::Away { since, .. } = breaker.state {
            let away_ms = self.clock.now().saturating_sub(since);
            tracing::info!(address = self.address, away_ms, "the shared Redis answers again");
            breaker.state = TierState::Reachable;
        }
    }

    fn give_up(&self, breaker: &mut Breaker, why: &str) {
        let since = match breaker.state {
            TierState::Away { since, .. } => since,
            TierState::Reachable => {
                tracing::warn!(address = self.address, why, "the shared Redis is away: going on without it");
                self.clock.now()
            }
        };
        breaker.state = TierState::Away { since, why: why.to_owned() };
        breaker.next = Some(Instant::now() + PAUSE);
        // A link may be dead without a word: the next attempt takes a new one.
        breaker.connection = None;
        breaker.generation += 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Of which connection it is, for [`Tier::answer`].
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier").field("address", &self.address).field("state", &self.state()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_redis_is_refused_without_its_password() {
        for url in ["postgres://ann:hunter2@db", "redis://:hun/ter2@db", "db:6379", ""] {
            let error = Tier::new(url).unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Address, "{url}");
            assert!(error.message.contains("write `redis://") && !error.message.contains("ter2"), "{error}");
        }
        let tier = Tier::new("rediss://ann:hunter2@db:6380/1").unwrap();
        assert_eq!(tier.address(), "rediss://ann:***@db:6380/1");
        assert!(!format!("{tier:?}").contains("hunter2"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_away_is_asked_once_a_second() {
        let tier = Tier::new("redis://127.0.0.1:1/").unwrap();
        let first = tier.attempt().unwrap();
        let late = tier.attempt().unwrap();
        let answer = async |attempt: Attempt, silent: bool| {
            let question = async {
                if silent {
                    std::future::pending::<()>().await;
                }
                Ok(7)
            };
            tier.answer::<i64>(attempt.generation(), Duration::from_millis(100), question).await
        };
        answer(first, true).await.unwrap_err();
        let TierState::Away { why, .. } = tier.state() else { panic!("{:?}", tier.state()) };
        assert!(why.contains("100 ms"), "{why}");
        // What the old connection came to does not count.
        assert_eq!(answer(late, false).await, Ok(7));
        assert!(matches!(tier.state(), TierState::Away { .. }));

        assert!(tier.attempt().is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        let probe = tier.attempt().unwrap();
        assert!(tier.attempt().is_none(), "one at a time");
        assert_eq!(answer(probe, false).await, Ok(7));
        assert_eq!(tier.state(), TierState::Reachable);
        assert!(tier.attempt().is_some() && tier.attempt().is_some());
    }
}
