//! The log: one line a decision, for eyes or for programs.
//!
//! Goes in: notices. Comes out: lines on stderr, of one namespace's objects no more than
//! somebody may read ([`LogLines`]); of a roll always. Libraries that print parts of
//! answers, which may hold secrets, are heard only when they fail.

use std::io::IsTerminal;

use clap::ValueEnum;
use tidings_core::method::Method;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, WorkloadRef};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::events::cut;
use super::lines::{ALWAYS, LogLines};
use super::outage::Say;
use crate::admin::Blind;
use crate::control::Notice;

/// The form and amount of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for eyes.
    #[value(alias = "")]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What failed.
    #[value(aliases = ["fatal", "panic"])]
    Error,
    /// And what a person should look at.
    #[value(alias = "warning")]
    Warn,
    /// And each decision that changed.
    Info,
    /// And what led to it.
    Debug,
    /// And everything else.
    Trace,
}

impl LogFormat {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl LogLevel {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Something to say at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether a person should look at it.
    pub warning: bool,
    /// A sentence.
    pub text: String,
}

impl Note {
    /// One that is good to know.
    pub fn info(text: impl Into<String>) -> Self {
        Self {
            warning: false,
            text: text.into(),
        }
    }

    /// One that a person should look at.
    pub fn warning(text: impl Into<String>) -> Self {
        Self {
            warning: true,
            text: text.into(),
        }
    }
}

/// Of a text that somebody wrote, the log has so much.
const TEXT_LIMIT: usize = 1024;

/// Libraries that see requests and answers.
const TALKATIVE: [&str; 7] = [
    "kube",
    "kube_client",
    "hyper",
    "hyper_util",
    "tower",
    "rustls",
    "h2",
];

/// Starts the log, and gives what it knows of its lines. It fails if there already is
/// one.
pub fn init(settings: LogSettings) -> Result<LogLines, TryInitError> {
    let written = LogLines::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match settings.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_target(false).boxed(),
    };
    let registry = tracing_subscriber::registry();
    let wanted = filter(settings.level).and(written.clone());
    registry.with(lines.with_filter(wanted)).try_init()?;
    Ok(written)
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let quiet = TALKATIVE.map(|target| (target, LevelFilter::ERROR));
    Targets::new().with_default(level).with_targets(quiet)
}

/// The line for a decision that is another than the last one. What concerns
/// nobody is said at debug level only.
pub fn decision(notice: &Notice) {
    let Notice {
        key: workload,
        reason,
        text,
        ..
    } = notice;
    let standing = notice.standing.map(|word| word.row().text);
    let text = cut(text, TEXT_LIMIT);
    if reason.row().warning {
        tracing::warn!(%workload, standing, text, "{reason}");
    } else if reason.row().quiet {
        tracing::debug!(%workload, standing, text, "{reason}");
    } else {
        tracing::info!(%workload, standing, text, "{reason}");
    }
}

/// The line for something that the settings led to.
pub fn note(note: &Note) {
    if note.warning {
        tracing::warn!("{}", note.text);
    } else {
        tracing::info!("{}", note.text);
    }
}

/// The line for a problem.
pub fn problem(workload: &WorkloadRef, reason: Reason, text: &str) {
    let text = cut(text, TEXT_LIMIT);
    tracing::warn!(%workload, text, "{reason}");
}

/// The line for a roll that reached its workload.
pub fn rolled(workload: &WorkloadRef, n: u64, because: &str, millis: Option<u64>) {
    tracing::info!(target: ALWAYS, %workload, n, because, after_ms = millis, "Rolled");
}

/// The line for the end of a method that goes pod by pod.
pub fn climbed(workload: &WorkloadRef, n: u64, method: Method, text: &str) {
    tracing::info!(target: ALWAYS, %workload, n, %method, "{text}");
}

/// The line for an outage: that it begins, goes on, or is over.
pub(super) fn outage(say: Say, blind: Option<&Blind>, left_out: u64) {
    let why = blind.map_or("", |blind| &*blind.why);
    let not_known = blind.map(not_known).unwrap_or_default();
    match say {
        Say::Begun(lasted) => {
            let for_s = lasted.as_secs();
            tracing::warn!(
                for_s,
                not_known,
                why,
                "blind: what changes now is rolled after it"
            );
        }
        Say::GoesOn(lasted) => {
            let for_s = lasted.as_secs();
            tracing::warn!(for_s, not_known, why, left_out, "still blind");
        }
        Say::Over(lasted) => {
            let for_s = lasted.as_secs();
            tracing::info!(for_s, left_out, "no longer blind");
        }
    }
}

/// So many things are named that are not known.
const NAMED: usize = 3;

fn not_known(blind: &Blind) -> String {
    let named: Vec<_> = blind
        .not_known
        .iter()
        .take(NAMED)
        .map(|what| &**what)
        .collect();
    match blind.not_known.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

/// The line for so many that were left out.
pub(super) fn left_out(namespace: &Name, count: u64) {
    tracing::warn!(
        target: ALWAYS,
        %namespace,
        "and {count} more lines about objects of this namespace; see `tidings why -n {namespace}`"
    );
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tidings_core::kinds::KINDS;
    use tidings_core::standing::Word;

    use super::*;
    use crate::control::NoticeKind;

    #[test]
    fn words_of_reloaders_log_are_known() {
        let format = |text| LogFormat::from_str(text, true).unwrap();
        assert_eq!(
            ["", "json", "JSON"].map(format),
            [LogFormat::Text, LogFormat::Json, LogFormat::Json]
        );
        let level = |text| LogLevel::from_str(text, true).unwrap();
        assert_eq!(
            [
                "trace", "debug", "info", "warning", "error", "fatal", "panic"
            ]
            .map(level),
            [
                LogLevel::Trace,
                LogLevel::Debug,
                LogLevel::Info,
                LogLevel::Warn,
                LogLevel::Error,
                LogLevel::Error,
                LogLevel::Error
            ]
        );
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, log: impl FnOnce()) -> String {
        let lines = Written::default();
        let to = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_target(false)
            .with_writer(move || to.clone());
        let wanted = filter(level).and(LogLines::default());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(wanted));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_a_decision() {
        let workload = WorkloadRef::new(&KINDS[0], "stage", "web");
        let said = |reason, text: &str| Notice {
            key: workload.clone(),
            uid: "u".into(),
            reason,
            text: text.to_owned(),
            kind: NoticeKind::Decision,
            standing: Some(Word::Waiting),
            n: 0,
        };
        let text = logged(LogLevel::Info, || {
            decision(&said(Reason::UpToDate, ""));
            decision(&said(Reason::Missing, "secret/db"));
            problem(
                &workload,
                Reason::BadAnnotation,
                "tidings.dev/settle: no time",
            );
            rolled(&workload, 3, "configmap/app (k)", Some(12));
        });
        insta::assert_snapshot!(text, @r#"
        WARN Missing workload=stage/deployment/web standing="waiting" text="secret/db"
        WARN BadAnnotation workload=stage/deployment/web text="tidings.dev/settle: no time"
        INFO Rolled workload=stage/deployment/web n=3 because="configmap/app (k)" after_ms=12
        "#);
    }

    #[test]
    fn what_a_namespace_is_said_of_too_often_is_left_out_but_for_rolls() {
        let of =
            |namespace: &str, n: usize| WorkloadRef::new(&KINDS[0], namespace, format!("web-{n}"));
        let text = logged(LogLevel::Info, || {
            for n in 0..1_000 {
                problem(&of("loud", n), Reason::NothingMatches, "configmap/a");
                rolled(&of("loud", n), 1, "configmap/b (k)", None);
                tracing::warn!(namespace = "loud", "skipped a source");
                tracing::warn!(stream = "configmaps", "the watch failed");
            }
            problem(&of("quiet", 0), Reason::NothingMatches, "configmap/a");
        });
        let count = |of: &str| text.lines().filter(|line| line.contains(of)).count();
        let said = [
            "NothingMatches workload=loud",
            "skipped",
            "Rolled",
            "watch",
            "quiet",
        ];
        assert_eq!(said.map(count), [100, 100, 1_000, 1_000, 1]);
    }

    #[test]
    fn long_texts_are_cut() {
        let workload = WorkloadRef::new(&KINDS[0], "stage", "web");
        let long = "x".repeat(300_000);
        let text = logged(LogLevel::Info, || {
            problem(&workload, Reason::BadAnnotation, &long);
        });
        assert!(text.len() < 2 * TEXT_LIMIT, "{}", text.len());
    }

    #[test]
    fn libraries_are_heard_only_when_they_fail() {
        let text = logged(LogLevel::Trace, || {
            tracing::warn!(target: "kube_client::client", "body: secret");
            tracing::trace!(target: "tidings::watch", "heard");
        });
        insta::assert_snapshot!(text, @"TRACE heard");
    }
}
