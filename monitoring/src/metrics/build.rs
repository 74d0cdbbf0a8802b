//! Which program is running.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::info::Info;

use super::catalogue::Kind;
use super::declare::{Declarations, Name};

/// What a program was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BuildInfo {
    /// Its version.
    pub version: String,
    /// The commit it was built from, or `unknown`.
    pub revision: String,
    /// The compiler.
    pub rustc: String,
}

pub(super) fn declare(declare: &mut Declarations, build: &BuildInfo) {
    let help = "The program that is running; always 1";
    let labels = &["version", "revision", "rustc"];
    declare.register(Name::plain("evohub_build"), Kind::Info, labels, help, Info::new(build.clone()));
}
