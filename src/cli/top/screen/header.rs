//! Who is watched, and how it is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::{Palette, text};
use crate::cli::display::clock;
use crate::cli::top::figures::Figures;
use crate::cli::top::numbers;
use crate::cli::top::session::View;

/// Kinds of jobs that are told in the header.
const STATES: usize = 4;

pub(super) fn draw(view: &View, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let (status, style) = status(view, palette);
    let mut first = vec![
        Span::styled("evohub top", palette.heading()),
        Span::raw("  "),
        Span::styled(view.address.clone(), Style::new().add_modifier(Modifier::BOLD)),
        Span::raw("  "),
        Span::styled(status, style),
    ];
    if let Some(uptime) = view.figures.as_ref().and_then(|figures| figures.uptime_seconds) {
        first.push(Span::raw(format!("  up {}", clock(uptime))));
    }
    let second = notice(view, palette)
        .or_else(|| view.figures.as_ref().map(|figures| about(figures, palette)))
        .unwrap_or_default();
    text::lines(vec![Line::from(first), second], area, buffer);
    let every = format!(" every {} s", view.interval.as_secs_f64());
    let (every, style) =
        if view.is_paused { (" paused".to_owned(), palette.warning()) } else { (every, palette.faint()) };
    let pace = Line::styled(every, style).right_aligned();
    let width = (pace.width() as u16).min(area.width);
    pace.render(Rect { x: area.right() - width, width, height: area.height.min(1), ..area }, buffer);
}

/// A sign, a word and a colour: one of them is seen by everybody.
fn status(view: &View, palette: Palette) -> (String, Style) {
    if view.trouble.is_some() {
        return ("✖ no answer".to_owned(), palette.bad());
    }
    match &view.health {
        None => ("…".to_owned(), palette.faint()),
        Some(Err(_)) => ("? health unknown".to_owned(), palette.warning()),
        Some(Ok(health)) => match health.status.as_str() {
            "healthy" => ("● healthy".to_owned(), palette.good()),
            "degraded" => ("▲ degraded".to_owned(), palette.warning()),
            other => (format!("✖ {other}"), palette.bad()),
        },
    }
}

/// What is out of the ordinary.
fn notice(view: &View, palette: Palette) -> Option<Line<'static>> {
    if let Some(trouble) = &view.trouble {
        let seconds = trouble.lasts.as_secs();
        let text = format!("no answer since {seconds} s: {}; trying again", trouble.cause);
        return Some(Line::styled(text, palette.bad()));
    }
    let ago = view.began_anew?;
    let text = format!("the process began anew {} s ago, and so do rates and latencies", ago.as_secs());
    Some(Line::styled(text, palette.warning()))
}

fn about(figures: &Figures, palette: Palette) -> Line<'static> {
    let states = numbers::kinds(&figures.jobs.by_state.most_first(), STATES);
    let states = if states.is_empty() { "none".to_owned() } else { states };
    let mut line = text::Figure::default().add(palette, "jobs", states);
    if let Some(build) = &figures.build {
        let version = format!("{} ({})", build.version, build.revision);
        line = line.add_styled(palette, "evohub", version, Style::new());
        line = line.add_styled(palette, "built with", build.rustc.clone(), Style::new());
    }
    line.line()
}
