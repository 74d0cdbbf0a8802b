//! The table `[operators]`, of the job or of an island.

use std::collections::BTreeMap;

use evohub_evolution::variation::parameter::TuneParameter;

use super::document::Document;
use super::error::JobFileError;
use super::known::suggestion;

/// Whether weights are such. The names can be checked by [`check_names`] alone: a program may bring operators.
pub(super) fn check(
    document: &Document,
    table: &str,
    weights: &BTreeMap<String, f64>,
    has_parameters: bool,
) -> Result<(), JobFileError> {
    for (name, weight) in weights {
        if !(weight.is_finite() && *weight >= 0.0) {
            return Err(document.error(&format!("{table}.{name}"), "a weight is a number from 0 on"));
        }
        if name == TuneParameter::NAME && *weight > 0.0 && !has_parameters {
            let message = "has nothing to tune; declare a range, as in `[parameters]`, then \
                           `temperature = { low = 0.0, high = 1.0 }` below it";
            return Err(document.error(&format!("{table}.{name}"), message));
        }
    }
    Ok(())
}

/// Whether all operators that are weighed exist.
pub(super) fn check_names(
    document: &Document,
    table: &str,
    weights: &BTreeMap<String, f64>,
    known: &[String],
) -> Result<(), JobFileError> {
    weights.keys().find(|name| !known.contains(name)).map_or(Ok(()), |name| {
        let suggestion = suggestion(name, known.iter().map(String::as_str));
        let message = format!("there is no operator `{name}`; {suggestion}");
        Err(document.error(&format!("{table}.{name}"), message))
    })
}
