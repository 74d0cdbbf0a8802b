//! The table `[islands]`.

use evohub_actors::IslandsSpec;

use super::document::Document;
use super::error::JobFileError;
use super::raw::RawIslands;

/// Each island keeps a state of its own and a share of the budget; more than this is a mistake.
const MOST: u32 = 256;

pub(super) fn islands(document: &Document, raw: &RawIslands) -> Result<IslandsSpec, JobFileError> {
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
    Ok(IslandsSpec { count, migration })
}
