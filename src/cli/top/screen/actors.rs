//! The actors, by kind.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::columns::{self, Column, Styled};
use super::{Palette, ROOMY};
use crate::cli::top::figures::ActorFigures;
use crate::cli::top::numbers::{count, known, percentile, rate};

/// A column, its cell of an actor, and whether it is left out where there is little room.
type Part = (Column<'static>, Styled, bool);

pub(super) fn draw(actors: &[ActorFigures], palette: Palette, area: Rect, buffer: &mut Buffer) {
    let is_roomy = area.width >= ROOMY.0;
    let shown = |actor: &ActorFigures| -> Vec<Part> {
        parts(actor, palette).into_iter().filter(|(_, _, is_extra)| is_roomy || !is_extra).collect()
    };
    // Without actors there is nothing to head.
    let Some(first) = actors.first() else { return };
    let columns: Vec<_> = shown(first).into_iter().map(|(column, _, _)| column).collect();
    let row = |actor: &ActorFigures| shown(actor).into_iter().map(|(_, cell, _)| cell).collect();
    columns::draw(&columns, actors.iter().map(row).collect(), palette, area, buffer);
}

fn parts(actor: &ActorFigures, palette: Palette) -> [Part; 13] {
    let plain = |text: String| (text, Style::new());
    let bold = |text: String| (text, Style::new().add_modifier(Modifier::BOLD));
    let wrong = |of: u64, style: Style| (count(of), if of > 0 { style } else { Style::new() });
    let (wait, handle) = (&actor.mailbox_wait, &actor.handle);
    [
        (Column::Name("actors", 24), plain(actor.actor.clone()), false),
        (Column::Figure("alive", 6), plain(count(actor.alive)), false),
        (Column::Figure("mailbox", 7), bold(count(actor.mailbox_depth)), false),
        (Column::Figure("wait p50", 8), plain(percentile(wait, wait.p50_seconds)), true),
        (Column::Figure("wait p95", 8), plain(percentile(wait, wait.p95_seconds)), false),
        (Column::Figure("wait p99", 8), plain(percentile(wait, wait.p99_seconds)), true),
        (Column::Figure("messages", 8), plain(count(actor.messages)), true),
        (Column::Figure("msg/s", 6), plain(known(actor.messages_per_second, rate)), false),
        (Column::Figure("handle p50", 10), plain(percentile(handle, handle.p50_seconds)), true),
        (Column::Figure("handle p95", 10), plain(percentile(handle, handle.p95_seconds)), false),
        (Column::Figure("handle p99", 10), plain(percentile(handle, handle.p99_seconds)), true),
        (Column::Figure("restarts", 8), wrong(actor.restarts, palette.warning()), false),
        (Column::Figure("dead letters", 12), wrong(actor.dead_letters, palette.bad()), false),
    ]
}
