//! Times, as people write them in annotations and options.
//!
//! Two families: Tidings' own, one number with one unit, and Go's, which
//! Reloader reads (`1h30m`, `1.5h`). Goes in: text. Comes out: a whole number,
//! or a sentence on what was expected.

use crate::pattern::quoted;

/// Reads a time: a number with `ms`, `s`, `m` or `h`, in milliseconds.
pub fn millis(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is not a time such as 500ms, 2s or 1m", quoted(text));
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
    number.checked_mul(factor).ok_or_else(wrong)
}

const NANOS: u64 = 1_000_000_000;

/// Reads a time as Go's `time.ParseDuration` does, in seconds; a part of a
/// second counts whole. A negative one is an error.
pub fn go_seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{} is not a time such as 90s, 5m or 1h30m", quoted(text));
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
    #[case("2", None)]
    #[case("2 s", None)]
    #[case("99999999999999999999h", None)]
    fn own_times(#[case] text: &str, #[case] expect: Option<u64>) {
        assert_eq!(millis(text).ok(), expect);
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
