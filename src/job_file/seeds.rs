//! The table `[seed]`, and the prompts that islands start from.

use evohub_evaluation::Renderer;
use evohub_evolution::Candidate;

use super::document::Document;
use super::error::JobFileError;
use super::raw::RawSeed;

/// The list of the job's prompts.
const PROMPTS: &str = "seed.prompts";

/// Where the job starts: at least one candidate, each once.
pub(super) fn seeds(
    document: &Document,
    raw: &RawSeed,
    renderer: &Renderer,
) -> Result<Vec<Candidate>, JobFileError> {
    let mut seeds = prompts(document, PROMPTS, &raw.prompts, renderer)?;
    for (index, seed) in raw.candidates.iter().enumerate() {
        renderer
            .check(seed)
            .map_err(|error| document.error(&format!("seed.candidates[{index}]"), error.to_string()))?;
        if !seeds.contains(seed) {
            seeds.push(seed.clone());
        }
    }
    if seeds.is_empty() {
        let message =
            "there is no prompt to start from; write one, as in prompts = [\"What is the sentiment?\"]";
        return Err(document.error(PROMPTS, message));
    }
    Ok(seeds)
}

/// The prompts of a list under this key as candidates, each once, with the columns that they name checked.
pub(super) fn prompts(
    document: &Document,
    key: &str,
    prompts: &[String],
    renderer: &Renderer,
) -> Result<Vec<Candidate>, JobFileError> {
    let mut seeds: Vec<Candidate> = vec![];
    for (index, prompt) in prompts.iter().enumerate() {
        let wrong = |message: String| document.error(&format!("{key}[{index}]"), message);
        let seed = Candidate::from_instruction(prompt.as_str())
            .map_err(|_| wrong("the prompt is empty; write what the model is to do".to_owned()))?;
        renderer.check(&seed).map_err(|error| wrong(error.error.to_string()))?;
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    Ok(seeds)
}
