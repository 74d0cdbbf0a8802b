//! The table `[data]`: cases for the search, and sealed ones for the report.

use std::fmt;
use std::path::{Path, PathBuf};

use evohub_evaluation::data::{Overlap, OverlapKind, SplitError, overlaps, split};
use evohub_evaluation::{DataConfig, DataError, Dataset};
use evohub_evolution::{Case, CaseSet, Split};

use super::document::Document;
use super::error::JobFileError;
use super::raw::RawData;

/// Share of the train file that is sealed for the report where no test file is named.
const TEST_SHARE: f64 = 0.3;
/// Share of the rest that the search ranks on where no validation file is named.
const VALIDATION_SHARE: f64 = 0.5;

/// Cases of one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What they are for.
    pub split: Split,
    /// How many there are.
    pub cases: usize,
    /// Where they come from.
    pub origin: Origin,
}

/// Where cases come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From a file of their own, or from what others left of it.
    File(PathBuf),
    /// From the train file, because none was named for them.
    SplitOff(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::SplitOff(path) => write!(f, "split off {}", path.display()),
        }
    }
}

/// The cases of a job.
pub(super) struct Cases {
    pub(super) search: CaseSet,
    pub(super) test: Vec<Case>,
    /// The files as they were read, for checks that name lines.
    pub(super) datasets: Vec<Dataset>,
    pub(super) parts: [Part; 3],
    pub(super) warnings: Vec<String>,
}

pub(super) fn read(document: &Document, folder: &Path, raw: &RawData) -> Result<Cases, JobFileError> {
    let columns = raw.columns();
    let file = |key: &str, path: &Option<String>| {
        path.as_ref().map(|path| read_file(document, key, &folder.join(path), &columns)).transpose()
    };
    let Some(train) = file("data.train", &raw.train)? else {
        return Err(
            document.error("data.train", "is missing; name the file of cases, such as \"cases.jsonl\"")
        );
    };
    let (validation, test) = (file("data.validation", &raw.validation)?, file("data.test", &raw.test)?);

    let train_path = train.path.clone();
    let [train_cases, validation_cases, test_cases] = divide(&train, validation.as_ref(), test.as_ref(), raw)
        .map_err(|error| document.error("data.train", format!("{}: {error}", train_path.display())))?;
    let origin = |own: Option<&Dataset>| match own {
        Some(dataset) => Origin::File(dataset.path.clone()),
        None => Origin::SplitOff(train_path.clone()),
    };
    let part = |split, cases: &[Case], origin| Part { split, cases: cases.len(), origin };
    let parts = [
        part(Split::Train, &train_cases, origin(Some(&train))),
        part(Split::Validation, &validation_cases, origin(validation.as_ref())),
        part(Split::Test, &test_cases, origin(test.as_ref())),
    ];

    let datasets: Vec<Dataset> = [Some(train), validation, test].into_iter().flatten().collect();
    let mut warnings: Vec<String> =
        datasets.iter().flat_map(|dataset| &dataset.warnings).map(ToString::to_string).collect();
    let found = overlaps(&[
        (Split::Train, &train_cases),
        (Split::Validation, &validation_cases),
        (Split::Test, &test_cases),
    ]);
    warnings.extend(leaks(document, &found, &parts)?);
    let search = CaseSet::new(train_cases, validation_cases)
        .map_err(|error| document.error("data.train", error.to_string()))?;
    Ok(Cases { search, test: test_cases, datasets, parts, warnings })
}

fn read_file(
    document: &Document,
    key: &str,
    path: &Path,
    columns: &DataConfig,
) -> Result<Dataset, JobFileError> {
    Dataset::read(path, columns).map_err(|error: DataError| match error.line {
        // The line of the file of cases says more than that of the job file.
        Some(_) => JobFileError::of_data(error),
        None => document.error(key, error.to_string()),
    })
}

/// Train, validation and test cases; those that have no file of their own come off the train file.
fn divide(
    train: &Dataset,
    validation: Option<&Dataset>,
    test: Option<&Dataset>,
    raw: &RawData,
) -> Result<[Vec<Case>; 3], SplitError> {
    let test_share = if test.is_none() { TEST_SHARE } else { 0.0 };
    let validation_share = if validation.is_none() { (1.0 - test_share) * VALIDATION_SHARE } else { 0.0 };
    let shares = [1.0 - test_share - validation_share, validation_share, test_share];
    let wanted: Vec<f64> = shares.into_iter().filter(|share| *share > 0.0).collect();
    let mut pieces = split(train.cases.clone(), &wanted, raw.split_seed)?.into_iter();
    let mut part = |own: Option<&Dataset>| match own {
        Some(dataset) => dataset.cases.clone(),
        None => pieces.next().unwrap_or_default(),
    };
    Ok([part(None), part(validation), part(test)])
}

/// The same case in two parts makes a score worthless; the same input in two parts is worth a look.
fn leaks(document: &Document, found: &[Overlap], parts: &[Part; 3]) -> Result<Vec<String>, JobFileError> {
    let mut warnings = vec![];
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        let (first, second) = (&parts[first], &parts[second]);
        let count = |kind: OverlapKind| {
            let of_pair = |overlap: &&Overlap| overlap.first == first.split && overlap.second == second.split;
            found.iter().filter(of_pair).filter(|overlap| overlap.kind == kind).count()
        };
        let names = format!(
            "{} ({}) and {} ({})",
            first.split.as_str(),
            first.origin,
            second.split.as_str(),
            second.origin
        );
        let same = count(OverlapKind::Case);
        if same > 0 {
            let message = format!(
                "{same} {} in both {names}; what was learned there would be measured again here: take them out of one",
                if same == 1 { "case is" } else { "cases are" }
            );
            let key = format!(
                "data.{}",
                if document.has(&format!("data.{}", second.split.as_str())) {
                    second.split.as_str()
                } else {
                    "train"
                }
            );
            return Err(document.error(&key, message));
        }
        let alike = count(OverlapKind::Input);
        if alike > 0 {
            let inputs = if alike == 1 { "input is" } else { "inputs are" };
            warnings.push(format!(
                "{alike} {inputs} in both {names}, in other letter case or with other columns"
            ));
        }
    }
    Ok(warnings)
}
