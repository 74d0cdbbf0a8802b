//! A job without a model: one generation of prompts, each measured on all cases.

use std::collections::BTreeMap;

use evohub::evolution::optimizers::GaConfig;
use evohub::evolution::{AlgorithmConfig, Candidate, Case, CaseSet, VariationLimits};
use evohub::{DiversitySpec, EvaluatorSpec, Hedge, IslandsSpec, JobBudget, JobData, JobSpec, RepeatsSpec};

/// The evaluator's name in jobs.
pub(crate) const EVALUATOR: &str = "pauses";

/// Prompts of so many bytes, that no other name has.
pub(crate) fn prompts(name: &str, count: usize, bytes: usize) -> Vec<Candidate> {
    let prompt = |number: usize| {
        let text = format!("{name} {number}: answer with yes or no. ").repeat(bytes / 16);
        Candidate::from_instruction(&text[..bytes]).unwrap()
    };
    (0..count).map(prompt).collect()
}

pub(crate) fn cases(prefix: &str, count: usize) -> Vec<Case> {
    (0..count).map(|i| Case::new(format!("{prefix} {i}"), "yes")).collect()
}

/// One generation; the budget pays for nothing more.
pub(crate) fn spec(name: &str, prompts: Vec<Candidate>, cases_each: usize, slots: Option<usize>) -> JobSpec {
    let evaluations = (prompts.len() * cases_each) as u64;
    let algorithm = GaConfig {
        population: prompts.len(),
        ranking_cases: Some(cases_each),
        finals: 0.0,
        ..GaConfig::default()
    };
    JobSpec {
        name: name.into(),
        seed: 1,
        seeds: prompts,
        data: JobData {
            search: CaseSet::new(cases("train", 1), cases("validation", cases_each)).unwrap(),
            test: cases("test", 1),
        },
        evaluator: EvaluatorSpec::Custom(EVALUATOR.into()),
        reflection: vec![],
        algorithm: AlgorithmConfig::Ga(algorithm),
        limits: VariationLimits::default(),
        operators: BTreeMap::new(),
        parameters: BTreeMap::new(),
        budget: JobBudget { evaluations: Some(evaluations), ..JobBudget::default() },
        slots,
        providers: BTreeMap::new(),
        prices: BTreeMap::new(),
        islands: IslandsSpec::default(),
        repeats: RepeatsSpec::default(),
        hedge: Hedge::default(),
        diversity: DiversitySpec::default(),
    }
}
