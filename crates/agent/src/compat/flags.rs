//! Flags as Go programs take them: one dash or two, `-name=value` or
//! `-name value`.

use crate::cli::quoted::{hidden, option, quoted};
use std::ffi::OsString;

/// One flag of another program.
pub(super) struct Flag<D> {
    /// Without dashes.
    pub(super) name: &'static str,
    /// Takes the value in.
    pub(super) set: fn(&mut D, &str) -> Result<(), String>,
}

/// Whether they ask which flags there are, as Go programs are asked.
pub(super) fn ask_for_help(arguments: &[OsString]) -> bool {
    let asks = |word: &OsString| {
        ["--help", "-help", "--h", "-h"]
            .iter()
            .any(|help| word == help)
    };
    arguments.iter().any(asks)
}

/// The text of `--help`.
pub(super) fn help<D>(program: &str, flags: &[Flag<D>]) -> String {
    let flags = flags
        .iter()
        .map(|flag| format!("  --{} VALUE\n", flag.name));
    let flags: String = flags.collect();
    format!(
        "tidings-agent in the place of {program} takes its flags, with one dash or two:\n\n{flags}\nWhat each means here: docs/migrating-from-configmap-reload.md. The agent's own\ncommands and options: tidings-agent help\n"
    )
}

/// Reads all arguments into a draft.
///
/// # Errors
/// One sentence.
pub(super) fn read<D>(
    flags: &[Flag<D>],
    draft: &mut D,
    arguments: Vec<OsString>,
) -> Result<(), String> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().ok_or("an argument is not UTF-8")?;
        let bare = text
            .strip_prefix("--")
            .or_else(|| text.strip_prefix('-'))
            .ok_or_else(|| format!("{} is no flag", quoted(text)))?;
        let (name, value) = match bare.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (bare, None),
        };
        let flag = flags
            .iter()
            .find(|flag| flag.name == name)
            .ok_or_else(|| format!("flag {} is not known", option(name)))?;
        let value = value
            .or_else(|| arguments.next()?.into_string().ok())
            .ok_or_else(|| format!("flag {} needs a value", option(name)))?;
        let set = (flag.set)(draft, &value);
        set.map_err(|error| format!("--{name}: {}", hidden(&error, &value)))?;
    }
    Ok(())
}
