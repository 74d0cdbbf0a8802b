//! Durable state of jobs: evaluations, candidates, checkpoints.
