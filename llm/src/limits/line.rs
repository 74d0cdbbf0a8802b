//! A provider's line to the quota of all nodes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};

use super::rate::Amount;
use super::shared::{Membership, ProviderLimits, SharedQuotaAway};

/// How long a call waits for an answer.
const ANSWER: Duration = Duration::from_millis(250);

/// How long a question is left open that no call waits for: a late place can be given back then.
const LATE: Duration = Duration::from_secs(2);

/// While the quota is away, it is asked no more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest wait that the quota is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 86_400);

/// Smallest share of the limits: a node that is told less still gets on.
const SMALLEST_SHARE: f64 = 1e-3;

/// Asks the quota for places at one provider, and notices when it goes away and comes back.
pub(crate) struct Line {
    provider: String,
    limits: ProviderLimits,
    membership: Membership,
    /// `None` while the quota answers.
    away: Mutex<Option<Away>>,
    back: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    since: Instant,
    /// When it may be asked again.
    next: Instant,
}

/// A place that the quota gave. Given back when dropped before [`Grant::used`].
#[derive(Debug)]
pub(crate) struct Grant {
    /// Until the call may go.
    pub(crate) wait: Duration,
    line: Arc<Line>,
    reserved: Amount,
    is_used: bool,
}

/// What is told about a call that has its place.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Correction {
    Settle { tokens: i64, dollars: f64 },
    GiveBack(Amount),
}

impl Line {
    pub(crate) fn new(provider: &str, limits: ProviderLimits, membership: Membership) -> Self {
        let provider = provider.to_owned();
        Self { provider, limits, membership, away: Mutex::default(), back: Notify::new() }
    }

    /// This node's share of the limits now: above 0, up to 1.
    pub(crate) fn share(&self) -> f64 {
        let share = (self.membership.share)();
        // `clamp` would pass on what is no number.
        if share > SMALLEST_SHARE { share.min(1.0) } else { SMALLEST_SHARE }
    }

    /// Ends when the quota comes back after this was called.
    pub(crate) fn back(&self) -> Notified<'_> {
        self.back.notified()
    }

    /// Takes a place for a call; `None` while the quota is away.
    pub(crate) async fn ask(self: &Arc<Self>, amount: Amount) -> Option<Grant> {
        let is_probe = self.may_ask()?;
        let (sender, answer) = oneshot::channel();
        // In a task of its own: whoever stops waiting does not cut the question off, and the place that it may still
        // bring is given back by being dropped.
        let (line, reserved) = (Arc::clone(self), self.limited(amount));
        tokio::spawn(async move {
            let Amount { tokens, dollars } = reserved;
            let question = line.membership.quota.reserve(&line.provider, line.limits, tokens, dollars);
            let answer = timeout(LATE, question).await.unwrap_or_else(|_| Err(no_answer(LATE)));
            drop(sender.send(answer.map(|wait| Grant {
                wait: wait.min(LONGEST_WAIT),
                line: Arc::clone(&line),
                reserved,
                is_used: false,
            })));
        });
        let answer = match timeout(ANSWER, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(SharedQuotaAway { why: "the question broke off".to_owned() }),
            Err(_) => Err(no_answer(ANSWER)),
        };
        match answer {
            Ok(grant) => {
                if is_probe {
                    self.welcome();
                }
                Some(grant)
            }
            Err(away) => {
                self.give_up(&away);
                None
            }
        }
    }

    /// In a task of its own: no call is held up by it.
    fn tell(self: &Arc<Self>, correction: Correction) {
        // Without a runtime the estimate stands, as it does while the quota is away.
        let Ok(runtime) = Handle::try_current() else { return };
        let line = Arc::clone(self);
        runtime.spawn(async move {
            let (quota, provider) = (&line.membership.quota, line.provider.as_str());
            let told = timeout(LATE, async {
                match correction {
                    Correction::Settle { tokens, dollars } => quota.settle(provider, tokens, dollars).await,
                    Correction::GiveBack(amount) => {
                        quota.give_back(provider, amount.tokens, amount.dollars).await
                    }
                }
            });
            if let Err(why) = told.await.unwrap_or_else(|_| Err(no_answer(LATE))) {
                tracing::debug!(provider, %why, "an estimate stands in the shared quota");
            }
        });
    }

    /// What of an amount is limited: nobody needs to hear of the rest.
    fn limited(&self, amount: Amount) -> Amount {
        Amount {
            tokens: self.limits.tokens_per_minute.map_or(0, |_| amount.tokens),
            dollars: self.limits.dollars_per_hour.map_or(0.0, |_| amount.dollars),
        }
    }

    /// Whether the quota may be asked, and if so, whether to see if it is back.
    fn may_ask(&self) -> Option<bool> {
        let mut state = self.lock();
        let Some(away) = state.as_mut() else { return Some(false) };
        let now = Instant::now();
        if now < away.next {
            return None;
        }
        away.next = now + PAUSE;
        Some(true)
    }

    fn welcome(&self) {
        let Some(away) = self.lock().take() else { return };
        tracing::info!(
            provider = self.provider,
            away_ms = away.since.elapsed().as_millis() as u64,
            "the shared quota answers again: all nodes keep to the limits together"
        );
        self.back.notify_waiters();
    }

    fn give_up(&self, why: &SharedQuotaAway) {
        let now = Instant::now();
        let mut state = self.lock();
        let is_new = state.is_none();
        let since = state.map_or(now, |away| away.since);
        *state = Some(Away { since, next: now + PAUSE });
        drop(state);
        if is_new {
            tracing::warn!(
                provider = self.provider,
                share = self.share(),
                %why,
                "the shared quota is away: this node keeps to its own share of the limits"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grant {
    /// The call is being sent: its place is used even if it fails.
    pub(crate) fn used(&mut self) {
        self.is_used = true;
    }

    /// Puts what was really used in the place of the estimate, without waiting until the quota knows.
    pub(crate) fn settle(mut self, taken: Amount) {
        self.is_used = true;
        let taken = self.line.limited(taken);
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let tokens = count(taken.tokens) - count(self.reserved.tokens);
        let dollars = taken.dollars - self.reserved.dollars;
        if tokens != 0 || dollars != 0.0 {
            self.line.tell(Correction::Settle { tokens, dollars });
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.is_used {
            self.line.tell(Correction::GiveBack(self.reserved));
        }
    }
}

fn no_answer(limit: Duration) -> SharedQuotaAway {
    SharedQuotaAway { why: format!("no answer within {} ms", limit.as_millis()) }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("provider", &self.provider)
            .field("limits", &self.limits)
            .field("away", &*self.lock())
            .finish_non_exhaustive()
    }
}
