//! Several islands in simulated time: their messages take long, come twice and out of order, and islands die.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use evohub_evolution::optimizers::suite::{Setup, family_tree, result_of};
use evohub_evolution::rng::{RunRng, stream};
use evohub_evolution::{
    Action, AlgorithmConfig, Budget, CaseSet, Checkpoint, Event, Finish, IslandSettings, Migrants,
    MigrationConfig, Operators, Run, RunEvent, RunSettings,
};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// How an archipelago goes.
#[derive(Debug, Clone)]
pub struct Waters {
    /// How each island goes; the budget is that of all together. Every result and message comes twice where it says
    /// `duplicates`.
    pub setup: Setup,
    /// Algorithms that the first islands have of their own.
    pub own: Vec<AlgorithmConfig>,
    pub count: u32,
    pub migration: MigrationConfig,
    /// How many times an island dies and goes on from a checkpoint.
    pub deaths: u32,
    /// The island that is asked to stop, and after how many things that happened to any of them.
    pub stop: Option<(u32, u32)>,
    /// The budget of the last island, if it is another than its share.
    pub last_budget: Option<Budget>,
}

/// What came of an island.
#[derive(Debug)]
pub struct Isle {
    pub budget: Budget,
    pub finish: Finish,
    pub tree: Vec<String>,
    pub evaluations: u64,
    pub dollars: f64,
    /// What observers were told; what an island that died tells again is among it.
    pub events: Vec<RunEvent>,
}

/// Every message by epoch, sender, receiver, and whether it is a farewell.
pub type Post = BTreeMap<(u32, u32, u32, bool), Migrants>;

/// What came of all.
#[derive(Debug)]
pub struct Archipelago {
    pub isles: Vec<Isle>,
    pub sent: Post,
    /// Messages that came again from islands that had died.
    pub sent_again: u32,
    /// Moments at which an island stood still for want of migrants.
    pub waits: u32,
}

const MEDIAN_MESSAGE: f64 = 2.0;
/// Messages differ more than calls do: some overtake all others, some are late by several generations.
const SIGMA_MESSAGE: f64 = 2.0;
const SIGMA_CALL: f64 = 0.8;

struct Island {
    settings: Arc<RunSettings>,
    run: Run,
    checkpoint: Option<String>,
    /// Grows with each death: what was under way for the dead is lost.
    life: u32,
    in_flight: usize,
    finish: Option<Finish>,
    events: Vec<RunEvent>,
}

struct Sea<'a> {
    waters: &'a Waters,
    cases: Arc<CaseSet>,
    operators: Arc<Operators>,
    islands: Vec<Island>,
    rng: RunRng,
    now: f64,
    next: u64,
    arrivals: BinaryHeap<Reverse<(u64, u64)>>,
    /// The island, the life that it was ordered in (none for a message), and what happens to it.
    letters: HashMap<u64, (usize, Option<u32>, Event)>,
    sent: Post,
    sent_again: u32,
    waits: u32,
    is_stopped: bool,
}

/// Runs all islands to their end.
pub fn sail(waters: &Waters) -> Archipelago {
    let whole = RunSettings {
        island: IslandSettings { index: 0, count: waters.count, migration: waters.migration },
        ..waters.setup.settings()
    };
    let (cases, operators) = (Arc::new(waters.setup.cases()), Arc::new(waters.setup.operators()));
    let island = |index| {
        let mut settings = whole.for_island(index);
        if let Some(budget) = waters.last_budget.filter(|_| index + 1 == waters.count) {
            settings.budget = budget;
        }
        if let Some(own) = waters.own.get(index as usize) {
            settings.ranking_cases = own.ranking_cases(cases.validation.len(), settings.budget.evaluations);
            settings.algorithm = own.clone();
        }
        settings.island.validate().unwrap();
        let settings = Arc::new(settings);
        let run = Run::new(Arc::clone(&settings), Arc::clone(&cases), Arc::clone(&operators));
        Island { settings, run, checkpoint: None, life: 0, in_flight: 0, finish: None, events: vec![] }
    };
    let mut sea = Sea {
        islands: (0..waters.count).map(island).collect(),
        waters,
        cases: Arc::clone(&cases),
        operators: Arc::clone(&operators),
        rng: stream(waters.setup.latencies, "sea", 0),
        now: 0.0,
        next: 0,
        arrivals: BinaryHeap::new(),
        letters: HashMap::new(),
        sent: BTreeMap::new(),
        sent_again: 0,
        waits: 0,
        is_stopped: false,
    };
    sea.sail();
    let isle = |island: Island| {
        assert!(island.run.waiting_for().is_empty(), "who is over waits for nobody");
        Isle {
            budget: island.settings.budget,
            finish: island.finish.unwrap(),
            tree: family_tree(&island.run),
            evaluations: island.run.account().evaluations(),
            dollars: island.run.account().spent().dollars,
            events: island.events,
        }
    };
    Archipelago {
        isles: sea.islands.into_iter().map(isle).collect(),
        sent: sea.sent,
        sent_again: sea.sent_again,
        waits: sea.waits,
    }
}

impl Sea<'_> {
    fn sail(&mut self) {
        let mut deaths = self.waters.deaths;
        let mut happened = 0;
        (0..self.islands.len()).for_each(|at| self.fill(at));
        while let Some(Reverse((time, number))) = self.arrivals.pop() {
            self.now = time as f64 / 1e9;
            let (at, life, event) = self.letters.remove(&number).unwrap();
            if life.is_some_and(|life| life != self.islands[at].life) {
                continue;
            }
            let is_work = life.is_some();
            self.islands[at].in_flight -= usize::from(is_work);
            self.step(at, event.clone());
            if self.waters.setup.duplicates {
                self.step(at, event);
            }
            self.fill(at);
            happened += 1;
            if let Some((island, after)) = self.waters.stop
                && happened == after
            {
                self.is_stopped = true;
                self.step(island as usize, Event::StopAsked);
            }
            if deaths > 0 && self.rng.random_bool(0.02) {
                deaths -= 1;
                self.die();
            }
        }
        for island in &self.islands {
            let (index, waits) = (island.settings.island.index, island.run.waiting_for());
            assert!(island.finish.is_some(), "island {index} stands still and waits for {waits:?}");
        }
    }

    fn step(&mut self, at: usize, event: Event) {
        let actions = self.islands[at].run.step(event);
        self.carry_out(at, actions);
    }

    fn fill(&mut self, at: usize) {
        let count = self.waters.setup.slots.saturating_sub(self.islands[at].in_flight);
        self.step(at, Event::SlotsFree { count });
        let island = &self.islands[at];
        if island.in_flight == 0 && island.finish.is_none() {
            assert!(!island.run.waiting_for().is_empty(), "it stands still and waits for nobody");
            self.waits += 1;
        }
    }

    fn carry_out(&mut self, at: usize, actions: Vec<Action>) {
        let mut checkpoint = false;
        for action in actions {
            if let Some((median, event)) = result_of(&action, &self.waters.setup) {
                let life = self.islands[at].life;
                self.islands[at].in_flight += 1;
                self.post(at, Some(life), event, (median, SIGMA_CALL));
                continue;
            }
            let island = &mut self.islands[at];
            match action {
                Action::Emigrate(migrants) => self.send(migrants),
                Action::Announce(event) => island.events.push(event),
                Action::Checkpoint => checkpoint = true,
                Action::Finish(finish) => {
                    let before = island.finish.replace(finish.clone());
                    assert!(before.is_none_or(|before| before == finish));
                }
                _ => {}
            }
        }
        // Checkpoints are written as often as one can afford, which is not always.
        if checkpoint && self.rng.random_bool(0.6) {
            self.islands[at].checkpoint = Some(self.islands[at].run.checkpoint());
        }
    }

    fn send(&mut self, migrants: Migrants) {
        let key = (migrants.epoch, migrants.from, migrants.to, migrants.last);
        // Where dollars are limited, the last proposals depend on what earlier ones had cost by then.
        let is_repeatable = self.waters.setup.budget.dollars.is_none();
        match self.sent.get(&key) {
            Some(before) => {
                assert!(!is_repeatable || before == &migrants, "what is sent again is the same");
                self.sent_again += 1;
            }
            None => drop(self.sent.insert(key, migrants.clone())),
        }
        self.deliver(migrants);
    }

    fn deliver(&mut self, migrants: Migrants) {
        let times = if self.waters.setup.duplicates { 2 } else { 1 };
        for _ in 0..times {
            let event = Event::Immigrated(migrants.clone());
            self.post(migrants.to as usize, None, event, (MEDIAN_MESSAGE, SIGMA_MESSAGE));
        }
    }

    fn post(&mut self, at: usize, life: Option<u32>, event: Event, (median, sigma): (f64, f64)) {
        let noise: f64 = StandardNormal.sample(&mut self.rng);
        let arrives = self.now + median * (sigma * noise).exp();
        self.letters.insert(self.next, (at, life, event));
        self.arrivals.push(Reverse(((arrives * 1e9) as u64, self.next)));
        self.next += 1;
    }

    /// An island is lost with all that was under way for it, and goes on from its last checkpoint elsewhere. There
    /// it is given all that was ever sent to it.
    fn die(&mut self) {
        let at = self.rng.random_range(0..self.islands.len());
        let island = &mut self.islands[at];
        if island.finish.is_some() {
            return;
        }
        let settings = (Arc::clone(&island.settings), Arc::clone(&self.cases), Arc::clone(&self.operators));
        island.run = match &island.checkpoint {
            None => Run::new(settings.0, settings.1, settings.2),
            Some(text) => {
                let checkpoint = Checkpoint::from_text(text).unwrap();
                let run = Run::restore(checkpoint, settings.0, settings.1, settings.2).unwrap();
                assert_eq!(&run.checkpoint(), text, "a restored run has the same state");
                run
            }
        };
        island.life += 1;
        island.in_flight = 0;
        let again = island.run.in_flight();
        self.carry_out(at, again);
        let to_it: Vec<Migrants> =
            self.sent.values().filter(|migrants| migrants.to as usize == at).cloned().collect();
        to_it.into_iter().for_each(|migrants| self.deliver(migrants));
        if self.is_stopped && self.waters.stop.is_some_and(|(island, _)| island as usize == at) {
            self.step(at, Event::StopAsked);
        }
        self.fill(at);
    }
}
