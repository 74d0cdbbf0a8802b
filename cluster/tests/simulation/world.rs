//! A cluster in simulated time: processes that die and freeze, links with delay, and a network that can be cut.

mod network;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::RangeInclusive;
use std::time::Duration;

use evohub_cluster::{
    Action, Change, Event, Facts, Gossip, Incarnation, Membership, MembershipConfig, NodeId, NodeName,
    UnlinkCause, View,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use network::{EndState, Link, pair};

/// After how long an unanswered dial, or a link on which nothing is acknowledged, is given up.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What a cluster is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    pub nodes: usize,
    /// All nodes know the addresses of this many.
    pub seeds: usize,
    /// The time that a message takes.
    pub delay: RangeInclusive<Duration>,
    pub seed: u64,
}

#[derive(Debug)]
pub struct World {
    setup: Setup,
    config: MembershipConfig,
    rng: Pcg64Mcg,
    now: Duration,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    counter: u64,
    nodes: Vec<Node>,
    links: Vec<Link>,
    /// The newest link of each pair.
    newest: BTreeMap<(usize, usize), usize>,
    cuts: BTreeSet<(usize, usize)>,
    /// What every node said of the others, and when.
    pub changes: Vec<(Duration, usize, Change)>,
    /// Messages sent by all.
    messages: u64,
}

#[derive(Debug)]
struct Node {
    name: NodeName,
    process: Option<Process>,
    boots: u64,
}

#[derive(Debug)]
struct Process {
    membership: Membership,
    boot: u64,
    /// What waits for a frozen process.
    frozen: Option<Vec<Happening>>,
    /// The lives that it was told of and not told the end of.
    up: BTreeSet<NodeId>,
}

#[derive(Debug, Clone)]
enum Happening {
    Tick { node: usize, boot: u64 },
    Connect { from: usize, boot: u64, to: usize },
    Outcome { node: usize, boot: u64, event: Event },
    Opened { link: usize, end: usize },
    Message { link: usize, end: usize, gossip: Gossip },
    Closed { link: usize, end: usize },
    Stalled { link: usize },
}

impl World {
    /// All nodes, none of them started.
    pub fn new(setup: Setup) -> Self {
        let node = |number| {
            let name = format!("n{number:03}").parse().unwrap();
            Node { name, process: None, boots: 0 }
        };
        Self {
            rng: Pcg64Mcg::seed_from_u64(setup.seed),
            config: MembershipConfig::default(),
            now: Duration::ZERO,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            counter: 0,
            nodes: (0..setup.nodes).map(node).collect(),
            links: Vec::new(),
            newest: BTreeMap::new(),
            cuts: BTreeSet::new(),
            changes: Vec::new(),
            messages: 0,
            setup,
        }
    }

    /// All nodes, started within a second and settled.
    pub fn settled(setup: Setup) -> Self {
        let mut world = Self::new(setup);
        for node in 0..world.nodes.len() {
            world.start(node);
        }
        let limit = Duration::from_secs(40);
        world.run_until(limit, |world| world.agreement().is_ok());
        world.agreement().expect("the cluster settles");
        world.run(Duration::from_secs(3));
        world
    }

    pub fn now(&self) -> Duration {
        self.now
    }

    pub fn view(&self, node: usize) -> Option<View> {
        self.nodes[node].process.as_ref().map(|process| process.membership.view())
    }

    pub fn is_running(&self, node: usize) -> bool {
        self.nodes[node].process.is_some()
    }

    pub fn is_frozen(&self, node: usize) -> bool {
        self.nodes[node].process.as_ref().is_some_and(|process| process.frozen.is_some())
    }

    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    pub fn name(&self, node: usize) -> &NodeName {
        &self.nodes[node].name
    }

    /// Starts a process, in place of an earlier one if there is one.
    pub fn start(&mut self, node: usize) {
        self.kill(node);
        let addresses = (0..self.setup.seeds).map(address).collect();
        let seed = self.rng.random();
        let entry = &mut self.nodes[node];
        entry.boots += 1;
        let boot = entry.boots;
        let id = NodeId { name: entry.name.clone(), incarnation: Incarnation::first(boot) };
        let membership = Membership::new(self.config.clone(), id, facts(node), addresses, seed);
        entry.process = Some(Process { membership, boot, frozen: None, up: BTreeSet::new() });
        let phase = self.rng.random_range(Duration::ZERO..self.config.tick());
        self.schedule(phase, Happening::Tick { node, boot });
    }

    /// Ends a process without a word; its machine closes its links and refuses new ones.
    pub fn kill(&mut self, node: usize) {
        if self.nodes[node].process.take().is_some() {
            for link in 0..self.links.len() {
                for end in 0..2 {
                    let it = &self.links[link].ends[end];
                    if it.node == node && it.state != EndState::Down {
                        self.close(link, end);
                    }
                }
            }
        }
    }

    /// A process says goodbye and ends.
    pub fn leave(&mut self, node: usize) {
        self.feed(node, Event::Leave);
        self.kill(node);
    }

    pub fn drain(&mut self, node: usize) {
        self.feed(node, Event::Drain);
    }

    /// Stops a process; its machine goes on taking what is sent to it.
    pub fn freeze(&mut self, node: usize) {
        if let Some(process) = &mut self.nodes[node].process {
            process.frozen.get_or_insert_default();
        }
    }

    pub fn thaw(&mut self, node: usize) {
        let Some(process) = &mut self.nodes[node].process else { return };
        let boot = process.boot;
        if let Some(waiting) = process.frozen.take() {
            let tick = Happening::Tick { node, boot };
            let first = self.rng.random::<bool>();
            let happenings = if first { [vec![tick], waiting] } else { [waiting, vec![tick]] };
            happenings.concat().into_iter().for_each(|happening| self.happen(happening));
        }
    }

    pub fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Goes on until something is so, or a time has passed; says after how long, checked about every 20 ms.
    pub fn run_until(&mut self, time: Duration, is_so: impl Fn(&Self) -> bool) -> Option<Duration> {
        let (start, end) = (self.now, self.now + time);
        let mut look = self.now;
        while let Some(&Reverse((at, number))) = self.queue.peek()
            && at <= end
        {
            if at >= look {
                self.now = look;
                if is_so(self) {
                    return Some(self.now - start);
                }
                look = at + Duration::from_millis(20);
            }
            self.queue.pop();
            self.now = at;
            let happening = self.happenings.remove(&number).unwrap();
            self.happen(happening);
        }
        self.now = end;
        is_so(self).then_some(time)
    }

    /// Whether every process that runs knows who runs, and reaches them all.
    pub fn agreement(&self) -> Result<(), String> {
        let running: BTreeMap<&NodeName, u64> = self
            .nodes
            .iter()
            .filter_map(|node| node.process.as_ref().map(|process| (&node.name, process.boot)))
            .collect();
        for node in &self.nodes {
            let Some(process) = &node.process else { continue };
            let view = process.membership.view();
            let known: BTreeMap<_, _> =
                view.living().map(|member| (member.name(), member.id.incarnation.boot)).collect();
            if known != running {
                let wrong = running.iter().filter(|(name, boot)| known.get(**name) != Some(*boot));
                let extra = known.iter().filter(|(name, _)| !running.contains_key(**name));
                return Err(format!(
                    "{} does not know {:?} and thinks that {:?} live",
                    node.name,
                    wrong.collect::<Vec<_>>(),
                    extra.collect::<Vec<_>>()
                ));
            }
            if !view.reachable.iter().eq(running.keys().copied()) {
                let missing = running.keys().filter(|name| !view.is_reachable(name));
                return Err(format!("{} does not reach {:?}", node.name, missing.collect::<Vec<_>>()));
            }
        }
        Ok(())
    }

    /// The messages that each node sends in a second, on average over a time.
    pub fn message_rate(&mut self, time: Duration) -> f64 {
        let before = self.messages;
        self.run(time);
        (self.messages - before) as f64 / self.nodes.len() as f64 / time.as_secs_f64()
    }

    fn happen(&mut self, happening: Happening) {
        let node = match &happening {
            Happening::Tick { node, .. } | Happening::Outcome { node, .. } => Some(*node),
            Happening::Opened { link, end }
            | Happening::Message { link, end, .. }
            | Happening::Closed { link, end } => Some(self.links[*link].ends[*end].node),
            Happening::Connect { .. } | Happening::Stalled { .. } => None,
        };
        if let Some(waiting) = node.and_then(|node| self.nodes[node].process.as_mut()?.frozen.as_mut()) {
            // The next tick comes when the process goes on.
            if !matches!(happening, Happening::Tick { .. }) {
                waiting.push(happening);
            }
            return;
        }
        match happening {
            Happening::Tick { node, boot } => {
                if self.boot(node) == Some(boot) {
                    let tick = self.config.tick();
                    self.schedule(tick, Happening::Tick { node, boot });
                    self.feed(node, Event::Tick);
                }
            }
            Happening::Outcome { node, boot, event } => {
                if self.boot(node) == Some(boot) {
                    self.feed(node, event);
                }
            }
            Happening::Connect { from, boot, to } => self.connect(from, boot, to),
            Happening::Opened { link, end } => self.open(link, end),
            Happening::Message { link, end, gossip } => {
                let from = self.links[link].ends[1 - end].id.name.clone();
                let to = &self.links[link].ends[end];
                if to.state == EndState::Up && self.boot(to.node) == Some(to.boot) {
                    self.feed(to.node, Event::Gossip { from, gossip });
                }
            }
            Happening::Closed { link, end } => {
                let peer = self.links[link].ends[1 - end].id.clone();
                let it = &mut self.links[link].ends[end];
                let was = std::mem::replace(&mut it.state, EndState::Down);
                let (node, boot) = (it.node, it.boot);
                if was == EndState::Up && self.boot(node) == Some(boot) {
                    self.feed(node, Event::Unlinked { peer, cause: UnlinkCause::Closed });
                }
            }
            Happening::Stalled { link } => {
                let [one, other] = [0, 1].map(|end| self.links[link].ends[end].node);
                if self.links[link].is_stalled && self.is_severed(one, other) {
                    self.happen(Happening::Closed { link, end: 0 });
                    self.happen(Happening::Closed { link, end: 1 });
                }
            }
        }
    }

    fn feed(&mut self, node: usize, event: Event) {
        let Some(process) = &mut self.nodes[node].process else { return };
        let actions = process.membership.step(self.now, event);
        for action in actions {
            self.perform(node, action);
        }
    }

    fn perform(&mut self, node: usize, action: Action) {
        match action {
            Action::Dial { address } => {
                let (to, boot) = (node_at(&address), self.boot(node).unwrap());
                if to == node {
                    let event = Event::Reached { address, peer: self.nodes[node].name.clone() };
                    self.schedule(Duration::ZERO, Happening::Outcome { node, boot, event });
                } else {
                    let delay = self.delay();
                    self.schedule(delay, Happening::Connect { from: node, boot, to });
                }
            }
            Action::Send { to, gossip } => {
                self.messages += 1;
                assert!(
                    gossip.members.len() <= Gossip::MAX_MEMBERS && gossip.asks.len() <= Gossip::MAX_ASKED
                );
                let to = self.number(&to);
                let link = self.newest[&pair(node, to)];
                let ends = &mut self.links[link].ends;
                let end = usize::from(ends[1].node == to);
                if ends[1 - end].state != EndState::Up {
                    return;
                }
                if self.is_severed(node, to) && !std::mem::replace(&mut self.links[link].is_stalled, true) {
                    self.schedule(TIMEOUT, Happening::Stalled { link });
                }
                if self.cuts.contains(&(node, to)) {
                    self.links[link].ends[end].held.push(gossip);
                } else {
                    self.deliver(link, end, |link, end| Happening::Message { link, end, gossip });
                }
            }
            Action::Unlink { peer, .. } => {
                let other = self.number(&peer.name);
                let all = self.links.iter().enumerate().rev();
                let meant = all
                    .filter(|(_, link)| link.ends.iter().any(|end| end.node == node))
                    .find(|(_, link)| link.ends.iter().any(|end| end.node == other && end.id == peer));
                if let Some((link, it)) = meant {
                    let end = usize::from(it.ends[1].node == node);
                    if it.ends[end].state == EndState::Up {
                        self.close(link, end);
                        self.feed(node, Event::Unlinked { peer, cause: UnlinkCause::Stopped });
                    }
                }
            }
            Action::Changed(change) => {
                let up = &mut self.nodes[node].process.as_mut().unwrap().up;
                match &change {
                    Change::Up(id) => {
                        assert!(up.iter().all(|other| other.name != id.name), "{id} is up twice");
                        up.insert(id.clone());
                    }
                    Change::Down { id, .. } => assert!(up.remove(id), "{id} is down and was not up"),
                    Change::Draining(id) => assert!(up.contains(id), "{id} drains and is not up"),
                    Change::Reborn(_) => {}
                }
                self.changes.push((self.now, node, change));
            }
        }
    }

    fn schedule(&mut self, wait: Duration, happening: Happening) {
        self.counter += 1;
        self.queue.push(Reverse((self.now + wait, self.counter)));
        self.happenings.insert(self.counter, happening);
    }

    fn delay(&mut self) -> Duration {
        self.rng.random_range(self.setup.delay.clone())
    }

    fn boot(&self, node: usize) -> Option<u64> {
        self.nodes[node].process.as_ref().map(|process| process.boot)
    }

    fn number(&self, name: &NodeName) -> usize {
        name.as_str()[1..].parse().unwrap()
    }
}

fn facts(node: usize) -> Facts {
    Facts { address: address(node), ..Facts::default() }
}

fn address(node: usize) -> String {
    format!("host:{node}")
}

fn node_at(address: &str) -> usize {
    address.strip_prefix("host:").unwrap().parse().unwrap()
}
