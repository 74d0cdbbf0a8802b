//! The front of a search over several objectives.

use std::fmt::Write as _;

use evohub_charts::Escaped;
use evohub_evolution::optimizers::{Goal, Objective};
use evohub_evolution::selection::nondominated_ranks;

use super::roster::Roster;
use super::text::{counted, four_digits};

/// The candidates that were measured in full and that no other dominates, by the first objective, with the value of
/// each objective. `None` when the search had no objectives, or nobody was measured.
pub(super) fn table(objectives: &[Objective], roster: &Roster<'_>, chosen: Option<usize>) -> Option<String> {
    let front = front(objectives, roster);
    if objectives.is_empty() || front.is_empty() {
        return None;
    }
    let mut html = format!(
        "<p>{} in {}: no other measured on all validation cases is as good in each and better in one. Means over the validation cases; ↑ the more the better, ↓ the less.</p>\n",
        counted(front.len() as u64, "candidate"),
        counted(objectives.len() as u64, "objective"),
    );
    html.push_str(r#"<div class="wide"><table class="sortable"><thead><tr><th scope="col">Candidate</th>"#);
    for objective in objectives {
        let arrow = if objective.goal == Goal::Maximise { '↑' } else { '↓' };
        let _ = write!(html, r#"<th scope="col">{} {arrow}</th>"#, Escaped(objective.property.as_str()));
    }
    html.push_str("</tr></thead><tbody>");
    for place in front {
        let (class, mark) = if chosen == Some(place) { (r#" class="chosen""#, " ★") } else { ("", "") };
        let label = roster.label(place);
        let _ = write!(
            html,
            r##"<tr{class}><th scope="row" data-value="{place}"><a href="#c{place}">{}</a>{mark}</th>"##,
            Escaped(&label)
        );
        for objective in objectives {
            let value = value(objective, roster, place);
            let shown = value.map_or_else(|| "–".to_owned(), four_digits);
            let sorted = value.unwrap_or(f64::MIN);
            let _ = write!(html, r#"<td class="number" data-value="{sorted}">{shown}</td>"#);
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>\n");
    Some(html)
}

fn value(objective: &Objective, roster: &Roster<'_>, place: usize) -> Option<f64> {
    roster.record(place).objectives.get(objective.property.as_str()).copied()
}

/// The places of those on the front, the best in the first objective first.
fn front(objectives: &[Objective], roster: &Roster<'_>) -> Vec<usize> {
    let measured: Vec<usize> = (0..roster.len())
        .filter(|place| roster.is_measured(*place) && !roster.record(*place).objectives.is_empty())
        .collect();
    let gains = |place: &usize| -> Vec<f64> {
        let gain = |objective: &Objective| {
            value(objective, roster, *place).map_or(f64::NAN, |value| objective.gain(value))
        };
        objectives.iter().map(gain).collect()
    };
    let gains: Vec<Vec<f64>> = measured.iter().map(gains).collect();
    let ranks = nondominated_ranks(&gains, &[]);
    let mut front: Vec<usize> = (0..measured.len()).filter(|at| ranks[*at] == 0).collect();
    let first = |at: usize| gains[at].first().copied().filter(|gain| !gain.is_nan()).unwrap_or(f64::MIN);
    front.sort_by(|one, other| first(*other).total_cmp(&first(*one)).then(one.cmp(other)));
    front.into_iter().map(|at| measured[at]).collect()
}
