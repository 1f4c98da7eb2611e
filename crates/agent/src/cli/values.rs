//! The values of options: from what a person writes to what is meant, or one
//! sentence on what is wrong with it.

use crate::act::address::check_url;
use crate::act::command::split;
use crate::act::http::{Call, Manner};
use crate::act::prove::Proof;
use crate::signals::RESERVED;
use crate::text::quoted::{is_address, is_secret, quoted};
use std::path::PathBuf;
use std::time::Duration;
use tidings_shared::glob::Glob;
use tidings_shared::preset::{self, Preset};
use tidings_shared::time::nanoseconds;
use tidings_supervise::action::Signal;
use ureq::http::{HeaderName, HeaderValue};

/// A proof that was asked for.
#[derive(Debug, Clone)]
pub(crate) enum ProofArg {
    /// None at all, not even the preset's.
    Nothing,
    This(Box<Proof>),
}

pub(super) fn text(value: &str) -> Result<String, String> {
    if value.contains('\0') {
        return Err("it contains a zero byte".into());
    }
    Ok(value.to_owned())
}

/// A pattern of file names.
pub(super) fn pattern(value: &str) -> Result<Glob, String> {
    if value.is_empty() {
        return Err("the pattern is empty, and fits no file".into());
    }
    text(value)?;
    Glob::new(value).map_err(|why| format!("the pattern makes no sense: {why}"))
}

pub(super) fn name(value: &str) -> Result<String, String> {
    if value.trim().is_empty() {
        return Err("the name is empty".into());
    }
    no_address(value)?;
    text(value)
}

pub(super) fn path(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        return Err("the path is empty".into());
    }
    no_address(value)?;
    text(value).map(PathBuf::from)
}

/// One that holds a secret, and is not to be the secret itself.
pub(super) fn secret_file(value: &str) -> Result<PathBuf, String> {
    if is_secret(value) {
        return Err("a secret itself is written where the name of a file with it is to be; write it into a file, and replace it: who lists the processes has seen it".into());
    }
    path(value)
}

/// `user:password` is no such name either.
pub(super) fn basic_file(value: &str) -> Result<PathBuf, String> {
    if value.contains(':') && !value.contains('/') {
        return Err("user:password itself is written where the name of a file with it is to be; write it into a file, and replace it: who lists the processes has seen it".into());
    }
    secret_file(value)
}

/// It would be shown as what it is not.
fn no_address(value: &str) -> Result<(), String> {
    if is_address(value) {
        return Err("an address is written where none can be".into());
    }
    Ok(())
}

/// The words of a command line.
pub(super) fn command(value: &str) -> Result<Vec<String>, String> {
    let words = split(value)?;
    if is_address(&words[0]) {
        return Err("an address is no command; write --http, or answers=, before it".into());
    }
    Ok(words)
}

pub(super) fn url(value: &str) -> Result<String, String> {
    check_url(value)?;
    Ok(value.to_owned())
}

pub(super) fn status(value: &str) -> Result<u16, String> {
    let parsed = value.trim().parse().ok();
    parsed
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| format!("{} is no HTTP status", quoted(value)))
}

pub(super) fn number(value: &str) -> Result<u32, String> {
    value
        .parse()
        .map_err(|_| format!("{} is no number", quoted(value)))
}

pub(super) fn exit_code(value: &str) -> Result<u8, String> {
    match value.parse() {
        Ok(code @ 1..) => Ok(code),
        _ => Err(format!("{} is no exit code from 1 to 255", quoted(value))),
    }
}

/// Headers that say where the body ends.
const OF_THE_CALL: [&str; 2] = ["Content-Length", "Transfer-Encoding"];

pub(super) fn header(value: &str) -> Result<(String, String), String> {
    // The value may be a secret, and so may what is taken for the name.
    let (name, content) = value
        .split_once(':')
        .ok_or("it is not NAME:VALUE; there is no colon")?;
    let (name, content) = (name.trim(), content.trim());
    HeaderName::try_from(name).map_err(|_| "what is before the colon is no name of a header")?;
    HeaderValue::try_from(content).map_err(|_| "the value has characters that no header has")?;
    if OF_THE_CALL.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(format!("{name} follows from --body; leave it out"));
    }
    Ok((name.to_owned(), content.to_owned()))
}

pub(super) fn address(value: &str) -> Result<String, String> {
    let port = value.rsplit(':').next().unwrap_or_default();
    match port.parse::<u16>() {
        Ok(_) if value.contains(':') && !value.contains(['@', '/']) => Ok(value.to_owned()),
        _ => Err(format!(
            "{} is no address; write :9533 or 127.0.0.1:9533",
            quoted(value)
        )),
    }
}

pub(super) fn preset_named(value: &str) -> Result<&'static Preset, String> {
    preset::named(value).ok_or_else(|| {
        format!(
            "no preset is called {}; `tidings-agent presets` lists them",
            quoted(value)
        )
    })
}

/// Not to be caught, blocked or ignored (signal(7)).
const STOP: i32 = 19;

/// A signal on which a program may reload.
pub(super) fn reload_signal(value: &str) -> Result<Signal, String> {
    let signal = Signal::parse(value)?;
    let number = signal.number();
    if signal == Signal::KILL || number == STOP || RESERVED.contains(&number) {
        return Err(format!(
            "no program can take {signal}; choose the signal on which it reloads, such as HUP"
        ));
    }
    Ok(signal)
}

/// A signal by which a program may end.
pub(super) fn stop_signal(value: &str) -> Result<Signal, String> {
    let signal = Signal::parse(value)?;
    if signal.number() == STOP || RESERVED.contains(&signal.number()) {
        return Err(format!(
            "{signal} ends no program; choose one that does, such as TERM"
        ));
    }
    Ok(signal)
}

/// A length of time as Go programs read it (`200ms`, `2s`, `1h30m`), or whole or decimal
/// seconds.
pub(crate) fn time(value: &str) -> Result<Duration, String> {
    let has_unit = value.contains(|c: char| !c.is_ascii_digit() && c != '.');
    let unit = if has_unit { "" } else { "s" };
    let nanoseconds = nanoseconds(&format!("{value}{unit}"));
    let nanoseconds = nanoseconds
        .ok_or_else(|| format!("{} is no time; write 200ms, 2s or 3m", quoted(value)))?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// A time that must not be nothing, nor too long to be added to a clock.
pub(super) fn limit(value: &str) -> Result<Duration, String> {
    const YEAR: Duration = Duration::from_hours(8760);
    match time(value)? {
        Duration::ZERO => Err("it must be more than nothing".into()),
        length => Ok(length.min(YEAR)),
    }
}

pub(super) fn proof(value: &str) -> Result<ProofArg, String> {
    let (kind, argument) = value.split_once('=').unwrap_or((value, ""));
    Ok(ProofArg::This(Box::new(match kind {
        "none" => return Ok(ProofArg::Nothing),
        "children" => Proof::Children,
        "answers" => Proof::Answers(page(argument)?),
        "moves" => moves(argument)?,
        "succeeds" => Proof::Succeeds(command(argument)?),
        "prints-anew" => Proof::PrintsAnew(command(argument)?),
        _ => {
            return Err(format!(
                "{} is no proof; write children, answers=URL, moves=URL#STAMP, succeeds=COMMAND, prints-anew=COMMAND or none",
                quoted(kind)
            ));
        }
    })))
}

/// `URL#STAMP` or `URL#STAMP#GOOD`.
pub(crate) fn moves(argument: &str) -> Result<Proof, String> {
    let mut parts = argument.split('#');
    let url = parts.next().unwrap_or_default();
    let stamp = parts
        .next()
        .filter(|stamp| !stamp.is_empty())
        .ok_or("what shows a move is written URL#STAMP or URL#STAMP#GOOD, with a STAMP")?;
    Ok(Proof::Moves {
        page: page(url)?,
        stamp: stamp.into(),
        good: parts.next().map(str::to_owned),
    })
}

/// A page that is asked for with GET.
pub(super) fn page(address: &str) -> Result<Call, String> {
    Ok(Call {
        url: url(address)?,
        manner: Manner {
            method: "GET".into(),
            timeout: Duration::from_secs(2),
            ..Manner::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, millis) in [
            ("200ms", 200),
            ("2s", 2000),
            ("2", 2000),
            ("1.5s", 1500),
            ("1.5", 1500),
            ("3m", 180_000),
            ("1h30m", 5_400_000),
            ("0", 0),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            ".",
            "s",
            "1h30",
            "-1s",
            "1x",
            "1e999",
            "99999999999999999999h",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_have_a_port() {
        assert!(address(":9533").is_ok() && address("[::]:1").is_ok());
        assert!(address("9533").is_err() && address(":x").is_err());
    }

    #[test]
    fn headers_and_names_are_what_they_must_be() {
        assert_eq!(header("A: b: c"), Ok(("A".into(), "b: c".into())));
        for text in ["a b: secret", ": secret", "secret", "a: x\nb: y", "a: \0"] {
            let why = header(text).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        for text in [
            "Content-Length: 1",
            "content-length:3",
            "transfer-encoding: chunked",
        ] {
            assert!(header(text).unwrap_err().contains("leave it out"), "{text}");
        }
        assert!(name("").is_err() && name(" ").is_err() && name("nginx").is_ok());
    }

    #[test]
    fn patterns_make_sense() {
        for text in ["[", "a}", "{a", "a\\", ""] {
            assert!(pattern(text).unwrap_err().contains("pattern"), "{text}");
        }
        assert!(pattern("conf.d/**/a?.*").is_ok() && pattern("*.{a,b}").is_ok());
    }

    #[test]
    fn proofs_are_read() {
        assert!(matches!(proof("none"), Ok(ProofArg::Nothing)));
        for text in ["children", "answers=http://x/", "succeeds=true"] {
            assert!(matches!(proof(text), Ok(ProofArg::This(_))), "{text}");
        }
        for text in ["moves=http://x/", "answers=x", "magic", "succeeds="] {
            assert!(proof(text).is_err(), "{text}");
        }
        let Ok(Proof::Moves { stamp, good, .. }) = moves("http://x/m#a#b") else {
            panic!("not read");
        };
        assert_eq!((stamp.as_str(), good.as_deref()), ("a", Some("b")));
    }

    #[test]
    fn exit_codes_that_mean_success_are_refused() {
        assert!(exit_code("0").is_err() && exit_code("256").is_err());
        assert_eq!(exit_code("90"), Ok(90));
    }
}
