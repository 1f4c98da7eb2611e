//! Who is told of rolls, and where.
//!
//! Goes in: options, and Reloader's variables where they are silent. Comes out:
//! [`NotifySettings`]. An option that cannot be used is an error; a variable that
//! cannot be is a warning, for Reloader starts with it. Neither quotes a URL.

use std::path::PathBuf;

use super::args::NotifyArgs;
use super::surroundings::{
    ALERT_ADDITIONAL_INFO, ALERT_ON_RELOAD, ALERT_SINK, ALERT_WEBHOOK_PROXY, ALERT_WEBHOOK_URL,
};
use super::{Misuse, Surroundings};
use crate::notify::endpoint::Endpoint;
use crate::notify::sender::Alerts;
use crate::notify::sinks::{Render, Sink};
use crate::report::log::Note;

/// Who is told.
#[derive(Clone, Debug, Default)]
pub struct NotifySettings {
    /// Called instead of rolling.
    pub webhook: Option<Endpoint>,
    /// Told of each roll.
    pub alerts: Option<Alerts>,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

impl NotifySettings {
    /// Checks the options together.
    pub(super) fn new(
        args: &NotifyArgs,
        around: &Surroundings,
        notes: &mut Vec<Note>,
    ) -> Result<Self, Misuse> {
        let webhook = args.webhook_url.as_deref().filter(|url| !url.is_empty());
        let webhook = webhook.map(|url| endpoint("--webhook-url", url));
        if webhook.is_some() {
            notes.push(Note::info(
                "--webhook-url: rolls are left to the webhook, which is called instead",
            ));
        }
        Ok(Self {
            webhook: webhook.transpose()?,
            alerts: alerts(args, around, notes)?,
            ca_file: args.notify_ca_file.clone(),
        })
    }
}

fn alerts(
    args: &NotifyArgs,
    around: &Surroundings,
    notes: &mut Vec<Note>,
) -> Result<Option<Alerts>, Misuse> {
    let by_variable = around.variable(ALERT_ON_RELOAD) == Some("true");
    if !args.alert_on_reload.unwrap_or(by_variable) {
        return Ok(None);
    }
    let text = |option: &Option<String>, name| {
        let set = option.as_deref().map(str::trim).filter(|t| !t.is_empty());
        set.or_else(|| around.variable(name)).map(str::to_owned)
    };
    let Some(url) = text(&args.alert_webhook_url, ALERT_WEBHOOK_URL) else {
        notes.push(Note::warning(format!(
            "nobody is told of rolls: --alert-on-reload needs --alert-webhook-url or {ALERT_WEBHOOK_URL}"
        )));
        return Ok(None);
    };
    let proxy = text(&args.alert_webhook_proxy, ALERT_WEBHOOK_PROXY);
    let proxy = proxy.map(|url| endpoint("--alert-webhook-proxy", &url));
    let sink = sink(args, around, notes);
    Ok(Some(Alerts {
        sink,
        render: render(sink, args.alert_structured)?,
        url: endpoint("--alert-webhook-url", &url)?,
        proxy: proxy.transpose()?,
        added: text(&args.alert_additional_info, ALERT_ADDITIONAL_INFO).unwrap_or_default(),
    }))
}

fn sink(args: &NotifyArgs, around: &Surroundings, notes: &mut Vec<Note>) -> &'static Sink {
    let by_variable = around.variable(ALERT_SINK);
    let known = by_variable.and_then(Sink::parse);
    if by_variable.is_some() && known.is_none() && args.alert_sink.is_none() {
        notes.push(Note::warning(format!(
            "{ALERT_SINK} is none of {} and {}: alerts are plain text",
            Sink::others().join(", "),
            Sink::usual().word
        )));
    }
    args.alert_sink.or(known).unwrap_or(Sink::usual())
}

fn render(sink: &'static Sink, structured: bool) -> Result<Render, Misuse> {
    match sink.structured {
        _ if !structured => Ok(sink.render),
        Some(render) => Ok(render),
        None => Err(Misuse(format!(
            "--alert-structured goes with --alert-sink raw: {} has a form of its own",
            sink.word
        ))),
    }
}

fn endpoint(option: &str, url: &str) -> Result<Endpoint, Misuse> {
    let wrong = || {
        Misuse(format!(
            "{option} is no URL such as https://host.example/path"
        ))
    };
    Endpoint::parse(url).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings_with;
    use super::*;

    const URL: &str = "https://hooks.example/T/secret";

    fn alerts(variables: &[(&'static str, &str)], options: &[&str]) -> Option<Alerts> {
        settings_with(variables, options).unwrap().notify.alerts
    }

    fn notes(variables: &[(&'static str, &str)], options: &[&str]) -> String {
        let notes = settings_with(variables, options).unwrap().notes;
        let notes: Vec<_> = notes.into_iter().map(|note| note.text).collect();
        notes.join("\n")
    }

    #[test]
    fn reloaders_variables_are_enough() {
        let variables = [
            (ALERT_ON_RELOAD, "true"),
            (ALERT_SINK, " Slack"),
            (ALERT_WEBHOOK_URL, URL),
            (ALERT_WEBHOOK_PROXY, "http://egress.example:3128"),
            (ALERT_ADDITIONAL_INFO, " prod "),
        ];
        let told = alerts(&variables, &[]).unwrap();
        assert_eq!((told.sink.word, &*told.added), ("slack", "prod"));
        assert_eq!(told.url, Endpoint::parse(URL).unwrap());
        assert!(told.proxy.is_some());
        assert!(alerts(&variables, &["--alert-on-reload=false"]).is_none());
        let other = alerts(&variables, &["--alert-sink=teams"]).unwrap();
        assert_eq!(other.sink.word, "teams");
        assert!(alerts(&[(ALERT_ON_RELOAD, "yes"), variables[2]], &[]).is_none());
    }

    #[test]
    fn options_are_enough() {
        let url = format!("--alert-webhook-url={URL}");
        let told = alerts(&[], &["--alert-on-reload", &url]).unwrap();
        assert_eq!((told.sink.word, &*told.added), ("raw", ""));
        assert!(alerts(&[], &[&url]).is_none());
        let webhook = settings_with(&[], &["--webhook-url=http://a.example"]).unwrap();
        assert!(webhook.notify.webhook.is_some());
        assert!(
            settings_with(&[], &["--webhook-url="])
                .unwrap()
                .notify
                .webhook
                .is_none()
        );
    }

    #[test]
    fn what_reloader_would_start_with_is_a_warning() {
        let on = (ALERT_ON_RELOAD, "true");
        assert!(notes(&[on], &[]).contains("needs --alert-webhook-url"));
        let odd = [on, (ALERT_WEBHOOK_URL, URL), (ALERT_SINK, "pager")];
        let said = notes(&odd, &[]);
        assert!(said.contains("is none of slack, teams, ") && said.contains("plain text"));
        assert_eq!(notes(&odd, &["--alert-sink=raw"]), "");
    }

    #[test]
    fn no_error_quotes_a_url() {
        for option in [
            "--webhook-url",
            "--alert-webhook-url",
            "--alert-webhook-proxy",
        ] {
            let url = format!("--alert-webhook-url={URL}");
            let wrong = format!("{option}=token-secret");
            let mut options = vec!["--alert-on-reload", &*wrong];
            if option == "--alert-webhook-proxy" {
                options.push(&url);
            }
            let said = settings_with(&[], &options).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{option} is no URL")), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
        let told = settings_with(&[], &[&format!("--webhook-url={URL}")]).unwrap();
        assert!(!format!("{told:?}").contains("secret"));
    }

    #[test]
    fn programs_are_told_where_any_body_goes() {
        let options = |sink| {
            let url = format!("--alert-webhook-url={URL}");
            let options = ["--alert-on-reload", "--alert-structured", sink, &*url];
            settings_with(&[], &options).map(|s| s.notify.alerts.is_some())
        };
        assert_eq!(options("--alert-sink=raw"), Ok(true));
        let said = options("--alert-sink=slack").unwrap_err().to_string();
        assert!(said.contains("goes with --alert-sink raw"), "{said}");
    }
}
