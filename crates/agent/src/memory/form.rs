//! How the memory's file is written, and read.
//!
//! In: what is to be kept. Out: a line of JSON; and the way back.

use super::{Kept, Mark, Stamp, mark_file};
use serde_json::{Value, json};
use tidings_supervise::{Grounds, Version};

/// The form of the file; another one is doubt.
const FORM: u64 = 1;

/// That nothing is known, and for which version an action was begun.
pub(super) fn doubt(begun: Option<Version>) -> Value {
    let begun = begun.map(digits);
    json!({ "form": FORM, "taken": null, "begun": begun })
}

fn digits(version: Version) -> String {
    format!("{:032x}", version.0)
}

fn version(value: &Value) -> Option<Version> {
    u128::from_str_radix(value.as_str()?, 16).ok().map(Version)
}

/// As it stands in the file.
pub(super) fn line(text: &Value) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

/// That this was taken, and whether the process was only told.
pub(super) fn written(mark: &Mark, grounds: Grounds) -> Value {
    let (seconds, nanos) = mark.stamp.changed_at;
    json!({
        "form": FORM,
        "taken": digits(mark.version),
        "told": grounds == Grounds::Told,
        "generations": mark.stamp.generations,
        "changedAt": [seconds, nanos],
    })
}

/// What a file says; `None`: it makes no sense.
pub(super) fn understand(text: &str) -> Option<Kept> {
    if text.as_bytes().starts_with(mark_file::NOT_YET) {
        return Some(Kept::Doubt(None));
    }
    let value: Value = serde_json::from_str(text).ok()?;
    if value.get("form")?.as_u64()? != FORM {
        return None;
    }
    let taken = value.get("taken")?;
    if taken.is_null() {
        return Some(Kept::Doubt(value.get("begun").and_then(version)));
    }
    let version = version(taken)?;
    let is_told = value.get("told").and_then(Value::as_bool) == Some(true);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let generations = value.get("generations")?.as_object()?.iter();
    let generations: Option<_> = generations
        .map(|(dir, name)| Some((dir.clone(), text(name)?)))
        .collect();
    let changed_at = value.get("changedAt")?.as_array()?;
    let stamp = Stamp {
        generations: generations?,
        changed_at: (changed_at.first()?.as_i64()?, changed_at.get(1)?.as_i64()?),
    };
    let grounds = if is_told {
        Grounds::Told
    } else {
        Grounds::Shown
    };
    Some(Kept::Taken(Mark { version, stamp }, grounds))
}
