//! What each of several reflection models brought.

use std::fmt::Write as _;

use evohub_actors::{JobResult, ReflectionResult};
use evohub_charts::Escaped;

use super::text::{count, dollars, signed};

/// A section with the table of the models; nothing where there is one model or none.
pub(super) fn table(result: Option<&JobResult>) -> String {
    let models = result.map(|result| &result.models[..]).unwrap_or_default();
    if models.len() < 2 {
        return String::new();
    }
    let mut html = String::from(
        r#"<section>
<h2>Reflection models</h2>
<p>Who brings most improvement for its price is asked most. The improvement is how much more candidates scored than the best of their parents, added up over those that did.</p>
<table class="scores"><thead><tr><th scope="col">Model</th><th scope="col">Proposals</th><th scope="col">Used</th><th scope="col">Improvement</th><th scope="col">Dollars</th></tr></thead><tbody>"#,
    );
    for ReflectionResult { model, proposals, used, improvement, dollars: paid } in models {
        let _ = write!(
            html,
            r#"<tr><th scope="row"><bdi>{}</bdi></th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"#,
            Escaped(model),
            count(*proposals),
            count(*used),
            signed(*improvement),
            dollars(*paid)
        );
    }
    html.push_str("</tbody></table>\n</section>\n");
    html
}
