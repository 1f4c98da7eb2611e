//! Options as they were given, in the words of the command line.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use tidings_core::kinds::Kind;

use super::values::KindRows;

/// Read where it is; whoever is told the options is told what was in it.
const ROWS_FILE: &str = "custom_workloads_file";

/// Whether an option was given, by a word or by its variable.
pub fn is_given(matches: &ArgMatches, id: &str) -> bool {
    let source = matches.value_source(id);
    source.is_some_and(|source| source != ValueSource::DefaultValue)
}

/// `--option=value,…`, where the option was given and says anything.
pub fn word(matches: &ArgMatches, arg: &Arg) -> Option<String> {
    let id = arg.get_id().as_str();
    let long = arg.get_long().filter(|_| is_given(matches, id))?;
    if id == ROWS_FILE {
        return rows(matches.get_one(id)?);
    }
    let values = matches.get_raw(id).into_iter().flatten();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    Some(format!("--{long}={}", values.join(",")))
}

fn rows(file: &KindRows) -> Option<String> {
    let rows: Vec<_> = file.0.iter().map(|kind| row(kind)).collect();
    (!rows.is_empty()).then(|| format!("--custom-workloads={}", rows.join(",")))
}

/// A kind as `--custom-workloads` reads it.
fn row(kind: &Kind) -> String {
    let Kind {
        group,
        version,
        api_kind,
        plural,
        template,
        ..
    } = kind;
    format!(
        "{group}/{version}/{api_kind}={plural}:{}",
        template.join(".")
    )
}
