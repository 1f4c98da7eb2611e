//! Options as they come in, one at a time, before they are looked at together.

use super::values::{
    ProofArg, address, basic_file, command, exit_code, header, limit, name, number, path, pattern,
    preset_named, proof, reload_signal, secret_file, status, stop_signal, text, time, url,
};
use crate::act::Vouched;
use crate::act::http::Manner;
use crate::render::Render;
use crate::text::quoted::quoted;
use crate::watch::glob::Filter;
use std::path::PathBuf;
use std::time::Duration;
use tidings_shared::preset::Preset;
use tidings_supervise::FailedRestart;
use tidings_supervise::action::Signal;

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

/// What was said so far; `None` and empty: nothing.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct LowArgs {
    pub(crate) watch: Vec<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) preset: Option<&'static Preset>,
    pub(crate) signal: Option<Signal>,
    pub(crate) vouched: Vouched,
    pub(crate) process: Vec<String>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) http: Vec<String>,
    pub(crate) manner: Manner,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) exec: Option<Vec<String>>,
    pub(crate) awaits: bool,
    pub(crate) restart: bool,
    pub(crate) on_failed_restart: FailedRestart,
    pub(crate) exit_code: Option<u8>,
    pub(crate) stop: Option<Signal>,
    pub(crate) grace: Option<Duration>,
    pub(crate) check: Option<Vec<String>>,
    pub(crate) command_timeout: Option<Duration>,
    pub(crate) proof: Option<ProofArg>,
    pub(crate) prove_timeout: Option<Duration>,
    pub(crate) renders: Vec<Render>,
    pub(crate) once: bool,
    pub(crate) at_start: AtStart,
    pub(crate) memory: Option<PathBuf>,
    pub(crate) quiet: Option<Duration>,
    pub(crate) cap: Option<Duration>,
    pub(crate) settle_first: bool,
    pub(crate) poll: Option<Duration>,
    pub(crate) retry: Option<Duration>,
    pub(crate) retry_longest: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) listen: Option<String>,
    pub(crate) poke_file: Option<PathBuf>,
    pub(crate) paced: bool,
}

/// Setters that only keep what was written.
macro_rules! keep {
    ($($name:ident: $parse:expr => $($field:ident).+;)*) => {
        impl LowArgs { $(
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
        impl LowArgs { $(
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
        impl LowArgs { $(
            pub(crate) fn $name(&mut self) -> Done {
                self.$($field).+ = true;
                Ok(())
            }
        )* }
    };
}

keep! {
    preset: preset_named => preset;
    signal: reload_signal => signal;
    pid_file: path => pid_file;
    ca: secret_file => manner.ca;
    cert: secret_file => cert;
    key: secret_file => key;
    basic: basic_file => manner.basic;
    bearer: secret_file => manner.bearer;
    exec: command => exec;
    exit_code: exit_code => exit_code;
    stop: stop_signal => stop;
    grace: time => grace;
    check: command => check;
    command_timeout: limit => command_timeout;
    prove: proof => proof;
    prove_timeout: limit => prove_timeout;
    memory: path => memory;
    quiet: time => quiet;
    cap: time => cap;
    poll: limit => poll;
    retry: limit => retry;
    retry_longest: limit => retry_longest;
    retries: number => retries;
    listen: address => listen;
    poke_file: path => poke_file;
}

gather! {
    watch: path => watch;
    include: pattern => filter.include;
    exclude: pattern => filter.exclude;
    process: name => process;
    http: url => http;
    header: header => manner.headers;
    render: Render::parse => renders;
}

switch! {
    follow_links => filter.follow;
    insecure => manner.insecure;
    once => once;
    awaits => awaits;
    settle_first => settle_first;
    paced => paced;
}

impl LowArgs {
    pub(crate) fn method(&mut self, value: &str) -> Done {
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if value.is_empty() || !value.chars().all(is_token) {
            return Err(format!("{} is no HTTP method", quoted(value)));
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

    pub(crate) fn signal_is_handled(&mut self) {
        self.vouched = Vouched::User;
    }

    pub(crate) fn on_change(&mut self, value: &str) -> Done {
        self.restart = match value {
            "restart" => true,
            "signal" => false,
            _ => return Err(format!("{} is neither signal nor restart", quoted(value))),
        };
        Ok(())
    }

    pub(crate) fn on_failed_restart(&mut self, value: &str) -> Done {
        self.on_failed_restart = match value {
            "exit" => FailedRestart::Exit,
            "keep-trying" => FailedRestart::KeepTrying,
            _ => return Err(format!("{} is neither exit nor keep-trying", quoted(value))),
        };
        Ok(())
    }

    pub(crate) fn at_start(&mut self, value: &str) -> Done {
        self.at_start = match value {
            "auto" => AtStart::Auto,
            "always" => AtStart::Always,
            "never" => AtStart::Never,
            _ => return Err(format!("{} is none of auto, always, never", quoted(value))),
        };
        Ok(())
    }
}
