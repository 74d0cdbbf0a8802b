//! Figures in few characters.

use super::histogram::Latency;

/// What is written where a figure is not known.
pub(super) const UNKNOWN: &str = "-";

/// A figure, if it is known.
pub(super) fn known<T>(figure: Option<T>, write: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| UNKNOWN.to_owned(), write)
}

/// `9999`, `12.3k`, `4.56M`.
pub(super) fn count(count: u64) -> String {
    if count < 10_000 { count.to_string() } else { scaled(count as f64, 1_000.0, ["", "k", "M", "G", "T"]) }
}

/// How much in a second, or whatever the reader is told.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        ..1_000.0 => three_digits(rate),
        _ => scaled(rate, 1_000.0, ["", "k", "M", "G", "T"]),
    }
}

/// `512 KiB`.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes as f64, 1_024.0, [" B", " KiB", " MiB", " GiB", " TiB"])
}

/// `$0.0123`, `$12.34`.
pub(super) fn dollars(dollars: f64) -> String {
    match dollars {
        0.0 => "$0".to_owned(),
        ..1.0 => format!("${dollars:.4}"),
        ..10_000.0 => format!("${dollars:.2}"),
        _ => format!("${}", scaled(dollars, 1_000.0, ["", "k", "M", "G", "T"])),
    }
}

/// `1.2 %`.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        ..0.1 => "<0.1 %".to_owned(),
        percent @ ..10.0 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// `35µs`, `1.23ms`, `4.50s`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0s".to_owned(),
        ..0.000_999_5 => format!("{}µs", three_digits(seconds * 1e6)),
        ..0.999_5 => format!("{}ms", three_digits(seconds * 1e3)),
        _ => format!("{}s", three_digits(seconds)),
    }
}

/// How long a check of health took, which is told in whole milliseconds.
pub(super) fn milliseconds(milliseconds: f64) -> String {
    if milliseconds < 1.0 { "<1ms".to_owned() } else { seconds(milliseconds / 1e3) }
}

/// A percentile: with `≥` where it lies above all that the histogram tells apart.
pub(super) fn percentile(latency: &Latency, percentile: Option<f64>) -> String {
    known(percentile, |value| {
        let is_beyond = latency.highest_bound_seconds.is_some_and(|bound| value >= bound);
        format!("{}{}", if is_beyond { "≥" } else { "" }, seconds(value))
    })
}

/// A fitness, or another figure from 0 to 1.
pub(super) fn fitness(fitness: f64) -> String {
    format!("{fitness:.3}")
}

/// `7 timeout, 2 refused`, of `shown` kinds at most.
pub(super) fn kinds(kinds: &[(&str, u64)], shown: usize) -> String {
    let told = kinds.iter().take(shown).map(|(name, of)| format!("{} {name}", count(*of)));
    let rest: u64 = kinds.iter().skip(shown).map(|(_, count)| count).sum();
    let rest = (rest > 0).then(|| format!("{} more", count(rest)));
    told.chain(rest).collect::<Vec<_>>().join(", ")
}

fn scaled(value: f64, step: f64, units: [&str; 5]) -> String {
    let mut value = value;
    let mut at = 0;
    // What would be rounded up to a whole step takes the next unit.
    while value >= step - 0.5 && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    if at == 0 { format!("{value:.0}{}", units[0]) } else { format!("{}{}", three_digits(value), units[at]) }
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let counts = [0, 9_999, 10_000, 12_345, 999_999, 4_560_000].map(count);
        assert_eq!(counts, ["0", "9999", "10.0k", "12.3k", "1.00M", "4.56M"]);
        assert_eq!([0.0, 0.123, 12.34, 999.4, 12_345.0].map(rate), ["0", "0.12", "12.3", "999", "12.3k"]);
        assert_eq!([0, 1_023, 1 << 20, 3 << 29].map(bytes), ["0 B", "1023 B", "1.00 MiB", "1.50 GiB"]);
        assert_eq!([0.0, 0.01234, 12.344, 20_000.0].map(dollars), ["$0", "$0.0123", "$12.34", "$20.0k"]);
        assert_eq!([0.0, 0.0004, 0.0123, 0.5, 1.0].map(percent), ["0 %", "<0.1 %", "1.2 %", "50 %", "100 %"]);
        let times = [0.0, 0.000_035, 0.001_23, 0.25, 0.999_9, 4.5, 600.0].map(seconds);
        assert_eq!([0.0, 12.5].map(milliseconds), ["<1ms", "12.5ms"]);
        assert_eq!(times, ["0s", "35.0µs", "1.23ms", "250ms", "1.00s", "4.50s", "600s"]);
    }

    #[test]
    fn a_percentile_beyond_the_last_bound_is_marked() {
        let latency = Latency { highest_bound_seconds: Some(10.0), ..Latency::default() };
        assert_eq!(percentile(&latency, Some(10.0)), "≥10.0s");
        assert_eq!(percentile(&latency, Some(9.0)), "9.00s");
        assert_eq!(percentile(&latency, None), "-");
    }

    #[test]
    fn kinds_that_find_no_room_are_summed_up() {
        let all = [("timeout", 7), ("refused", 2), ("other", 1)];
        assert_eq!(kinds(&all, 3), "7 timeout, 2 refused, 1 other");
        assert_eq!(kinds(&all, 1), "7 timeout, 3 more");
        assert_eq!(kinds(&[], 3), "");
    }
}
