//! A node at work: what happens at its links goes to its membership, and what that asks for is done.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use evohub_monitoring::metrics::{NodeState, Refusal};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::endpoint::{Admission, Endpoint, Failure, Happening};
use crate::link::Link;
use crate::{
    Action, Change, Event, Gossip, Load, MemberState, Membership, MembershipConfig, Peer, UnlinkCause, View,
};

/// How long a link that another has replaced is kept for the calls under way.
const GRACE: Duration = Duration::from_secs(2);

/// How long what was sent last may take when the node leaves.
const GOODBYE: Duration = Duration::from_millis(500);

/// What those who use the node want of it.
#[derive(Debug)]
pub(crate) enum Order {
    /// Tell others what the node has to do.
    Report(Load),
    /// Take no new work.
    Drain,
    /// Say goodbye, and close everything.
    Leave(oneshot::Sender<()>),
}

/// A node at work.
#[derive(Debug)]
pub(crate) struct Node {
    endpoint: Arc<Endpoint>,
    membership: Membership,
    tick: Duration,
    started: Instant,
    view: watch::Sender<Arc<View>>,
    changes: broadcast::Sender<Change>,
    dialling: HashSet<String>,
    /// Why addresses could not be linked with, for each reason to be logged once.
    complaints: HashMap<String, Failure>,
    acceptor: JoinHandle<()>,
    is_over: bool,
}

impl Node {
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        membership: Membership,
        config: &MembershipConfig,
        (view, changes): (watch::Sender<Arc<View>>, broadcast::Sender<Change>),
        acceptor: JoinHandle<()>,
    ) -> Self {
        Self {
            endpoint,
            membership,
            tick: config.tick(),
            started: Instant::now(),
            view,
            changes,
            dialling: HashSet::new(),
            complaints: HashMap::new(),
            acceptor,
            is_over: false,
        }
    }

    /// Works until it is told to leave, or nobody is left who could tell it to.
    pub(crate) async fn run(
        mut self,
        mut happenings: mpsc::UnboundedReceiver<Happening>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let mut ticks = interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaving = None;
        while !self.is_over {
            tokio::select! {
                _ = ticks.tick() => self.tick(),
                Some(happening) = happenings.recv() => self.happened(happening),
                order = orders.recv() => match order {
                    Some(Order::Report(load)) => self.step(Event::LoadChanged(load)),
                    Some(Order::Drain) => self.step(Event::Drain),
                    Some(Order::Leave(done)) => {
                        self.step(Event::Leave);
                        leaving = Some(done);
                        self.is_over = true;
                    }
                    None => {
                        self.step(Event::Leave);
                        self.is_over = true;
                    }
                },
            }
        }
        self.stop().await;
        drop(leaving);
    }

    /// Closes everything, once what was sent last has arrived.
    async fn stop(&mut self) {
        self.acceptor.abort();
        let quiet = async {
            while !self.endpoint.links().all().iter().all(|link| link.is_idle()) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        // Who does not listen any more will find out.
        let _ = timeout(GOODBYE, quiet).await;
        for link in self.endpoint.links().all() {
            link.shut(UnlinkCause::Stopped);
        }
        self.endpoint.stop();
    }

    fn tick(&mut self) {
        for link in self.endpoint.links().all().iter().filter(|link| link.is_stalled()) {
            tracing::warn!(peer = %link.peer(), "a peer does not handle what it is sent: its link is closed");
            link.close(UnlinkCause::Stopped, "what was sent has not been handled in time");
        }
        self.step(Event::Tick);
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Opened { link, address, admission } => {
                if let Some(address) = &address {
                    self.dialling.remove(address);
                    self.complaints.remove(address);
                }
                self.opened(&link, address, admission);
            }
            Happening::Closed { link, cause, stood: true } => self.closed(&link, cause),
            Happening::Closed { stood: false, .. } => {}
            Happening::Failed { address, failure } => {
                if let Some(address) = address {
                    self.failed(address, failure);
                }
            }
            Happening::Gossip { from, gossip } => {
                self.endpoint.heard_gossip();
                self.step(Event::Gossip { from, gossip });
            }
        }
    }

    fn opened(&mut self, link: &Arc<Link>, address: Option<String>, admission: Admission) {
        let Some(id) = link.node().cloned() else { return self.opened_to_client(link, admission) };
        if let Some(address) = address {
            self.step(Event::Reached { address, peer: id.name.clone() });
        }
        let newest = self.view.borrow().members.get(&id.name).cloned();
        if let Some(newest) = newest.filter(|newest| newest.id.incarnation.boot > id.incarnation.boot) {
            // It may have been frozen while another took its name, and can learn it from nobody else.
            link.gossip(&Gossip { members: vec![newest], asks: vec![] });
            return link.close(UnlinkCause::Stopped, "a newer process has the name");
        }
        match admission {
            Admission::Spare => return retire(link),
            Admission::Instead(other) => return retire(&other),
            Admission::Outdated | Admission::Crowded => {
                return link.close(UnlinkCause::Stopped, "the node has a newer life");
            }
            Admission::After(other) => other.close(UnlinkCause::Stopped, "the node has a newer life"),
            Admission::First => {}
        }
        tracing::info!(node = %id, address = %link.facts().address, "linked");
        self.step(Event::Linked { peer: id, facts: link.facts().clone() });
    }

    fn opened_to_client(&self, link: &Arc<Link>, admission: Admission) {
        tracing::debug!(client = %link.peer(), ?admission, "linked");
        match admission {
            Admission::Instead(other) => other.close(UnlinkCause::Stopped, "the client has a newer link"),
            Admission::Crowded => {
                self.endpoint.metrics().cluster.refused(Refusal::Crowded);
                link.close(UnlinkCause::Stopped, "there is no room for another client");
            }
            Admission::First | Admission::After(_) | Admission::Spare | Admission::Outdated => {}
        }
    }

    fn closed(&mut self, link: &Arc<Link>, cause: UnlinkCause) {
        self.endpoint.service().gone(link.peer());
        if let Some(peer) = link.node().cloned() {
            tracing::info!(node = %peer, ?cause, "unlinked");
            self.step(Event::Unlinked { peer, cause });
        }
    }

    fn failed(&mut self, address: String, failure: Failure) {
        self.dialling.remove(&address);
        if failure == Failure::Myself
            && let Peer::Node(myself) = self.endpoint.myself()
        {
            return self.step(Event::Reached { address, peer: myself.name });
        }
        let refused = failure == Failure::Refused;
        if self.complaints.get(&address) == Some(&failure) {
            tracing::debug!(%address, reason = %failure, "a node cannot be linked with");
        } else {
            tracing::warn!(%address, reason = %failure, "a node cannot be linked with; it is tried again");
            self.complaints.insert(address.clone(), failure);
        }
        self.step(Event::DialFailed { address, refused });
    }

    fn step(&mut self, event: Event) {
        let actions = self.membership.step(self.started.elapsed(), event);
        let mut changes = vec![];
        for action in actions {
            match action {
                Action::Dial { address } => {
                    if self.dialling.insert(address.clone()) {
                        self.endpoint.dial(address);
                    }
                }
                Action::Send { to, gossip } => {
                    if let Some(link) = self.endpoint.links().node(&to) {
                        link.gossip(&gossip);
                    }
                }
                Action::Unlink { peer, why } => {
                    let link = self.endpoint.links().node(&peer.name);
                    if let Some(link) = link.filter(|link| link.node() == Some(&peer)) {
                        link.close(UnlinkCause::Stopped, &why);
                    }
                }
                Action::Changed(change) => changes.push(change),
            }
        }
        self.publish();
        for change in changes {
            self.changed(change);
        }
    }

    fn changed(&mut self, change: Change) {
        match &change {
            Change::Reborn(id) => {
                tracing::warn!(node = %id, "others had declared this node dead: it has a new life");
                self.endpoint.rename(Peer::Node(id.clone()));
            }
            Change::Down { id, cause } if Peer::Node(id.clone()) == self.endpoint.myself() => {
                tracing::error!(node = %id, cause = cause.as_str(), "another process has the name of this node: it stops");
                self.is_over = true;
            }
            Change::Up(id) => tracing::info!(node = %id, "a node is up"),
            Change::Draining(id) => tracing::info!(node = %id, "a node takes no new work"),
            Change::Down { id, cause } => {
                tracing::warn!(node = %id, cause = cause.as_str(), "a node is down")
            }
        }
        // Nobody may want to know.
        let _ = self.changes.send(change);
    }

    /// Shows the view where it has changed.
    fn publish(&self) {
        let view = self.membership.view();
        let is_new = self.view.send_if_modified(|shown| {
            let is_new = **shown != view;
            if is_new {
                *shown = Arc::new(view);
            }
            is_new
        });
        if is_new {
            self.count();
        }
    }

    fn count(&self) {
        let view = self.view.borrow();
        let metrics = &self.endpoint.metrics().cluster;
        for (state, shown) in [
            (MemberState::Alive, NodeState::Alive),
            (MemberState::Draining, NodeState::Draining),
            (MemberState::Left, NodeState::Left),
            (MemberState::Dead, NodeState::Dead),
        ] {
            metrics.nodes(shown, view.members.values().filter(|member| member.state == state).count());
        }
        let free = view.living().map(|member| u64::from(member.load.free_workers())).sum();
        let busy = view.living().map(|member| u64::from(member.load.busy)).sum();
        metrics.workers(free, busy);
    }
}

/// Closes a link that another has replaced, when the calls over it have come to an end.
fn retire(link: &Arc<Link>) {
    let link = Arc::clone(link);
    tokio::spawn(async move {
        let idle = async {
            // What the other end sends before it knows of the other link has to arrive too.
            sleep(GRACE / 4).await;
            while !link.is_idle() {
                sleep(GRACE / 40).await;
            }
        };
        // Those who call over it are told in the end.
        let _ = timeout(GRACE, idle).await;
        link.close(UnlinkCause::Stopped, "there is another link");
    });
}
