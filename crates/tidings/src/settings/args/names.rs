//! Other keys for annotations: one option for each row of core's table.
//!
//! Goes in: arguments. Comes out: which key of the table is written under which
//! other one. Whether that is a key is [`tidings_core::vocabulary`]'s to say.

use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use tidings_core::vocabulary::{RENAMES, Rename};

/// The keys of annotations as the options have them: that of the table, and that
/// which is written on objects.
#[derive(Clone, Debug, Default)]
pub struct NameArgs(pub Vec<(&'static str, String)>);

fn id(rename: &Rename) -> String {
    rename.option.replace('-', "_")
}

/// Kept for the life of the program, as clap wants it.
fn variable(rename: &Rename) -> &'static str {
    String::leak(format!("TIDINGS_{}", id(rename).to_uppercase()))
}

fn option(rename: &Rename) -> Arg {
    Arg::new(String::leak(id(rename)) as &'static str)
        .long(rename.option)
        .value_name("KEY")
        .env(variable(rename))
        .default_value(rename.key)
        .help(format!("The key of the annotation {}", rename.key))
}

impl Args for NameArgs {
    fn augment_args(command: Command) -> Command {
        RENAMES.iter().map(option).fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NameArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let chosen = |rename: &Rename| {
            let key: Option<&String> = matches.get_one(&id(rename));
            key.map(|key| (rename.key, key.clone()))
        };
        Ok(Self(RENAMES.iter().filter_map(chosen).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
