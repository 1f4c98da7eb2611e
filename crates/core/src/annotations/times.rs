//! Times, as people write them in annotations and options
//! (`tidings_shared::time`).
//!
//! Goes in: text. Comes out: a whole number, or a sentence on what was expected.

use tidings_shared::time::nanoseconds;

use crate::pattern::quoted;

/// What is meant to be never has other words.
const LONGEST: u64 = 10 * 365 * 24 * 3_600_000;

/// Reads a time, in milliseconds; a part of one counts whole.
pub fn millis(text: &str) -> Result<u64, String> {
    let nanos = nanoseconds(text).ok_or_else(|| not_a_time(text, "500ms, 2s or 1m"))?;
    let millis = Some(nanos.div_ceil(1_000_000)).filter(|millis| *millis <= LONGEST);
    millis.ok_or_else(|| format!("{} is more than ten years", quoted(text)))
}

/// Units as people write them who think of no unit, or of another one.
const UNITS: &[(&str, &[&str])] = &[
    ("s", &["", "sec", "secs", "second", "seconds"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("ms", &["msec", "millis", "milliseconds"]),
];

fn not_a_time(text: &str, such_as: &str) -> String {
    let meant = meant(text);
    if meant.as_deref() == Some(text) {
        return format!("{} is more than 292 years", quoted(text));
    }
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
    format!("{} is not a time such as {such_as}{meant}", quoted(text))
}

/// What one number with something like a unit means.
fn meant(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let is_it = |(short, long): &&(&str, &[&str])| *short == unit || long.contains(&unit);
    let (unit, _) = UNITS.iter().find(is_it)?;
    number
        .parse::<u32>()
        .ok()
        .map(|number| format!("{number}{unit}"))
}

/// The same in seconds, of Reloader's annotations: as long as Go can count.
pub fn go_seconds(text: &str) -> Result<u64, String> {
    let nanos = nanoseconds(text).ok_or_else(|| not_a_time(text, "90s, 5m or 1h30m"))?;
    Ok(nanos.div_ceil(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Some(0))]
    #[case("500ms", Some(500))]
    #[case("2s", Some(2_000))]
    #[case("1h30m", Some(5_400_000))]
    #[case("1us", Some(1))]
    #[case("87600h", Some(315_360_000_000))]
    #[case("87601h", None)]
    #[case("18446744073709551615ms", None)]
    #[case("2", None)]
    #[case("2 s", None)]
    #[case("99999999999999999999h", None)]
    fn own_times(#[case] text: &str, #[case] expect: Option<u64>) {
        assert_eq!(millis(text).ok(), expect);
    }

    #[rstest]
    #[case("2", "; did you mean 2s?")]
    #[case(" 2s", "; did you mean 2s?")]
    #[case("2 s", "; did you mean 2s?")]
    #[case("2S", "; did you mean 2s?")]
    #[case("5 Minutes", "; did you mean 5m?")]
    #[case("500msec", "; did you mean 500ms?")]
    #[case("2d", "")]
    #[case("s", "")]
    #[case("", "")]
    #[case("1.5d", "")]
    #[case("99999999999999999999", "")]
    fn what_was_meant_is_said(#[case] text: &str, #[case] expect: &str) {
        let said = millis(text).unwrap_err();
        assert!(said.ends_with(&format!("or 1m{expect}")), "{said}");
    }

    #[test]
    fn too_long_is_said_to_be_too_long() {
        for text in ["87601h", "99999999h"] {
            assert!(millis(text).unwrap_err().contains("is more than"), "{text}");
        }
    }

    #[test]
    fn so_it_is_of_times_as_go_reads_them() {
        assert!(go_seconds("5").unwrap_err().ends_with("did you mean 5s?"));
    }

    #[rstest]
    #[case("0", Some(0))]
    #[case("1h30m", Some(5_400))]
    #[case("100ms", Some(1))]
    #[case("1s1ns", Some(2))]
    #[case("5", None)]
    #[case("99999999999h", None)]
    fn pauses_count_in_seconds(#[case] text: &str, #[case] expect: Option<u64>) {
        assert_eq!(go_seconds(text).ok(), expect);
    }
}
