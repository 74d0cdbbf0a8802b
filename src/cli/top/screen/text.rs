//! Lines of figures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::symbols::line;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::Palette;

/// A line of figures with their names before them.
#[derive(Debug, Default)]
pub(super) struct Figure {
    spans: Vec<Span<'static>>,
}

impl Figure {
    /// Adds a figure.
    pub(super) fn add(self, palette: Palette, name: &str, value: String) -> Self {
        self.add_styled(palette, name, value, Style::new().add_modifier(Modifier::BOLD))
    }

    /// Adds a figure in a style of its own.
    pub(super) fn add_styled(mut self, palette: Palette, name: &str, value: String, style: Style) -> Self {
        if !self.spans.is_empty() {
            self.spans.push(Span::raw("  "));
        }
        if !name.is_empty() {
            self.spans.push(Span::styled(format!("{name} "), palette.name()));
        }
        self.spans.push(Span::styled(value, style));
        self
    }

    pub(super) fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }
}

/// Draws the heading of a part over its whole width; what is left below it.
pub(super) fn heading(title: &str, note: &str, palette: Palette, area: Rect, buffer: &mut Buffer) -> Rect {
    let [head, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let used = title.chars().count() + note.chars().count() + if note.is_empty() { 1 } else { 2 };
    let rule = line::HORIZONTAL.repeat(usize::from(head.width).saturating_sub(used));
    let mut spans =
        vec![Span::styled(format!("{title} "), palette.heading()), Span::styled(rule, palette.faint())];
    if !note.is_empty() {
        spans.push(Span::styled(format!(" {note}"), palette.name()));
    }
    Line::from(spans).render(head, buffer);
    below
}

/// Draws lines one below the other, as many as there is room for; what is left below them.
pub(super) fn lines(lines: Vec<Line<'_>>, area: Rect, buffer: &mut Buffer) -> Rect {
    let mut rest = area;
    for line in lines {
        let [row, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(rest);
        line.render(row, buffer);
        rest = below;
    }
    rest
}

/// The style of a share of failures.
pub(super) fn of_errors(error_rate: Option<f64>, palette: Palette) -> Style {
    match error_rate {
        Some(rate) if rate >= 0.05 => palette.bad(),
        Some(rate) if rate > 0.0 => palette.warning(),
        _ => Style::new().add_modifier(Modifier::BOLD),
    }
}
