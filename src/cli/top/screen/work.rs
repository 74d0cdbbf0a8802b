//! Evaluations, and the calls of models that they make.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Sparkline, Widget};

use super::Palette;
use super::text::{self, Figure, of_errors};
use crate::cli::top::curve::Curve;
use crate::cli::top::figures::{Figures, LlmFigures};
use crate::cli::top::history::Curves;
use crate::cli::top::numbers::{count, dollars, kinds, known, percent, rate as per_second};

/// Height of a sparkline's full bar.
const FULL: f64 = 1_000.0;

pub(super) fn evaluations(
    figures: &Figures,
    curves: &Curves,
    palette: Palette,
    area: Rect,
    buffer: &mut Buffer,
) {
    let evaluations = &figures.evaluations;
    let body = text::heading("evaluations", "", palette, area, buffer);
    let rate = Figure::default()
        .add(palette, "", format!("{}/s", known(evaluations.per_second, per_second)))
        .add_styled(
            palette,
            "errors",
            known(evaluations.error_rate, percent),
            of_errors(evaluations.error_rate, palette),
        )
        .add(palette, "cache hits", known(evaluations.cache_hit_rate, percent));
    let outcomes = kinds(&evaluations.by_outcome.most_first(), 3);
    let outcomes = if outcomes.is_empty() { "none yet".to_owned() } else { outcomes };
    let mut lines = vec![rate.line(), Figure::default().add(palette, "", outcomes).line()];
    let failures = evaluations.failed_by_type.most_first();
    let saved = evaluations.saved.most_first();
    let is_short = body.height <= 3;
    if !failures.is_empty() || !is_short {
        let shown = if failures.is_empty() {
            "none".to_owned()
        } else {
            kinds(&failures, if is_short { 2 } else { 4 })
        };
        lines.push(Figure::default().add(palette, "failed", shown).line());
    }
    if !saved.is_empty() {
        lines.push(Figure::default().add(palette, "saved", kinds(&saved, 3)).line());
    }
    let rest = text::lines(lines, body, buffer);
    if rest.height > 2 {
        rate_curve(curves, palette, rest, buffer);
    }
}

pub(super) fn models(llm: &LlmFigures, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let body = text::heading("models", "", palette, area, buffer);
    let limit = llm.in_flight_limit.map_or_else(String::new, |limit| format!("/{}", count(limit)));
    let lines = vec![
        Figure::default()
            .add(palette, "", dollars(llm.dollars))
            .add(palette, "", format!("{}/min", known(llm.dollars_per_minute, dollars)))
            .add(palette, "", format!("{} tokens/s", known(llm.tokens_per_second, per_second)))
            .line(),
        Figure::default()
            .add(palette, "calls", count(llm.calls.total()))
            .add(palette, "", format!("{}/s", known(llm.calls_per_second, per_second)))
            .add_styled(palette, "errors", known(llm.error_rate, percent), of_errors(llm.error_rate, palette))
            .line(),
        Figure::default()
            .add(palette, "in flight", format!("{}{limit}", count(llm.in_flight)))
            .add(palette, "retries", count(llm.retries))
            .line(),
    ];
    text::lines(lines, body, buffer);
}

/// The curve of the rate of evaluations, under a heading of its own.
pub(super) fn rate(curves: &Curves, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let most = most(&curves.evaluations_per_second);
    let note = if most > 0.0 { format!("up to {}", per_second(most)) } else { String::new() };
    let body = text::heading("evaluations/s", &note, palette, area, buffer);
    sparkline(&curves.evaluations_per_second, palette.rate(), body, buffer);
}

fn rate_curve(curves: &Curves, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let most = most(&curves.evaluations_per_second);
    let name =
        Figure::default().add_styled(palette, "evaluations/s, up to", per_second(most), palette.rate());
    let rest = text::lines(vec![name.line()], area, buffer);
    sparkline(&curves.evaluations_per_second, palette.rate(), rest, buffer);
}

fn most(curve: &Curve) -> f64 {
    curve.points().iter().map(|(_, value)| *value).fold(0.0, f64::max)
}

/// A curve as bars, the highest value of which fills the height.
pub(super) fn sparkline(curve: &Curve, style: Style, area: Rect, buffer: &mut Buffer) {
    let steps = curve.steps(area.width.into());
    let highest = steps.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| if highest > 0.0 { (value / highest * FULL) as u64 } else { 0 };
    let bars: Vec<u64> = steps.iter().map(bar).collect();
    Sparkline::default().data(&bars).max(FULL as u64).style(style).render(area, buffer);
}
