//! Nodes that reach each other over real sockets: some tests run several in this process, those of faults run processes.

mod clients;
mod echo;
mod faults;
mod meetings;
mod messages;
mod process;
mod refusals;
