//! Which program is running.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::info::Info;

use super::declare::Declarations;
use super::labels::label_names;
use super::name::families;

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

label_names!(BuildInfo { version, revision, rustc });

families! {
    EVOHUB_BUILD: Info<BuildInfo> = "evohub_build", "The program that is running; always 1";
}

pub(super) fn declare(declare: &mut Declarations, build: &BuildInfo) {
    declare.register(names::EVOHUB_BUILD, Info::new(build.clone()));
}
