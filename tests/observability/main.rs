//! What a working node shows of itself, seen with the programs that look at it: Prometheus, and a parser of the form.

mod page;
mod prometheus;
mod secrets;
