//! What a page says about the last reload: a page of metrics, or a JSON document.
//! Pure.

use super::prove::Seen;

/// What a page says about the last reload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marks {
    stamp: String,
    good: Option<bool>,
}

impl Marks {
    /// Reads them from a page. `None`: there is no such stamp.
    pub(super) fn read(text: &str, stamp: &str, good: Option<&str>) -> Option<Self> {
        let good = good.and_then(|name| value(text, name));
        Some(Self {
            stamp: value(text, stamp)?,
            good: good.map(|good| good == "1" || good == "true"),
        })
    }
}

/// A reload that failed leaves the stamp as it was and turns `good` off; where
/// `good` was off before, that says nothing.
pub(super) fn compare(before: Option<&Marks>, now: Option<Marks>) -> Seen {
    let Some(now) = now else {
        return Seen::NotYet("the page that would prove it cannot be read".into());
    };
    let failed = now.good == Some(false);
    let moved = before.is_some_and(|before| before.stamp != now.stamp);
    let was_good = before.is_none_or(|before| before.good != Some(false));
    if failed && was_good {
        Seen::No("the process says that its last reload failed".into())
    } else {
        Seen::yes_or(
            moved && !failed,
            "the process does not say that it reloaded",
        )
    }
}

/// The value of a metric line, or of a dotted path in a JSON document.
fn value(text: &str, name: &str) -> Option<String> {
    if text.trim_start().starts_with('{') {
        let document: serde_json::Value = serde_json::from_str(text).ok()?;
        let found = name.split('.').try_fold(&document, |at, key| at.get(key))?;
        return Some(
            found
                .as_str()
                .map_or_else(|| found.to_string(), str::to_owned),
        );
    }
    let is_it = |line: &&str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    };
    let line = text.lines().find(is_it)?;
    line.rsplit(' ').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_json_are_read() {
        let metrics = "# HELP x y\nxy 3\nx{a=\"b\"} 1\nz 2";
        assert_eq!(value(metrics, "x").as_deref(), Some("1"));
        assert_eq!(value(metrics, "z").as_deref(), Some("2"));
        assert_eq!(value(metrics, "missing"), None);
        let json = r#"{"data":{"ok":true,"at":"12:00"}}"#;
        assert_eq!(value(json, "data.ok").as_deref(), Some("true"));
        assert_eq!(value(json, "data.at").as_deref(), Some("12:00"));
        assert_eq!(value(json, "data.no"), None);
        assert_eq!(value("{broken", "data"), None);
    }

    #[test]
    fn a_failure_that_was_there_before_proves_nothing() {
        let marks = |stamp: &str, good| Marks {
            stamp: stamp.into(),
            good: Some(good),
        };
        let fine = marks("1", true);
        assert_eq!(compare(Some(&fine), Some(marks("2", true))), Seen::Yes);
        assert!(matches!(
            compare(Some(&fine), Some(marks("1", false))),
            Seen::No(_)
        ));
        assert!(matches!(
            compare(Some(&fine), Some(marks("1", true))),
            Seen::NotYet(_)
        ));
        let failed = marks("1", false);
        assert!(matches!(
            compare(Some(&failed), Some(marks("1", false))),
            Seen::NotYet(_)
        ));
        assert_eq!(compare(Some(&failed), Some(marks("2", true))), Seen::Yes);
        assert!(matches!(
            compare(None, Some(marks("1", true))),
            Seen::NotYet(_)
        ));
    }
}
