//! The options of what is told elsewhere.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::notify::sinks::Sink;
use crate::settings::values::{sink, yes_or_no};

/// What is told to other people's servers. URLs may hold tokens: their places are
/// variables from a Secret, not command lines.
#[derive(Clone, Debug, Args)]
pub struct NotifyArgs {
    /// POST there instead of rolling; the roll is done when the answer is a 2xx.
    #[arg(
        long,
        value_name = "URL",
        env = "TIDINGS_WEBHOOK_URL",
        hide_env_values = true
    )]
    pub webhook_url: Option<String>,
    /// Tell of every roll [default: false].
    #[arg(long, value_name = "BOOL", env = "TIDINGS_ALERT_ON_RELOAD", default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub alert_on_reload: Option<bool>,
    /// Whom.
    #[arg(long, value_name = "SINK", env = "TIDINGS_ALERT_SINK", value_parser = sink, help = whom())]
    pub alert_sink: Option<&'static Sink>,
    /// Where that is.
    #[arg(
        long,
        value_name = "URL",
        env = "TIDINGS_ALERT_WEBHOOK_URL",
        hide_env_values = true
    )]
    pub alert_webhook_url: Option<String>,
    /// The proxy by which to go there.
    #[arg(
        long,
        value_name = "URL",
        env = "TIDINGS_ALERT_WEBHOOK_PROXY",
        hide_env_values = true
    )]
    pub alert_webhook_proxy: Option<String>,
    /// What to put before each message, such as the name of the cluster.
    #[arg(long, value_name = "TEXT", env = "TIDINGS_ALERT_ADDITIONAL_INFO")]
    pub alert_additional_info: Option<String>,
    /// With --alert-sink raw: JSON for programs, with keys, who changed them, and why.
    #[arg(long, value_name = "BOOL", env = "TIDINGS_ALERT_STRUCTURED", default_value_t = false, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set, value_parser = yes_or_no)]
    pub alert_structured: bool,
    /// A PEM file of certificates to trust there besides the system's.
    #[arg(long, value_name = "FILE", env = "TIDINGS_NOTIFY_CA_FILE")]
    pub notify_ca_file: Option<PathBuf>,
}

/// Whom one may tell: the table's words.
fn whom() -> String {
    let usual = Sink::usual().word;
    let others = Sink::others().join("`, `");
    format!("Whom: `{others}`, or `{usual}`, which takes plain text [default: {usual}]")
}
