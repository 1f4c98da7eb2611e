//! What the flags of configmap-reload set.

use super::flags;
use crate::cli::Invocation;
use crate::cli::low_args::LowArgs;
use crate::report::journal::MetricNames;
use crate::text::quoted::quoted;
use std::ffi::OsString;
use tidings_shared::sidecars::{CONFIGMAP_RELOAD, ConfigmapReload as Flag};

/// What its flags say.
#[derive(Default)]
struct ConfigmapReloadArgs {
    args: LowArgs,
    status: String,
    metrics_path: String,
}

fn set(said: &mut ConfigmapReloadArgs, flag: Flag, value: &str) -> Result<(), String> {
    match flag {
        Flag::VolumeDir => said.args.watch(value),
        Flag::WebhookUrl => said.args.http(value),
        Flag::WebhookMethod => said.args.method(value),
        Flag::WebhookStatusCode => {
            value.clone_into(&mut said.status);
            Ok(())
        }
        Flag::WebhookRetries => value
            .parse::<i64>()
            .map(drop)
            .map_err(|_| format!("{} is no number", quoted(value))),
        Flag::WebListenAddress => said.args.listen(value),
        Flag::WebTelemetryPath if !value.starts_with('/') => {
            Err("it is no path of a page: it begins with no slash".into())
        }
        Flag::WebTelemetryPath => {
            value.clone_into(&mut said.metrics_path);
            Ok(())
        }
    }
}

/// Reads its arguments.
///
/// # Errors
/// One sentence.
pub(crate) fn read(arguments: Vec<OsString>) -> Result<Invocation, String> {
    if flags::ask_for_help(&arguments) {
        return Ok(Invocation::Print(flags::help(&CONFIGMAP_RELOAD)));
    }
    let mut said = ConfigmapReloadArgs::default();
    flags::read(&CONFIGMAP_RELOAD, &mut said, set, arguments)?;
    if said.args.watch.is_empty() {
        return Err("missing --volume-dir".into());
    }
    if said.args.http.is_empty() {
        return Err("missing --webhook-url".into());
    }
    said.args.expect(&said.status)?;
    let mut settings = said.args.watch_only()?;
    settings.names = MetricNames::ConfigmapReload;
    settings.metrics_path = said.metrics_path;
    Ok(Invocation::Work(Box::new(settings)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::ReloadMethod;
    use crate::cli::settings::Settings;

    fn settings(line: &str) -> Result<Settings, String> {
        match read(line.split(' ').map(OsString::from).collect())? {
            Invocation::Work(settings) => Ok(*settings),
            _ => Err("no work".into()),
        }
    }

    #[test]
    fn its_flags_are_understood_with_one_dash_or_two() {
        let said = settings("--volume-dir=/a -volume-dir /b -webhook-url http://u:p@h/x --webhook-method=GET -webhook-retries -1 --web.telemetry-path /m").unwrap();
        assert_eq!(said.watch.len(), 2);
        assert_eq!(said.metrics_path, "/m");
        let ReloadMethod::Http(calls) = said.method else {
            panic!("no call")
        };
        assert_eq!(calls[0].manner.method, "GET");
        assert!(calls[0].accepts(200) && !calls[0].accepts(204));
    }

    #[test]
    fn what_it_refuses_is_refused() {
        assert!(settings("-webhook-url http://h/").is_err());
        assert!(settings("-volume-dir /a").is_err());
        assert!(settings("-nope x").is_err());
        assert!(settings("stray").is_err());
        let whole = "-volume-dir /a -webhook-url http://h/";
        assert!(settings(whole).is_ok());
        assert!(settings(&format!("{whole} -web.telemetry-path u:p@h")).is_err());
    }
}
