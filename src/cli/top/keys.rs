//! What the user wants, by key.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

/// Shortest and longest time between two looks at the process.
pub(super) const INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// The times between looks that the keys choose from, in milliseconds.
const PACES: [u64; 9] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// How long the keyboard is listened to before it is seen whether anybody still wants to know.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    /// To look at the figures as they are, or at new ones again.
    Pause,
    Slower,
    Faster,
    /// The terminal has another size.
    Redraw,
}

/// Listens to the keyboard, until nobody takes the wishes any more. An error is the last that comes.
pub(super) fn listen() -> mpsc::Receiver<io::Result<Wish>> {
    let (sender, receiver) = mpsc::channel(16);
    // Reading the terminal blocks: it has a thread of its own.
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let wish = match event::poll(PATIENCE).and_then(|is_there| is_there.then(event::read).transpose())
            {
                Ok(Some(event)) => wish(&event).map(Ok),
                Ok(None) => None,
                Err(error) => Some(Err(error)),
            };
            let is_last = matches!(wish, Some(Err(_)));
            if wish.is_some_and(|wish| sender.blocking_send(wish).is_err()) || is_last {
                return;
            }
        }
    });
    receiver
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(KeyEvent {
            code, modifiers, kind: KeyEventKind::Press | KeyEventKind::Repeat, ..
        }) => match code {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
            KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
            KeyCode::Char('p') => Some(Wish::Pause),
            KeyCode::Char('+') => Some(Wish::Slower),
            KeyCode::Char('-') => Some(Wish::Faster),
            _ => None,
        },
        _ => None,
    }
}

/// The next longer time between looks.
pub(super) fn slower(interval: Duration) -> Duration {
    paces().find(|pace| *pace > interval).unwrap_or(INTERVALS.1)
}

/// The next shorter time between looks.
pub(super) fn faster(interval: Duration) -> Duration {
    paces().rev().find(|pace| *pace < interval).unwrap_or(INTERVALS.0)
}

fn paces() -> impl DoubleEndedIterator<Item = Duration> {
    PACES.into_iter().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_meanings() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        let quits = [
            key(KeyCode::Char('q'), KeyModifiers::NONE),
            key(KeyCode::Esc, KeyModifiers::NONE),
            key(KeyCode::Char('c'), KeyModifiers::CONTROL),
        ];
        assert_eq!(quits, [Some(Wish::Quit); 3]);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(key(KeyCode::Char('p'), KeyModifiers::NONE), Some(Wish::Pause));
        assert_eq!(key(KeyCode::Char('+'), KeyModifiers::SHIFT), Some(Wish::Slower));
        assert_eq!(key(KeyCode::Char('-'), KeyModifiers::NONE), Some(Wish::Faster));
        assert_eq!(wish(&Event::Resize(80, 24)), Some(Wish::Redraw));
    }

    #[test]
    fn the_interval_stays_within_its_bounds() {
        let odd = Duration::from_millis(700);
        assert_eq!((slower(odd), faster(odd)), (Duration::from_secs(1), Duration::from_millis(500)));
        assert_eq!((slower(INTERVALS.1), faster(INTERVALS.0)), (INTERVALS.1, INTERVALS.0));
    }
}
