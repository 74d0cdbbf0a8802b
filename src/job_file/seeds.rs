//! The table `[seed]`.

use evohub_evaluation::Renderer;
use evohub_evolution::Candidate;

use super::document::Document;
use super::error::JobFileError;
use super::raw::RawSeed;

pub(super) fn seeds(document: &Document, raw: &RawSeed) -> Result<Vec<Candidate>, JobFileError> {
    let prompts = raw.prompts.iter().enumerate().map(|(index, prompt)| {
        Candidate::from_instruction(prompt.as_str()).map_err(|_| {
            document.error(
                &format!("seed.prompts[{index}]"),
                "the prompt is empty; write what the model is to do",
            )
        })
    });
    let mut seeds: Vec<Candidate> = vec![];
    for seed in prompts.chain(raw.candidates.iter().cloned().map(Ok)) {
        let seed = seed?;
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    if seeds.is_empty() {
        let message =
            "there is no prompt to start from; write one, as in prompts = [\"What is the sentiment?\"]";
        return Err(document.error("seed.prompts", message));
    }
    Ok(seeds)
}

/// Checks the columns that the seeds name.
pub(super) fn check(
    document: &Document,
    raw: &RawSeed,
    seeds: &[Candidate],
    renderer: &Renderer,
) -> Result<(), JobFileError> {
    for seed in seeds {
        renderer.check(seed).map_err(|error| {
            let of_prompt = raw.prompts.iter().position(|prompt| {
                Candidate::from_instruction(prompt.as_str()).is_ok_and(|candidate| candidate == *seed)
            });
            let of_candidate = raw.candidates.iter().position(|candidate| candidate == seed);
            match (of_prompt, of_candidate) {
                (Some(index), _) => {
                    document.error(&format!("seed.prompts[{index}]"), error.error.to_string())
                }
                (None, index) => {
                    let key = format!("seed.candidates[{}]", index.unwrap_or_default());
                    document.error(&key, error.to_string())
                }
            }
        })?;
    }
    Ok(())
}
