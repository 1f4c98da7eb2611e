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
