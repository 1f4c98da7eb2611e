//! The log: one line a decision, for eyes or for programs.
//!
//! Goes in: verdicts. Comes out: lines on stderr. Libraries that print parts of
//! answers, which may hold secrets, are heard only when they fail.

use tidings_core::decide::{Act, Verdict};
use tidings_core::reason::Problem;
use tidings_core::refs::WorkloadRef;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::settings::LogSettings;
use crate::settings::values::{LogFormat, LogLevel};

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

/// Starts the log. It fails if there already is one.
pub fn init(settings: LogSettings) -> Result<(), TryInitError> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_target(false).boxed(),
    };
    let registry = tracing_subscriber::registry();
    registry
        .with(lines.with_filter(filter(settings.level)))
        .try_init()
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

/// The line for a decision. What changes nothing and concerns nobody is said at
/// debug level only.
pub fn decision(workload: &WorkloadRef, verdict: &Verdict, n: Option<u64>) {
    let Verdict { reason, text, .. } = verdict;
    let act = word(&verdict.act);
    match &verdict.act {
        _ if reason.row().warning => tracing::warn!(%workload, act, n, text, "{reason}"),
        Act::Record(_) | Act::Roll(_) | Act::Resume(_) => {
            tracing::info!(%workload, act, n, text, "{reason}");
        }
        _ => tracing::debug!(%workload, act, n, text, "{reason}"),
    }
    for Problem { reason, text } in &verdict.problems {
        tracing::warn!(%workload, text, "{reason}");
    }
}

/// The word for what is done.
fn word(act: &Act) -> &'static str {
    match act {
        Act::Nothing => "nothing",
        Act::Read(_) => "read",
        Act::AskPodsSince => "ask",
        Act::Forget => "forget",
        Act::Note(_) => "note",
        Act::Record(_) => "record",
        Act::Roll(_) => "roll",
        Act::Resume(_) => "resume",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tidings_core::kinds::KINDS;
    use tidings_core::reason::Reason;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let to = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_target(false)
            .with_writer(move || to.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter(level)));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_a_decision() {
        let workload = WorkloadRef::new(&KINDS[0], "stage", "web");
        let problem = Problem {
            reason: Reason::BadAnnotation,
            text: "tidings.dev/settle: \"soon\" is not a time".to_owned(),
        };
        let verdict = |reason, text: &str, problems| Verdict {
            act: Act::Nothing,
            reason,
            text: text.to_owned(),
            problems,
        };
        let text = logged(LogLevel::Info, || {
            decision(&workload, &verdict(Reason::UpToDate, "", vec![]), None);
            decision(
                &workload,
                &verdict(Reason::Missing, "secret/db", vec![]),
                Some(3),
            );
            decision(
                &workload,
                &verdict(Reason::UpToDate, "", vec![problem]),
                None,
            );
        });
        insta::assert_snapshot!(text, @r#"
        WARN Missing workload=stage/deployment/web act="nothing" n=3 text="secret/db"
        WARN BadAnnotation workload=stage/deployment/web text="tidings.dev/settle: \"soon\" is not a time"
        "#);
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
