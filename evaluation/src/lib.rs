//! Test cases, templates and scorers: what a candidate is worth on a case.
