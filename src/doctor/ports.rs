//! Where a node and its listener are, or will be, reached.

use std::net::SocketAddr;

use evohub_cluster::PortState;

use super::finding::{Check, Finding};

const CHECK: Check = Check::Ports;

/// What is known of an address of this machine.
pub(super) struct Port {
    /// `nodes` or `metrics and health`: whom it is for.
    pub(super) of: &'static str,
    /// The option that names it.
    pub(super) option: &'static str,
    pub(super) address: SocketAddr,
    pub(super) state: PortState,
    pub(super) holder: Holder,
}

/// Who holds a port that is held.
pub(super) enum Holder {
    /// A process of evohub that answers there, in words.
    Evohub(String),
    /// Nobody could be asked.
    NotAsked,
    /// Somebody who does not answer as evohub does.
    Stranger,
}

impl Port {
    /// A port is good when it is free, and when it is held by a process of evohub.
    pub(super) fn judge(&self) -> Finding {
        let Self { of, option, address, state, holder } = self;
        match (state, holder) {
            (PortState::Free, _) => Finding::ok(CHECK, format!("{address}, for {of}, is free")),
            (PortState::Held, Holder::Evohub(holder)) => {
                Finding::ok(CHECK, format!("{address}, for {of}, is held by {holder}, which answers"))
            }
            (PortState::Held, Holder::NotAsked) => Finding::warning(
                CHECK,
                format!("{address}, for {of}, is held by a process that could not be asked who it is"),
                "see what the finding about the cluster says",
            ),
            (PortState::Held, Holder::Stranger) => Finding::problem(
                CHECK,
                format!("{address}, for {of}, is taken, and no evohub answers there as it should"),
                format!("end what holds it (ss -ltnp), or choose another with {option}"),
            ),
            (PortState::Refused(error), _) => Finding::problem(
                CHECK,
                format!("{address}, for {of}, cannot be listened at: {error}"),
                format!("name an address of this machine, with a port from 1024 on, by {option}"),
            ),
            (state, _) => Finding::warning(CHECK, format!("{address}: {state:?}"), "see what holds it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn a_taken_port_is_a_problem_unless_evohub_has_it() {
        let judged = |state, holder| {
            let address = "127.0.0.1:7301".parse().unwrap();
            Port { of: "nodes", option: "--listen", address, state, holder }.judge()
        };
        assert_eq!(judged(PortState::Free, Holder::Stranger).status, Verdict::Ok);
        assert_eq!(judged(PortState::Held, Holder::Evohub("node `a`".to_owned())).status, Verdict::Ok);
        let taken = judged(PortState::Held, Holder::Stranger);
        assert_eq!(taken.status, Verdict::Problem);
        assert!(taken.advice.unwrap().contains("--listen"));
        let refused =
            judged(PortState::Refused(std::io::ErrorKind::PermissionDenied.into()), Holder::NotAsked);
        assert_eq!(refused.status, Verdict::Problem);
    }
}
