use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::metrics::{Metrics, MetricsConfig};

/// The value of a series on the page.
fn value(metrics: &Metrics, series: &str) -> f64 {
    let page = metrics.encode();
    let line = page.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[derive(Debug, Clone)]
enum Step {
    Seal,
    Open,
    Finish,
    /// A handler that panics.
    Panic,
    /// The actor dies with its mailbox.
    Die,
    /// It ends as planned.
    End,
    /// It is started again.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Seal),
        4 => Just(Step::Open),
        3 => Just(Step::Finish),
        1 => Just(Step::Panic),
        1 => Just(Step::Die),
        1 => Just(Step::End),
        2 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..200)
}

/// What a mailbox does, said simply.
#[derive(Default)]
struct Model {
    depth: i64,
    begun: u64,
    dead: u64,
    alive: i64,
    retired: bool,
}

proptest! {
    #[test]
    fn depth_is_exact_whatever_happens(steps in steps()) {
        let metrics = Metrics::new(&MetricsConfig::default());
        let mut mailbox = metrics.actors.mailbox("a");
        let (mut waiting, mut handling, mut alive) = (VecDeque::new(), None, Some(mailbox.alive()));
        let mut model = Model { alive: 1, ..Model::default() };
        for step in steps {
            match step {
                Step::Seal => {
                    let ticket = mailbox.seal("m");
                    // A dead actor's mailbox takes nothing: the ticket comes back and is dropped.
                    match alive {
                        Some(_) => { waiting.push_back(ticket); model.depth += 1; }
                        None => { drop(ticket); model.dead += u64::from(!model.retired); }
                    }
                }
                Step::Open if handling.is_none() => if let Some(ticket) = waiting.pop_front() {
                    handling = Some(Ticket::open(ticket));
                    (model.depth, model.begun) = (model.depth - 1, model.begun + 1);
                },
                Step::Finish => handling = None,
                Step::Panic => if let Some(guard) = handling.take() {
                    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                        let _guard = guard;
                        std::panic::resume_unwind(Box::new("asked to"));
                    }));
                    prop_assert!(unwound.is_err());
                },
                Step::Die => {
                    handling = None;
                    model.dead += waiting.len() as u64;
                    model.depth = 0;
                    waiting.clear();
                    model.alive = 0;
                    alive = None;
                }
                Step::End => {
                    mailbox.retire();
                    handling = None;
                    waiting.clear();
                    alive = None;
                    (model.depth, model.alive, model.retired) = (0, 0, true);
                }
                Step::Restart if alive.is_none() => {
                    model.retired = false;
                    mailbox = metrics.actors.mailbox("a");
                    alive = Some(mailbox.alive());
                    model.alive = 1;
                }
                Step::Open | Step::Restart => {}
            }
            prop_assert_eq!(mailbox.depth() as i64, model.depth);
        }
        prop_assert_eq!(value(&metrics, "actor_mailbox_depth{actor=\"a\"}"), model.depth as f64);
        prop_assert_eq!(value(&metrics, "actors_alive{actor=\"a\"}"), model.alive as f64);
        prop_assert_eq!(value(&metrics, "actor_dead_letters_total{actor=\"a\"}"), model.dead as f64);
        let begun = value(&metrics, "actor_messages_total{actor=\"a\",message=\"m\"}");
        prop_assert_eq!(begun, model.begun as f64);
        drop((waiting, handling, alive));
        prop_assert_eq!(value(&metrics, "actor_mailbox_depth{actor=\"a\"}"), 0.0);
        prop_assert_eq!(value(&metrics, "actor_handle_seconds_count{actor=\"a\"}"), model.begun as f64);
    }
}

#[test]
fn an_actor_that_does_not_come_to_an_end_is_found() {
    let metrics = Metrics::new(&MetricsConfig::default());
    let mailbox = metrics.actors.mailbox("journal");
    let handling = mailbox.seal("commit").open();
    let _waiting = mailbox.seal("commit");
    assert_eq!(metrics.actors.stuck(Duration::from_secs(60)), []);
    let stuck = metrics.actors.stuck(Duration::ZERO);
    assert_eq!((stuck[0].actor, stuck[0].waiting, stuck.len()), ("journal", 1, 1));
    drop(handling);
    assert_eq!(metrics.actors.stuck(Duration::ZERO), []);
}
