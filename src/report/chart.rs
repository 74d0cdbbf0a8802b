//! Charts with axes, as SVG.

use std::fmt::Write as _;

use super::text::Escaped;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
/// The least room for names at the ends of lines, and that of a character of them.
const RIGHT: f64 = 84.0;
const CHARACTER: f64 = 7.5;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 48.0;
/// Points of a line that are drawn at most: more cannot be told apart.
const MOST_POINTS: usize = 600;

/// Heights of names that do not lie upon each other.
const NAME: f64 = 15.0;

/// With no more points than this each of a line's has a dot.
const MOST_DOTS: usize = 40;

/// One side of a chart.
pub(super) struct Axis {
    pub(super) label: &'static str,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    logarithmic: bool,
    format: fn(f64) -> String,
}

impl Axis {
    /// An axis over at least `least` of the scale, with round numbers at its ends.
    pub(super) fn over(
        label: &'static str,
        values: impl Iterator<Item = f64> + Clone,
        least: f64,
        format: fn(f64) -> String,
    ) -> Self {
        let (mut low, mut high) = bounds(values).unwrap_or((0.0, least));
        if high - low < least {
            let middle = f64::midpoint(low, high);
            (low, high) = (middle - least / 2.0, middle + least / 2.0);
        }
        let step = step((high - low) / 5.0);
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let ticks: Vec<f64> = (0..=(last - first) as u32).map(|n| (first + f64::from(n)) * step).collect();
        Self { label, low: first * step, high: last * step, ticks, logarithmic: false, format }
    }

    /// The same axis, but not below or above what there can be.
    pub(super) fn within(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (self.low.max(low), self.high.min(high));
        self.ticks.retain(|tick| *tick >= self.low - 1e-9 && *tick <= self.high + 1e-9);
        self
    }

    /// An axis of powers, for values above 0 that differ in size.
    pub(super) fn logarithmic(
        label: &'static str,
        values: impl Iterator<Item = f64> + Clone,
        format: fn(f64) -> String,
    ) -> Self {
        let (low, high) = bounds(values).unwrap_or((1.0, 10.0));
        let (low, high) = (low.max(1.0), high.max(2.0));
        let marks = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        let mut ticks: Vec<f64> = marks.collect();
        let first = ticks.iter().rposition(|tick| *tick <= low).unwrap_or(0).min(ticks.len() - 2);
        let last = ticks.iter().position(|tick| *tick >= high).unwrap_or(ticks.len() - 1);
        ticks = ticks[first..=last.max(first + 1)].to_vec();
        Self { label, low: ticks[0], high: ticks[ticks.len() - 1], ticks, logarithmic: true, format }
    }

    /// Where a value stands, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let (value, low, high) = match self.logarithmic {
            true => (value.max(self.low).ln(), self.low.ln(), self.high.ln()),
            false => (value, self.low, self.high),
        };
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// The least and the greatest of the finite values.
fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |found, value| match found {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// The round number (1, 2 or 5 by a power of ten) at or above a length.
fn step(length: f64) -> f64 {
    let power = 10_f64.powf(length.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= length * 0.999).unwrap_or(10.0);
    digit * power
}

/// A line of a chart.
pub(super) struct Series {
    pub(super) name: String,
    /// The class that gives it its colour and dashes.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart in the making.
pub(super) struct Chart {
    x: Axis,
    y: Axis,
    right: f64,
    body: String,
    labels: Vec<(f64, String, &'static str)>,
}

impl Chart {
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, right: RIGHT, body: String::new(), labels: vec![] }
    }

    /// The same chart with room for names of so many characters at the ends of lines.
    pub(super) fn with_names(mut self, longest: usize) -> Self {
        self.right = RIGHT.max(16.0 + CHARACTER * longest as f64);
        self
    }

    /// Where a point of the scales stands in the picture.
    pub(super) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (
            LEFT + self.x.share(x) * (WIDTH - LEFT - self.right),
            HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    /// Adds a line, named at its end.
    pub(super) fn line(&mut self, series: &Series) {
        let points = thinned(&series.points);
        let Some(&(_, last)) = points.last() else { return };
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let (x, y) = self.place(*x, *y);
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        }
        let _ = write!(self.body, r#"<path class="line {}" d="{path}"/>"#, series.class);
        // Where there are few points, each can be seen and asked for its value.
        for (x, y) in points.iter().filter(|_| points.len() <= MOST_DOTS) {
            let title = format!("{}: {} at {}", series.name, (self.y.format)(*y), (self.x.format)(*x));
            let (x, y) = self.place(*x, *y);
            let _ = write!(
                self.body,
                r#"<circle class="dot {}" cx="{x:.1}" cy="{y:.1}" r="3.5"><title>{}</title></circle>"#,
                series.class,
                Escaped(&title)
            );
        }
        let height = self.place(0.0, last).1;
        self.labels.push((height, series.name.clone(), series.class));
    }

    /// Adds the area between a lower and an upper line; each point is `(x, low, high)`.
    pub(super) fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        if points.len() < 2 {
            return;
        }
        let upper = points.iter().map(|(x, _, high)| self.place(*x, *high));
        let lower = points.iter().rev().map(|(x, low, _)| self.place(*x, *low));
        let corners: Vec<String> = upper.chain(lower).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = write!(self.body, r#"<path class="band {class}" d="M{}Z"/>"#, corners.join("L"));
    }

    /// Adds marks that were made with [`Chart::place`].
    pub(super) fn add(&mut self, svg: &str) {
        self.body.push_str(svg);
    }

    /// The picture. `id` is the page's only one of its kind.
    pub(super) fn svg(mut self, id: &str, title: &str, description: &str) -> String {
        let mut svg = opening(id, WIDTH, HEIGHT, title, description);
        let (right, floor) = (WIDTH - self.right, HEIGHT - BOTTOM);
        for tick in &self.y.ticks {
            let y = self.place(self.x.low, *tick).1;
            let _ = write!(svg, r#"<path class="grid" d="M{LEFT} {y:.1}H{right}"/>"#);
            let _ = write!(
                svg,
                r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                LEFT - 8.0,
                y + 4.0,
                Escaped(&(self.y.format)(*tick))
            );
        }
        for tick in &self.x.ticks {
            let x = self.place(*tick, self.y.low).0;
            let _ = write!(svg, r#"<path class="axis" d="M{x:.1} {floor}v5"/>"#);
            let _ = write!(
                svg,
                r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                floor + 19.0,
                Escaped(&(self.x.format)(*tick))
            );
        }
        let _ = write!(svg, r#"<path class="axis" d="M{LEFT} {TOP}V{floor}H{right}"/>"#);
        let _ = write!(
            svg,
            r#"<text class="label" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            f64::midpoint(LEFT, right),
            HEIGHT - 8.0,
            Escaped(self.x.label)
        );
        let middle = f64::midpoint(TOP, floor);
        let _ = write!(
            svg,
            r#"<text class="label" x="14" y="{middle:.1}" text-anchor="middle" transform="rotate(-90 14 {middle:.1})">{}</text>"#,
            Escaped(self.y.label)
        );
        svg.push_str(&self.body);
        // Names at the ends of lines must not lie upon each other.
        self.labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        for ((_, name, class), y) in self.labels.iter().zip(apart(&self.labels)) {
            let _ = write!(
                svg,
                r#"<text class="name {class}" x="{:.1}" y="{:.1}">{}</text>"#,
                right + 8.0,
                y + 4.0,
                Escaped(name)
            );
        }
        svg.push_str("</svg>");
        svg
    }
}

/// Where names stand, from above, so that none lies upon another or below the picture.
fn apart<T, U>(labels: &[(f64, T, U)]) -> Vec<f64> {
    let mut free = TOP;
    let mut heights: Vec<f64> = vec![];
    for (height, ..) in labels {
        heights.push(height.max(free));
        free = heights[heights.len() - 1] + NAME;
    }
    let mut limit = HEIGHT - NAME;
    for height in heights.iter_mut().rev() {
        *height = height.min(limit);
        limit = *height - NAME;
    }
    heights
}

/// The opening of a picture that tells what it shows to those who do not see it.
pub(super) fn opening(id: &str, width: f64, height: f64, title: &str, description: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-labelledby="{id}-title {id}-description"><title id="{id}-title">{}</title><desc id="{id}-description">{}</desc>"#,
        Escaped(title),
        Escaped(description)
    )
}

/// Every n-th point and the last one.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    let mut kept: Vec<_> = points.iter().step_by(every).copied().collect();
    if let Some(last) = points.last().filter(|_| !(points.len() - 1).is_multiple_of(every)) {
        kept.push(*last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_ends_around_all_values() {
        let plain = |value: f64| value.to_string();
        for values in
            [vec![0.1, 0.713], vec![0.5], vec![], vec![0.0, 1e6], vec![f64::NAN, 3.0], vec![-0.2, 0.2]]
        {
            let axis = Axis::over("x", values.iter().copied(), 0.1, plain);
            assert!((2..=12).contains(&axis.ticks.len()), "{values:?}: {:?}", axis.ticks);
            for value in values.iter().filter(|value| value.is_finite()) {
                assert!(axis.low <= value + 1e-9 && value - 1e-9 <= axis.high, "{values:?}");
            }
        }
        let axis = Axis::over("x", [0.93, 1.0].into_iter(), 0.2, plain).within(0.0, 1.0);
        assert!(axis.high <= 1.0 && axis.share(1.0) > 0.9);
    }

    #[test]
    fn a_logarithmic_axis_holds_any_lengths() {
        for values in [vec![0.0], vec![7.0], vec![37.0, 8_000.0], vec![1e13], vec![]] {
            let axis = Axis::logarithmic("x", values.iter().copied(), |value| value.to_string());
            assert!(axis.ticks.len() >= 2, "{values:?}");
            assert!(values.iter().all(|value| (0.0..=1.0).contains(&axis.share(*value))));
        }
    }

    #[test]
    fn names_stand_apart_and_within_the_picture() {
        let labels = |heights: &[f64]| heights.iter().map(|height| (*height, (), ())).collect::<Vec<_>>();
        assert_eq!(apart(&labels(&[20.0, 100.0])), [20.0, 100.0]);
        assert_eq!(apart(&labels(&[20.0, 21.0, 22.0])), [20.0, 35.0, 50.0]);
        let crowded = apart(&labels(&[252.0; 12]));
        assert!(crowded.iter().all(|height| (TOP..HEIGHT).contains(height)), "{crowded:?}");
        assert!(crowded.windows(2).all(|pair| pair[1] - pair[0] >= NAME), "{crowded:?}");
    }

    #[test]
    fn thins_long_lines_and_keeps_their_ends() {
        let points: Vec<(f64, f64)> = (0..10_001).map(|n| (f64::from(n), 0.0)).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= MOST_POINTS + 1);
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0.0, 10_000.0));
        assert_eq!(thinned(&points[..3]), &points[..3]);
        assert_eq!(thinned(&[]), []);
    }
}
