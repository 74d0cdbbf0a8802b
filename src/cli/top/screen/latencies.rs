//! How long things take.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Palette;
use super::columns::{self, Column};
use crate::cli::top::figures::Figures;
use crate::cli::top::histogram::Latency;
use crate::cli::top::numbers::{count, percentile, seconds};

pub(super) fn draw(figures: &Figures, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let title = match figures.latencies_over_seconds {
        Some(over) if over < 59.5 => format!("latency, {over:.0} s"),
        _ => "latency, 1 min".to_owned(),
    };
    let figure = |heading| Column::Figure(heading, 6);
    let columns = [Column::Name(&title, 24), figure("p50"), figure("p95"), figure("p99"), figure("n")];
    let rows = vec![
        row("evaluation", &figures.evaluations.duration),
        row("model call", &figures.llm.duration),
        row("wait for worker", &figures.evaluations.queue_wait),
        row("model overhead", &figures.llm.overhead),
        row("store", &figures.store.operation),
        row("journal lag", &figures.store.journal_lag),
    ];
    let room = usize::from(area.height.saturating_sub(1));
    let all = rows.len();
    columns::draw(&columns, rows.into_iter().take(room).collect(), palette, area, buffer);
    if let Some(slow) = &figures.evaluations.slow
        && room > all
    {
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        let text = format!("slowest with a trace: {}, {}", seconds(slow.seconds), slow.trace_id);
        Line::styled(text, palette.faint()).render(last, buffer);
    }
}

fn row(name: &str, latency: &Latency) -> Vec<columns::Styled> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    vec![
        (name.to_owned(), Style::new()),
        (percentile(latency, latency.p50_seconds), Style::new()),
        (percentile(latency, latency.p95_seconds), bold),
        (percentile(latency, latency.p99_seconds), Style::new()),
        (count(latency.count), Style::new()),
    ]
}
