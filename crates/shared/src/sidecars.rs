//! The programs that the agent stands in for, flag by flag.
//!
//! In: nothing. Out: [`CONFIGMAP_RELOAD`] and [`PROMETHEUS_CONFIG_RELOADER`], by
//! which the agent reads their command lines, and `tidings lint --migrate` says what
//! each flag is in the agent's own words. A flag is a variant and a row: the compiler
//! then asks the agent what it sets.

/// A program that the agent stands in for.
#[derive(Debug)]
pub struct Sidecar<F: 'static> {
    /// What it is called, and the agent's command for it.
    pub name: &'static str,
    /// Flags by which a call without a command is known to be meant for it: charts that
    /// let one choose the image only write nothing else.
    pub told_by: &'static [F],
    /// All of them, in the order of `--help`.
    pub flags: &'static [Flag<F>],
}

/// One flag.
#[derive(Debug)]
pub struct Flag<F> {
    /// Which it is.
    pub id: F,
    /// Without dashes.
    pub name: &'static str,
    /// What it says where it is not given; `None`: then it says nothing.
    pub default: Option<&'static str>,
    /// What it is to the agent.
    pub ours: Ours,
}

/// What a flag is in the agent's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours {
    /// This option, with the same value.
    Is(&'static str),
    /// A part of some option, together with others.
    Part,
    /// Nothing, and why.
    Nothing(&'static str),
}

impl<F: Copy + PartialEq> Sidecar<F> {
    /// The flag of this name, without dashes.
    pub fn named(&self, name: &str) -> Option<&'static Flag<F>> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// The row of a flag.
    pub fn flag(&self, id: F) -> Option<&'static Flag<F>> {
        self.flags.iter().find(|flag| flag.id == id)
    }

    /// Whether a call with flags of these names is meant for it.
    pub fn is_told_by(&self, names: &[&str]) -> bool {
        let mut told_by = self.told_by.iter().filter_map(|id| self.flag(*id));
        told_by.any(|flag| names.contains(&flag.name))
    }
}

/// Where it has a value of its own that holds if none is given.
const fn flag<F>(id: F, name: &'static str, default: &'static str, ours: Ours) -> Flag<F> {
    let default = Some(default);
    Flag {
        id,
        name,
        default,
        ours,
    }
}

/// Where it says nothing if it is not given.
const fn bare<F>(id: F, name: &'static str, ours: Ours) -> Flag<F> {
    Flag {
        id,
        name,
        default: None,
        ours,
    }
}

use ConfigmapReload as C;
use Ours::{Is, Nothing, Part};
use PrometheusConfigReloader as P;

/// Flags of configmap-reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the name of its row")]
pub enum ConfigmapReload {
    VolumeDir,
    WebhookUrl,
    WebhookMethod,
    WebhookStatusCode,
    WebhookRetries,
    WebListenAddress,
    WebTelemetryPath,
}

/// configmap-reload (github.com/jimmidyson/configmap-reload).
pub static CONFIGMAP_RELOAD: Sidecar<ConfigmapReload> = Sidecar {
    name: "configmap-reload",
    told_by: &[C::VolumeDir, C::WebhookUrl],
    flags: &[
        bare(C::VolumeDir, "volume-dir", Is("--watch")),
        bare(C::WebhookUrl, "webhook-url", Is("--http")),
        bare(C::WebhookMethod, "webhook-method", Is("--method")),
        flag(
            C::WebhookStatusCode,
            "webhook-status-code",
            "200",
            Is("--expect"),
        ),
        // There a limit after which the change is lost; here nothing is ever lost.
        bare(
            C::WebhookRetries,
            "webhook-retries",
            Nothing("the agent never gives up"),
        ),
        flag(
            C::WebListenAddress,
            "web.listen-address",
            ":9533",
            Is("--listen"),
        ),
        flag(
            C::WebTelemetryPath,
            "web.telemetry-path",
            "/metrics",
            Nothing(
                "the agent's own words have /metrics only; under configmap-reload's name it is heard",
            ),
        ),
    ],
};

/// Flags of prometheus-config-reloader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the name of its row")]
pub enum PrometheusConfigReloader {
    ConfigFile,
    ConfigEnvsubstFile,
    ProcessExecutableName,
    ReloadUrl,
    RuntimeinfoUrl,
    StatefulsetOrdinalFromEnvvar,
    LogFormat,
    LogLevel,
    AutoGomemlimitRatio,
    WatchedDir,
    WatchInterval,
    DelayInterval,
    RetryInterval,
    ReloadTimeout,
    ReloadMethod,
    ListenAddress,
    WebConfigFile,
}

const LOG: Ours = Nothing("the agent has one form of log");

/// prometheus-config-reloader (prometheus-operator, cmd/prometheus-config-reloader;
/// thanos, pkg/reloader).
pub static PROMETHEUS_CONFIG_RELOADER: Sidecar<PrometheusConfigReloader> = Sidecar {
    name: "prometheus-config-reloader",
    told_by: &[P::WatchedDir, P::ConfigFile, P::ReloadUrl, P::WatchInterval],
    flags: &[
        bare(P::ConfigFile, "config-file", Part),
        bare(P::ConfigEnvsubstFile, "config-envsubst-file", Part),
        flag(
            P::ProcessExecutableName,
            "process-executable-name",
            "prometheus",
            Part,
        ),
        flag(
            P::ReloadUrl,
            "reload-url",
            "http://127.0.0.1:9090/-/reload",
            Part,
        ),
        flag(
            P::RuntimeinfoUrl,
            "runtimeinfo-url",
            "http://127.0.0.1:9090/api/v1/status/runtimeinfo",
            Part,
        ),
        flag(
            P::StatefulsetOrdinalFromEnvvar,
            "statefulset-ordinal-from-envvar",
            "POD_NAME",
            Part,
        ),
        bare(P::LogFormat, "log-format", LOG),
        bare(P::LogLevel, "log-level", LOG),
        bare(
            P::AutoGomemlimitRatio,
            "auto-gomemlimit-ratio",
            Nothing("the agent is no Go program"),
        ),
        bare(P::WatchedDir, "watched-dir", Is("--watch")),
        bare(P::WatchInterval, "watch-interval", Part),
        bare(P::DelayInterval, "delay-interval", Is("--quiet")),
        flag(P::RetryInterval, "retry-interval", "5s", Is("--retry")),
        flag(
            P::ReloadTimeout,
            "reload-timeout",
            "30s",
            Is("--http-timeout"),
        ),
        bare(P::ReloadMethod, "reload-method", Part),
        bare(P::ListenAddress, "listen-address", Is("--listen")),
        bare(
            P::WebConfigFile,
            "web-config-file",
            Nothing(
                "only one that asks for tls_server_config or basic_auth_users: the agent's own port then stays closed, since it has neither",
            ),
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows stand in the order of the variants, so none is missing up to the last.
    fn check<F: Copy + PartialEq>(sidecar: &Sidecar<F>, number: fn(F) -> usize) {
        for (index, flag) in sidecar.flags.iter().enumerate() {
            assert_eq!(number(flag.id), index, "{}", flag.name);
            let named = sidecar.named(flag.name).map(|flag| number(flag.id));
            assert_eq!(named, Some(index), "{} is there twice", flag.name);
        }
    }

    #[test]
    fn every_flag_has_its_row() {
        check(&CONFIGMAP_RELOAD, |flag| flag as usize);
        check(&PROMETHEUS_CONFIG_RELOADER, |flag| flag as usize);
        assert!(CONFIGMAP_RELOAD.flag(C::WebTelemetryPath).is_some());
        assert!(PROMETHEUS_CONFIG_RELOADER.flag(P::WebConfigFile).is_some());
    }

    #[test]
    fn calls_are_told_by_flags_of_their_own() {
        for (names, first, second) in [
            (&["log-level", "volume-dir"][..], true, false),
            (&["watched-dir"], false, true),
            (&["listen-address"], false, false),
            (&[], false, false),
        ] {
            assert_eq!(CONFIGMAP_RELOAD.is_told_by(names), first, "{names:?}");
            assert_eq!(PROMETHEUS_CONFIG_RELOADER.is_told_by(names), second);
        }
    }
}
