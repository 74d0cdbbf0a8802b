//! What stands in an expression, as far as rules need it.

/// Series that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) name: String,
    /// Labels, operators, values.
    pub(super) matchers: Vec<(String, String, String)>,
    /// What stands in the brackets behind it.
    pub(super) range: Option<String>,
    /// The function or aggregation in whose brackets it stands.
    pub(super) function: String,
}

/// Words that are neither names nor functions.
const OPERATORS: [&str; 6] = ["and", "bool", "offset", "or", "unless", "atan2"];
/// Words before a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The selectors of an expression, in their order.
pub(super) fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = vec![];
    // What is open: the word before the bracket, and for a list of labels the aggregation that it belongs to.
    let mut open: Vec<(String, String)> = vec![];
    let (mut word, mut list) = (String::new(), None);
    let mut rest = expression;
    while let Some(next) = rest.chars().next() {
        let length = rest.find(|c: char| !is_of_name(c)).unwrap_or(rest.len());
        if length == 0 {
            rest = match next {
                '(' => {
                    open.push(match list.take() {
                        Some(list) => (list, std::mem::take(&mut word)),
                        None => (std::mem::take(&mut word), String::new()),
                    });
                    &rest[1..]
                }
                ')' => {
                    word = open.pop().expect("the bracket was opened").1;
                    &rest[1..]
                }
                '"' => rest[1..].split_once('"').expect("the text is closed").1,
                other => &rest[other.len_utf8()..],
            };
            continue;
        }
        let (name, behind) = rest.split_at(length);
        rest = behind;
        let in_list = open.last().is_some_and(|(word, _)| LISTS.contains(&word.as_str()));
        let ahead = behind.trim_start();
        if LISTS.contains(&name) {
            list = Some(name.to_owned());
        } else if ahead.starts_with('(') || ahead.starts_with("by (") || ahead.starts_with("without (") {
            word = name.to_owned();
        } else if !in_list && !OPERATORS.contains(&name) && !name.starts_with(|c: char| c.is_ascii_digit()) {
            let (matchers, behind) = matchers(behind);
            let (range, behind) = match behind.strip_prefix('[') {
                Some(inside) => {
                    let (range, behind) = inside.split_once(']').expect("the bracket is closed");
                    (Some(range.to_owned()), behind)
                }
                None => (None, behind),
            };
            rest = behind;
            let function = open.last().map(|(word, _)| word.clone()).unwrap_or_default();
            found.push(Selector { name: name.to_owned(), matchers, range, function });
        }
    }
    found
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:.".contains(c)
}

fn matchers(text: &str) -> (Vec<(String, String, String)>, &str) {
    let Some(inside) = text.strip_prefix('{') else { return (vec![], text) };
    let (inside, behind) = inside.split_once('}').expect("the brace is closed");
    let matcher = |matcher: &str| {
        let (label, rest) = matcher.split_at(matcher.find(['=', '!']).expect("an operator"));
        let (operator, value) = rest.split_at(rest.find('"').expect("a value"));
        (label.trim().to_owned(), operator.to_owned(), value.trim_matches('"').to_owned())
    };
    (inside.split(", ").filter(|matcher| !matcher.is_empty()).map(matcher).collect(), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(
        name: &str,
        matchers: &[(&str, &str, &str)],
        range: Option<&str>,
        function: &str,
    ) -> Selector {
        let matchers = matchers.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned()));
        Selector {
            name: name.to_owned(),
            matchers: matchers.collect(),
            range: range.map(str::to_owned),
            function: function.to_owned(),
        }
    }

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        assert_eq!(
            selectors(
                r#"sum by (le, actor) (rate(a_total{job=~"$job", x!="1"}[$__rate_interval])) / (b > 0)"#
            ),
            [
                selector(
                    "a_total",
                    &[("job", "=~", "$job"), ("x", "!=", "1")],
                    Some("$__rate_interval"),
                    "rate"
                ),
                selector("b", &[], None, ""),
            ]
        );
        assert_eq!(
            selectors(r#"max(evohub:x) * 3.5e6 or on() label_replace(vector(0), "by", "none", "", "")"#),
            [selector("evohub:x", &[], None, "max")]
        );
        assert_eq!(selectors("time() - up"), [selector("up", &[], None, "")]);
    }
}
