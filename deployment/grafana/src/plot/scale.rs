//! Units on the axes of a picture.

use evohub_charts::Axis;

use crate::model::Unit;

/// The axis of a panel's values. `signed` ones may be below 0.
pub(super) fn axis(unit: Unit, values: impl Iterator<Item = f64> + Clone, signed: bool) -> Axis {
    let most = values.clone().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let (label, format): (&'static str, fn(f64) -> String) = match unit {
        Unit::Count => ("", number),
        Unit::PerSecond | Unit::RequestsPerSecond => ("a second", number),
        Unit::PerMinute => ("a minute", number),
        Unit::Share => ("", share),
        Unit::Score | Unit::Number => ("", number),
        Unit::Seconds => ("", seconds),
        Unit::Bytes => ("", bytes),
        Unit::BytesPerSecond => ("a second", bytes),
        Unit::Dollars => ("", dollars),
    };
    // Nothing but zeros is drawn on the floor of something.
    let least = if most > 0.0 { most / 2.0 } else { 1.0 };
    let axis = Axis::over(label, values.chain([0.0]), least, format);
    match unit {
        Unit::Score | Unit::Share if most <= 1.0 && !signed => axis.within(0.0, 1.0),
        _ if signed => axis,
        _ => axis.within(0.0, f64::INFINITY),
    }
}

/// A number with the digits that it needs.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{} M", rounded(value / 1e6)),
        size if size >= 1e4 => format!("{} k", rounded(value / 1e3)),
        _ => rounded(value),
    }
}

fn rounded(value: f64) -> String {
    // Sums of steps are not quite what they should be.
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn share(value: f64) -> String {
    format!("{} %", rounded(value * 100.0))
}

fn seconds(value: f64) -> String {
    match value.abs() {
        0.0 => "0 s".to_owned(),
        size if size >= 120.0 => format!("{} min", rounded(value / 60.0)),
        size if size >= 1.0 => format!("{} s", rounded(value)),
        size if size >= 1e-3 => format!("{} ms", rounded(value * 1e3)),
        _ => format!("{} µs", rounded(value * 1e6)),
    }
}

fn bytes(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{} GB", rounded(value / 1e9)),
        size if size >= 1e6 => format!("{} MB", rounded(value / 1e6)),
        size if size >= 1e3 => format!("{} kB", rounded(value / 1e3)),
        _ => format!("{} B", rounded(value)),
    }
}

fn dollars(value: f64) -> String {
    format!("${}", rounded(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 0.3, 7.0, 25_000.0, 3e6].map(number), ["0", "0.3", "7", "25 k", "3 M"]);
        assert_eq!(
            [0.0, 0.000_05, 0.25, 2.5, 600.0].map(seconds),
            ["0 s", "50 µs", "250 ms", "2.5 s", "10 min"]
        );
        assert_eq!([512.0, 20e6, 1.5e9].map(bytes), ["512 B", "20 MB", "1.5 GB"]);
        assert_eq!((share(0.05), dollars(0.25)), ("5 %".to_owned(), "$0.25".to_owned()));
    }
}
