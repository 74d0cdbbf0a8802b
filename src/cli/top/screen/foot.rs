//! The process, its health, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::Palette;
use super::columns::{self, Column};
use super::text::{self, Figure, of_errors};
use crate::cli::top::figures::Figures;
use crate::cli::top::health::{Check, Health};
use crate::cli::top::numbers::{UNKNOWN, bytes, count, kinds, known, milliseconds, percent};

pub(super) fn process(figures: &Figures, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let process = &figures.process;
    let most = process.max_fds.map_or_else(String::new, |most| format!("/{}", count(most)));
    let first = Figure::default()
        .add(palette, "cpu", known(process.cpus, |cpus| format!("{:.0} %", cpus * 100.0)))
        .add(palette, "memory", known(process.resident_memory_bytes, bytes))
        .add(palette, "files", format!("{}{most}", known(process.open_fds, count)))
        .add(palette, "tasks", known(process.tokio_tasks, count))
        .add(palette, "queued", known(process.tokio_queue, count));
    let error_rate = figures.http.error_rate;
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let second = Figure::default()
        .add(palette, "threads", known(process.tokio_workers, count))
        .add(palette, "http requests", count(figures.http.by_status.total()))
        .add_styled(palette, "errors", known(error_rate, percent), of_errors(error_rate, palette))
        .add(palette, "trace spans", or_none(kinds(&figures.trace_spans.most_first(), 4)))
        .add(palette, "candidates", or_none(kinds(&figures.jobs.candidates.most_first(), 4)));
    let lines = [first, second].into_iter().take(area.height.into()).map(Figure::line);
    text::lines(lines.collect(), area, buffer);
}

/// A line of what is not healthy; a table of all checks where there is room.
pub(super) fn health(
    health: Option<&Result<Health, String>>,
    palette: Palette,
    area: Rect,
    buffer: &mut Buffer,
) {
    match health {
        None => {}
        Some(Err(cause)) => {
            Line::styled(format!("health unknown: {cause}"), palette.warning()).render(area, buffer);
        }
        Some(Ok(health)) if area.height > 1 => table(health, palette, area, buffer),
        Some(Ok(health)) => line(health, palette).render(area, buffer),
    }
}

fn line(health: &Health, palette: Palette) -> Line<'static> {
    let mut line = Line::from(Span::styled("health  ", palette.name()));
    if health.troubles().next().is_none() {
        let names: Vec<_> = health.checks.iter().map(|check| check.name.as_str()).collect();
        let what = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        line.push_span(Span::styled(format!("{}{what}", health.status), of(&health.status, palette)));
    }
    for (number, check) in health.troubles().enumerate() {
        let between = if number > 0 { "; " } else { "" };
        let message = check.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
        let text = format!("{between}{} {}{message}", check.name, check.status);
        line.push_span(Span::styled(text, of(&check.status, palette)));
    }
    line
}

fn table(health: &Health, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let columns = [
        Column::Name("health", 30),
        Column::Name("status", 12),
        Column::Figure("took", 8),
        Column::Text("message"),
    ];
    let row = |check: &Check| {
        let took = known(check.response_time_ms, milliseconds);
        let message = check.message.clone().unwrap_or_else(|| UNKNOWN.to_owned());
        let style = of(&check.status, palette);
        vec![
            (check.name.clone(), Style::new()),
            (check.status.clone(), style),
            (took, Style::new()),
            (message, if check.is_healthy() { palette.faint() } else { style }),
        ]
    };
    // What is wrong comes first: there may be no room for all.
    let (well, wrong): (Vec<_>, Vec<_>) = health.checks.iter().partition(|check| check.is_healthy());
    columns::draw(&columns, wrong.into_iter().chain(well).map(row).collect(), palette, area, buffer);
}

fn of(status: &str, palette: Palette) -> Style {
    match status {
        "healthy" => palette.good(),
        "degraded" => palette.warning(),
        _ => palette.bad(),
    }
}

pub(super) fn keys(palette: Palette, area: Rect, buffer: &mut Buffer) {
    Line::styled("q quit   p pause   + slower   - faster", palette.faint()).render(area, buffer);
}
