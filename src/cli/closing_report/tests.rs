use evohub::evaluation::{DataConfig, GenerationConfig, OutputConfig, ScoreConfig};
use evohub::evolution::{AlgorithmConfig, Candidate, CaseSet, Shot, VariationLimits};
use evohub::{JobBudget, JobData, PromptSpec, RESULT_VERSION, Saved};

use super::*;

fn spec(model: &str) -> JobSpec {
    let prompt = PromptSpec {
        model: model.parse().unwrap(),
        template: "{input}".into(),
        columns: DataConfig::default(),
        generation: GenerationConfig::default(),
        output: OutputConfig::default(),
        score: ScoreConfig::default(),
        judge: None,
        folder: String::new(),
    };
    JobSpec {
        name: "films".into(),
        seed: 0,
        seeds: vec![],
        data: JobData { search: CaseSet { train: vec![], validation: vec![] }, test: vec![] },
        evaluator: EvaluatorSpec::Prompt(Box::new(prompt)),
        reflection: vec![],
        algorithm: AlgorithmConfig::Gepa(evohub::evolution::optimizers::GepaConfig::default()),
        limits: VariationLimits::default(),
        operators: [].into(),
        parameters: [].into(),
        budget: JobBudget::default(),
        slots: None,
        providers: [].into(),
        prices: [].into(),
        islands: evohub::IslandsSpec::default(),
        repeats: evohub::RepeatsSpec::default(),
        hedge: evohub::Hedge::default(),
        diversity: evohub::DiversitySpec::default(),
    }
}

fn standing(prompt: &str, test: f64) -> Standing {
    let shot = Shot { input: "good".into(), output: "positive".into() };
    let candidate = Candidate::from_instruction(prompt).unwrap().with_shots(vec![shot]);
    Standing {
        id: candidate.id().to_string(),
        prompt: evohub::prompt_text(&candidate),
        candidate,
        train: None,
        validation: Some(Measured { score: 0.75, interval: None, cases: 24 }),
        test: Some(Measured { score: test, interval: Some([test - 0.05, test + 0.05]), cases: 100 }),
        objectives: [].into(),
    }
}

fn result(best: Option<Standing>) -> JobResult {
    JobResult {
        version: RESULT_VERSION,
        job: "films-0a1b2c3d".into(),
        name: "films".into(),
        status: "done".into(),
        algorithm: "gepa".into(),
        reason: Some(FinishReason::Budget),
        error: None,
        seed: standing("Is it good?", 0.05),
        best,
        p_value: Some(0.000_02),
        evaluations: 240,
        model_calls: 431,
        dollars: 0.0,
        tokens: 50_000,
        seconds: 192.3,
        models: vec![],
        rescored: None,
        saved: Saved { cache: 12, early_rejection: 88 },
        objectives: vec![],
        candidates: 17,
    }
}

fn report(result: &JobResult, model: &str) -> String {
    closing_report(
        result,
        &spec(model),
        &Whereabouts { place: "sqlite:/data/evohub.db".into(), options: String::new() },
    )
}

#[test]
fn several_reflection_models_say_what_they_brought() {
    let brought = |model: &str, proposals, used, improvement, dollars| ReflectionResult {
        model: model.into(),
        proposals,
        used,
        improvement,
        dollars,
    };
    let mut result = result(Some(standing("Say whether it is good.", 0.69)));
    result.models = vec![brought("lab:teacher", 12, 11, 0.4, 0.36)];
    assert!(!report(&result, "lab:small").contains("reflection model"), "there is nothing to compare");
    result.models.push(brought("lab:a-cheaper-teacher", 40, 31, 0.9125, 0.02));
    let report = report(&result, "lab:small");
    let table: Vec<&str> =
        report.lines().skip_while(|line| !line.starts_with("reflection model")).take(3).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    reflection model       proposals  used  improvement  dollars
    lab:teacher                   12    11       +0.400  $0.3600
    lab:a-cheaper-teacher         40    31       +0.912  $0.0200
    ");
}

#[test]
fn repeats_say_what_is_left_of_a_score() {
    let mut result = result(Some(standing("Say whether it is good.", 0.69)));
    assert!(!report(&result, "local:small").contains("re-scored"));
    result.rescored = Some(Rescoring { before: 0.8125, after: 0.75, repeats: 48, deviation: 0.31 });
    let report = report(&result, "local:small");
    let line = report.lines().find(|line| line.starts_with("re-scored"));
    insta::assert_snapshot!(line.unwrap(), @"re-scored     0.812 on validation before 48 repeats, 0.750 with them; a repeat strays by 0.310");
}

#[test]
fn seed_and_choice_stand_side_by_side() {
    let result = result(Some(standing("Say whether it is good.", 0.69)));
    insta::assert_snapshot!(report(&result, "local:small"), @r"
    films-0a1b2c3d  done in 3:12 (gepa, the budget is used up)

    seed prompt
      [system: instruction]
      Is it good?

      [user: example]
      good
      [assistant]
      positive

    chosen prompt
      [system: instruction]
      Say whether it is good.

      [user: example]
      good
      [assistant]
      positive

    score         seed                        chosen
    test (sealed) 0.050 [0.000, 0.100] (100)  0.690 [0.640, 0.740] (100)
    validation    0.750 (24)                  0.750 (24)
    difference    +0.640 on test cases, p < 0.001 (paired); intervals are of 95 %
    gap           +0.060 from test to validation, on which the choice was made

    cost    240 evaluations, 17 candidates, 431 model calls, 50000 tokens, $0
    saved   12 evaluations known from before, 88 by early rejection
    where   sqlite:/data/evohub.db
    next    evohub best films-0a1b2c3d | evohub show films-0a1b2c3d | evohub report films-0a1b2c3d -o report.html
    ");
}

#[test]
fn no_choice_is_said() {
    assert!(report(&result(None), "lab:m").contains("no prompt was measured"));
    let seed = standing("Is it good?", 0.05);
    let text = report(&result(Some(seed)), "lab:m");
    assert!(text.contains("no prompt was found to be better than the seed"), "{text}");
    assert!(text.contains("$0 as far as prices are known"), "{text}");
    assert!(!text.contains("chosen"), "{text}");
}
