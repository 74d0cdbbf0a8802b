//! Searches on landscapes, where it is known what a prompt is worth.

use std::sync::Arc;

use evohub::evolution::{CaseSet, Placement};

use crate::job::{ANSWER_TOKENS, PROPOSAL_TOKENS, reflection_alone};
use crate::landscape::{FRESH, LABELS, LANDSCAPES, Landscape, cases};
use crate::program::Assignment;
use crate::server::{STUDENT, Server, TEACHER};
use crate::stub::{SLOTS, Stub};
use crate::sweep::{self, Plan, Row};
use crate::system::System;

/// Prompts for those who start from a population; it is as large as their papers have it.
const POPULATION: usize = 10;

/// Runs the first landscape, or all.
pub(crate) async fn measure(plan: &Plan, all: bool) {
    let mut rows = vec![];
    for landscape in &LANDSCAPES[..if all { LANDSCAPES.len() } else { 1 }] {
        println!(
            "\nLandscape: {} (drift {}, spread {}, {} skills); {} task calls, {SLOTS} slots",
            landscape.name, landscape.drift, landscape.spread, landscape.skills, plan.evaluations
        );
        sweep::run(plan, "stub", &mut rows, |system, seed| run(*landscape, system, seed, plan.evaluations))
            .await;
    }
}

async fn run(landscape: Landscape, system: &System, seed: u64, evaluations: u64) -> Row {
    let server = Server::start(Arc::new(Stub::new(landscape, seed))).await;
    let start = landscape.start();
    // Of equal worth; but who starts from a population must be able to tell them apart.
    let more = (1..POPULATION).map(|number| format!("{start} (in other words, number {number})"));
    let prompts: Vec<String> = [start.clone()].into_iter().chain(more).collect();
    let assignment = Assignment {
        url: &server.url(),
        student: STUDENT,
        teacher: TEACHER,
        slots: SLOTS,
        seed,
        prompts: &prompts,
        placement: Placement::System,
        description: "Say for each case whether it is one: yes or no.",
        labels: &LABELS.map(str::to_owned),
        search: &CaseSet::new(cases(0..100), cases(1_000..1_100)).unwrap(),
        evaluations,
        answer_tokens: ANSWER_TOKENS,
        proposal_tokens: PROPOSAL_TOKENS,
    };
    let chosen = system.run(&assignment, cases(FRESH).swap_remove(0), reflection_alone()).await;
    let outcome = chosen.map(|chosen| {
        let accuracy = landscape.truth(&chosen.text());
        (chosen, accuracy)
    });
    Row::new((landscape.name, system, seed), &server.calls(), outcome)
}
