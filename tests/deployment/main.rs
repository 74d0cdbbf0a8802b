//! What operators install, checked by the programs that read it.

mod manifests;
mod tool;
