//! Names that exist, for who wrote one that does not.

/// What to say of a name that does not exist: the nearest one that does, or all of them.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    let wanted = name.to_lowercase();
    let likeness = |candidate: &&str| strsim::jaro_winkler(&wanted, &candidate.to_lowercase());
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|candidate| likeness(candidate) >= 0.75) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there are {}", list(&known)),
    }
}

/// Names as a person lists them.
pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

/// The message of the deserializer in the words of a job file: an unknown key with the nearest known one. `more` are
/// keys that are known besides those it names.
pub(super) fn in_our_words(message: &str, more: &[&str]) -> String {
    for (start, what) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        let Some(rest) = message.strip_prefix(start) else { continue };
        let Some((name, rest)) = rest.split_once('`') else { continue };
        // What is quoted in the rest are the names that are known.
        let known = rest.split('`').skip(1).step_by(2).chain(more.iter().copied());
        return format!("there is no {what} `{name}` here; {}", suggestion(name, known));
    }
    match message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((name, _)) => format!("the key `{name}` is missing"),
        None => match message.rsplit_once("expected ") {
            Some((start, expected)) => format!("{start}expected {}", type_name(expected)),
            None => message.to_owned(),
        },
    }
}

/// A type, of which the deserializer speaks in Rust's names, as people call it.
fn type_name(expected: &str) -> &str {
    match expected {
        "i64" => "a whole number",
        "u64" | "u32" | "usize" => "a whole number from 0 on",
        "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_come_with_the_nearest() {
        let said = in_our_words("unknown field `trian`, expected one of `train`, `test`", &[]);
        assert_eq!(said, "there is no key `trian` here; did you mean `train`?");
        let said = in_our_words("unknown field `zzz`, expected `a` or `b`", &["name"]);
        assert_eq!(said, "there is no key `zzz` here; there are `a`, `b` and `name`");
        assert_eq!(in_our_words("missing field `kind`", &[]), "the key `kind` is missing");
        let said = in_our_words("invalid type: string \"x\", expected i64", &[]);
        assert_eq!(said, "invalid type: string \"x\", expected a whole number");
        let said = in_our_words("invalid type: integer `1`, expected struct RawSeed", &[]);
        assert_eq!(said, "invalid type: integer `1`, expected a table");
        assert_eq!(in_our_words("wanted string or table", &[]), "wanted string or table");
    }
}
