//! Options as they come in, one at a time, before they are looked at together.

use crate::act::command::split;
use crate::act::http::{Call, Manner, check_url};
use crate::act::prove::Proof;
use crate::render::Render;
use crate::watch::glob::Filter;
use std::path::PathBuf;
use std::time::Duration;
use tidings_core::action::Signal;
use tidings_core::preset::{self, Preset};

type Done = Result<(), String>;

/// When `watch` acts without a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AtStart {
    /// If what runs may be older than the files.
    #[default]
    Auto,
    Always,
    Never,
}

/// A proof that was asked for.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// None at all, not even the preset's.
    Nothing,
    This(Box<Proof>),
}

/// What was said so far; `None` and empty: nothing.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Draft {
    pub(crate) watch: Vec<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) preset: Option<&'static Preset>,
    pub(crate) signal: Option<Signal>,
    pub(crate) signal_is_handled: bool,
    pub(crate) process: Vec<String>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) http: Vec<String>,
    pub(crate) manner: Manner,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) exec: Option<Vec<String>>,
    pub(crate) restart: bool,
    pub(crate) exit_code: Option<u8>,
    pub(crate) stop: Option<Signal>,
    pub(crate) grace: Option<Duration>,
    pub(crate) check: Option<Vec<String>>,
    pub(crate) command_timeout: Option<Duration>,
    pub(crate) proof: Option<Wanted>,
    pub(crate) prove_timeout: Option<Duration>,
    pub(crate) renders: Vec<Render>,
    pub(crate) once: bool,
    pub(crate) at_start: AtStart,
    pub(crate) quiet: Option<Duration>,
    pub(crate) cap: Option<Duration>,
    pub(crate) settle_first: bool,
    pub(crate) poll: Option<Duration>,
    pub(crate) retry: Option<Duration>,
    pub(crate) retry_longest: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) listen: Option<String>,
}

/// Setters that only keep what was written.
macro_rules! keep {
    ($($name:ident: $parse:expr => $($field:ident).+;)*) => {
        impl Draft { $(
            pub(crate) fn $name(&mut self, text: &str) -> Done {
                self.$($field).+ = Some($parse(text)?);
                Ok(())
            }
        )* }
    };
}

/// Setters of options that may be given again.
macro_rules! gather {
    ($($name:ident: $parse:expr => $($field:ident).+;)*) => {
        impl Draft { $(
            pub(crate) fn $name(&mut self, text: &str) -> Done {
                self.$($field).+.push($parse(text)?);
                Ok(())
            }
        )* }
    };
}

/// Setters of options without a value.
macro_rules! switch {
    ($($name:ident => $($field:ident).+;)*) => {
        impl Draft { $(
            pub(crate) fn $name(&mut self) -> Done {
                self.$($field).+ = true;
                Ok(())
            }
        )* }
    };
}

keep! {
    preset: preset_named => preset;
    signal: Signal::parse => signal;
    pid_file: path => pid_file;
    ca: path => manner.ca;
    cert: path => cert;
    key: path => key;
    basic: path => manner.basic;
    bearer: path => manner.bearer;
    exec: split => exec;
    exit_code: exit_code => exit_code;
    stop: Signal::parse => stop;
    grace: time => grace;
    check: split => check;
    command_timeout: limit => command_timeout;
    prove: proof => proof;
    prove_timeout: limit => prove_timeout;
    quiet: time => quiet;
    cap: time => cap;
    poll: limit => poll;
    retry: limit => retry;
    retry_longest: limit => retry_longest;
    retries: number => retries;
    listen: address => listen;
}

gather! {
    watch: path => watch;
    include: text => filter.include;
    exclude: text => filter.exclude;
    process: text => process;
    http: url => http;
    header: header => manner.headers;
    render: Render::parse => renders;
}

switch! {
    signal_is_handled => signal_is_handled;
    insecure => manner.insecure;
    once => once;
    settle_first => settle_first;
}

impl Draft {
    pub(crate) fn method(&mut self, value: &str) -> Done {
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if value.is_empty() || !value.chars().all(is_token) {
            return Err(format!("{value:?} is no HTTP method"));
        }
        self.manner.method = value.to_ascii_uppercase();
        Ok(())
    }

    pub(crate) fn body(&mut self, value: &str) -> Done {
        self.manner.body = text(value)?;
        Ok(())
    }

    pub(crate) fn expect(&mut self, value: &str) -> Done {
        let statuses: Result<Vec<u16>, String> = value.split(',').map(status).collect();
        self.manner.expect = statuses?;
        Ok(())
    }

    pub(crate) fn http_timeout(&mut self, value: &str) -> Done {
        self.manner.timeout = limit(value)?;
        Ok(())
    }

    pub(crate) fn on_change(&mut self, value: &str) -> Done {
        self.restart = match value {
            "restart" => true,
            "signal" => false,
            _ => return Err(format!("{value:?} is neither signal nor restart")),
        };
        Ok(())
    }

    pub(crate) fn at_start(&mut self, value: &str) -> Done {
        self.at_start = match value {
            "auto" => AtStart::Auto,
            "always" => AtStart::Always,
            "never" => AtStart::Never,
            _ => return Err(format!("{value:?} is none of auto, always, never")),
        };
        Ok(())
    }
}

fn text(value: &str) -> Result<String, String> {
    if value.contains('\0') {
        return Err("it contains a zero byte".into());
    }
    Ok(value.to_owned())
}

fn path(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        return Err("the path is empty".into());
    }
    Ok(value.into())
}

fn url(value: &str) -> Result<String, String> {
    check_url(value)?;
    Ok(value.to_owned())
}

fn status(value: &str) -> Result<u16, String> {
    let parsed = value.trim().parse().ok();
    parsed
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| format!("{value:?} is no HTTP status"))
}

fn number(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("{value:?} is no number"))
}

fn exit_code(value: &str) -> Result<u8, String> {
    match value.parse() {
        Ok(code @ 1..) => Ok(code),
        _ => Err(format!("{value:?} is no exit code from 1 to 255")),
    }
}

fn header(value: &str) -> Result<(String, String), String> {
    let (name, content) = value
        .split_once(':')
        .ok_or_else(|| format!("{value:?} is not NAME:VALUE"))?;
    Ok((name.trim().to_owned(), content.trim().to_owned()))
}

fn address(value: &str) -> Result<String, String> {
    let port = value.rsplit(':').next().unwrap_or_default();
    match port.parse::<u16>() {
        Ok(_) if value.contains(':') => Ok(value.to_owned()),
        _ => Err(format!(
            "{value:?} is no address; write :9533 or 127.0.0.1:9533"
        )),
    }
}

fn preset_named(value: &str) -> Result<&'static Preset, String> {
    preset::named(value)
        .ok_or_else(|| format!("no preset is called {value:?}; `tidings-agent presets` lists them"))
}

/// A length of time: `200ms`, `2s`, `3m`, `1h`, or seconds.
pub(crate) fn time(value: &str) -> Result<Duration, String> {
    let wrong = || format!("{value:?} is no time; write 200ms, 2s or 3m");
    let unit_at = value
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(value.len());
    let (amount, unit) = value.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let amount: f64 = amount.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(amount * seconds).map_err(|_| wrong())
}

/// A time that must not be nothing, nor too long to be added to a clock.
fn limit(value: &str) -> Result<Duration, String> {
    const YEAR: Duration = Duration::from_hours(8760);
    match time(value)? {
        Duration::ZERO => Err("it must be more than nothing".into()),
        length => Ok(length.min(YEAR)),
    }
}

fn proof(value: &str) -> Result<Wanted, String> {
    let (kind, argument) = value.split_once('=').unwrap_or((value, ""));
    Ok(Wanted::This(Box::new(match kind {
        "none" => return Ok(Wanted::Nothing),
        "children" => Proof::Children,
        "answers" => Proof::Answers(page(argument)?),
        "moves" => moves(argument)?,
        "succeeds" => Proof::Succeeds(split(argument)?),
        "prints-anew" => Proof::PrintsAnew(split(argument)?),
        _ => {
            return Err(format!(
                "{kind:?} is no proof; write children, answers=URL, moves=URL#STAMP, succeeds=COMMAND, prints-anew=COMMAND or none"
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
        .ok_or_else(|| format!("{argument:?} is not URL#STAMP or URL#STAMP#GOOD"))?;
    Ok(Proof::Moves {
        page: page(url)?,
        stamp: stamp.into(),
        good: parts.next().map(str::to_owned),
    })
}

/// A page that is asked for with GET.
pub(crate) fn page(address: &str) -> Result<Call, String> {
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
            ("3m", 180_000),
            ("0", 0),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "1x", "1e999", "99999999999999999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_have_a_port() {
        assert!(address(":9533").is_ok() && address("[::]:1").is_ok());
        assert!(address("9533").is_err() && address(":x").is_err());
    }

    #[test]
    fn proofs_are_read() {
        assert!(matches!(proof("none"), Ok(Wanted::Nothing)));
        for text in ["children", "answers=http://x/", "succeeds=true"] {
            assert!(matches!(proof(text), Ok(Wanted::This(_))), "{text}");
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
