//! Islands with settings of their own.

use super::*;

const ISLANDS: &str = r#"
[islands]
count = 3

[[islands.each]]
algorithm = { name = "ga", population = 4, ranking_cases = 9 }
operators = { add_phrase = 0.0 }

[[islands.each]]
prompts = ["Judge the case.", "Say yes or no."]
[islands.each.algorithm]
name = "gepa"
ranking_cases = 7
"#;

fn job(islands: &str) -> String {
    format!("{JOB}{islands}")
}

#[test]
fn an_island_has_its_own_and_the_rest_of_the_job() {
    let folder = folder();
    let settings = ["operators.add_phrase=5", "operators.reflect=1", "algorithm.name=random"];
    let spec = parse(&folder, &job(ISLANDS), &settings).unwrap().spec;
    let names = [0, 1, 2].map(|island| spec.algorithm_on(island).name());
    assert_eq!(names, ["ga", "gepa", "random"]);
    assert_eq!([0, 1].map(|island| spec.ranking_cases_on(island)), [9, 7]);
    let weights = [0, 1].map(|island| spec.operators_on(island)["add_phrase"]);
    assert_eq!((weights, spec.operators_on(0)["reflect"]), ([0.0, 5.0], 1.0));
    assert_eq!([0, 1, 2].map(|island| spec.seeds_on(island).len()), [1, 2, 1]);
    assert_eq!(spec.seeds_on(2), spec.seeds);
    let stored = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<JobSpec>(&stored).unwrap(), spec);
}

#[test]
fn whatever_is_wrong_with_an_island_is_told_with_its_key_and_line() {
    let folder = folder();
    for (old, new, key, told) in [
        ("count = 3", "count = 1", "islands.each", "there are 2 entries, and `islands.count` is 1"),
        ("\"ga\"", "\"gaa\"", "islands.each[0].algorithm.name", "did you mean `ga`?"),
        ("\"gepa\"", "\"auto\"", "islands.each[1].algorithm.name", "`auto` chooses for the whole job"),
        ("name = \"gepa\"\n", "", "islands.each[1].algorithm.name", "name an algorithm"),
        ("\"gepa\"", "\"promptbreeder\"", "islands.each[1].algorithm.name", "set `model.reflection`"),
        ("population = 4", "population = 1", "islands.each[0].algorithm.population", "`population`"),
        ("population = 4", "popluation = 4", "islands.each[0].algorithm.popluation", "did you mean"),
        ("add_phrase = 0.0", "add_phrase = -1.0", "islands.each[0].operators.add_phrase", "from 0 on"),
        ("add_phrase = 0.0", "tune_parameter = 1.0", "islands.each[0].operators.tune_parameter", "tune"),
        ("\"Say yes or no.\"", "\" \"", "islands.each[1].prompts[1]", "the prompt is empty"),
        ("Say yes or no.", "Judge {txet}.", "islands.each[1].prompts[1]", "txet"),
        ("prompts", "promtps", "islands.each[1].promtps", "did you mean `prompts`?"),
        ("count = 3", "cuont = 3", "islands.cuont", "did you mean `count`?"),
        ("\"gepa\"", "\"gepa\"\nminibatch = 0", "islands.each[1].algorithm.minibatch", "`minibatch`"),
    ] {
        assert!(ISLANDS.contains(old), "{old}");
        let text = job(&ISLANDS.replacen(old, new, 1));
        let error = parse(&folder, &text, &["algorithm.name=random"]).unwrap_err();
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert!(error.line().is_some(), "{error}");
    }
    let error = parse(&folder, JOB, &["islands={ count = 2, each = 3 }"]).unwrap_err();
    assert!(error.to_string().contains("`[[islands.each]]`"), "{error}");
}

#[test]
fn unknown_operators_of_islands_are_told() {
    let folder = folder();
    let file = parse(&folder, &job(&ISLANDS.replace("add_phrase", "ad_phrase")), &[]).unwrap();
    let error = file.check_operators(&evohub_actors::Toolbox::default().operator_names()).unwrap_err();
    assert_eq!(error.key.as_deref(), Some("islands.each[0].operators.ad_phrase"));
    assert!(error.to_string().contains("did you mean `add_phrase`?"), "{error}");
}

#[test]
fn the_budget_is_checked_for_the_island_that_needs_most() {
    let folder = folder();
    let text = job(&ISLANDS.replace("ranking_cases = 7", "ranking_cases = 30"));
    // Two seeds on 30 cases, and 10 more, on each of three.
    let settings =
        |evaluations| [format!("budget.evaluations={evaluations}"), "algorithm.name=random".into()];
    let load = |evaluations| {
        let settings: [String; 2] = settings(evaluations);
        parse(&folder, &text, &settings.each_ref().map(String::as_str))
    };
    load(210).unwrap();
    let error = load(209).unwrap_err().to_string();
    assert!(error.contains("each of 2 seed prompts takes 30 to be measured on island 1"), "{error}");
    assert!(error.contains("write 210 or more"), "{error}");
    assert!(error.contains("`islands.each[1].algorithm.ranking_cases`"), "{error}");
}

#[test]
fn a_search_that_need_not_measure_every_seed_on_all_cases_takes_many() {
    let folder = folder();
    let prompts: Vec<String> = (0..20).map(|number| format!("\"Judge it in manner {number}.\"")).collect();
    let prompts = format!("seed.prompts=[{}]", prompts.join(", "));
    let load = |name: &str, evaluations: u64| {
        let settings = [format!("algorithm.name={name}"), format!("budget.evaluations={evaluations}")];
        parse(&folder, JOB, &[&prompts, &settings[0], &settings[1]])
    };
    // Nineteen on 6 cases and the best on 24, and 10 more.
    load("bandit", 148).unwrap();
    let error = load("bandit", 147).unwrap_err().to_string();
    let told = "each of 20 seed prompts takes 6 to be measured, and the best 24, and a search at least 10 more; write 148";
    assert!(error.contains(told), "{error}");
    load("random", 148).unwrap_err();
}

#[test]
fn another_algorithm_takes_the_place_of_those_of_islands() {
    let folder = folder();
    let file = parse(&folder, &job(ISLANDS), &["algorithm.name=random"]).unwrap();
    let own = file.spec_with("random", 4).unwrap();
    assert_eq!(own.islands, file.spec.islands);
    let other = file.spec_with("nsga2", 4).unwrap();
    assert!((0..3).all(|island| other.algorithm_on(island).name() == "nsga2"));
    assert_eq!(other.seeds_on(1), file.spec.seeds_on(1));
}
