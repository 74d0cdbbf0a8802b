//! Charts with axes, as SVG.

use std::fmt::Write as _;

use crate::axis::Axis;
use crate::escaped::Escaped;

/// The size of a chart, if nothing else is said.
const SIZE: (f64, f64) = (720.0, 300.0);
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

/// A line of a chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// What stands at its end.
    pub name: String,
    /// The class that gives it its colour and dashes.
    pub class: &'static str,
    /// Where it goes, from left to right. It has a gap where a value is no number.
    pub points: Vec<(f64, f64)>,
}

/// A chart in the making.
#[derive(Debug)]
pub struct Chart {
    x: Axis,
    y: Axis,
    width: f64,
    height: f64,
    right: f64,
    has_dots: bool,
    body: String,
    labels: Vec<(f64, String, &'static str)>,
}

impl Chart {
    /// An empty chart of the usual size.
    pub fn new(x: Axis, y: Axis) -> Self {
        let (width, height) = SIZE;
        Self { x, y, width, height, right: RIGHT, has_dots: true, body: String::new(), labels: vec![] }
    }

    /// The same chart in another size, in pixels.
    #[must_use]
    pub fn sized(self, width: f64, height: f64) -> Self {
        Self { width, height, ..self }
    }

    /// The same chart, whose points have no dots, however few they are.
    #[must_use]
    pub fn without_dots(self) -> Self {
        Self { has_dots: false, ..self }
    }

    /// The same chart with room for names of so many characters at the ends of lines.
    #[must_use]
    pub fn with_names(mut self, longest: usize) -> Self {
        self.right = RIGHT.max(16.0 + CHARACTER * longest as f64);
        self
    }

    /// Where a point of the scales stands in the picture.
    pub fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (
            LEFT + self.x.share(x) * (self.width - LEFT - self.right),
            self.height - BOTTOM - self.y.share(y) * (self.height - TOP - BOTTOM),
        )
    }

    /// Adds a line, named at its end.
    pub fn line(&mut self, series: &Series) {
        let points = thinned(&series.points);
        let Some(&(_, last)) = points.iter().rfind(|(_, y)| y.is_finite()) else { return };
        let mut path = String::new();
        let mut pen = 'M';
        for (x, y) in &points {
            if !y.is_finite() {
                pen = 'M';
                continue;
            }
            let (x, y) = self.place(*x, *y);
            let _ = write!(path, "{pen}{x:.1} {y:.1}");
            pen = 'L';
        }
        let _ = write!(self.body, r#"<path class="line {}" d="{path}"/>"#, series.class);
        // Where there are few points, each can be seen and asked for its value.
        let has_dots = self.has_dots && points.len() <= MOST_DOTS;
        for (x, y) in points.iter().filter(|(_, y)| has_dots && y.is_finite()) {
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
    pub fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        if points.len() < 2 {
            return;
        }
        let upper = points.iter().map(|(x, _, high)| self.place(*x, *high));
        let lower = points.iter().rev().map(|(x, low, _)| self.place(*x, *low));
        let corners: Vec<String> = upper.chain(lower).map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let _ = write!(self.body, r#"<path class="band {class}" d="M{}Z"/>"#, corners.join("L"));
    }

    /// Adds marks that were made with [`Chart::place`].
    pub fn add(&mut self, svg: &str) {
        self.body.push_str(svg);
    }

    /// The picture. `id` is the page's only one of its kind.
    pub fn svg(mut self, id: &str, title: &str, description: &str) -> String {
        let mut svg = opening(id, self.width, self.height, title, description);
        let (right, floor) = (self.width - self.right, self.height - BOTTOM);
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
            self.height - 8.0,
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
        for ((_, name, class), y) in self.labels.iter().zip(apart(&self.labels, self.height)) {
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
fn apart<T, U>(labels: &[(f64, T, U)], floor: f64) -> Vec<f64> {
    let mut free = TOP;
    let mut heights: Vec<f64> = vec![];
    for (height, ..) in labels {
        heights.push(height.max(free));
        free = heights[heights.len() - 1] + NAME;
    }
    let mut limit = floor - NAME;
    for height in heights.iter_mut().rev() {
        *height = height.min(limit);
        limit = *height - NAME;
    }
    heights
}

/// The opening of a picture that tells what it shows to those who do not see it.
pub fn opening(id: &str, width: f64, height: f64, title: &str, description: &str) -> String {
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
    fn names_stand_apart_and_within_the_picture() {
        let labels = |heights: &[f64]| heights.iter().map(|height| (*height, (), ())).collect::<Vec<_>>();
        assert_eq!(apart(&labels(&[20.0, 100.0]), SIZE.1), [20.0, 100.0]);
        assert_eq!(apart(&labels(&[20.0, 21.0, 22.0]), SIZE.1), [20.0, 35.0, 50.0]);
        let crowded = apart(&labels(&[252.0; 12]), SIZE.1);
        assert!(crowded.iter().all(|height| (TOP..SIZE.1).contains(height)), "{crowded:?}");
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
