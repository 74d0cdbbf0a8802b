//! The family tree: who came from whom, by generation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use evohub_charts::{Escaped, opening};

use super::roster::{Fate, Roster};
use super::text::{counted, score};

/// With more candidates than this, those that fell early and have no children are not drawn.
const MOST_DRAWN: usize = 600;
/// With more than this on average in a column, marks stand closer and have no names.
const MOST_NAMED: usize = 14;
/// Rows of a tree of many generations at least.
const LEAST_ROWS: usize = 9;
const MARGIN: f64 = 36.0;

/// The tree as a picture, and what to say about it.
pub(super) struct Family {
    pub(super) svg: String,
    pub(super) width: f64,
    pub(super) left_out: usize,
}

/// Where each candidate stands.
struct Layout {
    /// Column and height, in rows, by place.
    spots: BTreeMap<usize, (usize, f64)>,
    /// The first column of each generation that is drawn.
    generations: BTreeMap<u32, usize>,
    columns: usize,
    rows: usize,
}

pub(super) fn family(roster: &Roster<'_>, line: &[usize]) -> Option<Family> {
    let drawn = drawn(roster, line);
    if drawn.is_empty() {
        return None;
    }
    let layout = Layout::new(roster, &drawn);
    let named = layout.rows <= MOST_NAMED && drawn.len() <= 10 * MOST_NAMED;
    let (column, row) = if named { (86.0, 44.0) } else { (58.0, 22.0) };
    let spot = |place: &usize| {
        let (x, y) = layout.spots[place];
        (MARGIN + 10.0 + x as f64 * column, MARGIN + 16.0 + y * row)
    };
    let width = 2.0 * MARGIN + 20.0 + (layout.columns - 1) as f64 * column;
    let height = 2.0 * MARGIN + 20.0 + (layout.rows - 1) as f64 * row;
    let title = "Family tree";
    let description = format!(
        "{} of {} in generations {} to {}, each joined with its parents.",
        counted(drawn.len() as u64, "candidate"),
        counted(roster.len() as u64, "candidate"),
        layout.generations.keys().next().unwrap_or(&0),
        layout.generations.keys().last().unwrap_or(&0),
    );
    let mut svg = opening("family", width, height, title, &description);
    let mut free = 0.0;
    for (generation, first) in &layout.generations {
        let x = MARGIN + 10.0 + *first as f64 * column;
        // Many generations leave room for few names.
        if x >= free {
            let _ = write!(
                svg,
                r#"<text class="tick" x="{x:.1}" y="18" text-anchor="middle">{generation}</text>"#
            );
            free = x + 30.0;
        }
    }
    let steps: BTreeSet<(usize, usize)> = line.windows(2).map(|pair| (pair[0], pair[1])).collect();
    // The line of the chosen one lies above all others.
    for winning in [false, true] {
        for &child in &drawn {
            for (index, parent) in roster.parents(child).iter().enumerate() {
                if layout.spots.contains_key(parent) && steps.contains(&(*parent, child)) == winning {
                    let class = match (winning, index) {
                        (true, _) => "edge winning",
                        (false, 0) => "edge",
                        (false, _) => "edge other",
                    };
                    svg.push_str(&edge(class, spot(parent), spot(&child)));
                }
            }
        }
    }
    for place in &drawn {
        let (x, y) = spot(place);
        let record = roster.record(*place);
        let ring = match line.last() == Some(place) {
            true => format!(r#"<circle class="ring" cx="{x:.1}" cy="{y:.1}" r="11"/>"#),
            false => String::new(),
        };
        let name = match record.validation_score {
            _ if !named => String::new(),
            Some(value) => format!("{} {}", roster.label(*place), score(value)),
            None => roster.label(*place),
        };
        let name = match name.as_str() {
            "" => String::new(),
            name => format!(
                r#"<text class="node" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                y + 21.0,
                Escaped(name)
            ),
        };
        let _ = write!(
            svg,
            r##"<a href="#c{place}"><g><title>{}</title>{ring}<circle class="touch" cx="{x:.1}" cy="{y:.1}" r="10"/>{}{name}</g></a>"##,
            Escaped(&roster.title(*place)),
            Fate::of(record).mark(x, y),
        );
    }
    svg.push_str("</svg>");
    Some(Family { svg, width, left_out: roster.len() - drawn.len() })
}

/// Who is drawn: all, or those that matter when they are too many.
fn drawn(roster: &Roster<'_>, line: &[usize]) -> Vec<usize> {
    if roster.len() <= MOST_DRAWN {
        return (0..roster.len()).collect();
    }
    let mut wanted: BTreeSet<usize> = line.iter().copied().collect();
    let parents: BTreeSet<usize> =
        (0..roster.len()).flat_map(|place| roster.parents(place).iter().copied()).collect();
    let matters = |place: &usize| {
        parents.contains(place) || matches!(Fate::of(roster.record(*place)), Fate::Kept | Fate::Displaced)
    };
    let rest = (0..roster.len()).filter(matters).filter(|place| !line.contains(place));
    wanted.extend(rest.take(MOST_DRAWN.saturating_sub(line.len())));
    wanted.into_iter().collect()
}

/// A curve from a parent to its child.
fn edge(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    let bend = ((x2 - x1) / 2.0).clamp(12.0, 60.0);
    format!(
        r#"<path class="{class}" d="M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}"/>"#,
        x1 + bend,
        x2 - bend
    )
}

impl Layout {
    fn new(roster: &Roster<'_>, drawn: &[usize]) -> Self {
        let depths = depths(roster, drawn);
        let keys: BTreeSet<(u32, u32)> = depths.values().copied().collect();
        let columns: BTreeMap<(u32, u32), usize> =
            keys.iter().enumerate().map(|(column, key)| (*key, column)).collect();
        let mut generations = BTreeMap::new();
        for (key, column) in &columns {
            generations.entry(key.0).or_insert(*column);
        }
        let mut members: Vec<Vec<usize>> = vec![vec![]; columns.len()];
        for place in drawn {
            members[columns[&depths[place]]].push(*place);
        }
        let most = members.iter().map(Vec::len).max().unwrap_or(1);
        // A steady state has many generations of few: they take some height, too, so that lines part.
        let rows = most.max((members.len() / 4).min(LEAST_ROWS));
        let mut siblings: BTreeMap<usize, usize> = BTreeMap::new();
        let mut spots: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
        for (column, places) in members.iter().enumerate() {
            // Children stand near the middle of their parents, so that lines cross little.
            let mut wanted: Vec<(f64, usize)> = places
                .iter()
                .map(|place| {
                    let heights: Vec<f64> = roster
                        .parents(*place)
                        .iter()
                        .filter_map(|parent| spots.get(parent))
                        .map(|spot| spot.1)
                        .collect();
                    let Some(first) = roster.parents(*place).first().filter(|_| !heights.is_empty()) else {
                        return ((rows - 1) as f64 / 2.0, *place);
                    };
                    let elder = siblings.entry(*first).and_modify(|count| *count += 1).or_insert(0);
                    // 0, 1, -1, 2, -2: brothers and sisters above and below each other.
                    let aside = elder.div_ceil(2) as f64 * if elder.is_multiple_of(2) { -1.0 } else { 1.0 };
                    (heights.iter().sum::<f64>() / heights.len() as f64 + aside, *place)
                })
                .collect();
            wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (height, place) in wanted_apart(&wanted, rows) {
                spots.insert(place, (column, height));
            }
        }
        Self { spots, generations, columns: columns.len(), rows }
    }
}

/// The heights nearest to those wanted, from the top down, that are a row apart and within the picture.
fn wanted_apart(wanted: &[(f64, usize)], rows: usize) -> Vec<(f64, usize)> {
    let mut heights: Vec<(f64, usize)> = Vec::with_capacity(wanted.len());
    for (index, (height, place)) in wanted.iter().enumerate() {
        let free = heights.last().map_or(0.0, |last| last.0 + 1.0);
        let lowest = (rows - (wanted.len() - index)) as f64;
        heights.push((height.max(free).min(lowest), *place));
    }
    // What was pushed down by those above it comes up again half of the way, as far as there is room.
    for index in 0..heights.len() {
        let floor = if index == 0 { 0.0 } else { heights[index - 1].0 + 1.0 };
        let shift = (heights[index].0 - wanted[index].0).max(0.0) / 2.0;
        heights[index].0 = (heights[index].0 - shift).max(floor);
    }
    heights
}

/// The generation of each, and how many steps within it lie before: in a steady state parents may be born in the same
/// window as their children.
fn depths(roster: &Roster<'_>, drawn: &[usize]) -> BTreeMap<usize, (u32, u32)> {
    let mut depths: BTreeMap<usize, (u32, u32)> =
        drawn.iter().map(|place| (*place, (roster.record(*place).generation, 0))).collect();
    // Parents come before their children as a rule, so that one round does; broken records end it all the same.
    for _ in 0..8 {
        let mut settled = true;
        for place in drawn {
            let (generation, depth) = depths[place];
            let wanted = roster
                .parents(*place)
                .iter()
                .filter_map(|parent| depths.get(parent))
                .filter(|parent| parent.0 == generation)
                .map(|parent| parent.1 + 1)
                .max()
                .unwrap_or(0);
            if wanted > depth && wanted < 64 {
                depths.insert(*place, (generation, wanted));
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    depths
}
