//! What the flags of prometheus-config-reloader set.

use super::flags;
use crate::act::Vouched;
use crate::act::address::{check_url, is_loopback};
use crate::act::prove::Proof;
use crate::cli::Invocation;
use crate::cli::low_args::LowArgs;
use crate::cli::settings::Settings;
use crate::cli::values::{ProofArg, moves, time};
use crate::files::read;
use crate::log::log;
use crate::render::Render;
use crate::report::journal::MetricNames;
use crate::text::quoted::quoted;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tidings_shared::sidecars::{PROMETHEUS_CONFIG_RELOADER, PrometheusConfigReloader as Flag};

/// What its flags say.
#[derive(Default)]
struct PrometheusArgs {
    args: LowArgs,
    config_file: String,
    output: String,
    interval: Option<Duration>,
    by_signal: bool,
    process: String,
    reload_url: String,
    runtimeinfo: String,
    ordinal_from: String,
    /// What the web configuration asks for and our port has not.
    closed_by: Option<&'static str>,
}

fn set(said: &mut PrometheusArgs, flag: Flag, value: &str) -> Result<(), String> {
    match flag {
        Flag::ConfigFile => value.clone_into(&mut said.config_file),
        Flag::ConfigEnvsubstFile => value.clone_into(&mut said.output),
        Flag::ProcessExecutableName => value.clone_into(&mut said.process),
        Flag::StatefulsetOrdinalFromEnvvar => value.clone_into(&mut said.ordinal_from),
        Flag::LogFormat | Flag::LogLevel | Flag::AutoGomemlimitRatio => {}
        Flag::ReloadUrl => keep_address(&mut said.reload_url, value)?,
        Flag::RuntimeinfoUrl => keep_address(&mut said.runtimeinfo, value)?,
        Flag::WatchedDir => said.args.watch(value)?,
        Flag::WatchInterval => said.interval = Some(time(value)?),
        Flag::DelayInterval => said.args.quiet(value)?,
        Flag::RetryInterval => {
            said.args.retry(value)?;
            said.args.retry_longest(value)?;
        }
        Flag::ReloadTimeout => said.args.http_timeout(value)?,
        Flag::ReloadMethod => reload_method(said, value)?,
        Flag::ListenAddress if value.is_empty() => {}
        Flag::ListenAddress => said.args.listen(value)?,
        Flag::WebConfigFile => web_config(said, value)?,
    }
    Ok(())
}

/// Also where it will not be called: it may hold a password.
fn keep_address(kept: &mut String, value: &str) -> Result<(), String> {
    if !value.is_empty() {
        check_url(value)?;
    }
    value.clone_into(kept);
    Ok(())
}

fn reload_method(said: &mut PrometheusArgs, value: &str) -> Result<(), String> {
    said.by_signal = match value {
        "http" => false,
        "signal" => true,
        _ => return Err(format!("{} is neither http nor signal", quoted(value))),
    };
    Ok(())
}

/// prometheus-operator always names one, mostly empty. What it asks for is TLS
/// and passwords (exporter-toolkit, docs/web-configuration.md), which our port
/// does not offer: then it stays closed, since nobody asked for an open one.
fn web_config(said: &mut PrometheusArgs, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    let hide = |why: String| why.replace(value, &quoted(value));
    let text = read::small(Path::new(value)).map_err(hide)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let is_asked = |key: &&str| text.lines().any(|line| line.trim_start().starts_with(*key));
    said.closed_by = SECURED.into_iter().find(is_asked);
    Ok(())
}

/// The parts of a web configuration that an open port would go against.
const SECURED: [&str; 2] = ["tls_server_config", "basic_auth_users"];

/// Reads its arguments.
///
/// # Errors
/// One sentence.
pub(crate) fn read(arguments: Vec<OsString>) -> Result<Invocation, String> {
    if flags::ask_for_help(&arguments) {
        return Ok(Invocation::Print(flags::help(&PROMETHEUS_CONFIG_RELOADER)));
    }
    if arguments.iter().any(|argument| argument == "--version") {
        return Ok(Invocation::Print(crate::cli::version()));
    }
    let mut said = PrometheusArgs::default();
    flags::read(&PROMETHEUS_CONFIG_RELOADER, &mut said, set, arguments)?;
    said.settings().map(Box::new).map(Invocation::Work)
}

impl PrometheusArgs {
    fn settings(mut self) -> Result<Settings, String> {
        self.files()?;
        if self.args.watch.is_empty() {
            // It would idle; our own default is to watch every mount, which
            // nobody who writes these flags expects.
            return Err("nothing to watch: give --config-file or --watched-dir".into());
        }
        self.args.once = self.interval == Some(Duration::ZERO);
        // Its interval is that of a costly look; ours costs one system call.
        if let Some(interval) = self.interval.filter(|interval| !interval.is_zero()) {
            self.args.poll = Some(interval.min(Duration::from_secs(10)));
        }
        self.way()?;
        if let Some(why) = self.closed_by.filter(|_| self.args.listen.is_some()) {
            log(&format!(
                "the web configuration asks for {why}, which the agent's own port does not offer; it stays closed"
            ));
            self.args.listen = None;
        }
        let mut settings = self.args.watch_only()?;
        settings.names = MetricNames::Prometheus;
        Ok(settings)
    }

    fn files(&mut self) -> Result<(), String> {
        if self.config_file.is_empty() {
            return Ok(());
        }
        self.args.watch(&self.config_file.clone())?;
        if !self.output.is_empty() {
            let mut render = Render::parse(&format!("{}={}", self.config_file, self.output))?;
            let pod = std::env::var(&self.ordinal_from).unwrap_or_default();
            render.variables.extend(ordinal(&pod));
            self.args.renders.push(render);
        }
        Ok(())
    }

    fn way(&mut self) -> Result<(), String> {
        if self.by_signal {
            self.args.signal("HUP")?;
            // By whatever else is called so it would not be survived.
            self.args.vouched = Vouched::Table;
            self.args.process(&self.process)?;
            self.args.proof = Some(ProofArg::This(Box::new(reloaded(&self.runtimeinfo)?)));
            // Its clock counts whole seconds: a reload in the second of the one
            // before does not show, and is worth another signal soon.
            return self.args.prove_timeout("10s");
        }
        self.args.http(&self.reload_url)?;
        self.args.expect("200")?;
        // It never looks at certificates. We do, except on this very machine,
        // where the name in them is rarely the one that is called.
        self.args.manner.insecure = is_loopback(&self.reload_url);
        Ok(())
    }
}

fn reloaded(runtimeinfo: &str) -> Result<Proof, String> {
    moves(&format!(
        "{runtimeinfo}#data.lastConfigTime#data.reloadConfigSuccess"
    ))
}

/// `STATEFULSET_ORDINAL_NUMBER` is the number that ends the pod's name.
fn ordinal(pod: &str) -> Option<(String, String)> {
    let name = pod.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &pod[name.len()..];
    (!number.is_empty()).then(|| ("STATEFULSET_ORDINAL_NUMBER".to_owned(), number.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::{Message, ReloadMethod};

    fn settings(line: &str) -> Result<Settings, String> {
        match read(line.split(' ').map(OsString::from).collect())? {
            Invocation::Work(settings) => Ok(*settings),
            _ => Err("no work".into()),
        }
    }

    /// As prometheus-operator 0.93.1 makes them (pkg/operator/config_reloader.go,
    /// and what its own tests expect): who, arguments, is it once, what is called.
    const OPERATOR: [(&str, &[&str], Option<&str>); 8] = [
        (
            "Prometheus, init",
            &[
                "--watch-interval=0",
                "--listen-address=:8081",
                "--config-file=/etc/prometheus/config/prometheus.yaml.gz",
                "--config-envsubst-file=/etc/prometheus/config_out/prometheus.env.yaml",
                "--watched-dir=/etc/prometheus/rules/prometheus-main-rulefiles-0",
                "--watched-dir=/etc/prometheus/config",
            ],
            None,
        ),
        (
            "Prometheus",
            &[
                "--listen-address=:8080",
                "--web-config-file=WEB",
                "--reload-url=https://localhost:9090/-/reload",
                "--config-file=/etc/prometheus/config/prometheus.yaml.gz",
                "--config-envsubst-file=/etc/prometheus/config_out/prometheus.env.yaml",
                "--watched-dir=/etc/prometheus/rules/prometheus-main-rulefiles-0",
                "--watched-dir=/etc/prometheus/config",
                "--log-level=debug",
                "--log-format=json",
            ],
            Some("https://localhost:9090/-/reload"),
        ),
        (
            "Prometheus, by signal",
            &[
                "--listen-address=:8080",
                "--reload-method=signal",
                "--runtimeinfo-url=http://localhost:9090/api/v1/status/runtimeinfo",
                "--config-file=/etc/prometheus/config/prometheus.yaml.gz",
                "--config-envsubst-file=/etc/prometheus/config_out/prometheus.env.yaml",
                "--watched-dir=/etc/prometheus/config",
            ],
            Some("signal"),
        ),
        (
            "Prometheus that listens locally, and the agent of a DaemonSet",
            &[
                "--listen-address=localhost:8080",
                "--reload-url=http://localhost:9090/-/reload",
                "--config-file=/etc/prometheus/config/prometheus.yaml.gz",
                "--config-envsubst-file=/etc/prometheus/config_out/prometheus.env.yaml",
                "--watched-dir=/etc/prometheus/config",
            ],
            Some("http://localhost:9090/-/reload"),
        ),
        (
            "PrometheusAgent",
            &[
                "--listen-address=:8080",
                "--web-config-file=WEB",
                "--reload-url=http://localhost:9090/-/reload",
                "--config-file=/etc/prometheus/config/prometheus.yaml.gz",
                "--config-envsubst-file=/etc/prometheus/config_out/prometheus.env.yaml",
                "--watched-dir=/etc/prometheus/config",
            ],
            Some("http://localhost:9090/-/reload"),
        ),
        (
            "Alertmanager, init",
            &[
                "--watch-interval=0",
                "--listen-address=:8081",
                "--config-file=/etc/alertmanager/config/alertmanager.yaml.gz",
                "--config-envsubst-file=/etc/alertmanager/config_out/alertmanager.env.yaml",
                "--watched-dir=/etc/alertmanager/config",
            ],
            None,
        ),
        (
            "Alertmanager",
            &[
                "--listen-address=:8080",
                "--web-config-file=WEB",
                "--reload-url=http://localhost:9093/-/reload",
                "--config-file=/etc/alertmanager/config/alertmanager.yaml.gz",
                "--config-envsubst-file=/etc/alertmanager/config_out/alertmanager.env.yaml",
                "--watched-dir=/etc/alertmanager/config",
                "--watched-dir=/etc/alertmanager/templates",
            ],
            Some("http://localhost:9093/-/reload"),
        ),
        (
            "ThanosRuler",
            &[
                "--listen-address=:8080",
                "--web-config-file=WEB",
                "--reload-url=http://localhost:10902/-/reload",
                "--watched-dir=/etc/thanos/rules/thanos-ruler-main-rulefiles-0",
            ],
            Some("http://localhost:10902/-/reload"),
        ),
    ];

    #[test]
    fn the_operators_command_lines_are_understood() {
        let web = tempfile::NamedTempFile::new().unwrap();
        for (who, arguments, expected) in OPERATOR {
            let line = arguments
                .join(" ")
                .replace("WEB", web.path().to_str().unwrap());
            let said = settings(&line).unwrap_or_else(|why| panic!("{who}: {why}"));
            let count = |flag: &str| arguments.iter().filter(|a| a.starts_with(flag)).count();
            assert_eq!(said.once, expected.is_none(), "{who}");
            assert_eq!(said.renders.len(), count("--config-envsubst-file"), "{who}");
            let paths = count("--watched-dir") + count("--config-file");
            assert_eq!(said.watch.len(), paths, "{who}");
            assert!(said.listen.is_some(), "{who}");
            match (&said.method, expected) {
                (ReloadMethod::Http(calls), Some(url)) => {
                    assert_eq!(
                        (calls[0].url.as_str(), calls[0].manner.insecure),
                        (url, true)
                    );
                }
                (ReloadMethod::Signal(_), Some(way)) => assert_eq!(way, "signal", "{who}"),
                (_, way) => assert_eq!(way, None, "{who}"),
            }
        }
    }

    /// It lies beside the program by subPath; its content is read once.
    #[test]
    fn a_port_that_must_be_secured_stays_closed() {
        for (text, is_open) in [
            ("", true),
            ("{}\n", true),
            ("http_server_config:\n  http2: false\n", true),
            ("tls_server_config:\n  cert_file: x\n", false),
            ("basic_auth_users:\n  u: x\n", false),
        ] {
            let web = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(web.path(), text).unwrap();
            let line = format!(
                "--listen-address=:8080 --watched-dir=/a --web-config-file={}",
                web.path().display()
            );
            assert_eq!(settings(&line).unwrap().listen.is_some(), is_open, "{text}");
        }
        assert!(settings("--watched-dir=/a --web-config-file=/nonexistent").is_err());
    }

    #[test]
    fn certificates_are_looked_at_but_on_this_machine() {
        for (url, insecure) in [
            ("https://localhost:9090/-/reload", true),
            ("https://[::1]:9090/-/reload", true),
            ("https://localhost.evil.example/-/reload", false),
            ("https://127.0.0.1@evil.example/-/reload", false),
            ("https://example.org/-/reload", false),
        ] {
            let said = settings(&format!("--watched-dir=/a --reload-url={url}")).unwrap();
            let ReloadMethod::Http(calls) = said.method else {
                panic!("no call")
            };
            assert_eq!(calls[0].manner.insecure, insecure, "{url}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_and_not_shown_whether_it_is_called_or_not() {
        for method in ["http", "signal"] {
            for flag in ["reload-url", "runtimeinfo-url"] {
                for address in ["u:S3CR@h", "//u:S3CR@h/x", "S3CR"] {
                    let line =
                        format!("--watched-dir=/a --reload-method={method} --{flag}={address}");
                    let why = settings(&line).unwrap_err();
                    assert!(why.starts_with(&format!("--{flag}: ")), "{why}");
                    assert!(!why.contains("S3CR"), "{why}");
                }
            }
        }
    }

    #[test]
    fn by_signal_it_is_proved_by_runtimeinfo() {
        let said = settings("--reload-method=signal --runtimeinfo-url=http://x/i --watched-dir=/a")
            .unwrap();
        assert!(matches!(
            said.method,
            ReloadMethod::Signal(Message {
                vouched: Vouched::Table,
                ..
            })
        ));
        assert!(matches!(said.proof, Some(Proof::Moves { .. })));
        assert!(settings("--reload-method=magic").is_err());
        assert!(
            settings("--reload-method=signal").is_err(),
            "nothing to watch"
        );
    }

    #[test]
    fn ordinals_and_local_addresses_are_recognised() {
        assert_eq!(ordinal("prometheus-k8s-12").unwrap().1, "12");
        assert_eq!(ordinal("prometheus"), None);
    }
}
