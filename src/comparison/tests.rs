use evohub_actors::{JobBudget, Measured};
use serde_json::json;

use super::*;

/// A comparison of these algorithms, each with these test scores by seed.
pub(crate) fn sample(algorithms: &[(&str, &[f64])]) -> Comparison {
    let measured =
        |score: f64, cases| Some(Measured { score, interval: Some([score - 0.05, score + 0.05]), cases });
    let runs = algorithms.iter().flat_map(|(name, scores)| {
        scores.iter().enumerate().map(move |(seed, score)| ComparedRun {
            algorithm: (*name).to_owned(),
            random_seed: seed as u64,
            job: format!("films-{name}-{seed}"),
            store: format!("sqlite:/jobs/{name}-{seed}.db"),
            status: "done".into(),
            reason: None,
            error: None,
            prompt: Some(format!("Is it <good>? Say so {seed} times.")),
            test: measured(*score, 100),
            validation: measured(score + 0.02, 24),
            seed_test: measured(0.1, 100),
            evaluations: 150 - seed as u64,
            proposals: Some(20 + seed as u64),
            candidates: 31,
            dollars: 0.01 * (1.0 + score),
            seconds: Some(60.0 + seed as f64),
            began_at: 1_700_000_000_000,
            curve: (1..=5)
                .map(|step| CurvePoint {
                    evaluations: 30 * step,
                    dollars: 0.002 * step as f64,
                    seconds: 10.0 * step as f64 + seed as f64,
                    score: score * step as f64 / 5.0,
                })
                .collect(),
        })
    });
    Comparison {
        version: COMPARISON_VERSION,
        name: "films".into(),
        program: "evohub 0.1.0 (0a1b2c3d4e5f)".into(),
        algorithms: algorithms
            .iter()
            .map(|(name, _)| ComparedAlgorithm {
                name: (*name).to_owned(),
                settings: json!({"name": name, "finals": 0.1, "window": null, "race": {"enabled": true}}),
            })
            .collect(),
        random_seeds: (0..algorithms.first().map_or(0, |(_, scores)| scores.len() as u64)).collect(),
        budget: JobBudget { evaluations: Some(150), ..JobBudget::default() },
        task: Some("lab:student".into()),
        reflection: Some("lab:teacher".into()),
        cases: [35, 35, 30],
        shared_cache: false,
        runs_at_once: 1,
        runs: runs.collect(),
    }
}

fn said(comparison: &Comparison, part: &str) -> bool {
    comparison.summary().remarks.iter().any(|remark| remark.contains(part))
}

#[test]
fn too_few_seeds_are_said() {
    let few = sample(&[("gepa", &[0.5, 0.6]), ("ga", &[0.4, 0.7])]);
    assert!(said(&few, "2 seeds are too few for a test"));
    assert_eq!(few.summary().differences[0].p_value, None);
    let five = [0.5, 0.6, 0.7, 0.4, 0.3];
    let some = sample(&[("gepa", &five), ("ga", &five.map(|score| score - 0.1)), ("random", &[0.1; 5])]);
    assert!(said(&some, "With 5 seeds no corrected p-value can be below 0.1250: take 7 or more"));
    let ten = [0.5; 10];
    assert!(!said(&sample(&[("gepa", &ten), ("ga", &[0.4; 10])]), "seeds"));
    assert!(!said(&sample(&[("gepa", &[0.5])]), "seeds"), "one algorithm differs from none");
}

#[test]
fn what_failed_is_left_out_and_told() {
    let mut comparison = sample(&[("gepa", &[0.5, 0.6, 0.9]), ("ga", &[0.4, 0.7, 0.5])]);
    let failed = &mut comparison.runs[2];
    failed.status = "failed".into();
    failed.error = Some("the key is wrong".into());
    comparison.runs[0].seconds = None;
    let summary = comparison.summary();
    let gepa = &summary.algorithms[0];
    assert_eq!((gepa.runs, gepa.test.unwrap().median), (2, 0.55));
    assert_eq!(gepa.minutes.unwrap().runs, 1);
    assert_eq!(summary.differences[0].pairs, 2);
    assert!(said(&comparison, "gepa with seed 2 failed and is left out: the key is wrong."));
    assert!(said(&comparison, "1 run was interrupted"));
}

#[test]
fn what_spoils_costs_is_said() {
    let mut comparison = sample(&[("gepa", &[0.5; 6])]);
    assert!(comparison.summary().remarks.is_empty(), "{:?}", comparison.summary().remarks);
    comparison.shared_cache = true;
    comparison.runs_at_once = 3;
    comparison.budget.evaluations = Some(200);
    comparison.runs.iter_mut().for_each(|run| run.dollars = 0.0);
    for part in
        ["gepa used 148 of 200 evaluations", "shared a cache", "3 runs at a time", "No dollars were counted"]
    {
        assert!(said(&comparison, part), "{part}");
    }
}
