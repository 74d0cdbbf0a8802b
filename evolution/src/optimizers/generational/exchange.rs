//! What comes between two generations when it is time for an exchange with other islands.

use super::scheme::Scheme;
use super::{Generational, MIGRANTS, Phase};
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::ledger::{Birth, Outcome};
use crate::migration::{Acceptance, MIGRANT};
use crate::optimizers::seeding::pieces;

impl<S: Scheme> Generational<S> {
    /// Sends migrants when an exchange follows this generation, and waits for those of the same exchange. Otherwise
    /// breeds on.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) {
        let Some(epoch) = context.settings.island.epoch_after(self.generation) else {
            self.breed(context);
            return;
        };
        context.emigrate(epoch, self);
        // Whoever breeds no more has no use for migrants.
        if self.next_brood(context).is_some() {
            self.phase = Phase::Waiting;
            context.exchange.expect(epoch);
            self.welcome(context);
        } else {
            self.begin_finals(context);
        }
    }

    /// Has the migrants measured when all of them have come: as many as can be paid for.
    pub(super) fn welcome(&mut self, context: &mut Context<'_>) {
        if self.phase != Phase::Waiting {
            return;
        }
        let Some(arrivals) = context.exchange.take(context.ledger) else { return };
        self.arrivals = arrivals;
        self.phase = Phase::Welcoming;
        let mut affordable = self.affordable(context);
        for arrival in &mut self.arrivals {
            arrival.newcomers.truncate(affordable);
            affordable -= arrival.newcomers.len();
            arrival.newcomers.iter().for_each(|newcomer| context.ledger.track(newcomer));
        }
        let newcomers: Vec<CandidateId> = self.newcomers().map(Candidate::id).collect();
        if self.measurements.request(MIGRANTS, pieces(&newcomers, context.ranked()), context.ledger) {
            self.welcomed(context);
        }
    }

    /// Takes the measured migrants in, and breeds on.
    pub(super) fn welcomed(&mut self, context: &mut Context<'_>) {
        let newcomers: Vec<Candidate> = self.newcomers().cloned().collect();
        let ranked = context.ranked().len();
        let mut joining = vec![];
        for newcomer in &newcomers {
            let id = newcomer.id();
            let (outcome, seen) = match context.ledger.mean_on(id, context.ranked()) {
                Some(_) => (Outcome::Kept, ranked),
                None => (Outcome::Unmeasurable, 0),
            };
            if context.bear(newcomer, self.migration(), outcome, seen) && outcome == Outcome::Kept {
                context.announce_if_best(id);
                joining.push(self.newcomer(id, None, context));
            }
        }
        if context.settings.island.migration.accept == Acceptance::Always {
            let room = self.population.len().saturating_sub(joining.len()).max(1);
            let stay = self.population[..room.min(self.population.len())].to_vec();
            self.replace_population(stay, &[], context);
        }
        self.select(&joining, context);
        self.announce_arrivals(context);
        context.checkpoint();
        self.breed(context);
    }

    /// Enters the migrants that were on their way when the run closed.
    pub(super) fn turn_back(&mut self, context: &mut Context<'_>) {
        let newcomers: Vec<Candidate> = self.newcomers().cloned().collect();
        for newcomer in &newcomers {
            context.bear(newcomer, self.migration(), Outcome::Unfinished, 0);
        }
        self.announce_arrivals(context);
    }

    fn newcomers(&self) -> impl Iterator<Item = &Candidate> {
        self.arrivals.iter().flat_map(|arrival| &arrival.newcomers)
    }

    fn migration(&self) -> Birth {
        Birth { parents: vec![], operator: MIGRANT.into(), generation: self.generation }
    }

    fn announce_arrivals(&mut self, context: &mut Context<'_>) {
        for mut arrival in std::mem::take(&mut self.arrivals) {
            let newcomers: Vec<CandidateId> = arrival.newcomers.iter().map(Candidate::id).collect();
            for id in newcomers {
                arrival.decide(id, self.population.contains(&id));
            }
            arrival.announce(context);
        }
    }
}
