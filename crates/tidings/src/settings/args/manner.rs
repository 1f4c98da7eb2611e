//! How a command that writes asks and tells.

use clap::Args;

use crate::settings::values::Output;

/// What all commands have that write a word of people.
#[derive(Clone, Copy, Debug, Args)]
pub struct MannerArgs {
    /// Do not ask. Without a terminal nobody can be asked, so it must be given.
    #[arg(short, long)]
    pub yes: bool,
    /// A sentence for eyes, or JSON or YAML for programs.
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub output: Output,
}
