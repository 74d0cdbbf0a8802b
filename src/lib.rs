//! Evolves prompts against test cases with real language models, on a distributed actor system.
