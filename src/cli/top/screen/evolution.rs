//! Fitness and diversity of the populations.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use super::text::{self, Figure};
use super::{Palette, work};
use crate::cli::display::clock;
use crate::cli::top::figures::{JobFigures, Population};
use crate::cli::top::history::{Curves, PopulationCurves};
use crate::cli::top::numbers::{count, fitness, known};

/// Least difference between the ends of the chart, so that noise does not look like progress.
const LEAST_RANGE: f64 = 0.02;

pub(super) fn draw(jobs: &JobFigures, curves: &Curves, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let first = jobs.populations.first();
    let curves = first.and_then(|first| curves.populations.get(first.job.as_deref().unwrap_or_default()));
    let watched = curves.map_or(0.0, |curves| curves.best.seconds());
    let note = if watched >= 1.0 { format!("last {}", clock(watched)) } else { String::new() };
    let body = text::heading("evolution", &note, palette, area, buffer);
    let Some(first) = first else {
        let generations = count(jobs.generations_completed);
        let lines = vec![
            Line::styled("no population: no job searches now", palette.faint()),
            Figure::default().add(palette, "generations", generations).line(),
        ];
        text::lines(lines, body, buffer);
        return;
    };
    let mut lines = vec![standing(first, palette), around(jobs, first, palette)];
    // Further jobs get a line where there is room for the curves of the first one all the same.
    let room = usize::from(body.height.saturating_sub(9));
    for population in jobs.populations.iter().skip(1).take(room) {
        let name = population.job.clone().unwrap_or_default();
        lines.push(standing(population, palette));
        if let Some(line) = lines.last_mut() {
            line.push_span(format!("  {name}"));
        }
    }
    let body = text::lines(lines, body, buffer);
    let [chart, diversity] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(body.height.min(1))]).areas(body);
    if let Some(curves) = curves {
        draw_fitness(curves, palette, chart, buffer);
        draw_diversity(curves, palette, diversity, buffer);
    }
}

fn standing(population: &Population, palette: Palette) -> Line<'static> {
    Figure::default()
        .add_styled(palette, "best", known(population.best_fitness, fitness), palette.best())
        .add_styled(palette, "mean", known(population.mean_fitness, fitness), palette.mean())
        .add_styled(palette, "diversity", known(population.diversity, fitness), palette.diversity())
        .line()
}

fn around(jobs: &JobFigures, first: &Population, palette: Palette) -> Line<'static> {
    let mut line = Figure::default().add(palette, "generations", count(jobs.generations_completed)).add(
        palette,
        "population",
        known(first.size, count),
    );
    if let Some(job) = &first.job {
        let more = jobs.populations.len() - 1;
        let more = if more > 0 { format!(" (+{more})") } else { String::new() };
        line = line.add(palette, "job", format!("{job}{more}"));
    }
    line.line()
}

/// The best as a line and the mean as dots, told apart without colours, too.
fn draw_fitness(curves: &PopulationCurves, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let points = || curves.best.points().iter().chain(curves.mean.points());
    let (Some(low), Some(high)) = (
        points().map(|(_, value)| *value).min_by(f64::total_cmp),
        points().map(|(_, value)| *value).max_by(f64::total_cmp),
    ) else {
        return;
    };
    let missing = (LEAST_RANGE - (high - low)).max(0.0) / 2.0;
    let (low, high) = (low - missing, high + missing);
    let times = points().map(|(at, _)| *at);
    let begin = times.clone().fold(f64::INFINITY, f64::min);
    let end = times.fold(begin + 1.0, f64::max);
    let mean = Dataset::default()
        .marker(Marker::Dot)
        .graph_type(GraphType::Scatter)
        .style(palette.mean())
        .data(curves.mean.points());
    let best = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .style(palette.best())
        .data(curves.best.points());
    let labels = [format!("{low:.2}"), format!("{high:.2}")];
    let fitness = Axis::default().bounds([low, high]).labels(labels).style(palette.faint());
    Chart::new(vec![mean, best])
        .x_axis(Axis::default().bounds([begin, end]))
        .y_axis(fitness)
        .legend_position(None)
        .render(area, buffer);
}

fn draw_diversity(curves: &PopulationCurves, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let [name, line] = Layout::horizontal([Constraint::Length(10), Constraint::Fill(1)]).areas(area);
    Line::styled("diversity", palette.name()).render(name, buffer);
    work::sparkline(&curves.diversity, palette.diversity(), line, buffer);
}
