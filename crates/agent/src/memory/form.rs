//! How the memory's file is written, and read.
//!
//! In: what is to be kept. Out: a line of JSON; and the way back.

use super::{Kept, Mark, Stamp, mark_file};
use serde_json::{Value, json};
use tidings_supervise::Version;

/// The form of the file; another one is doubt.
const FORM: u64 = 1;

/// That nothing is known.
pub(super) fn doubt() -> Value {
    json!({ "form": FORM, "taken": null })
}

/// As it stands in the file.
pub(super) fn line(text: &Value) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

/// That this was taken.
pub(super) fn written(mark: &Mark) -> Value {
    let (seconds, nanos) = mark.stamp.changed_at;
    json!({
        "form": FORM,
        "taken": format!("{:032x}", mark.version.0),
        "generations": mark.stamp.generations,
        "changedAt": [seconds, nanos],
    })
}

/// What a file says; `None`: it makes no sense.
pub(super) fn understand(text: &str) -> Option<Kept> {
    if text.as_bytes().starts_with(mark_file::NOT_YET) {
        return Some(Kept::Doubt);
    }
    let value: Value = serde_json::from_str(text).ok()?;
    if value.get("form")?.as_u64()? != FORM {
        return None;
    }
    let taken = value.get("taken")?;
    if taken.is_null() {
        return Some(Kept::Doubt);
    }
    let version = u128::from_str_radix(taken.as_str()?, 16).ok()?;
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
    let version = Version(version);
    Some(Kept::Taken(Mark { version, stamp }))
}
