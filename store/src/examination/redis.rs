//! A shared Redis, as it was found.

use std::time::{Duration, Instant};

use redis::{AsyncConnectionConfig, RedisError};
use tokio::time::timeout;

use crate::error::{StoreError, StoreErrorKind};
use crate::tier::Tier;

/// How long to wait for the connection, and for each answer.
const ANSWER: Duration = Duration::from_secs(2);

/// Pings of which the quickest counts.
const ROUNDS: usize = 3;

/// A shared Redis, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct RedisExamination {
    /// The server's version, such as `7.0.15`.
    pub version: String,
    /// The shortest of a few pings.
    pub latency: Duration,
    /// The bytes that it may use; 0: as many as there are.
    pub most_memory: u64,
    /// The bytes that it uses.
    pub used_memory: u64,
    /// What it does when it may use no more, such as `noeviction` or `allkeys-lru`.
    pub policy: String,
    /// `master`, or `slave` for a replica, which takes no writes.
    pub role: String,
}

/// Looks at a Redis by its URL, as [`Tier::new`] takes it, within a few seconds. Nothing is written.
///
/// # Errors
/// `Address` when it is no such URL, `Unavailable` when it cannot be reached or refuses.
pub async fn examine_redis(url: &str) -> Result<RedisExamination, StoreError> {
    let address = Tier::new(url)?.address().to_owned();
    let away = |why: String| {
        StoreError::new(StoreErrorKind::Unavailable, format!("the Redis {address} cannot be used: {why}"))
    };
    let failed = |error: RedisError| away(error.to_string());
    let late = |_| away(format!("no answer within {} s", ANSWER.as_secs()));
    let client = redis::Client::open(url).map_err(failed)?;
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = timeout(2 * ANSWER, connecting).await.map_err(late)?.map_err(failed)?;
    let mut latency = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let _: String = redis::cmd("PING").query_async(&mut connection).await.map_err(failed)?;
        latency = latency.min(began.elapsed());
    }
    let text: String = redis::cmd("INFO").query_async(&mut connection).await.map_err(failed)?;
    let field = |name: &str| told(&text, name).unwrap_or_default();
    let number = |name: &str| field(name).parse().unwrap_or(0);
    Ok(RedisExamination {
        version: field("redis_version").to_owned(),
        latency,
        most_memory: number("maxmemory"),
        used_memory: number("used_memory"),
        policy: field("maxmemory_policy").to_owned(),
        role: field("role").to_owned(),
    })
}

/// The value of a field of what `INFO` answers.
fn told<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.trim_end().strip_prefix(name)?.strip_prefix(':')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "# Memory\r\nmaxmemory_human:1M\r\nmaxmemory:1048576\r\nmaxmemory_policy:noeviction\r\n";
        assert_eq!(told(text, "maxmemory"), Some("1048576"));
        assert_eq!(told(text, "maxmemory_policy"), Some("noeviction"));
        assert_eq!(told(text, "memory"), None);
    }

    #[tokio::test]
    async fn one_that_is_away_is_named_without_its_password() {
        let error = examine_redis("redis://ann:hunter2@127.0.0.1:1/").await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        assert!(error.message.contains("redis://ann:***@127.0.0.1:1/"), "{error}");
        let error = examine_redis("redis://db:many:hunter2").await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Address);
    }
}
