//! Colours that the colour-blind can tell apart, and dashes for who sees none.

/// A colour of the palette of Masataka Okabe and Kei Ito (Color Universal Design, 2008). Its black and its yellow are
/// left out: either cannot be seen on one of Grafana's two backgrounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Blue.
    Blue,
    /// Orange.
    Orange,
    /// Bluish green.
    Green,
    /// Reddish purple.
    Purple,
    /// Sky blue.
    Sky,
    /// Vermillion.
    Vermillion,
}

impl Color {
    /// All of them, in the order in which series get them. Neighbours differ in lightness, too.
    pub const ALL: [Self; 6] =
        [Self::Blue, Self::Orange, Self::Green, Self::Purple, Self::Sky, Self::Vermillion];

    /// As it is written in CSS.
    pub const fn hex(self) -> &'static str {
        match self {
            Self::Blue => "#0072B2",
            Self::Orange => "#E69F00",
            Self::Green => "#009E73",
            Self::Purple => "#CC79A7",
            Self::Sky => "#56B4E9",
            Self::Vermillion => "#D55E00",
        }
    }

    /// As it is written in CSS for words upon white: darker where the colour itself could hardly be read.
    pub const fn ink(self) -> &'static str {
        match self {
            Self::Blue => "#0072B2",
            Self::Orange => "#9A6A00",
            Self::Green => "#007A5A",
            Self::Purple => "#A8558A",
            Self::Sky => "#2A78A8",
            Self::Vermillion => "#C44E00",
        }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Without gaps.
    Solid,
    /// In long strokes.
    Long,
    /// In short strokes.
    Short,
    /// In dots.
    Dots,
}

impl Dash {
    /// All of them, in the order in which series get them.
    pub const ALL: [Self; 4] = [Self::Solid, Self::Long, Self::Short, Self::Dots];

    /// Lengths of strokes and gaps, in pixels; none of a line without gaps.
    pub const fn lengths(self) -> &'static [u8] {
        match self {
            Self::Solid => &[],
            Self::Long => &[14, 6],
            Self::Short => &[6, 5],
            Self::Dots => &[2, 5],
        }
    }
}

/// What makes a series known beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Its colour.
    pub color: Color,
    /// Its line.
    pub dash: Dash,
}

impl Style {
    /// The style of the n-th series of a panel.
    pub const fn nth(index: usize) -> Self {
        Self { color: Color::ALL[index % Color::ALL.len()], dash: Dash::ALL[index % Dash::ALL.len()] }
    }
}
