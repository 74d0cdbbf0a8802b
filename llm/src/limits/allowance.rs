//! What a provider may be asked for, by this node alone or by all nodes together.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::line::{Grant, Line};
use super::rate::{Amount, Booking, Rate, sleep_until_past};
use super::shared::{Membership, ProviderLimits};

/// Gives calls their places: by the quota of all nodes where there is one, else by this node's own rate.
///
/// While the quota is away, the node keeps to its share of the limits by its own rate, behind the places that the quota
/// gave it before. When the quota is back, those who still wait for a place here ask for one there. So a call never
/// waits for two places; only those that waited for a place of the quota as it went away, on a node that had not
/// noticed, may overlap with the shares of the others.
#[derive(Debug)]
pub(crate) struct Allowance {
    rate: Rate,
    line: Option<Arc<Line>>,
}

/// A place in time for one call. Given back when dropped before [`Place::used`].
#[derive(Debug)]
pub(crate) struct Place<'a> {
    rate: &'a Rate,
    booking: Booking,
    /// What the quota gave; `None` where the rate did.
    grant: Option<Grant>,
    is_used: bool,
}

impl Allowance {
    pub(crate) fn new(provider: &str, limits: ProviderLimits, membership: Option<Membership>) -> Self {
        // Where nothing is limited, there is nothing to ask.
        let membership = membership.filter(|_| limits != ProviderLimits::default());
        let line = membership.map(|membership| Arc::new(Line::new(provider, limits, membership)));
        Self { rate: Rate::new(limits), line }
    }

    /// Waits until a call of about this amount may go. Places are given in the order of asking.
    pub(crate) async fn reserve(&self, amount: Amount) -> Place<'_> {
        let place = match &self.line {
            Some(line) => self.place_of(line, amount).await,
            None => {
                let place = self.place(self.rate.book(amount, 1.0), None);
                sleep_until_past(place.booking.start).await;
                place
            }
        };
        self.rate.pass_pause().await;
        place
    }

    /// Lets no call of this node start for a while.
    pub(crate) fn pause(&self, wait: Duration) {
        self.rate.pause(wait);
    }

    async fn place_of(&self, line: &Arc<Line>, amount: Amount) -> Place<'_> {
        loop {
            // Before the question, so as not to miss a return in between.
            let back = line.back();
            if let Some(grant) = line.ask(amount).await {
                let booking = self.rate.follow(Instant::now() + grant.wait, amount);
                let place = self.place(booking, Some(grant));
                sleep_until_past(place.booking.start).await;
                return place;
            }
            let place = self.place(self.rate.book(amount, line.share()), None);
            if place.booking.start <= Instant::now() {
                return place;
            }
            tokio::select! {
                biased;
                () = sleep_until(place.booking.start) => return place,
                () = back => {}
            }
        }
    }

    fn place(&self, booking: Booking, grant: Option<Grant>) -> Place<'_> {
        Place { rate: &self.rate, booking, grant, is_used: false }
    }
}

impl Place<'_> {
    /// The call is being sent: its place is used even if it fails.
    pub(crate) fn used(&mut self) {
        self.is_used = true;
        if let Some(grant) = &mut self.grant {
            grant.used();
        }
    }

    /// Puts what was really used in the place of the estimate.
    pub(crate) fn settle(mut self, taken: Amount) {
        self.is_used = true;
        self.rate.settle(&self.booking, taken);
        if let Some(grant) = self.grant.take() {
            grant.settle(taken);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_used {
            self.rate.give_back(&self.booking);
        }
    }
}
