//! The tables `[template]`, `[generation]`, `[output]` and `[score]`: how a prompt is measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use evohub_actors::PromptSpec;
use evohub_evaluation::scorer::{self, Metric};
use evohub_evaluation::{GenerationConfig, Renderer, ScoreConfig, ScoreContext, Scorer, Variables};
use evohub_evolution::Case;
use evohub_evolution::variation::parameter::ParameterRange;
use evohub_llm::registry::LOCAL;

use super::document::Document;
use super::error::JobFileError;
use super::models::Models;
use super::raw::RawJob;
use super::unopened::UnopenedModel;

/// A small local model that is asked for a label and begins to talk would go on for long; a label is short.
const LOCAL_LABEL_TOKENS: u32 = 16;

/// How prompts are measured, checked against the cases.
pub(super) struct CheckedEvaluator {
    pub(super) spec: PromptSpec,
    pub(super) renderer: Renderer,
    pub(super) scorer: Arc<dyn Scorer>,
}

pub(super) fn evaluator(
    document: &Document,
    raw: &RawJob,
    models: &Models,
    folder: &Path,
    cases: Vec<&Case>,
) -> Result<CheckedEvaluator, JobFileError> {
    let columns = raw.data.columns();
    let names: std::collections::BTreeSet<&String> =
        cases.iter().flat_map(|case| case.columns.keys()).collect();
    let renderer = Renderer::new(&raw.template.user, Variables::of_task(names, &columns))
        .map_err(|error| document.error("template.user", error.to_string()))?;

    if raw.score == ScoreConfig::default() {
        let names: Vec<&str> = Metric::ALL.into_iter().map(Metric::as_str).collect();
        let message =
            format!("is missing; say how answers are judged, with one of {}", super::known::list(&names));
        return Err(document.error("score.metric", message));
    }
    let mut context = ScoreContext::new(folder, cases);
    if let Some(judge) = &models.judge {
        context = context.with_judge(Arc::new(UnopenedModel::new(judge.clone())));
    }
    let scorer = scorer::build(&raw.score, &context)
        .map_err(|error| document.error(&format!("score.{}", error.key), error.kind.to_string()))?;
    check_generation(document, &raw.generation, &raw.parameters)?;

    let spec = PromptSpec {
        model: models.task.clone(),
        template: raw.template.user.clone(),
        columns,
        generation: generation(raw, models),
        output: raw.output.clone(),
        score: raw.score.clone(),
        judge: models.judge.clone(),
        folder: folder.to_string_lossy().into_owned(),
    };
    Ok(CheckedEvaluator { spec, renderer, scorer })
}

fn generation(raw: &RawJob, models: &Models) -> GenerationConfig {
    let is_short = raw.score.metric == Some(Metric::Label) && raw.output.after.is_none();
    let standard = (is_short && models.task.provider() == LOCAL).then_some(LOCAL_LABEL_TOKENS);
    GenerationConfig { max_output_tokens: raw.generation.max_output_tokens.or(standard), ..raw.generation }
}

fn check_generation(
    document: &Document,
    generation: &GenerationConfig,
    parameters: &BTreeMap<String, ParameterRange>,
) -> Result<(), JobFileError> {
    for (key, value, most) in generation.parameters() {
        if value.is_some_and(|value| !(0.0..=most).contains(&value)) {
            return Err(document.error(&format!("generation.{key}"), format!("must be from 0 to {most}")));
        }
    }
    for (name, range) in parameters {
        GenerationConfig::check_range(name, range)
            .map_err(|message| document.error(&format!("parameters.{name}"), message))?;
    }
    if generation.max_output_tokens == Some(0) {
        return Err(document.error("generation.max_output_tokens", "must be 1 or more"));
    }
    Ok(())
}
