//! Colours that tell things apart for all eyes: those of Okabe and Ito. None of them is all there is to tell by.

use ratatui::style::{Color, Modifier, Style};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// The user wants no colour.
    Plain,
    /// The nearest of 256 colours.
    Indexed,
    /// Any colour.
    Full,
}

/// A colour as it is, and the nearest of 256.
type Ink = ((u8, u8, u8), u8);

const ORANGE: Ink = ((0xe6, 0x9f, 0x00), 214);
const SKY: Ink = ((0x56, 0xb4, 0xe9), 74);
const GREEN: Ink = ((0x00, 0x9e, 0x73), 36);
const YELLOW: Ink = ((0xf0, 0xe4, 0x42), 227);
const VERMILION: Ink = ((0xd5, 0x5e, 0x00), 166);
const PURPLE: Ink = ((0xcc, 0x79, 0xa7), 175);
const GREY: Ink = ((0x80, 0x80, 0x80), 244);

impl Palette {
    /// What the user and the terminal say in `NO_COLOR` and `COLORTERM`.
    pub(crate) fn new(no_color: Option<&str>, colorterm: Option<&str>) -> Self {
        match (no_color, colorterm) {
            (Some(text), _) if !text.is_empty() => Self::Plain,
            (_, Some("truecolor" | "24bit")) => Self::Full,
            _ => Self::Indexed,
        }
    }

    /// The heading of a part.
    pub(crate) fn heading(self) -> Style {
        self.ink(SKY).add_modifier(Modifier::BOLD)
    }

    /// What a figure is called.
    pub(crate) fn name(self) -> Style {
        self.faint()
    }

    /// What matters less.
    pub(crate) fn faint(self) -> Style {
        match self {
            Self::Plain => Style::new().add_modifier(Modifier::DIM),
            _ => self.ink(GREY),
        }
    }

    /// What is as it should be.
    pub(crate) fn good(self) -> Style {
        self.ink(GREEN)
    }

    /// What should be looked at.
    pub(crate) fn warning(self) -> Style {
        self.ink(YELLOW).add_modifier(Modifier::BOLD)
    }

    /// What is wrong.
    pub(crate) fn bad(self) -> Style {
        match self {
            Self::Plain => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            _ => self.ink(VERMILION).add_modifier(Modifier::BOLD),
        }
    }

    /// The curve of the best.
    pub(crate) fn best(self) -> Style {
        self.ink(ORANGE)
    }

    /// The curve of the mean.
    pub(crate) fn mean(self) -> Style {
        self.ink(SKY)
    }

    /// The curve of diversity.
    pub(crate) fn diversity(self) -> Style {
        self.ink(PURPLE)
    }

    /// The curve of the rate of evaluations.
    pub(crate) fn rate(self) -> Style {
        self.ink(GREEN)
    }

    fn ink(self, ((red, green, blue), index): Ink) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Indexed => Style::new().fg(Color::Indexed(index)),
            Self::Full => Style::new().fg(Color::Rgb(red, green, blue)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_wish_goes_before_what_the_terminal_can_do() {
        assert_eq!(Palette::new(Some("1"), Some("truecolor")), Palette::Plain);
        assert_eq!(Palette::new(Some(""), Some("truecolor")), Palette::Full);
        assert_eq!(Palette::new(None, None), Palette::Indexed);
        let plain = [Palette::Plain.best(), Palette::Plain.bad(), Palette::Plain.faint()];
        assert!(plain.iter().all(|style| style.fg.is_none() && style.bg.is_none()));
    }
}
