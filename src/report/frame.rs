//! What all pages have in common: the document around the sections.

use std::fmt::Write as _;

use evohub_charts::Escaped;

const STYLE: &str = concat!(include_str!("page.css"), include_str!("picture.css"));
const SCRIPT: &str = include_str!("page.js");

/// Nothing is fetched from anywhere, whatever a prompt holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A whole page. `name` is text; `what` says what kind of page it is; `head` and `sections` are HTML.
pub(super) fn framed(name: &str, what: &str, head: &str, sections: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="color-scheme" content="light dark">
<title>{name} – evohub {what}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1><bdi>{name}</bdi></h1>
{head}</header>
<main>
{sections}</main>
<script>
{SCRIPT}</script>
</body>
</html>
"#,
        name = Escaped(name)
    )
}

/// Names with values, side by side.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let mut html = String::from("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(html, "<div><dt>{name}</dt><dd><bdi>{}</bdi></dd></div>", Escaped(value));
    }
    html.push_str("</dl>\n");
    html
}

/// A picture with what it shows below it.
pub(super) fn figure(html: &mut String, svg: &str, caption: &str) {
    let _ = writeln!(html, "<figure>{svg}<figcaption>{}</figcaption></figure>", Escaped(caption));
}
