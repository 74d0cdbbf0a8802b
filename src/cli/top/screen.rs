//! Drawing: a view of a process on a terminal of any size. Nothing here waits, asks or remembers.

mod actors;
mod columns;
mod evolution;
mod foot;
mod header;
mod latencies;
mod models;
mod palette;
mod text;
mod work;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::figures::Figures;
use super::session::View;

pub(super) use palette::Palette;

/// From this size of the body on, there is more than the essential.
const ROOMY: (u16, u16) = (110, 34);

/// Most lines for checks of health.
const MOST_CHECKS: u16 = 9;

/// A view, drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen<'a> {
    pub(super) view: &'a View,
    pub(super) palette: Palette,
}

impl Widget for Screen<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let [head, body, keys] =
            Layout::vertical([Constraint::Length(2), Constraint::Min(0), Constraint::Length(1)]).areas(area);
        let Self { view, palette } = self;
        header::draw(view, palette, head, buffer);
        if let Some(figures) = &view.figures {
            self.body(figures, body, buffer);
            if view.trouble.is_some() {
                buffer.set_style(body, palette.faint());
            }
        } else if view.trouble.is_none() {
            Line::styled("asking …", palette.faint()).render(body, buffer);
        }
        foot::keys(palette, keys, buffer);
    }
}

impl Screen<'_> {
    fn body(self, figures: &Figures, area: Rect, buffer: &mut Buffer) {
        let is_roomy = area.width >= ROOMY.0 && area.height >= ROOMY.1;
        let checks = match &self.view.health {
            Some(Ok(health)) if is_roomy => (health.checks.len() as u16 + 1).min(area.height - ROOMY.1 + 1),
            _ => 1,
        };
        let heights = if is_roomy { [15, 8, 2, checks.min(MOST_CHECKS)] } else { [8, 4, 1, checks] };
        let [top, middle, actors, process, health] = Layout::vertical([
            Constraint::Length(heights[0]),
            Constraint::Length(heights[1]),
            Constraint::Min(0),
            Constraint::Length(heights[2]),
            Constraint::Length(heights[3]),
        ])
        .areas(area);
        let Self { view, palette } = self;
        let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2);
        let [left, right] = halves.areas(top);
        evolution::draw(&figures.jobs, &view.curves, palette, left, buffer);
        let [evaluations, models] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(4)]).areas(right);
        work::evaluations(figures, &view.curves, palette, evaluations, buffer);
        work::models(&figures.llm, palette, models, buffer);
        let [left, right] = if is_roomy {
            halves.areas(middle)
        } else {
            Layout::horizontal([Constraint::Length(44), Constraint::Fill(1)]).spacing(2).areas(middle)
        };
        latencies::draw(figures, palette, left, buffer);
        if is_roomy {
            models::draw(&figures.llm.models, palette, right, buffer);
        } else {
            work::rate(&view.curves, palette, right, buffer);
        }
        actors::draw(&figures.actors, palette, actors, buffer);
        foot::process(figures, palette, process, buffer);
        foot::health(view.health.as_ref(), palette, health, buffer);
    }
}

#[cfg(test)]
mod tests;
