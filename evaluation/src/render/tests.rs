use evohub_evolution::Shot;
use evohub_llm::Role;
use proptest::prelude::*;

use super::*;
use crate::data::DataConfig;

fn renderer(template: &str, columns: &[&str]) -> Renderer {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    Renderer::new(template, Variables::of_task(&columns, &DataConfig::default())).unwrap()
}

fn plain() -> Renderer {
    renderer("{input}", &["input", "expected"])
}

fn candidate(instruction: &str, placement: Placement) -> Candidate {
    let shots = vec![("i1", "o1"), ("i2", "o2")];
    let shots = shots.into_iter().map(|(i, o)| Shot { input: i.into(), output: o.into() }).collect();
    Candidate::from_instruction(instruction).unwrap().with_placement(placement).with_shots(shots)
}

fn turns(messages: &[ChatMessage]) -> Vec<String> {
    let initial = |role| match role {
        Role::System => 'S',
        Role::User => 'U',
        Role::Assistant => 'A',
    };
    messages.iter().map(|message| format!("{} {}", initial(message.role), message.content)).collect()
}

#[test]
fn instruction_stands_where_it_is_placed() {
    let case = Case::new("in", "out");
    let of = |placement| turns(&plain().render(&candidate("Do.", placement), &case));
    assert_eq!(of(Placement::System), ["S Do.", "U i1", "A o1", "U i2", "A o2", "U in"]);
    assert_eq!(of(Placement::User), ["U Do.\n\ni1", "A o1", "U Do.\n\ni2", "A o2", "U Do.\n\nin"]);
    assert_eq!(of(Placement::FirstUser), ["U Do.\n\ni1", "A o1", "U i2", "A o2", "U in"]);
    let bare = candidate("Do.", Placement::FirstUser).with_shots(vec![]);
    assert_eq!(turns(&plain().render(&bare, &case)), ["U Do.\n\nin"]);
}

#[test]
fn components_stand_in_the_system_turn_in_order() {
    let components =
        [("zeal", "Z"), ("system", "S\n"), ("instruction", " I "), ("format", "F"), ("none", " ")];
    let components = components.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let candidate = Candidate::new(components, Placement::System, vec![]).unwrap();
    let case = Case::new("in", "out");
    assert_eq!(turns(&plain().render(&candidate, &case)), ["S S\n\nI\n\nF\n\nZ", "U in"]);
    let user = candidate.with_placement(Placement::User);
    assert_eq!(turns(&plain().render(&user, &case)), ["S S\n\nF\n\nZ", "U I\n\nin"]);
}

#[test]
fn an_instruction_that_shows_the_input_is_the_user_turn() {
    for placement in Placement::ALL {
        let messages =
            plain().render(&candidate("Text: {input}\nLabel:", placement), &Case::new("in", "out"));
        let expected = ["U Text: i1\nLabel:", "A o1", "U Text: i2\nLabel:", "A o2", "U Text: in\nLabel:"];
        assert_eq!(turns(&messages), expected);
    }
}

#[test]
fn other_columns_reach_examples_too() {
    let row = |input: &str, topic: &str| {
        let mut case = Case::new(input, "o1");
        case.columns.insert("topic".into(), topic.into());
        case
    };
    let train = [row("i1", "sea"), row("i9", "sky")];
    let renderer = renderer("{topic}: {input}", &["input", "expected", "topic"]).with_examples(&train);
    let messages = renderer.render(&candidate("Do.", Placement::System), &row("in", "air"));
    assert_eq!(turns(&messages), ["S Do.", "U sea: i1", "A o1", "U : i2", "A o2", "U air: in"]);
    let messages = renderer.render(&candidate("On {topic}.", Placement::System), &row("in", "air"));
    assert_eq!(turns(&messages)[0], "U On sea.\n\nsea: i1");
    assert_eq!(turns(&messages)[4], "U On air.\n\nair: in");
}

#[test]
fn fingerprint_covers_what_decides() {
    let base = plain().fingerprint();
    assert_eq!(base, plain().fingerprint());
    assert_ne!(base, renderer("Text: {input}", &["input", "expected"]).fingerprint());
    assert_ne!(base, renderer("{input}", &["input", "expected", "topic"]).fingerprint());
    // Without further columns the cases of the examples change nothing, and results are shared.
    assert_eq!(base, plain().with_examples(&[Case::new("a", "b")]).fingerprint());
    let topic = || renderer("{topic}{input}", &["topic", "input"]);
    assert_ne!(topic().fingerprint(), topic().with_examples(&[Case::new("a", "b")]).fingerprint());
}

#[test]
fn templates_and_seeds_of_users_are_checked() {
    let variables = Variables::of_task(&["input".to_owned(), "expected".to_owned()], &DataConfig::default());
    let error = |template: &str| Renderer::new(template, variables.clone()).unwrap_err().to_string();
    assert!(error("{imput}").contains("did you mean `input`?"));
    assert!(error("{expected}").contains("would show the model the expected answer"));
    assert!(error("{{input}}").contains("shows nothing of the case"));

    let seed = |name: &str, text: &str| {
        let candidate = Candidate::from_instruction("Do.").unwrap().with_component(name, text).unwrap();
        plain().check(&candidate).map_err(|error| error.to_string())
    };
    assert_eq!(seed("instruction", "Answer {\"a\": 1} about {input}"), Ok(()));
    assert!(
        seed("instruction", "{inptu}")
            .unwrap_err()
            .starts_with("component `instruction`, line 1, column 1: ")
    );
    assert!(seed("system", "{input}").unwrap_err().contains("same for all cases"));
}

fn any_text() -> impl Strategy<Value = String> {
    r#"(\{|\}|input|expected|topic|[a-z ]|\n|"|é){1,20}"#
}

proptest! {
    #[test]
    fn the_input_arrives_as_it_is(input in any_text(), instruction in any_text(), placement in 0_usize..3) {
        prop_assume!(!instruction.trim().is_empty());
        let candidate = candidate(&instruction, Placement::ALL[placement]);
        let messages = plain().render(&candidate, &Case::new(input.as_str(), "the answer"));
        let last = messages.last().unwrap();
        prop_assert_eq!(last.role, Role::User);
        prop_assert!(last.content.contains(&input));
        prop_assert!(messages.iter().all(|message| !message.content.contains("the answer")));
    }

    #[test]
    fn all_before_the_input_is_shared(
        one in any_text(), two in any_text(), instruction in "[a-z {}\n]{1,20}", placement in 0_usize..3,
    ) {
        prop_assume!(!instruction.trim().is_empty());
        let candidate = candidate(&instruction, Placement::ALL[placement]);
        let mut first = plain().render(&candidate, &Case::new(one.as_str(), "x"));
        let mut second = plain().render(&candidate, &Case::new(two.as_str(), "y"));
        let (a, b) = (first.pop().unwrap().content, second.pop().unwrap().content);
        prop_assert_eq!(first, second);
        prop_assert_eq!(a.strip_suffix(&one), b.strip_suffix(&two));
    }
}
