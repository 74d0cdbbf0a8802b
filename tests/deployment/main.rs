//! What operators install, checked by the programs that read it.

mod dashboards;
mod tool;
