//! Searches that start from a prompt with a defect, on real data with the local model: how often they recover.

use std::path::Path;
use std::sync::Arc;

use evohub::evolution::Placement;

use crate::local_server::Local;
use crate::real::Task;
use crate::sweep::{self, Plan};

const SET: &str = "movie_sentiment";
/// What is wrong, and a prompt where it is. None of them says what is asked for and no more.
const DEFECTS: [(&str, &str); 3] = [
    ("wrong format", "Rate the review from 1 to 10. Answer in JSON, for example {\"rating\": 7}."),
    ("contradiction", "Answer positive and negative at once, and never with one word."),
    ("wrong task", "Translate the review into French, and explain your translation."),
];

/// Runs every system with every seed from each defect, and counts who ends with a prompt that is worth at least as much
/// as the plain one which all other searches start from, in its better turn.
pub(crate) async fn measure(plan: &Plan, folder: &Path) -> Result<(), String> {
    let local = Arc::new(Local::open().await?);
    let task = Task::read(folder, SET)?;
    let plain = task.start();
    let mut enough = 0.0_f64;
    for placement in [Placement::System, Placement::User] {
        enough = enough.max(task.worth(&local, plain, placement, &[]).await?);
    }
    println!("\nData set: {SET}; recovered is who reaches {enough:.3}, the worth of {plain:?}");
    let mut rows = vec![];
    for (defect, prompt) in DEFECTS {
        let task = task.starting_from(defect, prompt);
        let system = task.worth(&local, prompt, Placement::System, &[]).await?;
        let user = task.worth(&local, prompt, Placement::User, &[]).await?;
        println!(
            "\nDefect: {defect}, {prompt:?}: {system:.3} in the system turn, {user:.3} in the user turn; {} task calls",
            plan.evaluations
        );
        let before = rows.len();
        sweep::run(plan, "defective", &mut rows, |system, seed| {
            task.run(&local, system, seed, plan.evaluations)
        })
        .await;
        for system in &plan.systems {
            let label = system.label();
            let all = rows[before..].iter().filter(|row| row.system == label);
            let recovered = all.clone().filter(|row| row.error.is_none() && row.accuracy >= enough).count();
            println!("{label}: {recovered} of {} recovered", all.count());
        }
    }
    Ok(())
}
