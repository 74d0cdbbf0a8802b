//! How the searches of a comparison went: score over evaluations, dollars and time.

use evohub_charts::Axis;

use crate::comparison::{ComparedRun, Comparison, CurvePoint, student_interval};
use crate::report::courses::{self, Course, CoursePoint};
use crate::report::text::count;

/// Places along the axis at which runs are averaged.
const PLACES: u32 = 200;

/// What a curve runs over.
struct Measure {
    id: &'static str,
    label: &'static str,
    caption: &'static str,
    /// Where a point stands, and the whole axis is at least so long.
    of: fn(&CurvePoint) -> f64,
    least: f64,
    format: fn(f64) -> String,
    /// Whether a run can be shown over it.
    has: fn(&ComparedRun) -> bool,
}

const MEASURES: [Measure; 3] = [
    Measure {
        id: "evaluations",
        label: "evaluations",
        caption: "Over evaluations given out, cached ones and those under way included: a search that keeps many under way stands further right than what it had heard of.",
        of: |point| point.evaluations as f64,
        least: 5.0,
        format: |value| count(value.max(0.0).round() as u64),
        has: |_| true,
    },
    Measure {
        id: "dollars",
        label: "US dollars",
        caption: "Over the dollars that the search had paid.",
        of: |point| point.dollars,
        least: 0.0,
        format: |value| format!("${}", (value * 1e9).round() / 1e9),
        has: |_| true,
    },
    Measure {
        id: "minutes",
        label: "minutes",
        caption: "Over time. Runs that were interrupted are left out.",
        of: |point| point.seconds / 60.0,
        least: 0.0,
        format: |value| format!("{}", (value * 1e4).round() / 1e4),
        has: |run| run.seconds.is_some(),
    },
];

/// A curve of a comparison.
pub(super) struct Curve {
    pub(super) id: &'static str,
    pub(super) caption: &'static str,
    pub(super) svg: String,
}

/// The curves.
pub(super) fn curves(comparison: &Comparison) -> Vec<Curve> {
    let drawn = |measure: &Measure| {
        Some(Curve { id: measure.id, caption: measure.caption, svg: drawn(comparison, measure)? })
    };
    MEASURES.iter().filter_map(drawn).collect()
}

fn drawn(comparison: &Comparison, measure: &Measure) -> Option<String> {
    let courses = courses(comparison, measure);
    let ends = courses.iter().flat_map(|course| course.points.last());
    let most = ends.map(|point| point.spent).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let x = Axis::over(measure.label, [0.0, most].into_iter(), measure.least.max(most), measure.format);
    let x = x.within(0.0, most.max(measure.least));
    let title = format!("Score over {}", measure.label);
    Some(courses::chart(measure.id, &title, x, "validation score", &courses))
}

fn courses(comparison: &Comparison, measure: &Measure) -> Vec<Course> {
    let course = |(place, name): (usize, &str)| {
        let runs = comparison.done(name).filter(|run| (measure.has)(run) && !run.curve.is_empty());
        let runs: Vec<&[CurvePoint]> = runs.map(|run| run.curve.as_slice()).collect();
        let points = mean(&runs, measure.of);
        (!points.is_empty()).then(|| Course { name: name.to_owned(), place, points })
    };
    let names = comparison.algorithms.iter().map(|algorithm| algorithm.name.as_str());
    names.enumerate().filter_map(course).collect()
}

/// The mean over runs, from where each of them has a score to where the last one ends. Who has ended keeps its score.
fn mean(runs: &[&[CurvePoint]], of: fn(&CurvePoint) -> f64) -> Vec<CoursePoint> {
    let ends = |end: fn(&[CurvePoint]) -> Option<&CurvePoint>| {
        runs.iter()
            .filter_map(move |run| end(run))
            .map(of)
            .fold(None, |most: Option<f64>, x| Some(most.map_or(x, |most| most.max(x))))
    };
    let (Some(first), Some(last)) = (ends(<[CurvePoint]>::first), ends(<[CurvePoint]>::last)) else {
        return vec![];
    };
    let place = |step: u32| first + (last - first) * f64::from(step) / f64::from(PLACES);
    let at = |x: f64| {
        // The axis need not grow with every point: dollars do not where a cache answers.
        let reached = |run: &&[CurvePoint]| {
            run.iter().rev().find(|point| of(point) <= x + 1e-12).map(|point| point.score)
        };
        let scores: Vec<f64> = runs.iter().filter_map(reached).collect();
        let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
        let interval = student_interval(&scores).map(|band| band.map(|end| end.clamp(0.0, 1.0)));
        CoursePoint { spent: x, mean, interval }
    };
    (0..=PLACES).map(place).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(points: &[(u64, f64)]) -> Vec<CurvePoint> {
        let point = |(evaluations, score): &(u64, f64)| CurvePoint {
            evaluations: *evaluations,
            dollars: 0.0,
            seconds: 0.0,
            score: *score,
        };
        points.iter().map(point).collect()
    }

    #[test]
    fn the_mean_is_of_what_each_run_had_reached() {
        let (one, other) = (run(&[(10, 0.2), (50, 0.6)]), run(&[(20, 0.4), (110, 0.8)]));
        let points = mean(&[&one, &other], |point| point.evaluations as f64);
        assert_eq!((points[0].spent, points[points.len() - 1].spent), (20.0, 110.0));
        let at = |x: f64| points.iter().rev().find(|point| point.spent <= x).map(|point| point.mean).unwrap();
        for (x, wanted) in [(20.0, 0.3), (49.0, 0.3), (51.0, 0.5), (110.0, 0.7)] {
            assert!((at(x) - wanted).abs() < 1e-9, "at {x}: {}", at(x));
        }
        assert!(
            points.iter().all(|point| point
                .interval
                .is_some_and(|[low, high]| low <= point.mean && point.mean <= high))
        );
        assert_eq!(mean(&[&one], |point| point.evaluations as f64)[0].interval, None);
        assert_eq!(mean(&[], |point| point.evaluations as f64), []);
    }
}
