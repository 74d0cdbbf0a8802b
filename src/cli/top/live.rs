//! The live view: asks, listens and draws until the user has seen enough.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evohub::target::{Target, TargetError};
use ratatui::DefaultTerminal;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::keys::{self, Wish};
use super::look::Look;
use super::screen::{Palette, Screen};
use super::session::Session;
use crate::cli::failure::Failure;
use crate::cli::status::Status;

/// The screen is drawn anew at least so often: it says how long things last.
const REDRAWN: Duration = Duration::from_secs(1);

/// Takes the terminal for a view, and gives it back as it was however the view ends. A panic gives it back, too,
/// before it is told.
struct Taken(DefaultTerminal);

impl Taken {
    fn take() -> io::Result<Self> {
        let taken = ratatui::try_init();
        if taken.is_err() {
            ratatui::restore();
        }
        taken.map(Self)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // Nobody is there to be told when the terminal itself has gone.
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// Shows a process until the user or a signal ends it.
pub(super) async fn watch(target: Target, every: Duration) -> Result<Status, Failure> {
    let mut signals = signals()?;
    let palette = palette();
    let begun = Instant::now();
    let (pace, paces) = watch::channel(every);
    let mut session = Session::new(target.address().to_string());
    let mut looks = look_again_and_again(target, paces);
    let mut terminal = Taken::take().map_err(no_terminal)?;
    let mut wishes = keys::listen();
    let mut redraw = interval(REDRAWN);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut view = session.view(begun.elapsed(), every);
    loop {
        terminal
            .0
            .draw(|frame| frame.render_widget(Screen { view: &view, palette }, frame.area()))
            .map_err(no_terminal)?;
        let mut is_paused = view.is_paused;
        tokio::select! {
            look = looks.recv() => {
                let look = look.ok_or_else(|| Failure::failed("the process is no longer asked"))?;
                session.take(begun.elapsed(), clock(), look);
            }
            wish = wishes.recv() => match wish {
                Some(Ok(Wish::Quit)) => return Ok(Status::Done),
                Some(Ok(Wish::Pause)) => is_paused = !is_paused,
                Some(Ok(Wish::Slower)) => pace.send_modify(|pace| *pace = keys::slower(*pace)),
                Some(Ok(Wish::Faster)) => pace.send_modify(|pace| *pace = keys::faster(*pace)),
                Some(Ok(Wish::Redraw)) => {}
                Some(Err(error)) => return Err(no_terminal(error)),
                None => return Err(Failure::failed("the keyboard is no longer listened to")),
            },
            _ = signals.recv() => return Ok(Status::Interrupted),
            _ = redraw.tick() => {}
        }
        let interval = *pace.borrow();
        if is_paused {
            view.is_paused = true;
            view.interval = interval;
        } else {
            view = session.view(begun.elapsed(), interval);
        }
    }
}

/// Asks a process at a pace that may change, until nobody takes the answers any more.
fn look_again_and_again(
    target: Target,
    mut paces: watch::Receiver<Duration>,
) -> mpsc::Receiver<Result<Look, TargetError>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let asked = Instant::now();
            if sender.send(Look::at(&target).await).await.is_err() {
                return;
            }
            loop {
                let pause = paces.borrow_and_update().saturating_sub(asked.elapsed());
                match timeout(pause, paces.changed()).await {
                    // The pace is another; how long this pause is must be found out anew.
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => break,
                }
            }
        }
    });
    receiver
}

/// Seconds since 1970.
pub(super) fn clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn palette() -> Palette {
    let variable = |name| std::env::var(name).ok();
    Palette::new(variable("NO_COLOR").as_deref(), variable("COLORTERM").as_deref())
}

fn no_terminal(error: io::Error) -> Failure {
    Failure::failed(format!("the terminal cannot be used: {error}; `--once` needs none"))
}

/// Tells that the program is to end. The keys of the terminal raise no signals while it shows a view.
fn signals() -> Result<mpsc::Receiver<()>, Failure> {
    let (sender, receiver) = mpsc::channel(1);
    let failed = |error: io::Error| Failure::failed(format!("signals cannot be listened to: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            // Whoever no longer listens has ended already.
            let _ = sender.send(()).await;
        });
    }
    #[cfg(windows)]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(failed)?;
        tokio::spawn(async move {
            interrupt.recv().await;
            let _ = sender.send(()).await;
        });
    }
    Ok(receiver)
}
