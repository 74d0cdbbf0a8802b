//! What an island has sent, received and waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Arrival, Migrants, Routes};
use crate::candidate::Candidate;
use crate::ledger::Ledger;
use crate::run::RunSettings;

/// The durable part of an [`Exchange`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ExchangeState {
    /// The newest epoch sent.
    sent: u32,
    /// The newest epoch whose migrants were taken in.
    taken: u32,
    /// The epoch without whose migrants the island does not go on.
    awaited: Option<u32>,
    /// Migrants of epochs to come, by epoch and sender.
    #[serde(with = "crate::pairs")]
    inbox: BTreeMap<(u32, u32), Vec<Candidate>>,
    /// Islands that are over, and after which epoch they send nothing.
    over: BTreeMap<u32, u32>,
    /// Whether this island has said that it is over.
    said_farewell: bool,
}

/// The dealings of an island with the others.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    index: u32,
    routes: Routes,
    /// Migrants of one message, at most.
    size: usize,
    state: ExchangeState,
}

impl Exchange {
    pub(crate) fn new(settings: &RunSettings, state: ExchangeState) -> Self {
        let island = &settings.island;
        let (index, size) = (island.index, island.migration.size as usize);
        Self { index, routes: island.routes(settings.seed), size, state }
    }

    pub(crate) fn state(&self) -> &ExchangeState {
        &self.state
    }

    /// Takes a message in. `false` when it changes nothing: it is a repeat, too late, or not for this island.
    pub(crate) fn receive(&mut self, migrants: Migrants) -> bool {
        let Migrants { epoch, from, to, mut candidates, last } = migrants;
        let is_for_here = to == self.index && epoch > 0;
        if self.state.said_farewell || !is_for_here || !self.routes.audience(from).contains(&to) {
            return false;
        }
        let mut changed = false;
        if last {
            let known = self.state.over.get(&from).copied();
            // An island that was asked to stop after it had been restored can be over earlier than it said.
            let earlier = known.is_none_or(|known| epoch < known);
            if earlier {
                self.state.over.insert(from, epoch);
            }
            changed |= earlier;
        }
        let expected = self.routes.sources(epoch, to).contains(&from);
        if expected && epoch > self.state.taken && !self.state.inbox.contains_key(&(epoch, from)) {
            candidates.truncate(self.size);
            self.state.inbox.insert((epoch, from), candidates);
            changed = true;
        }
        changed
    }

    /// Enters that an epoch is sent, and returns to whom.
    pub(crate) fn depart(&mut self, epoch: u32) -> Vec<u32> {
        self.state.sent = epoch;
        self.routes.targets(epoch, self.index)
    }

    /// Enters that the island is over: it waits for nobody any more. Returns the epoch of its last message and to
    /// whom that goes; nobody when it was sent before.
    pub(crate) fn farewell(&mut self) -> (u32, Vec<u32>) {
        let audience = if self.state.said_farewell { vec![] } else { self.routes.audience(self.index) };
        self.state.said_farewell = true;
        self.state.awaited = None;
        self.state.inbox.clear();
        (self.state.sent + 1, audience)
    }

    /// From now on the island waits for the migrants of an epoch.
    pub(crate) fn expect(&mut self, epoch: u32) {
        self.state.awaited = Some(epoch);
    }

    /// Whether the island waits for migrants.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state.awaited.is_some()
    }

    /// The islands whose migrants it waits for, in ascending order.
    pub(crate) fn missing(&self) -> Vec<u32> {
        let Some(epoch) = self.state.awaited else { return vec![] };
        let is_missing = |from: &u32| {
            let is_over = self.state.over.get(from).is_some_and(|last| *last <= epoch);
            !is_over && !self.state.inbox.contains_key(&(epoch, *from))
        };
        self.routes.sources(epoch, self.index).into_iter().filter(is_missing).collect()
    }

    /// The migrants that the island waits for, in the order of their islands; `None` while some have not come. Those
    /// that were born here, or come twice, are no newcomers.
    pub(crate) fn take(&mut self, ledger: &Ledger) -> Option<Vec<Arrival>> {
        let epoch = self.state.awaited.filter(|_| self.missing().is_empty())?;
        self.state.awaited = None;
        self.state.taken = epoch;
        let later = self.state.inbox.split_off(&(epoch + 1, 0));
        let due = std::mem::replace(&mut self.state.inbox, later);
        let mut seen = vec![];
        let arrivals = due.into_iter().filter(|((of, _), _)| *of == epoch).map(|((_, from), candidates)| {
            let count = candidates.len();
            let mut newcomers = candidates;
            newcomers.retain(|candidate| {
                let is_new = ledger.born(candidate.id()).is_none() && !seen.contains(&candidate.id());
                seen.push(candidate.id());
                is_new
            });
            Arrival::new(epoch, from, count, newcomers)
        });
        Some(arrivals.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Topology;
    use super::*;
    use crate::case::{Case, CaseSet};

    fn exchange(topology: Topology, index: u32, count: u32) -> Exchange {
        let routes = Routes::new(topology, 1, count);
        Exchange { index, routes, size: 2, state: ExchangeState::default() }
    }

    fn candidate(text: &str) -> Candidate {
        Candidate::from_instruction(text).unwrap()
    }

    fn migrants(epoch: u32, from: u32, to: u32, texts: &[&str]) -> Migrants {
        let candidates = texts.iter().map(|text| candidate(text)).collect();
        Migrants { epoch, from, to, candidates, last: false }
    }

    fn farewell(epoch: u32, from: u32, to: u32) -> Migrants {
        Migrants { last: true, ..migrants(epoch, from, to, &[]) }
    }

    fn ledger() -> Ledger {
        let case = |input| vec![Case::new(input, "x")];
        Ledger::new(&CaseSet::new(case("train"), case("validation")).unwrap())
    }

    fn texts(arrivals: &[Arrival]) -> Vec<(u32, Vec<String>)> {
        let text = |candidate: &Candidate| candidate.component("instruction").to_owned();
        let of = |arrival: &Arrival| (arrival.from, arrival.newcomers.iter().map(text).collect());
        arrivals.iter().map(of).collect()
    }

    #[test]
    fn waits_for_all_and_takes_them_in_the_order_of_their_islands() {
        let mut exchange = exchange(Topology::Full, 1, 4);
        assert!(exchange.receive(migrants(1, 3, 1, &["c"])), "ahead of time");
        exchange.expect(1);
        assert_eq!(exchange.missing(), [0, 2]);
        assert!(exchange.take(&ledger()).is_none());
        assert!(exchange.receive(migrants(1, 2, 1, &["b", "c", "too many"])));
        assert!(exchange.receive(migrants(2, 0, 1, &["later"])));
        assert!(exchange.receive(migrants(1, 0, 1, &["a"])));
        let arrivals = exchange.take(&ledger()).unwrap();
        let expected = [(0, vec!["a".into()]), (2, vec!["b".into(), "c".into()]), (3, vec![])];
        assert_eq!(texts(&arrivals), expected);
        exchange.expect(2);
        assert_eq!(exchange.missing(), [2, 3], "what came ahead of time was kept");
    }

    #[test]
    fn repeated_late_and_unknown_messages_change_nothing() {
        let mut exchange = exchange(Topology::Ring, 1, 3);
        assert!(exchange.receive(migrants(1, 0, 1, &["a"])));
        assert!(!exchange.receive(migrants(1, 0, 1, &["b"])), "a repeat");
        exchange.expect(1);
        assert_eq!(texts(&exchange.take(&ledger()).unwrap()), [(0, vec!["a".into()])]);
        let wrong = [
            migrants(1, 0, 1, &["late"]),
            migrants(2, 2, 1, &["not a source"]),
            migrants(2, 0, 2, &["not for this island"]),
            migrants(2, 1, 1, &["from itself"]),
            migrants(2, 7, 1, &["from nobody"]),
            migrants(0, 0, 1, &["of no epoch"]),
            farewell(2, 2, 1),
        ];
        for message in wrong {
            let name = format!("{message:?}");
            assert!(!exchange.receive(message), "{name}");
        }
        exchange.expect(2);
        assert_eq!(exchange.missing(), [0]);
    }

    #[test]
    fn who_is_over_is_not_waited_for_after_its_last_epoch() {
        let mut exchange = exchange(Topology::Full, 0, 3);
        assert!(exchange.receive(farewell(3, 1, 0)));
        assert!(!exchange.receive(farewell(3, 1, 0)));
        exchange.expect(2);
        assert_eq!(exchange.missing(), [1, 2], "it sent the epochs before its last");
        exchange.expect(3);
        assert_eq!(exchange.missing(), [2]);
        assert!(exchange.receive(farewell(1, 1, 0)), "it was over earlier than it said");
        exchange.expect(2);
        assert_eq!(exchange.missing(), [2]);
    }

    #[test]
    fn goes_on_from_its_durable_part() {
        let mut before = exchange(Topology::Full, 0, 4);
        before.expect(2);
        assert!(before.receive(migrants(2, 1, 0, &["a"])) && before.receive(farewell(1, 2, 0)));
        let text = serde_json::to_string(before.state()).unwrap();
        let mut after = Exchange { state: serde_json::from_str(&text).unwrap(), ..before };
        assert_eq!(after.missing(), [3]);
        assert!(!after.receive(migrants(2, 1, 0, &["b"])), "it came before");
        assert!(after.receive(farewell(2, 3, 0)));
        assert_eq!(texts(&after.take(&ledger()).unwrap())[0], (1, vec!["a".into()]));
    }

    #[test]
    fn says_farewell_once_to_all_who_could_expect_something() {
        let mut exchange = exchange(Topology::Random, 1, 4);
        exchange.depart(1);
        exchange.expect(1);
        assert_eq!(exchange.farewell(), (2, vec![0, 2, 3]));
        assert!(!exchange.is_waiting());
        assert_eq!(exchange.farewell().1, [0; 0]);
    }
}
