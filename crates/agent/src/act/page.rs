//! What a page says about the last reload: a page of metrics, or a JSON document.
//! Pure.

use super::exposition;
use super::value::PageValue;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What a page says about the last reload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marks {
    stamp: PageValue,
    good: Option<bool>,
    failures: Option<f64>,
}

/// What a look after the action says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It took.
    Yes,
    /// It certainly did not.
    No(String),
    /// Not yet.
    NotYet(String),
    /// Not yet, and what is there to be seen is that it did not.
    StillNot(String),
}

/// Whether this is the name of what counts failures: `!NAME`.
pub(super) fn counts_failures(good: &str) -> bool {
    good.starts_with('!')
}

impl Marks {
    /// What a process says that is not there: any stamp is another one.
    pub(super) fn of_nobody() -> Self {
        Self {
            stamp: PageValue::default(),
            good: None,
            failures: None,
        }
    }

    /// Reads them from a page.
    ///
    /// # Errors
    /// What the page does not say.
    pub(super) fn read(text: &str, stamp: &str, good: Option<&str>) -> Result<Self, String> {
        let amount = |name| Ok::<_, String>(value(text, name)?.amount());
        let (good, failures) = match good.map(|good| (good, good.strip_prefix('!'))) {
            None => (None, None),
            Some((_, Some(name))) => {
                let count = amount(name)?.filter(|count| !count.is_nan());
                let no_number = || format!("what the page says of {name} is no number");
                (None, Some(count.ok_or_else(no_number)?))
            }
            Some((name, None)) => (Some(amount(name)? == Some(1.0)), None),
        };
        Ok(Self {
            stamp: value(text, stamp)?,
            good,
            failures,
        })
    }

    /// Whether the stamp is a time, surely later than this one (seconds and
    /// nanoseconds since 1970), and nothing says that the reload failed.
    pub(super) fn says_after(&self, (seconds, nanos): (i64, i64)) -> bool {
        let bound = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanos).unwrap_or(0),
        );
        let time = self.time();
        self.good != Some(false) && time.is_some_and(|time| time >= (bound + SURELY).as_secs_f64())
    }
}

impl Marks {
    /// Whether more reloads failed than before. A count that is lower began anew.
    fn failed_since(&self, before: &Self) -> bool {
        let (now, then) = (self.failures.unwrap_or(0.0), before.failures.unwrap_or(0.0));
        now > then || (now < then && now > 0.0)
    }

    /// The stamp in seconds since 1970, where it is a number or a date.
    fn time(&self) -> Option<f64> {
        let text = &self.stamp.text;
        text.parse().ok().or_else(|| since_1970(text))
    }

    /// How long until a stamp of whole seconds can move: one that is of the present
    /// second would be the same after another reload. `now`: since 1970.
    pub(super) fn stands_for(&self, now: Duration) -> Duration {
        let whole = |time: &f64| time.fract() == 0.0 && *time > 0.0;
        let next = self.time().filter(whole).map(|time| time + 1.0);
        let left = next.and_then(|next| Duration::try_from_secs_f64(next).ok());
        let left = left.unwrap_or_default().saturating_sub(now);
        if left > Duration::from_secs(1) {
            return Duration::ZERO;
        }
        left
    }
}

/// Clocks of one machine, read by two programs, do not differ more.
const SURELY: Duration = Duration::from_millis(20);

/// Seconds since 1970 of `2026-11-28T22:44:34.5Z` (RFC 3339, UTC only).
fn since_1970(text: &str) -> Option<f64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let whole = |part: Option<&str>| part?.parse::<u16>().ok().map(i64::from);
    let mut date = date.split('-');
    let (year, month, day) = (
        whole(date.next())?,
        whole(date.next())?,
        whole(date.next())?,
    );
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let mut time = time.split(':');
    let (hour, minute) = (whole(time.next())?, whole(time.next())?);
    let second: f64 = time.next()?.parse().ok()?;
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let minutes = i32::try_from((days * 24 + hour) * 60 + minute).ok()?;
    Some(f64::from(minutes) * 60.0 + second)
}

/// A reload that failed leaves the stamp as it was and turns `good` off; where
/// `good` was off before, that says nothing.
///
/// `now`: or why there is nothing to be seen.
pub(super) fn compare(before: Option<&Marks>, now: Result<Marks, String>) -> Seen {
    let now = match now {
        Ok(now) => now,
        Err(why) => return Seen::NotYet(why),
    };
    let says_so = || "the process says that its last reload failed".to_owned();
    let failed = now.good == Some(false);
    // A label that is not there is no new one.
    let is_new = |before: &Marks| !before.stamp.is_same(&now.stamp) && !now.stamp.text.is_empty();
    let was_good = before.is_none_or(|before| before.good != Some(false));
    match failed {
        _ if before.is_some_and(|before| now.failed_since(before)) => Seen::No(says_so()),
        true if was_good => Seen::No(says_so()),
        true => Seen::StillNot(says_so()),
        false => Seen::yes_or(
            before.is_some_and(is_new),
            "the process does not say that it reloaded",
        ),
    }
}

/// The value of a metric, of one of its labels, or of a dotted path in a JSON document.
fn value(text: &str, name: &str) -> Result<PageValue, String> {
    if text.trim_start().starts_with('{') {
        return in_json(text, name).ok_or_else(|| format!("the page does not say {name}"));
    }
    exposition::value(text, name)
}

fn in_json(text: &str, name: &str) -> Option<PageValue> {
    let path: Vec<&str> = name.split('.').collect();
    let mut document = serde_json::Deserializer::from_str(text);
    let found = At(&path).deserialize(&mut document).ok()?;
    document.end().ok()?;
    let found = found?.get();
    let text = serde_json::from_str(found).map(PageValue::text);
    Some(text.unwrap_or_else(|_| PageValue::number(found)))
}

/// What lies at this path of a document; all else is passed over, not kept: a
/// document in memory is twenty times as large as its text.
struct At<'p>(&'p [&'p str]);

impl<'t> DeserializeSeed<'t> for At<'_> {
    type Value = Option<&'t RawValue>;

    fn deserialize<D: Deserializer<'t>>(self, document: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return <&RawValue>::deserialize(document).map(Some);
        }
        let here = <&RawValue>::deserialize(document)?;
        if !here.get().starts_with('{') {
            return Ok(None);
        }
        let mut inner = serde_json::Deserializer::from_str(here.get());
        inner.deserialize_map(self).map_err(Error::custom)
    }
}

impl<'t> Visitor<'t> for At<'_> {
    type Value = Option<&'t RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (key, rest) = self
            .0
            .split_first()
            .ok_or_else(|| Error::custom("no path"))?;
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if name == *key {
                found = map.next_value_seed(At(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_json_are_read() {
        let metrics = "# HELP x y\nxy 3\nx{a=\"b\"} 1\nz 2";
        let value = |text, name| super::value(text, name).ok().map(|value| value.text);
        assert_eq!(value(metrics, "x").as_deref(), Some("1"));
        assert_eq!(value(metrics, "z").as_deref(), Some("2"));
        assert_eq!(value(metrics, "missing"), None);
        let json = r#"{"data":{"ok":true,"at":"12:00"}}"#;
        assert_eq!(value(json, "data.ok").as_deref(), Some("true"));
        assert_eq!(value(json, "data.at").as_deref(), Some("12:00"));
        assert_eq!(value(json, "data.no"), None);
        assert_eq!(value("{broken", "data"), None);
        assert_eq!(value(r#"{"a":1} {"#, "a"), None);
        assert_eq!(
            value(r#"{"a":[1,2],"b":{"c":1}}"#, "b").as_deref(),
            Some(r#"{"c":1}"#)
        );
        assert_eq!(value(r#"{"a":[1,2]}"#, "a.0"), None);
        assert_eq!(
            value(r#"{"a\u0062":"x\ny"}"#, "ab").as_deref(),
            Some("x\ny")
        );
    }

    #[test]
    fn a_stamp_of_the_present_second_stands_until_the_next() {
        let now = Duration::from_millis(1_700_000_000_300);
        for (stamp, millis) in [
            ("2023-11-14T22:13:20Z", 700),
            ("1700000000", 700),
            ("1.7e+09", 700),
            ("1699999999", 0),
            ("1700000005", 0),
            ("2023-11-14T22:13:20.25Z", 0),
            ("17", 0),
            ("", 0),
            ("1e300", 0),
            ("a7f3", 0),
        ] {
            let marks = Marks {
                stamp: PageValue::number(stamp),
                ..Marks::of_nobody()
            };
            assert_eq!(
                marks.stands_for(now),
                Duration::from_millis(millis),
                "{stamp}"
            );
        }
    }

    #[test]
    fn a_stamp_that_is_a_time_says_when() {
        for (stamp, after) in [
            ("1.7000000005e+09", true),
            ("1700000001", true),
            ("1700000000", false),
            ("2023-11-14T22:13:20.6Z", true),
            ("2023-11-14T22:13:20.1Z", false),
            ("2024-02-29T00:00:00Z", true),
            ("2023-11-14T22:13:20.6+01:00", false),
            ("17", false),
            ("abc", false),
            ("", false),
            ("NaN", false),
            ("9999999999999-99-99T99:99:99Z", false),
        ] {
            let marks = |good| Marks {
                stamp: PageValue::number(stamp),
                good,
                failures: None,
            };
            let changed_at = (1_700_000_000, 200_000_000);
            assert_eq!(marks(None).says_after(changed_at), after, "{stamp}");
            assert!(!marks(Some(false)).says_after(changed_at), "{stamp}");
        }
    }

    #[test]
    fn a_failure_that_was_there_before_proves_nothing() {
        let marks = |stamp: &str, good| Marks {
            stamp: PageValue::number(stamp),
            good: Some(good),
            failures: None,
        };
        let fine = marks("1", true);
        assert_eq!(compare(Some(&fine), Ok(marks("2", true))), Seen::Yes);
        assert!(matches!(
            compare(Some(&fine), Ok(marks("1", false))),
            Seen::No(_)
        ));
        assert!(matches!(
            compare(Some(&fine), Ok(marks("1", true))),
            Seen::NotYet(_)
        ));
        let failed = marks("1", false);
        assert!(matches!(
            compare(Some(&failed), Ok(marks("1", false))),
            Seen::StillNot(_)
        ));
        assert_eq!(compare(Some(&failed), Ok(marks("2", true))), Seen::Yes);
        assert!(matches!(
            compare(None, Ok(marks("1", true))),
            Seen::NotYet(_)
        ));
    }

    #[test]
    fn good_is_a_number_however_it_is_written() {
        for (good, is) in [
            ("1", true),
            ("1.0", true),
            ("+1", true),
            ("1e0", true),
            ("1.000", true),
            ("1 5", true),
            ("true", true),
            ("0", false),
            ("0.0 5", false),
            ("2", false),
            ("NaN", false),
            ("false", false),
            ("yes", false),
        ] {
            let page = format!("t 1\nok {good}\n");
            let marks = Marks::read(&page, "t", Some("ok")).unwrap();
            assert_eq!((marks.good, marks.failures), (Some(is), None), "{good}");
        }
        for (good, is) in [
            ("1.0", true),
            ("true", true),
            ("\"1\"", true),
            ("null", false),
        ] {
            let page = format!("{{\"t\":1,\"ok\":{good}}}");
            assert_eq!(Marks::read(&page, "t", Some("ok")).unwrap().good, Some(is));
        }
        for (count, is) in [("3", 3.0), ("3.0 7", 3.0), ("+3e0", 3.0), ("false", 0.0)] {
            let page = format!("t 1\nfails {count}\n");
            let marks = Marks::read(&page, "t", Some("!fails")).unwrap();
            assert_eq!((marks.good, marks.failures), (None, Some(is)), "{count}");
        }
    }

    #[test]
    fn what_the_page_does_not_say_is_named() {
        for page in ["t 1\nok 1\n", "{\"t\":1,\"ok\":true}"] {
            for (stamp, good, missing) in
                [("t", "okk", "okk"), ("t", "!f", "f"), ("tt", "ok", "tt")]
            {
                let why = Marks::read(page, stamp, Some(good)).unwrap_err();
                assert_eq!(why, format!("the page does not say {missing}"));
            }
        }
        let why = Marks::read("t 1\nf x", "t", Some("!f")).unwrap_err();
        assert!(why.ends_with("of f is no number"), "{why}");
        assert!(matches!(compare(None, Err("x".into())), Seen::NotYet(why) if why == "x"));
    }

    #[test]
    fn a_stamp_moves_when_it_is_another_number_or_text() {
        let moves = |before: &str, now: &str| {
            let marks = |page: &str| Marks::read(page, "t", None).unwrap();
            compare(Some(&marks(before)), Ok(marks(now))) == Seen::Yes
        };
        for (before, now, is) in [
            ("t 3 1001", "t 3 1002", false),
            ("t 3 1001", "t 4 1001", true),
            ("t 1", "t 1.0", false),
            ("t 1e+09", "t 1000000000", false),
            ("t 1e+09", "t 1000000001", true),
            ("t NaN", "t NaN", false),
            ("t NaN", "t 1", true),
            ("t 0", "t -0", false),
            ("t 1700000000000000001", "t 1700000000000000002", true),
            ("{\"t\":1}", "{\"t\":1.0}", false),
            ("{\"t\":\"1\"}", "{\"t\":\"1.0\"}", true),
            ("{\"t\":\"1e5\"}", "{\"t\":\"100000\"}", true),
            ("{\"t\":null}", "{\"t\":{\"a\":1}}", true),
        ] {
            assert_eq!(moves(before, now), is, "{before} {now}");
        }
    }

    #[test]
    fn a_failure_that_is_counted_is_one() {
        let marks = |stamp: &str, failures| Marks {
            stamp: PageValue::number(stamp),
            good: None,
            failures: Some(failures),
        };
        let before = marks("", 1.0);
        let seen = |stamp, failures| compare(Some(&before), Ok(marks(stamp, failures)));
        assert_eq!(seen("a", 1.0), Seen::Yes);
        assert!(matches!(seen("a", 2.0), Seen::No(_)));
        assert!(matches!(seen("", 2.0), Seen::No(_)));
        assert!(matches!(seen("", 1.0), Seen::NotYet(_)));
        // The process was started anew meanwhile.
        assert!(matches!(seen("", 0.0), Seen::NotYet(_)));
        let gone = compare(Some(&marks("a", 1.0)), Ok(marks("", 0.0)));
        assert!(matches!(gone, Seen::NotYet(_)));
    }
}
