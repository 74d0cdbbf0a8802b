//! Charts with axes, as SVG. Colours and strokes are the page's: marks have classes.

mod axis;
mod chart;
mod escaped;

pub use axis::Axis;
pub use chart::{Chart, Series, opening};
pub use escaped::Escaped;
