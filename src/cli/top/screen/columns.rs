//! A table of a process's parts.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Flex, Rect};
use ratatui::style::Style;
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table, Widget};

use super::Palette;

/// A column: its heading, and what it is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column<'a> {
    /// Names, of this width at most.
    Name(&'a str, u16),
    /// Figures, on the right of a column of this width.
    Figure(&'a str, u16),
    /// Texts, on all the room that is left.
    Text(&'a str),
}

/// Text and style of a cell.
pub(super) type Styled = (String, Style);

impl Column<'_> {
    fn heading(&self) -> &str {
        match self {
            Self::Name(heading, _) | Self::Figure(heading, _) | Self::Text(heading) => heading,
        }
    }

    fn width(&self) -> Constraint {
        match self {
            Self::Name(_, most) => Constraint::Max(*most),
            Self::Figure(_, width) => Constraint::Length(*width),
            Self::Text(_) => Constraint::Fill(1),
        }
    }

    fn cell(&self, (text, style): Styled) -> Cell<'static> {
        let text = Text::styled(text, style);
        if matches!(self, Self::Figure(..)) { text.right_aligned().into() } else { text.into() }
    }
}

/// Draws as many rows as there is room for. The heading of the first column is that of the table; it says how many
/// rows are shown where not all are.
pub(super) fn draw(
    columns: &[Column<'_>],
    rows: Vec<Vec<Styled>>,
    palette: Palette,
    area: Rect,
    buffer: &mut Buffer,
) {
    let room = usize::from(area.height.saturating_sub(1));
    let heading = |(number, column): (usize, &Column<'_>)| {
        let mut text = column.heading().to_owned();
        if number == 0 && rows.len() > room {
            text = format!("{text} ({room} of {})", rows.len());
        }
        column.cell((text, if number == 0 { palette.heading() } else { palette.name() }))
    };
    let header: Row<'_> = columns.iter().enumerate().map(heading).collect();
    let row = |row: Vec<Styled>| -> Row<'static> {
        columns.iter().zip(row).map(|(column, cell)| column.cell(cell)).collect()
    };
    let rows: Vec<_> = rows.into_iter().take(room).map(row).collect();
    let widths = columns.iter().map(Column::width);
    Table::new(rows, widths).header(header).column_spacing(1).flex(Flex::Start).render(area, buffer);
}
