//! A GGUF model that runs inside the process.
