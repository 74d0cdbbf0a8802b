//! Texts and numbers as a page shows them.

use std::time::{Duration, UNIX_EPOCH};

/// A score from 0 to 1.
pub(super) fn score(value: f64) -> String {
    format!("{value:.3}")
}

/// A score, or a dash where there is none.
pub(super) fn score_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), score)
}

/// A difference with its sign.
pub(super) fn signed(value: f64) -> String {
    format!("{}{:.3}", if value < 0.0 { '−' } else { '+' }, value.abs())
}

/// A whole number with its thousands apart.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// US dollars, with as many digits as small sums need.
pub(super) fn dollars(value: f64) -> String {
    match value {
        0.0 => "$0".to_owned(),
        v if v < 0.01 => format!("${v:.6}"),
        v if v < 1.0 => format!("${v:.4}"),
        v => format!("${v:.2}"),
    }
}

/// A span of time.
pub(super) fn seconds(value: f64) -> String {
    let whole = value.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{value:.1} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{} h {minutes} min", count(hours)),
    }
}

/// A point in time, in GMT and without the day of the week, from milliseconds since the Unix epoch.
pub(super) fn time(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    // The library knows years of four digits only.
    let last = Duration::from_secs(253_402_300_799);
    let text = httpdate::fmt_http_date(UNIX_EPOCH + since.min(last));
    text.split_once(", ").map_or(text.clone(), |(_, date)| date.to_owned())
}

/// A p-value, as it stands after its `p`.
pub(super) fn p_value(value: f64) -> String {
    if value < 0.0001 { "< 0.0001".to_owned() } else { format!("= {value:.4}") }
}

/// `1 case`, `2 cases`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A number of whatever size, in four digits.
pub fn four_digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (1e-4..1e6).contains(&size) => {
            let digits = (3 - size.log10().floor() as i32).clamp(0, 7) as usize;
            format!("{value:.digits$}")
        }
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.000_12, 0.5, 12.0].map(dollars), ["$0", "$0.000120", "$0.5000", "$12.00"]);
        assert_eq!([0.26, 59.4, 61.0, 7_260.0].map(seconds), ["0.3 s", "59.4 s", "1 min 1 s", "2 h 1 min"]);
        assert_eq!([0.25, -0.1].map(signed), ["+0.250", "−0.100"]);
        assert_eq!([0.04, 1e-9].map(p_value), ["= 0.0400", "< 0.0001"]);
        assert_eq!(time(784_111_777_000), "06 Nov 1994 08:49:37 GMT");
        assert_eq!((time(-1), time(i64::MAX)), (time(0), "31 Dec 9999 23:59:59 GMT".to_owned()));
    }
}
