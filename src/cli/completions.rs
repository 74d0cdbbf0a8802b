//! `evohub completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::failure::Failure;
use super::output::Output;
use super::status::Status;

const EXAMPLES: &str = "\
Examples:
  evohub completions bash > ~/.local/share/bash-completion/completions/evohub
  evohub completions zsh > ~/.zfunc/_evohub
  evohub completions fish > ~/.config/fish/completions/evohub.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn completions(output: &Output, arguments: &CompletionsArguments) -> Result<Status, Failure> {
    let mut script = vec![];
    clap_complete::generate(arguments.shell, &mut Cli::command(), "evohub", &mut script);
    output.result(&String::from_utf8_lossy(&script))?;
    Ok(Status::Done)
}
