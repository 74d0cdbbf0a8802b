mod islands;

use evohub_evolution::variation::parameter::Scale;
use evohub_evolution::{AlgorithmConfig, Distance, Placement, Split};
use tempfile::TempDir;

use super::*;

const JOB: &str = r#"
[seed]
prompts = ["Judge."]

[data]
train = "train.jsonl"

[model]
task = "lab:student"

[providers.lab]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"

[score]
metric = "label"

[budget]
evaluations = 200
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "train.jsonl", 0..100);
    folder
}

fn write(folder: &TempDir, name: &str, numbers: std::ops::Range<u32>) {
    let case = |number: u32| {
        let label = if number.is_multiple_of(4) { "yes" } else { "no" };
        format!("{{\"input\": \"case {number}\", \"expected\": \"{label}\"}}\n")
    };
    std::fs::write(folder.path().join(name), numbers.map(case).collect::<String>()).unwrap();
}

fn parse(folder: &TempDir, text: &str, settings: &[&str]) -> Result<JobFile, JobFileError> {
    let settings: Vec<Setting> = settings.iter().map(|setting| setting.parse().unwrap()).collect();
    JobFile::parse(&folder.path().join("films.toml"), text, &settings)
}

fn prompt_of(file: &JobFile) -> &evohub_actors::PromptSpec {
    match &file.spec.evaluator {
        EvaluatorSpec::Prompt(prompt) => prompt,
        EvaluatorSpec::Custom(name) => panic!("there is only {name}"),
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let folder = folder();
    let file = parse(&folder, JOB, &[]).unwrap();
    assert_eq!((file.spec.name.as_str(), file.spec.seed), ("films", 0));
    assert_eq!(file.spec.algorithm.name(), "bandit");
    assert!(file.choice.unwrap().contains("without a reflection model"));
    assert_eq!(prompt_of(&file).template, "{input}");
    assert_eq!(prompt_of(&file).generation.max_output_tokens, None);
    assert_eq!((file.store, file.spec.slots, file.spec.reflection), (None, None, vec![]));
}

#[test]
fn validation_and_test_are_split_off_with_their_share_of_each_label() {
    let folder = folder();
    let file = parse(&folder, JOB, &[]).unwrap();
    let counts: Vec<_> = file.parts.iter().map(|part| (part.split, part.cases)).collect();
    assert_eq!(counts, [(Split::Train, 35), (Split::Validation, 35), (Split::Test, 30)]);
    let yes = |cases: &[evohub_evolution::Case]| {
        cases.iter().filter(|case| case.expected.as_deref() == Some("yes")).count()
    };
    assert!((7..=8).contains(&yes(&file.spec.data.test)));
    let again = parse(&folder, JOB, &["random_seed=7"]).unwrap();
    assert_eq!(again.spec.data, file.spec.data, "the seed of the search leaves the cases as they are");
    let other = parse(&folder, JOB, &["data.split_seed=7"]).unwrap();
    assert_ne!(other.spec.data, file.spec.data);

    write(&folder, "test.jsonl", 200..210);
    let file = parse(&folder, JOB, &["data.test=test.jsonl"]).unwrap();
    assert_eq!(file.parts.each_ref().map(|part| part.cases), [50, 50, 10]);
    assert!(
        matches!(file.parts[1].origin, Origin::SplitOff(_))
            && matches!(file.parts[2].origin, Origin::File(_))
    );
}

#[test]
fn settings_go_before_the_file() {
    let folder = folder();
    let settings = [
        "algorithm.name=ga",
        "algorithm.population=4",
        "algorithm.race.enabled=false",
        "budget.evaluations=300",
        "seed.prompts=[\"One.\", \"Two.\"]",
        "name=my films",
        "limits.max_shots = 2",
    ];
    let file = parse(&folder, JOB, &settings).unwrap();
    let AlgorithmConfig::Ga(config) = &file.spec.algorithm else { panic!("{:?}", file.spec.algorithm) };
    assert_eq!((config.population, config.race.enabled), (4, false));
    assert_eq!((file.spec.budget.evaluations, file.spec.seeds.len()), (Some(300), 2));
    assert_eq!((file.spec.name.as_str(), file.spec.limits.max_shots), ("my films", 2));
}

#[test]
fn errors_in_settings_name_them_and_errors_in_the_file_its_line() {
    let folder = folder();
    let told = |settings: &[&str]| parse(&folder, JOB, settings).unwrap_err().to_string();
    assert!(told(&["name=x", "seed.prompts=[\"a\", 3]"]).starts_with("--set seed.prompts=[\"a\", 3]: "));
    let error = parse(&folder, &JOB.replace("[\"Judge.\"]", "[\"Judge.\", 3]"), &["name=x"]).unwrap_err();
    assert_eq!((error.line(), error.key.as_deref()), (Some(3), Some("seed.prompts[1]")));
    assert!("budget".parse::<Setting>().is_err());
    assert!("a b=1".parse::<Setting>().is_err());
}

#[test]
fn reflection_models_are_one_or_several() {
    let folder = folder();
    let one = parse(&folder, JOB, &["model.reflection=lab:teacher", "reflection.temperature=0.5"]).unwrap();
    let [teacher] = &one.spec.reflection[..] else { panic!("{:?}", one.spec.reflection) };
    assert_eq!((teacher.model.model(), teacher.temperature), ("teacher", Some(0.5)));

    let list = "model.reflection=[\"lab:teacher\", { name = \"lab:pupil\", max_output_tokens = 900 }]";
    let file = parse(&folder, JOB, &[list, "reflection.temperature=0.5"]).unwrap();
    let [teacher, pupil] = &file.spec.reflection[..] else { panic!("{:?}", file.spec.reflection) };
    assert_eq!((teacher.max_output_tokens, pupil.max_output_tokens), (4_096, 900));
    assert_eq!((pupil.model.model(), pupil.temperature), ("pupil", Some(0.5)));

    for (list, told) in [
        ("[]", "is an empty list"),
        ("[\"lab:teacher\", \"lba:pupil\"]", "did you mean `lab`?"),
        ("[\"lab:teacher\", 3]", "the name of a model, or a table with its `name`"),
        ("[{ nmae = \"lab:teacher\" }]", "did you mean `name`?"),
        ("[{ temperature = 1 }]", "the key `name` is missing"),
        ("3", "the name of a model, or a list of them"),
        ("teacher", "is not a model name"),
    ] {
        let error = parse(&folder, JOB, &[&format!("model.reflection={list}")]).unwrap_err();
        assert!(error.to_string().contains(told), "{list}: {error}");
        assert!(error.key.as_deref().is_some_and(|key| key.starts_with("model.reflection")), "{error:?}");
    }
}

#[test]
fn repeats_are_automatic_unless_they_are_set() {
    let folder = folder();
    let repeats = |settings: &[&str]| {
        let spec = parse(&folder, JOB, settings).unwrap().spec;
        (spec.final_repeats(), spec.repeats.test)
    };
    let large = "budget.evaluations=1000";
    assert_eq!(repeats(&[large]), (3, 1), "a provider's temperature is not known");
    assert_eq!(repeats(&["budget.evaluations=999"]), (1, 1));
    assert_eq!(repeats(&[large, "algorithm.name=gepa"]), (1, 1));
    assert_eq!(repeats(&[large, "generation.temperature=0"]), (1, 1));
    assert_eq!(repeats(&["generation.temperature=0", "repeats.finals=5", "repeats.test=2"]), (5, 2));
    assert_eq!(repeats(&[large, "repeats.finals=1"]), (1, 1));
    let tuned = [large, "generation.temperature=0", "parameters.temperature={ low = 0.0, high = 1.0 }"];
    assert_eq!(repeats(&tuned), (3, 1));
    let error = parse(&folder, JOB, &["repeats.test=0"]).unwrap_err();
    assert_eq!(error.key.as_deref(), Some("repeats.test"));
    assert!(error.to_string().contains("is 0, and must be from 1 to 100"), "{error}");
}

#[test]
fn whole_candidates_can_be_seeds() {
    let folder = folder();
    let seeds = r#"
[[seed.candidates]]
components = { instruction = "Judge well.", style = "Be brief." }
placement = "first_user"
shots = [{ input = "case 1", output = "no" }]
parameters = { temperature = 0.5 }
"#;
    let file = parse(&folder, &format!("{JOB}{seeds}"), &[]).unwrap();
    let seed = &file.spec.seeds[1];
    assert_eq!((seed.placement(), seed.shots().len()), (Placement::FirstUser, 1));
    assert_eq!((seed.component("style"), seed.parameters()["temperature"]), ("Be brief.", 0.5));
    let wrong = seeds.replace("placement", "plcement");
    let error = parse(&folder, &format!("{JOB}{wrong}"), &[]).unwrap_err();
    assert!(error.to_string().contains("did you mean `placement`?"), "{error}");
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = folder();
    std::fs::write(folder.path().join("key"), "secret").unwrap();
    let file = parse(&folder, JOB, &["providers.lab.key_file=key", "store=jobs/a.db"]).unwrap();
    assert_eq!(file.spec.providers["lab"].key_file, Some(folder.path().join("key")));
    assert_eq!(file.store, Some(format!("sqlite:{}", folder.path().join("jobs/a.db").display())));
    assert_eq!(prompt_of(&file).folder, folder.path().to_str().unwrap());
    assert!(!format!("{file:?}").contains("secret"));
}

#[cfg(feature = "local-model")]
#[test]
fn local_models_are_looked_up_and_asked_for_short_labels() {
    let folder = folder();
    let file = parse(&folder, JOB, &["model.task=local:smollm2-135m-instruct"]).unwrap();
    assert_eq!(prompt_of(&file).generation.max_output_tokens, Some(16));
    let error = parse(&folder, JOB, &["model.task=local:models/a.gguf"]).unwrap_err();
    assert!(error.to_string().contains(folder.path().join("models/a.gguf").to_str().unwrap()), "{error}");
    std::fs::create_dir(folder.path().join("models")).unwrap();
    std::fs::write(folder.path().join("models/a.gguf"), "").unwrap();
    let file =
        parse(&folder, JOB, &["model.task=local:models/a.gguf", "generation.max_output_tokens=3"]).unwrap();
    assert_eq!(prompt_of(&file).generation.max_output_tokens, Some(3));
}

#[test]
fn settings_hold_for_the_algorithm_that_they_name() {
    let folder = folder();
    let settings = ["algorithm={ name = \"ga\", population = 4 }", "model.reflection=lab:teacher"];
    let file = parse(&folder, JOB, &settings).unwrap();
    let own = file.spec_with("ga", 7).unwrap();
    assert_eq!((&own.algorithm, own.seed), (&file.spec.algorithm, 7));
    for name in AlgorithmConfig::NAMES {
        match file.spec_with(name, 0) {
            Ok(spec) => assert_eq!(spec.algorithm.name(), *name),
            Err(error) => {
                assert!(error.to_string().contains("set `model.reflection`"), "{error}");
                assert_eq!(*name, "promptbreeder");
            }
        }
    }
    let other = file.spec_with("gepa", 0).unwrap();
    assert_eq!(other.algorithm, parse(&folder, JOB, &["algorithm.name=gepa"]).unwrap().spec.algorithm);
    let error = file.spec_with("gepaa", 0).unwrap_err();
    assert!(error.to_string().contains("did you mean `gepa`?"), "{error}");
}

#[test]
fn parameters_have_ranges_in_which_they_move() {
    let folder = folder();
    let ranges = "[parameters]\ntemperature = { low = 0.0, high = 1.2 }\n\
                  top_p = { low = 0.1, high = 1.0, scale = \"log\", step = 0.05 }\n";
    let file = parse(&folder, &format!("{JOB}{ranges}"), &["operators.tune_parameter=20"]).unwrap();
    let of = |name: &str| &file.spec.parameters[name];
    assert_eq!((of("temperature").low(), of("temperature").high()), (0.0, 1.2));
    assert_eq!((of("top_p").scale(), of("top_p").step()), (Scale::Log, Some(0.05)));
    file.check_operators(&evohub_actors::Toolbox::default().operator_names()).unwrap();
    assert!(parse(&folder, JOB, &[]).unwrap().spec.parameters.is_empty());
}

#[test]
fn parameters_that_cannot_be_are_told_with_their_line() {
    let folder = folder();
    for (line, told) in [
        ("temperature = { low = 1.0, high = 0.2 }", "`parameters.temperature`: a range goes from a number"),
        ("temperature = { low = 0.0, high = 3.0 }", "`parameters.temperature`: must lie between 0 and 2"),
        ("top_k = { low = 1, high = 9 }", "`parameters.top_k`: there is no parameter `top_k`"),
        ("top_k = { low = 1, high = 9 }", "there are `temperature` and `top_p`"),
        ("top_p = { low = 0.1, hgih = 9 }", "did you mean `high`?"),
        ("top_p = { low = 0.1 }", "the key `high` is missing"),
    ] {
        let error = parse(&folder, &format!("{JOB}[parameters]\n{line}\n"), &[]).unwrap_err();
        assert_eq!(error.line(), Some(JOB.lines().count() + 2), "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let error = parse(&folder, JOB, &["operators.tune_parameter=2"]).unwrap_err();
    assert!(error.to_string().contains("has nothing to tune"), "{error}");
    parse(&folder, JOB, &["operators.tune_parameter=0"]).unwrap();
}

#[test]
fn objectives_are_those_of_the_score_or_built_in() {
    let folder = folder();
    let with = |algorithm: &str, score: &str| {
        let text = JOB.replace("[score]\nmetric = \"label\"", score);
        parse(&folder, &format!("{text}\n[algorithm]\n{algorithm}\n"), &[])
    };
    let parts = "[[score.parts]]\nmetric = \"label\"\n[[score.parts]]\nname = \"short\"\nmetric = \"regex\"\npattern = \"^.{0,9}$\"";
    let command = "[score]\nmetric = \"command\"\nshell = \"./judge\"";
    let nsga2 = |objectives: &str| format!("name = \"nsga2\"\nobjectives = [\"score\", {objectives}]");
    let short = nsga2("{ name = \"short\", goal = \"maximise\" }");
    let file = with(&short, parts).unwrap();
    assert_eq!(file.spec.algorithm.named(), ["short"]);
    // What a command prints is known when it has printed.
    assert!(with(&short, command).is_ok());
    let axis = "name = \"map-elites\"\naxes = [{ name = \"shrot\", low = 0, high = 1 }]";
    let bound = "name = \"nsga2\"\nconstraints = { shrot = { min = 0.5 } }";
    let errors = [
        with(&nsga2("{ name = \"shrot\", goal = \"maximise\" }"), parts),
        with(axis, parts),
        with(bound, parts),
        with(&short, "[score]\nmetric = \"label\""),
        with(&nsga2("\"lenght\""), parts),
        with(&nsga2("{ name = \"short\", gaol = \"maximise\" }"), parts),
        with("name = \"nsga2\"\nconstraints = { max_lenght = 900 }", parts),
        with(&short, &parts.replace("short", "label")),
        with(&short, &parts.replace("short", "length")),
    ];
    let said: Vec<String> = errors.into_iter().map(|error| error.unwrap_err().to_string()).collect();
    let folder = format!("{}/", folder.path().display());
    insta::assert_snapshot!(said.join("\n").replace(&folder, ""));
}

#[test]
fn a_distance_of_embeddings_names_its_model() {
    let folder = folder();
    let with = |table: &str| parse(&folder, &format!("{JOB}\n[diversity]\n{table}\n"), &[]);
    assert_eq!(with("distance = \"edit\"").unwrap().spec.diversity.distance, Distance::Edit);
    let file = with("distance = \"embedding\"\nmodel = \"lab:small\"").unwrap();
    assert_eq!(file.spec.diversity.model.unwrap().to_string(), "lab:small");
    assert_eq!(parse(&folder, JOB, &[]).unwrap().spec.diversity, evohub_actors::DiversitySpec::default());
    let errors = [
        with("distance = \"embedding\""),
        with("model = \"lab:small\""),
        with("distance = \"embeding\""),
        with("distance = \"embedding\"\nmodel = \"elsewhere:m\""),
    ];
    let said: Vec<String> = errors.into_iter().map(|error| error.unwrap_err().to_string()).collect();
    let folder = format!("{}/", folder.path().display());
    insta::assert_snapshot!(said.join("\n").replace(&folder, ""));
}
