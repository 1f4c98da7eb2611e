//! Pauses all rolls of a workload, of a namespace, or of everything, and ends that.
//!
//! Goes in: settings, and the time. Comes out: what is paused now. Nothing is read but the
//! object that it is written on.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;
use tidings_core::approval::Pause;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::word::pause_written;

use super::consent::{REFUSED, given, not_said};
use super::report::{self, EVERYTHING, NAMESPACE, PauseReport, WORKLOAD};
use super::{sheet, write};
use crate::api::{self, ApiClient, ApiError, Place};
use crate::cli::exit::{Exit, Printed};
use crate::settings::{PauseExtent, PauseSettings, Span};

/// Begins it, or ends it.
pub async fn pause(api: ApiClient, settings: PauseSettings) -> Result<Printed> {
    let now = Timestamp::now().as_second();
    let pause = settings.span.map(|span| span.from(now));
    if pause.is_some_and(|pause| !pause.holds(now)) {
        bail!("that time is over: nothing would be paused");
    }
    let (report, place) = target(&api, &settings, pause);
    let uid = uid(&api, place.clone(), &report).await?;
    let question = sheet::pause_question(&report);
    if !given("", &question, settings.manner.yes)? {
        return Ok(not_said(REFUSED.to_owned()));
    }
    write::write(&api, place, Some(&uid), pause_written(pause)).await?;
    Ok(Printed {
        out: report::printed(&report, settings.manner.output, sheet::paused)?,
        err: String::new(),
        exit: Exit::Done,
    })
}

impl Span {
    fn from(self, now: i64) -> Pause {
        match self {
            Self::Open => Pause::Open,
            Self::Until(at) => Pause::Until(at),
            Self::For(seconds) => Pause::Until(now.saturating_add(seconds)),
        }
    }
}

/// What is paused, and the object that says so.
fn target(api: &ApiClient, settings: &PauseSettings, pause: Option<Pause>) -> (PauseReport, Place) {
    let until = pause.and_then(Pause::until);
    let report = |scope, namespace| PauseReport {
        scope,
        namespace,
        kind: None,
        name: None,
        paused: pause.is_some(),
        until: until.and_then(|at| Timestamp::from_second(at).ok()),
    };
    let namespaces = |name: &Name| Place::core("namespaces").named(name.clone());
    match &settings.what {
        PauseExtent::Everything => {
            let own = settings.installation.own_namespace.clone();
            let place = namespaces(&own);
            (report(EVERYTHING, own), place)
        }
        PauseExtent::Namespace(name) => (report(NAMESPACE, name.clone()), namespaces(name)),
        PauseExtent::Workload {
            kind,
            name,
            namespace,
        } => {
            let own = || api.default_namespace().into();
            let namespace = namespace.clone().unwrap_or_else(own);
            let key = WorkloadRef::new(kind, namespace, name.clone());
            let report = PauseReport {
                kind: Some(kind.word),
                name: Some(key.name.clone()),
                ..report(WORKLOAD, key.namespace.clone())
            };
            (report, Place::workload(&key))
        }
    }
}

/// That it is there, and which one it is.
async fn uid(api: &ApiClient, place: Place, report: &PauseReport) -> Result<String> {
    let json = match api.get(place).await {
        Err(ApiError::Gone) if report.scope == WORKLOAD => {
            bail!(
                "there is no {}; is it in another namespace (-n)?",
                sheet::what(report)
            )
        }
        Err(ApiError::Gone) => bail!("there is no namespace {}", report.namespace),
        json => json.with_context(|| format!("cannot read {}", sheet::what(report)))?,
    };
    let object: Value = api::read(&json)?;
    let uid = object["metadata"]["uid"].as_str();
    Ok(uid.context("it has no uid")?.to_owned())
}
