//! How long a provider asks to wait.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The wait that `retry-after-ms` or `retry-after` asks for.
///
/// A date is compared with the provider's own `date`, where it sends one: clocks differ. `now` stands in
/// for it.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(wait) = text("retry-after-ms").and_then(|ms| seconds(ms, 1000.0)) {
        return Some(wait);
    }
    let value = text(RETRY_AFTER.as_str())?;
    seconds(value, 1.0).or_else(|| {
        let until = httpdate::parse_http_date(value.trim()).ok()?;
        let since =
            text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
        Some(until.duration_since(since).unwrap_or(Duration::ZERO))
    })
}

fn seconds(text: &str, per_second: f64) -> Option<Duration> {
    let number: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(number / per_second).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn wait(headers: &[(&str, &str)]) -> Option<Duration> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        retry_after(&headers, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn reads_every_form() {
        let (seconds, ms) = (Duration::from_secs, Duration::from_millis);
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "7")]), Some(seconds(7)));
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(ms(500)));
        assert_eq!(wait(&[("retry-after", "7"), ("retry-after-ms", "20")]), Some(ms(20)));
        assert_eq!(wait(&[("retry-after", "7"), ("retry-after-ms", "soon")]), Some(seconds(7)));
        let date = ("retry-after", "Thu, 01 Jan 1970 00:01:00 GMT");
        assert_eq!(wait(&[date]), Some(seconds(60)));
        assert_eq!(wait(&[date, ("date", "Thu, 01 Jan 1970 00:00:50 GMT")]), Some(seconds(10)));
        assert_eq!(wait(&[date, ("date", "Thu, 01 Jan 1970 00:02:00 GMT")]), Some(Duration::ZERO));
        for nonsense in ["soon", "-3", "NaN", "inf", "1e300", ""] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(value in "[ -~]{0,40}") {
            wait(&[("retry-after", &value), ("retry-after-ms", &value), ("date", &value)]);
        }
    }
}
