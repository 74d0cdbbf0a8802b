//! Places for connections: so many, and who blocks one without a request loses it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    taken: HashMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    /// Since when there is no complete request; `None` while there is one.
    idle_since: Option<Instant>,
    /// Dropped, it tells the connection that its place is lost.
    _keeps: oneshot::Sender<()>,
}

/// Resolves when the place is lost.
pub(super) type Lost = oneshot::Receiver<()>;

/// The place of one connection. Dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), state: Mutex::default(), changed: Notify::new() })
    }

    /// Takes a place: a free one, or that of the connection that has been idle longest. While none is idle, it waits.
    pub(super) async fn take(self: &Arc<Self>) -> (Place, Lost) {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            self.changed.notified().await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<(Place, Lost)> {
        let mut state = self.lock();
        if state.taken.len() >= self.most {
            let idle = state.taken.iter().filter_map(|(id, taken)| Some((taken.idle_since?, *id)));
            let (_, longest) = idle.min()?;
            state.taken.remove(&longest);
        }
        let id = state.next;
        state.next += 1;
        let (keeps, lost) = oneshot::channel();
        state.taken.insert(id, Taken { idle_since: Some(Instant::now()), _keeps: keeps });
        Some((Place { places: Arc::clone(self), id }, lost))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// There is a complete request.
    pub(super) fn busy(&self) {
        if let Some(taken) = self.places.lock().taken.get_mut(&self.id) {
            taken.idle_since = None;
        }
    }

    /// The request is answered; the client may still have to take the answer.
    pub(super) fn idle(&self) {
        if let Some(taken) = self.places.lock().taken.get_mut(&self.id) {
            taken.idle_since = Some(Instant::now());
        }
        self.places.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().taken.remove(&self.id);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{advance, timeout};

    use super::*;

    fn is_lost(lost: &mut Lost) -> bool {
        matches!(lost.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_idle_longest_makes_room() {
        let places = Places::new(3);
        let step = Duration::from_millis(10);
        let (first, mut first_lost) = places.take().await;
        advance(step).await;
        let (_second, mut second_lost) = places.take().await;
        advance(step).await;
        let (third, mut third_lost) = places.take().await;
        third.busy();
        advance(step).await;
        // A request, answered: its wait begins anew.
        first.busy();
        first.idle();
        advance(step).await;

        let (fourth, mut fourth_lost) = places.take().await;
        assert!(is_lost(&mut second_lost) && !is_lost(&mut first_lost) && !is_lost(&mut third_lost));
        fourth.busy();
        let (fifth, _fifth_lost) = places.take().await;
        assert!(is_lost(&mut first_lost) && !is_lost(&mut third_lost) && !is_lost(&mut fourth_lost));
        fifth.busy();

        // All have a request: the next waits until one of them is answered.
        assert!(timeout(step, places.take()).await.is_err());
        let waiting = places.take();
        let answered = async { third.idle() };
        let ((_sixth, _), ()) = tokio::join!(waiting, answered);
        assert!(is_lost(&mut third_lost) && !is_lost(&mut fourth_lost));
        // What lost its place changes nothing any more.
        third.busy();
        drop((first, third));
        assert_eq!(places.lock().taken.len(), 3);
        drop((fourth, fifth));
        assert_eq!(places.lock().taken.len(), 1);
    }
}
