use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn consumer(number: u64) -> ConsumerId {
    ConsumerId { node: "a".parse().unwrap(), number }
}

fn permits(grants: &[Grant]) -> Vec<(u64, u32)> {
    grants.iter().map(|grant| (grant.consumer.number, grant.permits)).collect()
}

#[test]
fn who_comes_gets_an_even_share_of_what_is_not_in_use() {
    let mut allotment = Allotment::new(10);
    assert_eq!(permits(&allotment.want(at(0), &consumer(1), "job", 20, None)), [(1, 10)]);
    for _ in 0..8 {
        assert!(allotment.begin(at(1), &consumer(1)));
    }
    assert_eq!(permits(&allotment.want(at(2), &consumer(2), "job", 20, None)), [(1, 5), (2, 2)]);
    for more in 3..=5 {
        assert_eq!(permits(&allotment.end(at(3), &consumer(1))), [(2, more)]);
    }
    assert!(allotment.end(at(4), &consumer(1)).is_empty(), "all have their share");
    assert_eq!(allotment.granted(), 10);
}

#[test]
fn work_that_was_on_its_way_when_a_permit_was_withdrawn_is_accepted_for_a_second() {
    let mut allotment = Allotment::new(4);
    allotment.want(at(0), &consumer(1), "job", 4, None);
    allotment.want(at(10), &consumer(2), "job", 4, None);
    for _ in 0..3 {
        assert!(allotment.begin(at(1010), &consumer(1)));
    }
    assert!(!allotment.begin(at(1011), &consumer(1)));
    assert!(!allotment.begin(at(1011), &consumer(3)), "who never asked has none");
}

#[test]
fn who_falls_silent_loses_its_permits() {
    let mut allotment = Allotment::new(4);
    allotment.want(at(0), &consumer(1), "job", 4, None);
    allotment.want(at(0), &consumer(2), "job", 4, None);
    for second in 1..=5 {
        assert!(allotment.want(at(second * 1000), &consumer(2), "job", 4, None).is_empty());
        assert!(allotment.tick(at(second * 1000)).is_empty());
    }
    assert_eq!(permits(&allotment.tick(at(5001))), [(1, 0), (2, 4)]);
}

#[test]
fn permits_of_a_node_that_went_are_given_on_as_its_work_ends() {
    let mut allotment = Allotment::new(4);
    let gone = ConsumerId { node: "b".parse().unwrap(), number: 1 };
    allotment.want(at(0), &gone, "job", 4, None);
    for _ in 0..3 {
        assert!(allotment.begin(at(0), &gone));
    }
    allotment.want(at(1), &consumer(2), "job", 4, None);
    assert_eq!(permits(&allotment.release_node(at(2), &gone.node)), []);
    assert_eq!(allotment.permits(&consumer(2)), 1, "the work of the other still runs");
    for more in 2..=4 {
        assert_eq!(permits(&allotment.end(at(9000), &gone)), [(2, more)]);
    }
}

#[test]
fn a_smaller_pool_takes_back_what_it_cannot_serve() {
    let mut allotment = Allotment::new(8);
    allotment.want(at(0), &consumer(1), "job", 8, None);
    assert_eq!(permits(&allotment.capacity(at(1), 3)), [(1, 3)]);
    assert_eq!(permits(&allotment.capacity(at(2), 0)), [(1, 0)]);
    assert_eq!(permits(&allotment.capacity(at(3), 5)), [(1, 5)]);
}

#[test]
fn who_is_too_many_takes_turns() {
    let mut allotment = Allotment::new(2);
    let mut served = BTreeSet::new();
    for second in 0..5 {
        for number in 0..9 {
            allotment.want(at(second * 1000), &consumer(number), "job", 3, None);
        }
        allotment.tick(at(second * 1000));
        let holders: Vec<_> = (0..9).filter(|number| allotment.permits(&consumer(*number)) > 0).collect();
        assert_eq!(holders.len(), 2, "no permit lies idle");
        served.extend(holders);
    }
    assert_eq!(served.len(), 9, "each had its turn");
}

#[test]
fn turns_are_fair_when_work_outlasts_them() {
    let mut allotment = Allotment::new(2);
    let mut begun = [0; 7];
    let mut running: Vec<(Duration, u64)> = Vec::new();
    for now in (0..120_000).step_by(100).map(at) {
        for number in 0..7 {
            allotment.want(now, &consumer(number), "job", 1, None);
        }
        allotment.tick(now);
        while let Some(done) = running.iter().position(|(until, _)| *until <= now) {
            let (_, number) = running.remove(done);
            allotment.end(now, &consumer(number));
        }
        for number in 0..7 {
            let is_idle = running.iter().all(|(_, other)| *other != number);
            if is_idle && allotment.permits(&consumer(number)) > 0 && allotment.begin(now, &consumer(number))
            {
                begun[number as usize] += 1;
                running.push((now + at(2700), number));
            }
        }
        assert!(running.len() <= 2);
    }
    assert!(begun.iter().sum::<u32>() >= 80, "the pool is not left idle: {begun:?}");
    assert!(begun.iter().max().unwrap() - begun.iter().min().unwrap() <= 2, "{begun:?}");
}

/// What can happen to an allotment.
#[derive(Debug, Clone)]
enum Step {
    Want { number: u64, want: u32 },
    Begin(u64),
    End(u64),
    Release(u64),
    Capacity(u32),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..8u64, 0..30u32).prop_map(|(number, want)| Step::Want { number, want }),
        9 => (0..8u64).prop_map(Step::Begin),
        6 => (0..8u64).prop_map(Step::End),
        1 => (0..8u64).prop_map(Step::Release),
        1 => (0..40u32).prop_map(Step::Capacity),
        2 => (0..3000u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..200)
}

/// Two jobs, the second of which is capped.
fn job(number: u64) -> (&'static str, Option<u32>) {
    if number.is_multiple_of(2) { ("free", None) } else { ("capped", Some(7)) }
}

/// The consumers as they are told of their grants, beside the allotment.
struct Model {
    allotment: Allotment,
    now: Duration,
    told: BTreeMap<u64, u32>,
    running: BTreeMap<u64, u32>,
}

impl Model {
    fn new(capacity: u32) -> Self {
        let (told, running) = (BTreeMap::new(), BTreeMap::new());
        Self { allotment: Allotment::new(capacity), now: Duration::ZERO, told, running }
    }

    fn take(&mut self, step: &Step) {
        let now = self.now;
        let grants = match *step {
            Step::Want { number, want } => {
                let (job, cap) = job(number);
                self.allotment.want(now, &consumer(number), job, want, cap)
            }
            Step::Begin(number) => {
                if self.allotment.begin(now, &consumer(number)) {
                    *self.running.entry(number).or_default() += 1;
                }
                Vec::new()
            }
            Step::End(number) => match self.running.get_mut(&number).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    self.allotment.end(now, &consumer(number))
                }
                None => Vec::new(),
            },
            Step::Release(number) => {
                self.told.remove(&number);
                self.allotment.release(now, &consumer(number))
            }
            Step::Capacity(capacity) => self.allotment.capacity(now, capacity),
            Step::Wait(millis) => {
                self.now += at(millis);
                self.allotment.tick(self.now)
            }
        };
        for grant in grants {
            self.told.insert(grant.consumer.number, grant.permits);
        }
    }
}

proptest! {
    #[test]
    fn grants_stay_within_capacity_and_are_told(capacity in 0..40u32, steps in steps()) {
        let mut model = Model::new(capacity);
        for step in &steps {
            model.take(step);
            let allotment = &model.allotment;
            prop_assert!(allotment.granted() <= allotment.capacity);
            prop_assert_eq!(allotment.in_use(), model.running.values().sum::<u32>());
            for number in 0..8 {
                let told = model.told.get(&number).copied().unwrap_or(0);
                prop_assert_eq!(told, allotment.permits(&consumer(number)));
            }
            let capped: u32 = (1..8).step_by(2).map(|number| allotment.permits(&consumer(number))).sum();
            prop_assert!(capped <= 7);
        }
    }

    #[test]
    fn work_in_the_pool_stays_within_capacity_when_consumers_obey(capacity in 0..40u32, steps in steps()) {
        let mut model = Model::new(capacity);
        for step in steps {
            match step {
                Step::Capacity(_) => continue,
                Step::Begin(number) => {
                    let running = model.running.get(&number).copied().unwrap_or(0);
                    if running < model.allotment.permits(&consumer(number)) {
                        model.take(&step);
                        prop_assert_eq!(model.running[&number], running + 1, "a permit is good for its work");
                    }
                }
                _ => model.take(&step),
            }
            prop_assert!(model.allotment.in_use() <= capacity);
        }
    }

    #[test]
    fn comes_to_rest_at_fair_shares_when_work_returns(capacity in 1..40u32, steps in steps()) {
        let mut model = Model::new(capacity);
        for step in steps.iter().filter(|step| !matches!(step, Step::Capacity(_))) {
            model.take(step);
        }
        for number in 0..8 {
            model.take(&Step::Want { number, want: 50 });
        }
        for number in 0..8 {
            while model.running.get(&number).is_some_and(|count| *count > 0) {
                model.take(&Step::End(number));
            }
        }
        prop_assert_eq!(model.allotment.granted(), capacity, "what is wanted is not held back");
        let free: Vec<u32> = (0..8).step_by(2).map(|number| model.allotment.permits(&consumer(number))).collect();
        prop_assert!(free.iter().max().unwrap() - free.iter().min().unwrap() <= 1, "{free:?}");
        for number in 0..8 {
            model.take(&Step::Want { number, want: 50 });
            prop_assert_eq!(model.allotment.granted(), capacity);
        }
    }
}
