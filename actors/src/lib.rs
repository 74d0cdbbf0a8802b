//! Supervisor, population, generation, evaluator and journal actors.
