//! Lengths of time, as Go's `time.ParseDuration` reads them: `500ms`, `2s`, `1h30m`.
//!
//! Whoever writes them here writes them for Kubernetes and for the programs that these
//! two stand in for, all of which read them so. In: a text. Out: nanoseconds.

const SECOND: u64 = 1_000_000_000;

/// So long a time Go can count, 292 years.
const LONGEST: u64 = i64::MAX.unsigned_abs();

/// `None`: it is no time, or a negative one, or too long.
pub fn nanoseconds(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut nanos = 0_u64;
    loop {
        let (part, after) = part(rest)?;
        nanos = nanos.checked_add(part)?;
        if after.is_empty() {
            return Some(nanos).filter(|nanos| *nanos <= LONGEST);
        }
        rest = after;
    }
}

/// One number with its unit, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_number(c))?);
    let (unit, rest) = rest.split_at(rest.find(is_number).unwrap_or(rest.len()));
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
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

/// A unit's part that decimal digits mean. Digits below a nanosecond mean nothing.
fn part_of(unit: u64, digits: &str) -> Option<u64> {
    let (mut part, mut tenth) = (0, u128::from(unit) * u128::from(SECOND));
    for digit in digits.bytes() {
        tenth /= 10;
        part += u128::from(digit.checked_sub(b'0').filter(|d| *d < 10)?) * tenth;
    }
    u64::try_from(part / u128::from(SECOND)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_reads_them() {
        const MS: u64 = 1_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("+0", 0),
            ("0s", 0),
            ("500ms", 500 * MS),
            ("90s", 90_000 * MS),
            ("1h30m", 5_400_000 * MS),
            ("1.5h", 5_400_000 * MS),
            (".5m", 30_000 * MS),
            ("1.m", 60_000 * MS),
            ("+2m", 120_000 * MS),
            ("1s1ns", 1_000 * MS + 1),
            ("1000000µs", 1_000 * MS),
            ("3us", 3_000),
            ("0.333333333333333333333333333333h", 1_200_000 * MS - 1),
        ] {
            assert_eq!(nanoseconds(text), Some(nanos), "{text}");
        }
        for text in [
            "",
            "5",
            "-5m",
            "-1s",
            ".s",
            "s",
            "1.2.3s",
            "1d",
            "1 h",
            "1x",
            "1e999",
            "2562048h",
            "99999999999h",
            "18446744073709551615ms",
            "99999999999999999999h",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
