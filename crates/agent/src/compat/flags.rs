//! Flags as Go programs take them: one dash or two, `-name=value` or
//! `-name value`.

use crate::text::quoted::{hidden, option, quoted};
use std::ffi::OsString;
use tidings_shared::sidecars::{Flag, Sidecar};

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
pub(super) fn help<F>(sidecar: &Sidecar<F>) -> String {
    let line = |flag: &Flag<F>| format!("  --{} VALUE\n", flag.name);
    let flags: String = sidecar.flags.iter().map(line).collect();
    format!(
        "tidings-agent in the place of {} takes its flags, with one dash or two:\n\n{flags}\nWhat each means here: docs/migrating-from-configmap-reload.md. The agent's own\ncommands and options: tidings-agent help\n",
        sidecar.name
    )
}

/// What takes the value of a flag in.
pub(super) type Set<D, F> = fn(&mut D, F, &str) -> Result<(), String>;

/// Takes all arguments in, after what holds where none is given.
///
/// # Errors
/// One sentence.
pub(super) fn read<D, F: Copy + PartialEq>(
    sidecar: &Sidecar<F>,
    args: &mut D,
    set: Set<D, F>,
    arguments: Vec<OsString>,
) -> Result<(), String> {
    for flag in sidecar.flags {
        flag.default
            .map_or(Ok(()), |value| set(args, flag.id, value))?;
    }
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
        let flag = sidecar
            .named(name)
            .ok_or_else(|| format!("flag {} is not known", option(name)))?;
        let value = value
            .or_else(|| arguments.next()?.into_string().ok())
            .ok_or_else(|| format!("flag {} needs a value", option(name)))?;
        set(args, flag.id, &value)
            .map_err(|error| format!("--{name}: {}", hidden(&error, &value)))?;
    }
    Ok(())
}
