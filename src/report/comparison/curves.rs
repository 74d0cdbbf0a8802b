//! How the searches of a comparison went: score over evaluations, dollars and time.

use evohub_charts::{Axis, Chart, Series};

use super::class;
use crate::comparison::{ComparedRun, Comparison, CurvePoint, student_interval};
use crate::report::text::{count, score};

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

/// The mean of an algorithm's runs along an axis: place, mean, and the interval of the mean where there is one.
struct Course {
    name: String,
    class: &'static str,
    points: Vec<(f64, f64, Option<[f64; 2]>)>,
}

/// The curves, each with its caption.
pub(super) fn curves(comparison: &Comparison) -> Vec<(String, String)> {
    let drawn = |measure: &Measure| Some((measure.caption.to_owned(), drawn(comparison, measure)?));
    MEASURES.iter().filter_map(drawn).collect()
}

fn drawn(comparison: &Comparison, measure: &Measure) -> Option<String> {
    let courses = courses(comparison, measure);
    let most =
        courses.iter().flat_map(|course| course.points.last()).map(|point| point.0).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let values = courses.iter().flat_map(|course| {
        course
            .points
            .iter()
            .flat_map(|(_, mean, band)| [Some(*mean), band.map(|band| band[0]), band.map(|band| band[1])])
    });
    let y =
        Axis::over("validation score", values.flatten(), 0.2, |tick| format!("{tick:.2}")).within(0.0, 1.0);
    let x = Axis::over(measure.label, [0.0, most].into_iter(), measure.least.max(most), measure.format);
    let x = x.within(0.0, most.max(measure.least));
    let longest = courses.iter().map(|course| course.name.chars().count()).max().unwrap_or(0);
    let mut chart = Chart::new(x, y).with_names(longest);
    for course in &courses {
        let band: Vec<(f64, f64, f64)> =
            course.points.iter().filter_map(|(x, _, band)| band.map(|[low, high]| (*x, low, high))).collect();
        chart.band(course.class, &band);
    }
    let mut description = format!("The mean validation score over {}.", measure.label);
    for course in courses {
        let points: Vec<(f64, f64)> = course.points.iter().map(|(x, mean, _)| (*x, *mean)).collect();
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            description += &format!(" {}: from {} to {}.", course.name, score(first.1), score(last.1));
        }
        chart.line(&Series { name: course.name, class: course.class, points });
    }
    Some(chart.svg(measure.id, &format!("Score over {}", measure.label), &description))
}

fn courses(comparison: &Comparison, measure: &Measure) -> Vec<Course> {
    let course = |(place, name): (usize, &str)| {
        let runs = comparison.done(name).filter(|run| (measure.has)(run) && !run.curve.is_empty());
        let runs: Vec<&[CurvePoint]> = runs.map(|run| run.curve.as_slice()).collect();
        let points = mean(&runs, measure.of);
        (!points.is_empty()).then(|| Course { name: name.to_owned(), class: class(place), points })
    };
    let names = comparison.algorithms.iter().map(|algorithm| algorithm.name.as_str());
    names.enumerate().filter_map(course).collect()
}

/// The mean over runs, from where each of them has a score to where the last one ends. Who has ended keeps its score.
fn mean(runs: &[&[CurvePoint]], of: fn(&CurvePoint) -> f64) -> Vec<(f64, f64, Option<[f64; 2]>)> {
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
        (x, mean, student_interval(&scores).map(|band| band.map(|end| end.clamp(0.0, 1.0))))
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
        assert_eq!((points[0].0, points[points.len() - 1].0), (20.0, 110.0));
        let at = |x: f64| points.iter().rev().find(|point| point.0 <= x).map(|point| point.1).unwrap();
        for (x, wanted) in [(20.0, 0.3), (49.0, 0.3), (51.0, 0.5), (110.0, 0.7)] {
            assert!((at(x) - wanted).abs() < 1e-9, "at {x}: {}", at(x));
        }
        assert!(
            points
                .iter()
                .all(|(_, mean, band)| band.is_some_and(|[low, high]| low <= *mean && *mean <= high))
        );
        assert_eq!(mean(&[&one], |point| point.evaluations as f64)[0].2, None);
        assert_eq!(mean(&[], |point| point.evaluations as f64), []);
    }
}
