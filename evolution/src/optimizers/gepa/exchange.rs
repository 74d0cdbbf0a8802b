//! Exchanges with other islands at the ends of windows.
//!
//! An exchange has its place on the search's own clock, like everything else: the end of a window. What is sent is
//! read from the pool there, and what is taken in is what other islands sent one exchange earlier. Should that not
//! have come, nothing is judged until it has. A migrant then goes the way of any child, from look to look of the race.

use super::proposal::{Proposal, Stage};
use super::window::LOOK;
use super::{Gepa, Phase};
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::migration::{Acceptance, MIGRANT};
use crate::optimizers::Optimizer;

/// Migrants are numbered from here, so that they take no turn of the island's own proposals.
const MIGRANTS: u64 = 1 << 48;

impl Gepa {
    /// At the end of a window: sends migrants when it is time, and calls for those of the exchange before.
    pub(super) fn exchange(&mut self, context: &mut Context<'_>) {
        let Some(epoch) = context.settings.island.epoch_after(self.generation()) else { return };
        context.emigrate(epoch, self);
        // Where no migrant could be paid for, there is nothing to wait for.
        if epoch > 1 && self.fits(self.migrant_look(context).1, context) {
            context.exchange.expect(epoch - 1);
        }
    }

    /// Takes in the migrants that it is time for. `false` while some have not come.
    pub(super) fn welcome(&mut self, context: &mut Context<'_>) -> bool {
        if !context.exchange.is_waiting() {
            return true;
        }
        let Some(arrivals) = context.exchange.take(context.ledger) else { return false };
        for mut arrival in arrivals {
            let origin = (arrival.epoch, arrival.from);
            let mut entered = vec![];
            for newcomer in std::mem::take(&mut arrival.newcomers) {
                if self.fits(self.migrant_look(context).1, context) {
                    entered.push(self.open_migrant(newcomer.clone(), origin, context));
                    arrival.newcomers.push(newcomer);
                }
            }
            match arrival.newcomers.is_empty() {
                true => arrival.announce(context),
                false => self.arrivals.push(arrival),
            }
            entered.into_iter().for_each(|number| self.enter(number, context));
        }
        true
    }

    /// Goes on when the migrants have come that it waited for.
    pub(super) fn resume(&mut self, context: &mut Context<'_>) {
        if self.phase == Phase::Searching && context.exchange.is_waiting() && self.welcome(context) {
            self.open_proposals(context);
        }
    }

    /// Books what became of the candidate of a migrant's proposal.
    pub(super) fn decide_migrant(
        &mut self,
        origin: (u32, u32),
        id: CandidateId,
        is_own: bool,
        context: &mut Context<'_>,
    ) {
        let kept = is_own && self.pool.contains(id);
        let of_origin = self.arrivals.iter().position(|arrival| (arrival.epoch, arrival.from) == origin);
        let Some(at) = of_origin else { return };
        if self.arrivals[at].decide(id, kept) {
            self.arrivals.remove(at).announce(context);
        }
    }

    fn open_migrant(&mut self, child: Candidate, origin: (u32, u32), context: &Context<'_>) -> u64 {
        let (look, cases) = self.migrant_look(context);
        let number = MIGRANTS + self.migrants;
        self.migrants += 1;
        let mut proposal = Proposal::new(number, vec![], self.generation_of_next());
        proposal.operator = MIGRANT.into();
        proposal.child = Some(child);
        proposal.origin = Some(origin);
        proposal.stage = Stage::Racing(look);
        proposal.reserved = cases as u64;
        proposal.due = self.clock + LOOK;
        self.window.push_back(proposal);
        number
    }

    /// The first look at a migrant, and the cases up to there. One that is taken in whatever it is worth does not
    /// race.
    fn migrant_look(&self, context: &Context<'_>) -> (usize, usize) {
        let looks = self.config.race.looks(context.ranked().len());
        let look = match context.settings.island.migration.accept {
            Acceptance::IfBetter => 0,
            Acceptance::Always => looks.len() - 1,
        };
        (look, looks[look])
    }
}
