//! How an island's run begins.

use std::sync::Arc;

use evohub_evolution::{AlgorithmConfig, Checkpoint, Run};
use ractor::ActorProcessingErr;

use super::PopulationArguments;

/// The run of an island: from its newest checkpoint, or fresh.
pub(super) async fn run_of(arguments: &PopulationArguments) -> Result<(Run, u64), ActorProcessingErr> {
    let (settings, cases) = (Arc::clone(&arguments.settings), Arc::clone(&arguments.cases));
    let tools = arguments.means.tools().of_island(arguments.island);
    let operators = Arc::clone(&tools.operators);
    let record = arguments.means.node.store.checkpoint(&arguments.means.job, arguments.island).await?;
    let own = match (&settings.algorithm, tools.optimizer.clone()) {
        (AlgorithmConfig::Custom(custom), Some(factory)) => Some((custom.settings.clone(), factory)),
        _ => None,
    };
    let Some(record) = record else {
        let run = match own {
            Some((wanted, factory)) => {
                Run::with_optimizer(settings, cases, operators, factory.start(&wanted))
            }
            None => Run::new(settings, cases, operators),
        };
        return Ok((run, 0));
    };
    let checkpoint = Checkpoint::from_text(&record.body)?;
    let run = match own {
        Some((wanted, factory)) => Run::restore_with(checkpoint, settings, cases, operators, |state| {
            factory.restore(&wanted, state)
        })?,
        None => Run::restore(checkpoint, settings, cases, operators)?,
    };
    Ok((run, record.sequence))
}
