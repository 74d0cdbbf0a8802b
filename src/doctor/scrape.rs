//! The pages of metrics, and what they say of the process behind them.

use std::path::Path;

use futures::future::join_all;

use super::finding::{Check, Finding};
use super::settings::Settings;
use crate::target::{Address, Page, Target, TargetError};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The share of file descriptors in use from which on they run out soon.
const MOST_USED: f64 = 0.8;

/// A page that was asked for.
pub(super) struct Scraped {
    pub(super) address: Address,
    pub(super) page: Result<Page, TargetError>,
}

impl Scraped {
    /// The version of the evohub that serves it.
    pub(super) fn version(&self) -> Option<&str> {
        let build = self.page.as_ref().ok()?.samples("evohub_build_info").first()?;
        Some(build.labels.get("version"))
    }
}

/// Asks for the pages that are named; where none is, for that of the process itself.
pub(super) async fn ask(settings: &Settings) -> Vec<Scraped> {
    join_all(settings.scraped().into_iter().map(|(address, token)| scrape(settings, address, token))).await
}

async fn scrape(settings: &Settings, address: Address, token: Option<&Path>) -> Scraped {
    let page = match Target::new(address.clone(), token, settings.targets.ca_file.as_deref()) {
        Ok(target) => target.page().await,
        Err(error) => Err(error),
    };
    Scraped { address, page }
}

/// What the pages say. `is_own` tells of an address that it is to be served by a process that may not be there yet.
pub(super) fn judge(scraped: &[Scraped], is_down: impl Fn(&Address) -> bool) -> Vec<Finding> {
    let mut findings = vec![];
    for Scraped { address, page } in scraped {
        match page {
            _ if is_down(address) => {
                let why = format!("nothing is served at {address} now");
                findings.push(Finding::not_applicable(Check::Scrape, why));
            }
            Err(error) => findings.push(Finding::problem(Check::Scrape, error.to_string(), advice(error))),
            Ok(page) => findings.extend(of_page(address, page)),
        }
    }
    if findings.is_empty() {
        let why = "no --http and no --target is named";
        findings.push(Finding::not_applicable(Check::Scrape, why));
    }
    findings
}

fn advice(error: &TargetError) -> &'static str {
    match error {
        TargetError::NoToken { .. } | TargetError::WrongToken { .. } => {
            "name the file with its token by --target-token-file, and let Prometheus have the same"
        }
        TargetError::NoAnswer { .. } => {
            "see whether the process runs, and name its address as others reach it with --target"
        }
        TargetError::File { .. } | TargetError::NotSecure(_) => "name the right file",
        _ => "see what answers at this address; --target names another",
    }
}

fn of_page(address: &Address, page: &Page) -> Vec<Finding> {
    let Some(build) = page.samples("evohub_build_info").first() else {
        let found = format!("{address} serves metrics, and not those of evohub");
        return vec![Finding::problem(
            Check::Scrape,
            found,
            "name the address of an evohub process by --target",
        )];
    };
    let version = build.labels.get("version");
    let found = format!("{address} serves {} series of evohub {version}", page.len());
    let mut findings = vec![match version == VERSION {
        true => Finding::ok(Check::Scrape, found),
        false => {
            Finding::warning(Check::Scrape, found + &format!(", and this is {VERSION}"), "run one release")
        }
    }];
    findings.extend(lost_spans(address, page));
    findings.extend(descriptors(address, page));
    findings
}

/// Spans that did not reach the collector.
fn lost_spans(address: &Address, page: &Page) -> Option<Finding> {
    let spans = page.samples("trace_spans_total");
    let count = |outcome: &str| {
        let of = spans.iter().filter(|sample| sample.labels.get("outcome") == outcome);
        // The sum of no numbers is a negative zero.
        of.fold(0.0, |sum, sample| sum + sample.value)
    };
    let (exported, lost) = (count("exported"), count("failed") + count("dropped"));
    if exported + lost == 0.0 {
        return None;
    }
    let found = format!("{address} has exported {exported} spans since its start, and lost {lost}");
    Some(match lost > 0.0 {
        true => {
            let advice = "see whether the collector keeps up; OTEL_BSP_MAX_QUEUE_SIZE gives it more time";
            Finding::warning(Check::Export, found, advice)
        }
        false => Finding::ok(Check::Export, found),
    })
}

/// File descriptors of the process.
fn descriptors(address: &Address, page: &Page) -> Option<Finding> {
    let (open, most) = (page.value("process_open_fds")?, page.value("process_max_fds")?);
    let found = format!("the process at {address} has {open} of {most} file descriptors open");
    Some(match open > most * MOST_USED {
        true => Finding::problem(
            Check::Descriptors,
            found,
            "raise its limit (LimitNOFILE=65536) and start it anew",
        ),
        false => Finding::ok(Check::Descriptors, found),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn judged(text: &str) -> Vec<(Check, Verdict, String)> {
        let address: Address = "127.0.0.1:8080".parse().unwrap();
        let page = Ok(text.parse().unwrap());
        let findings = judge(&[Scraped { address, page }], |_| false);
        findings.into_iter().map(|finding| (finding.check, finding.status, finding.found)).collect()
    }

    #[test]
    fn a_page_tells_of_release_spans_and_descriptors() {
        let page = format!(
            "evohub_build_info{{version=\"{VERSION}\"}} 1\nprocess_open_fds 30\nprocess_max_fds 1024\n\
             trace_spans_total{{outcome=\"exported\"}} 12\n# EOF\n"
        );
        let found = judged(&page);
        assert!(found.iter().all(|(_, status, _)| *status == Verdict::Ok), "{found:?}");
        assert!(found[0].2.contains("serves 4 series of evohub"), "{found:?}");
        let found = judged(&page.replace("exported\"} 12", "dropped\"} 3"));
        assert!(
            found[1].1 == Verdict::Warning
                && found[1].2.ends_with("exported 0 spans since its start, and lost 3")
        );
        let found = judged(&page.replace("fds 30", "fds 900"));
        assert_eq!((found[2].0, found[2].1), (Check::Descriptors, Verdict::Problem));
        let found = judged(&page.replace(VERSION, "9.9.9"));
        assert_eq!(found[0].1, Verdict::Warning);
        assert_eq!(judged("up 1\n# EOF\n")[0].1, Verdict::Problem);
    }
}
