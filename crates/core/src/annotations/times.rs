//! Times, as people write them in annotations and options.
//!
//! Two families: Tidings' own, one number with one unit, and Go's, which
//! Reloader reads (`1h30m`, `1.5h`). Goes in: text. Comes out: a whole number,
//! or a sentence on what was expected.

use crate::pattern::quoted;

/// What is meant to be never has other words.
const LONGEST: u64 = 10 * 365 * 24 * 3_600_000;

/// Reads a time: a number with `ms`, `s`, `m` or `h`, in milliseconds.
pub fn millis(text: &str) -> Result<u64, String> {
    let wrong = || not_a_time(text, "500ms, 2s or 1m");
    if text == "0" {
        return Ok(0);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = number.checked_mul(factor);
    let millis = millis.filter(|millis| *millis <= LONGEST);
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

const NANOS: u64 = 1_000_000_000;

/// Reads a time as Go's `time.ParseDuration` does, in seconds; a part of a
/// second counts whole. A negative one is an error.
pub fn go_seconds(text: &str) -> Result<u64, String> {
    let wrong = || not_a_time(text, "90s, 5m or 1h30m");
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    let mut nanos = 0_u64;
    loop {
        let (part, after) = go_part(rest).ok_or_else(wrong)?;
        nanos = nanos.checked_add(part).ok_or_else(wrong)?;
        if after.is_empty() {
            return Ok(nanos.div_ceil(NANOS));
        }
        rest = after;
    }
}

/// One number with its unit, in nanoseconds, and what follows.
fn go_part(text: &str) -> Option<(u64, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_number(c))?);
    let (unit, rest) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS,
        "m" => 60 * NANOS,
        "h" => 3_600 * NANOS,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    Some((whole.checked_add(part_of(unit, fraction)?)?, rest))
}

/// A unit's part that decimal digits mean. Digits below a nanosecond mean
/// nothing.
fn part_of(unit: u64, digits: &str) -> Option<u64> {
    let (mut part, mut tenth) = (0, u128::from(unit) * u128::from(NANOS));
    for digit in digits.bytes() {
        tenth /= 10;
        part += u128::from(digit.checked_sub(b'0').filter(|d| *d < 10)?) * tenth;
    }
    u64::try_from(part / u128::from(NANOS)).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Some(0))]
    #[case("500ms", Some(500))]
    #[case("2s", Some(2_000))]
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
    #[case("1.5s", "")]
    #[case("99999999999999999999", "")]
    fn what_was_meant_is_said(#[case] text: &str, #[case] expect: &str) {
        let said = millis(text).unwrap_err();
        assert!(said.ends_with(&format!("or 1m{expect}")), "{said}");
    }

    #[test]
    fn so_it_is_of_times_as_go_reads_them() {
        assert!(go_seconds("5").unwrap_err().ends_with("did you mean 5s?"));
    }

    #[rstest]
    #[case("0", Some(0))]
    #[case("+0", Some(0))]
    #[case("0s", Some(0))]
    #[case("90s", Some(90))]
    #[case("1h30m", Some(5_400))]
    #[case("1.5h", Some(5_400))]
    #[case(".5m", Some(30))]
    #[case("1.m", Some(60))]
    #[case("+2m", Some(120))]
    #[case("100ms", Some(1))]
    #[case("1s1ns", Some(2))]
    #[case("1000000µs", Some(1))]
    #[case("3us", Some(1))]
    #[case("0.333333333333333333333333333333h", Some(1_200))]
    #[case("", None)]
    #[case("5", None)]
    #[case("-5m", None)]
    #[case(".s", None)]
    #[case("1.2.3s", None)]
    #[case("1d", None)]
    #[case("1 h", None)]
    #[case("h", None)]
    #[case("99999999999h", None)]
    fn times_as_go_reads_them(#[case] text: &str, #[case] expect: Option<u64>) {
        assert_eq!(go_seconds(text).ok(), expect);
    }
}
