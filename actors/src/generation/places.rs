//! How a generation gets places in pools, on its own node and on others.

use std::collections::HashSet;
use std::time::Duration;

use evohub_evolution::Digest;
use evohub_monitoring::traces::TraceContext;
use tokio::time::Instant;

use super::{GenerationReport, GenerationState, Host};
use crate::means::useful_places;
use crate::wire::{WANT, Want, encode};

/// A want is said again after so many ticks, for as long as it holds.
const RENEWAL_TICKS: u64 = 4;
/// How long other nodes are waited for to say what they take, and which calls of the job they have under way.
const ADOPTION: Duration = Duration::from_secs(1);

impl GenerationState {
    /// Asks all pools for as much as is of use.
    pub(super) fn ask_for_places(&mut self) {
        self.wanted = self.most_useful();
        // Islands that begin together must agree on who measures their seeds.
        let has_siblings = self.arguments.means.prepared.spec.islands.count > 1;
        let first = (self.arguments.adopting || has_siblings) && self.asked.is_empty();
        let others = self.hosts();
        if first && !others.is_empty() {
            self.adopting = Some((others.iter().cloned().collect(), Instant::now() + ADOPTION));
        }
        self.ask(Host::Here);
        others.into_iter().for_each(|host| self.ask(host));
    }

    /// The other nodes that can help.
    fn hosts(&self) -> Vec<Host> {
        let names = self.node().helpers(self.arguments.means.evaluator());
        names.into_iter().map(Host::There).collect()
    }

    fn ask(&mut self, host: Host) {
        let means = &self.arguments.means;
        let calls = self.arguments.adopting && !self.asked.contains(&host);
        match &host {
            Host::Here => {
                let cap = useful_places(&means.prepared.spec, means.tools());
                means.node.grants.want(&means.node, self.consumer, &means.job, self.wanted, cap as u32);
            }
            Host::There(name) => {
                let want = Want {
                    consumer: self.consumer,
                    job: means.job.clone(),
                    places: self.wanted,
                    fingerprint: means.tools().fingerprint.clone(),
                    calls,
                };
                if let Some(cluster) = means.node.cluster() {
                    // It is said again soon.
                    let _ = cluster.cast(name, WANT, &TraceContext::default(), encode(&want));
                }
            }
        }
        self.asked.insert(host);
    }

    fn most_useful(&self) -> u32 {
        self.arguments.most.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX))
    }

    /// A pool grants places, and says which calls of the job are under way there if it was asked.
    pub(super) fn granted(&mut self, host: Host, places: Option<usize>, calls: Option<Vec<Digest>>) {
        let was_asked = self.asked.contains(&host);
        if let Some((waited_for, _)) = &mut self.adopting {
            waited_for.remove(&host);
        }
        for key in calls.unwrap_or_default() {
            self.calls.insert(key, host.clone());
        }
        match places {
            Some(places) if was_asked => self.crew.grant(host, places),
            Some(_) => {}
            None => self.crew.lose(&host),
        }
    }

    /// Whether it is still waited for what other nodes say.
    pub(super) fn is_adopting(&mut self) -> bool {
        if self.adopting.as_ref().is_some_and(|(hosts, until)| hosts.is_empty() || *until <= Instant::now()) {
            self.adopting = None;
        }
        self.adopting.is_some()
    }

    /// Nodes that came are asked, nodes that went are lost.
    pub(super) fn nodes_changed(&mut self) {
        let hosts: HashSet<Host> = self.hosts().into_iter().collect();
        let gone: Vec<Host> =
            self.asked.iter().filter(|host| **host != Host::Here && !hosts.contains(host)).cloned().collect();
        for host in gone {
            self.asked.remove(&host);
            self.crew.lose(&host);
            self.calls.retain(|_, at| *at != host);
            if let Some((waited_for, _)) = &mut self.adopting {
                waited_for.remove(&host);
            }
        }
        let new: Vec<Host> = hosts.into_iter().filter(|host| !self.asked.contains(host)).collect();
        new.into_iter().for_each(|host| self.ask(host));
    }

    /// Says again what is of use: as much as there is to do.
    pub(super) fn renew_places(&mut self) {
        if !self.ticks.is_multiple_of(RENEWAL_TICKS) {
            return;
        }
        if self.open.len() < self.crew.places() {
            self.wanted = u32::try_from(self.open.len()).unwrap_or(u32::MAX).max(1);
        }
        self.nodes_changed();
        let hosts: Vec<Host> = self.asked.iter().cloned().collect();
        hosts.into_iter().for_each(|host| self.ask(host));
    }

    /// More to do than there are places: all that can be had is of use again.
    pub(super) fn want_enough(&mut self) {
        let most = self.most_useful();
        if self.wanted < most && self.open.len() >= self.crew.places() && !self.open.is_empty() {
            self.wanted = most;
            let hosts: Vec<Host> = self.asked.iter().cloned().collect();
            hosts.into_iter().for_each(|host| self.ask(host));
        }
    }

    pub(super) fn report_places(&mut self) {
        let places = self.crew.places();
        if places != self.places {
            self.places = places;
            (self.arguments.report)(GenerationReport::Places(places));
        }
    }

    /// Nothing is of use any more.
    pub(super) fn leave_pools(&mut self) {
        self.wanted = 0;
        let hosts: Vec<Host> = self.asked.iter().filter(|host| **host != Host::Here).cloned().collect();
        hosts.into_iter().for_each(|host| self.ask(host));
    }
}
