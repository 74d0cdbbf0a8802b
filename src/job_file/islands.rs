//! The table `[islands]`.

use evohub_actors::{IslandSpec, IslandsSpec};
use evohub_evaluation::Renderer;

use super::algorithm::check_reflection;
use super::document::Document;
use super::error::JobFileError;
use super::raw::{RawIsland, RawJob};
use super::{operators, seeds};

/// Each island keeps a state of its own and a share of the budget; more than this is a mistake.
const MOST: u32 = 256;
/// The list of what islands have of their own.
pub(super) const EACH: &str = "islands.each";

/// The key of what an island has of its own.
pub(super) fn key(index: usize) -> String {
    format!("{EACH}[{index}]")
}

pub(super) fn islands(
    document: &Document,
    job: &RawJob,
    each: Vec<RawIsland>,
    reflection: bool,
    renderer: &Renderer,
) -> Result<IslandsSpec, JobFileError> {
    let raw = &job.islands;
    let count = match raw.count.map(u32::try_from) {
        None => 1,
        Some(Ok(count)) if (1..=MOST).contains(&count) => count,
        Some(_) => return Err(document.error("islands.count", format!("must be from 1 to {MOST}"))),
    };
    let migration = raw.migration();
    migration.validate().map_err(|message| {
        // The message quotes the key that it is about.
        let quoted = message.split('`').nth(1).map(|key| format!("islands.{key}"));
        let key = quoted.filter(|key| document.has(key)).unwrap_or_else(|| "islands".to_owned());
        document.error(&key, message)
    })?;
    if each.len() > count as usize {
        let message = format!(
            "there are {} entries, and `islands.count` is {count}: raise it, or take entries away",
            each.len()
        );
        return Err(document.error(EACH, message));
    }
    let island = |(index, raw)| island(document, &key(index), raw, job, reflection, renderer);
    let each = each.into_iter().enumerate().map(island).collect::<Result<_, _>>()?;
    Ok(IslandsSpec { count, migration, each })
}

fn island(
    document: &Document,
    key: &str,
    raw: RawIsland,
    job: &RawJob,
    reflection: bool,
    renderer: &Renderer,
) -> Result<IslandSpec, JobFileError> {
    if let Some(algorithm) = &raw.algorithm {
        check_reflection(document, &format!("{key}.algorithm"), algorithm, reflection)?;
    }
    operators::check(document, &format!("{key}.operators"), &raw.operators, !job.parameters.is_empty())?;
    let seeds = seeds::prompts(document, &format!("{key}.prompts"), &raw.prompts, renderer)?;
    Ok(IslandSpec { algorithm: raw.algorithm, operators: raw.operators, seeds })
}
