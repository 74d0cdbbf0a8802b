//! What operators install, checked by the programs that read it.

mod alertmanager;
mod dashboards;
mod exporters;
mod manifests;
mod promql;
mod rules;
mod runbooks;
mod tool;
mod troubleshooting;
