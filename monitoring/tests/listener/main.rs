//! The listener, over real sockets.

mod access;
mod client;
mod embedded;
mod faults;
mod forms;
mod limits;
mod noise;
mod service;
mod shutdown;
mod tls;
