use insta::assert_snapshot;

use super::*;

fn read(name: &str, content: impl AsRef<[u8]>) -> Result<Dataset, DataError> {
    Dataset::parse(Path::new(name), content.as_ref(), &DataConfig::default())
}

fn error(name: &str, content: impl AsRef<[u8]>) -> String {
    read(name, content).unwrap_err().to_string()
}

#[test]
fn formats_give_the_same_cases() {
    let jsonl = "{\"input\": \"a\", \"expected\": \"1\"}\n{\"input\": \"b\", \"expected\": \"2\"}\n";
    let json = r#"[{"input": "a", "expected": 1}, {"input": "b", "expected": 2}]"#;
    let cases = read("x.jsonl", jsonl).unwrap().cases;
    assert_eq!(cases, [Case::new("a", "1"), Case::new("b", "2")]);
    assert_eq!(read("x.json", json).unwrap().cases, cases);
    assert_eq!(read("x.csv", "input,expected\na,1\nb,2\n").unwrap().cases, cases);
    assert_eq!(read("x.TSV", "input\texpected\na\t1\nb\t2\n").unwrap().cases, cases);
}

#[test]
fn byte_order_mark_crlf_and_blank_lines_are_no_content() {
    let dataset = read("x.jsonl", "\u{feff}{\"input\": \"a\"}\r\n\r\n  \r\n{\"input\": \"b\"}\r\n").unwrap();
    assert_eq!(dataset.lines, [1, 4]);
    assert_eq!(dataset.cases[1].input, "b");
    let dataset = read("x.csv", "\u{feff}input,expected\r\na,1\r\n\r\nb,2\r\n").unwrap();
    assert_eq!(dataset.lines, [2, 4]);
    assert_eq!(dataset.cases[0].input, "a");
}

#[test]
fn columns_are_named_by_the_configuration() {
    let config = DataConfig { input: "question".into(), expected: "answer".into(), weight: Some("w".into()) };
    let text = "question,answer,w,topic\nq,a,2.5,t\n";
    let dataset = Dataset::parse(Path::new("x.csv"), text.as_bytes(), &config).unwrap();
    let case = &dataset.cases[0];
    assert_eq!((case.input.as_str(), case.expected.as_deref(), case.weight), ("q", Some("a"), 2.5));
    // The weight is no part of a case's identity, so it must not stand among the columns.
    assert_eq!(case.columns.keys().collect::<Vec<_>>(), ["answer", "question", "topic"]);
    assert_eq!(dataset.columns.iter().collect::<Vec<_>>(), ["answer", "question", "topic"]);
}

#[test]
fn cases_may_do_without_expected_answers() {
    let dataset = read("x.jsonl", "{\"input\": \"a\"}\n{\"input\": \"b\", \"expected\": null}").unwrap();
    assert!(dataset.cases.iter().all(|case| case.expected.is_none()));
}

#[test]
fn duplicates_are_left_out_and_said() {
    let text = "input,expected\na,1\nb,2\na,1\na,1\na,3\n";
    let dataset = read("cases.csv", text).unwrap();
    assert_eq!(dataset.cases.len(), 3);
    assert_eq!(dataset.lines, [2, 3, 6]);
    let warnings: Vec<String> = dataset.warnings.iter().map(ToString::to_string).collect();
    assert_snapshot!(warnings.join("\n"), @r"
    cases.csv:4: the same case as in line 2; left out
    cases.csv:5: the same case as in line 2; left out
    ");
}

#[test]
fn errors_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Dataset::read(&folder.path().join("no.jsonl"), &DataConfig::default()).unwrap_err();
    assert!(matches!(missing.kind, DataErrorKind::Missing));
    assert!(missing.to_string().contains("no.jsonl: there is no such file"), "{missing}");
    let path = folder.path().join("yes.jsonl");
    std::fs::write(&path, "{\"input\": \"a\"}").unwrap();
    assert_eq!(Dataset::read(&path, &DataConfig::default()).unwrap().cases.len(), 1);
    let unreadable = Dataset::read(folder.path(), &DataConfig::default()).unwrap_err();
    assert!(matches!(unreadable.kind, DataErrorKind::Unreadable(_)));
}

#[test]
fn errors_of_content() {
    assert_snapshot!(error("x.jsonl", "\n\n"), @"x.jsonl: there is no case in it; write one case per row, with an input and what is expected");
    assert_snapshot!(error("x.json", ""), @"x.json: there is no case in it; write one case per row, with an input and what is expected");
    assert_snapshot!(error("x.csv", "input,expected\n"), @"x.csv: there is no case in it; write one case per row, with an input and what is expected");
    assert_snapshot!(error("x.txt", "a"), @"x.txt: the extension says no format; use .jsonl, .json, .csv or .tsv");
    assert_snapshot!(error("x.jsonl", b"{\"input\": \"a\"}\n{\"input\": \"\xff\"}"), @"x.jsonl:2: not UTF-8; save the file as UTF-8");
}

#[test]
fn errors_of_json() {
    assert_snapshot!(error("x.jsonl", "{\"input\": \"a\"}\n\n{\"input\": oops}\n"), @"x.jsonl:3: invalid JSON at column 11: expected value");
    assert_snapshot!(error("x.jsonl", "{\"input\": \"a\"}\n{\"input\": \"b\"\n"), @"x.jsonl:2: invalid JSON at column 13: EOF while parsing an object");
    assert_snapshot!(error("x.json", "[{\"input\": \"a\"},\n {\"input\": 1,}]"), @"x.json:2: invalid JSON at column 14: trailing comma");
    assert_snapshot!(error("x.jsonl", "[1]"), @r#"x.jsonl:1: a case must be an object such as {"input": "…", "expected": "…"}, not an array"#);
    assert_snapshot!(error("x.json", "[\n{\"input\": \"a\"},\n\"b\"]"), @r#"x.json:3: a case must be an object such as {"input": "…", "expected": "…"}, not a string"#);
    assert_snapshot!(error("x.json", "{\"input\": \"a\"}"), @"x.json:1: the file must hold an array of objects, not an object; write one object per line in a .jsonl file instead");
}

#[test]
fn errors_of_csv() {
    assert_snapshot!(error("x.csv", "input,expected\na,1\nb,2,3\n"), @"x.csv:3: the row has 3 cells and the header 2; quote cells that hold the separator");
    assert_snapshot!(error("x.csv", "input,expected,input\na,1,b\n"), @"x.csv:1: the header names column `input` twice; rename one");
}

#[test]
fn errors_of_columns() {
    assert_snapshot!(error("x.csv", "imput,expected\na,1\n"), @"x.csv: there is no column `input` (there are `expected` and `imput`); did you mean `imput`?");
    assert_snapshot!(error("x.jsonl", "{\"input\": \"a\"}\n{\"text\": \"b\"}"), @"x.jsonl:2: column `input` is empty: every case needs an input");
    assert_snapshot!(error("x.jsonl", "{\"input\": \" \"}"), @"x.jsonl:1: column `input` is empty: every case needs an input");
    let config = DataConfig { expected: "label".into(), ..DataConfig::default() };
    let named = Dataset::parse(Path::new("x.csv"), b"input,lable\na,1\n", &config).unwrap_err();
    assert_snapshot!(named, @"x.csv: there is no column `label` (there are `input` and `lable`); did you mean `lable`?");
    let config = DataConfig { weight: Some("w".into()), ..DataConfig::default() };
    for (cell, shown) in [("0", "0"), ("-1", "-1"), ("NaN", "NaN"), ("heavy", "heavy")] {
        let text = format!("input,w\na,1\nb,{cell}\n");
        let weight = Dataset::parse(Path::new("x.csv"), text.as_bytes(), &config).unwrap_err();
        assert_eq!(
            weight.to_string(),
            format!("x.csv:3: column `w`: `{shown}` is no weight; write a number above 0")
        );
    }
}

#[test]
fn an_unscorable_case_is_found_with_its_line() {
    let dataset = read("x.csv", "input,expected\na,1\nb,\n").unwrap();
    let check =
        |case: &Case| case.expected.as_ref().map(|_| ()).ok_or_else(|| "it has no expected answer".into());
    assert_snapshot!(dataset.check(check).unwrap_err(), @"x.csv:3: the case cannot be scored: it has no expected answer");
}
