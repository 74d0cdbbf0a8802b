mod sample;

use evohub_evolution::Candidate;
use evohub_evolution::optimizers::{Objective, Property};
use sample::Sample;

use super::*;
use crate::comparison::tests::sample as comparison;

/// The text of a page as a reader sees it, without its style and script.
fn text(html: &str) -> String {
    let body = &html[html.find("<body>").unwrap()..html.find("<script>").unwrap()];
    let mut text = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => (inside, _) = (true, text.push('\n')),
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// The pictures of a page, each a whole XML document.
fn pictures(html: &str) -> Vec<&str> {
    let mut pictures = vec![];
    let mut rest = html;
    while let Some(start) = rest.find("<svg") {
        let end = rest[start..].find("</svg>").expect("every picture ends") + start + "</svg>".len();
        pictures.push(&rest[start..end]);
        rest = &rest[end..];
    }
    pictures
}

/// What holds of every page.
fn check(html: &str) {
    for picture in pictures(html) {
        let document =
            roxmltree::Document::parse(picture).unwrap_or_else(|error| panic!("{error}: {picture}"));
        let root = document.root_element();
        if root.attribute("role") == Some("img") {
            let title =
                root.children().find(|child| child.has_tag_name(("http://www.w3.org/2000/svg", "title")));
            assert!(title.and_then(|title| title.text()).is_some_and(|title| !title.is_empty()));
        }
        for number in ["NaN", "inf"] {
            assert!(!picture.contains(number), "{number} in {picture}");
        }
    }
    // HTML is no XML, but this page is both once its head and the characters that HTML alone allows are set aside.
    let body = &html[html.find("<body>").unwrap()..html.find("<script>").unwrap()];
    roxmltree::Document::parse(&format!("{body}</body>")).unwrap_or_else(|error| panic!("{error}: {body}"));
    let elsewhere = html.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=", "@import", "url(", "<link"] {
        assert!(!elsewhere.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("<script>").count(), 1);
    assert_eq!(html.matches("<style>").count(), 1);
    let ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    for link in html.split("href=\"#").skip(1) {
        let target = &link[..link.find('"').unwrap()];
        assert!(ids.contains(&target), "{target} is linked and not there");
    }
}

#[test]
fn a_small_page_says_what_there_is() {
    let sample = Sample::small();
    let html = page(&sample.input());
    check(&html);
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("small_page", text(&html));
    });
}

#[test]
fn a_job_without_anything_has_a_page() {
    let sample = Sample { result: None, candidates: vec![], history: vec![], ..Sample::small() };
    let html = page(&sample.input());
    check(&html);
    let text = text(&html);
    for said in
        ["has no result yet", "no curve to draw", "no front to draw", "No candidate was born", "0 candidates"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_single_candidate_is_seed_and_choice() {
    let mut sample = Sample::small();
    sample.candidates.truncate(1);
    sample.history.truncate(1);
    let result = sample.result.as_mut().unwrap();
    result.best = Some(result.seed.clone());
    result.p_value = None;
    let html = page(&sample.input());
    check(&html);
    assert!(text(&html).contains("The seed was not beaten"), "{html}");
    assert!(html.contains(r#"class="ring""#) && !html.contains("<h3>How it came to be"));
}

#[test]
fn no_prompt_can_break_out() {
    let hostile = "</pre><script>alert('x')</script> \"quoted\" & 'it' 🙂👩‍👩‍👧 \u{202e}שלום\u{0}\u{8} ]]> <!-- --> \u{ffff}";
    let long = format!("{hostile}\n{}", "word \u{1f600} ".repeat(1_500));
    let sample = Sample::with_prompt(hostile, &long);
    let html = page(&sample.input());
    check(&html);
    assert!(!html.contains("alert('x')") && html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    assert!(html.contains("שלום") && !html.contains('\u{0}') && !html.contains("<!--"));
}

#[test]
fn many_candidates_are_drawn_and_too_many_thinned() {
    for (count, drawn) in [(40, 40), (500, 500), (1_500, 600)] {
        let sample = Sample::evolved(count, 20);
        let html = page(&sample.input());
        check(&html);
        let tree = pictures(&html).into_iter().find(|picture| picture.contains("family-title")).unwrap();
        assert_eq!(tree.matches(r#"class="touch""#).count(), drawn);
        assert!(tree.contains("edge winning") && tree.contains(r#"class="ring""#));
        assert_eq!(html.contains("Not drawn:"), drawn < count);
    }
}

#[test]
fn several_reflection_models_have_a_table() {
    let mut sample = Sample::evolved(12, 4);
    let brought = |model: &str| evohub_actors::ReflectionResult {
        model: model.into(),
        proposals: 1_200,
        used: 1_100,
        improvement: 0.25,
        dollars: 0.5,
    };
    let result = sample.result.as_mut().unwrap();
    result.models = vec![brought("lab:<b>teacher</b>")];
    assert!(!page(&sample.input()).contains("Reflection models"));
    sample.result.as_mut().unwrap().models.push(brought("lab:other"));
    let html = page(&sample.input());
    check(&html);
    assert!(html.contains("lab:&lt;b&gt;teacher&lt;/b&gt;"));
    for cell in ["lab:other", "1,200", "1,100", "+0.250", "$0.5000"] {
        assert!(html.contains(cell), "{cell}");
    }
}

#[test]
fn broken_records_still_make_a_page() {
    let mut sample = Sample::evolved(12, 4);
    let (first, last) = (sample.candidates[0].candidate.id(), sample.candidates[11].candidate.id());
    // Its own ancestor, an ordinal given twice, and a parent that nobody knows.
    sample.candidates[0].parents = vec![last];
    sample.candidates[11].parents = vec![first, evohub_evolution::Digest::of_fields([])];
    sample.candidates[5].ordinal = 4;
    sample.result.as_mut().unwrap().best.as_mut().unwrap().id = last.to_string();
    sample.history[0].dollars = f64::INFINITY;
    check(&page(&sample.input()));
}

#[test]
fn several_islands_are_told_apart() {
    let mut sample = Sample::evolved(30, 5);
    for record in sample.candidates.iter_mut().skip(1).step_by(2) {
        record.island = 1;
    }
    let history = sample.history.clone();
    sample.history.extend(history.into_iter().map(|mut point| {
        point.island = 1;
        point.best /= 2.0;
        point
    }));
    let html = page(&sample.input());
    check(&html);
    let text = text(&html);
    assert!(text.contains("best 0\n") && text.contains("best 1\n") && text.contains("#1.1"), "{text}");
}

#[test]
fn the_front_holds_who_is_not_beaten() {
    let mut sample = Sample::evolved(6, 2);
    let scores = [Some(0.5), Some(0.5), Some(0.7), Some(0.6), None, Some(0.9)];
    for (index, (record, score)) in sample.candidates.iter_mut().zip(scores).enumerate() {
        record.candidate = Candidate::from_instruction("x".repeat(index + 1)).unwrap();
        (record.validation_score, record.validation_cases) = (score, 40);
    }
    // Its score is of fewer cases: it cannot be compared.
    sample.candidates[5].validation_cases = 10;
    let roster = roster::Roster::new(&sample.candidates);
    assert_eq!(pareto::front(&roster), [0, 2]);
}

#[test]
fn a_comparison_says_what_there_is() {
    let scores = [0.7, 0.75, 0.8, 0.72, 0.69, 0.81];
    let comparison =
        comparison(&[("gepa", &scores), ("ga", &scores.map(|score| score - 0.1)), ("random", &[0.2; 6])]);
    let html = comparison_page(&comparison);
    check(&html);
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("comparison_page", text(&html));
    });
    assert_eq!(html.matches(r#"class="band hue"#).count(), 9, "three algorithms on three curves");
}

#[test]
fn a_comparison_without_anything_has_a_page() {
    let mut empty = comparison(&[("gepa", &[0.5]), ("ga", &[0.6])]);
    empty.runs.clear();
    let html = comparison_page(&empty);
    check(&html);
    assert!(text(&html).contains("no curve to draw"), "{html}");
    let mut odd = comparison(&[("gepa", &[0.5]), ("ga", &[0.6])]);
    odd.runs[0].curve.clear();
    odd.runs[1].seconds = None;
    odd.runs[1].error = Some("</li><script>alert(1)</script>".into());
    odd.runs[1].status = "failed".into();
    let html = comparison_page(&odd);
    check(&html);
    assert!(!html.contains("alert(1)</script>"), "{html}");
}

#[test]
fn as_many_algorithms_as_there_may_be_are_told_apart() {
    let names: Vec<String> = (0..12).map(|number| format!("algorithm-{number}")).collect();
    let algorithms: Vec<(&str, &[f64])> = names.iter().map(|name| (name.as_str(), &[0.5, 0.5][..])).collect();
    let html = comparison_page(&comparison(&algorithms));
    check(&html);
    let lines: std::collections::BTreeSet<&str> =
        html.split("<path class=\"line ").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    assert_eq!(lines.len(), 12);
}

#[test]
fn a_front_over_several_objectives_is_a_table() {
    let mut sample = Sample::small();
    let values = |tone: f64, length: f64| [("tone".to_owned(), tone), ("length".to_owned(), length)].into();
    sample.candidates[0].objectives = values(0.25, 22.0);
    sample.candidates[1].objectives = values(-0.5, 51.0);
    let mut third = sample.candidates[1].clone();
    (third.ordinal, third.candidate) = (3, Candidate::from_instruction("<b>Third</b>").unwrap());
    third.objectives = values(0.75, 30.0);
    sample.candidates.push(third);
    let result = sample.result.as_mut().unwrap();
    result.objectives =
        vec![Objective::maximise(Property::Named("tone".into())), Objective::minimise(Property::Length)];
    let html = page(&sample.input());
    check(&html);
    let text = text(&html);
    let start = text.find("2 candidates in 2 objectives").unwrap();
    insta::assert_snapshot!(text[start..].lines().take(12).collect::<Vec<_>>().join("\n"));
}

#[test]
fn pictures_stand_by_themselves() {
    let comparison = comparison(&[("gepa", &[0.7, 0.75, 0.8]), ("<ga>", &[0.6, 0.65, 0.7])]);
    let pictures = comparison_pictures(&comparison);
    let names: Vec<&str> = pictures.iter().map(|picture| picture.name.as_str()).collect();
    assert_eq!(names, ["test-scores", "score-over-evaluations", "score-over-dollars", "score-over-minutes"]);
    for Picture { name, svg } in &pictures {
        let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        let rules = document.descendants().find(|node| node.tag_name().name() == "style").unwrap();
        assert!(rules.text().unwrap().contains("svg .hue0 { color: #0072b2; }"), "{name}");
        assert!(!svg.contains("var("), "{name}: what draws pictures need not know variables");
    }

    let mut empty = comparison;
    empty.runs.clear();
    assert_eq!(comparison_pictures(&empty), []);
}

#[test]
fn budgets_stand_on_an_axis_of_powers() {
    let course = |name: &str, place, means: [f64; 3]| Course {
        name: name.to_owned(),
        place,
        points: [250.0, 500.0, 1_000.0]
            .into_iter()
            .zip(means)
            .map(|(spent, mean)| CoursePoint { spent, mean, interval: Some([mean - 0.1, mean + 0.1]) })
            .collect(),
    };
    let courses = [course("bandit", 0, [0.4, 0.5, 0.6]), course("random", 1, [0.3, 0.3, 0.35])];
    let svg = budgets_picture("Landscape: hills", "true accuracy", &courses);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let told = document.descendants().find(|node| node.tag_name().name() == "desc").unwrap();
    insta::assert_snapshot!(told.text().unwrap(), @"Landscape: hills: the mean true accuracy. bandit: from 0.400 to 0.600. random: from 0.300 to 0.350.");
    let ends: Vec<f64> = document
        .descendants()
        .filter(|node| {
            node.tag_name().name() == "circle" && node.attribute("class") == Some("dot hue0 dash0")
        })
        .map(|node| node.attribute("cx").unwrap().parse().unwrap())
        .collect();
    assert!((ends[1] - ends[0] - (ends[2] - ends[1])).abs() < 0.2, "twice as many are one step: {ends:?}");
}
