//! The models, one by one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Palette;
use super::columns::{self, Column};
use super::text::of_errors;
use crate::cli::top::figures::ModelFigures;
use crate::cli::top::numbers::{count, dollars, known, percent, percentile, rate};

pub(super) fn draw(models: &[ModelFigures], palette: Palette, area: Rect, buffer: &mut Buffer) {
    let heads = [
        Column::Name("models", 30),
        Column::Figure("calls", 6),
        Column::Figure("/s", 5),
        Column::Figure("errors", 6),
        Column::Figure("now", 4),
        Column::Figure("p95", 6),
        Column::Figure("tokens/s", 8),
        Column::Figure("cost", 8),
    ];
    let row = |model: &ModelFigures| {
        let plain = |text: String| (text, Style::new());
        vec![
            plain(model.model.clone()),
            plain(count(model.calls)),
            plain(known(model.calls_per_second, rate)),
            (known(model.error_rate, percent), of_errors(model.error_rate, palette)),
            plain(count(model.in_flight)),
            plain(percentile(&model.duration, model.duration.p95_seconds)),
            plain(known(model.tokens_per_second, rate)),
            plain(dollars(model.dollars)),
        ]
    };
    columns::draw(&heads, models.iter().map(row).collect(), palette, area, buffer);
}
