//! The pure core: candidates, fitness, populations, optimizers; no clock, no I/O.
