//! Asks the API server what `status` needs to know, once.

use anyhow::Result;
use jiff::Timestamp;

use super::look::{self, Inquiry};
use super::report::StatusReport;
use super::table::{self, Asks, StatusShape};
use crate::api::ApiClient;
use crate::cli::exit::Printed;
use crate::cli::screen::Screen;
use crate::cli::snapshot::Snapshot;
use crate::settings::{StatusSettings, Target};

/// Says how workloads stand.
pub async fn status(api: ApiClient, settings: StatusSettings) -> Result<Printed> {
    let report = report(&api, &settings).await?;
    table::said(&report, &shape(&settings))
}

/// Looks once.
pub(super) async fn report(api: &ApiClient, settings: &StatusSettings) -> Result<StatusReport> {
    let mut snapshot = Snapshot::new(api.clone(), settings.installation.clone());
    let asked = Inquiry {
        target: settings.target.clone(),
        labels: settings.labels.clone(),
        digests: false,
    };
    let seen = look::look(&mut snapshot, &asked).await?;
    Ok(StatusReport::new(seen, &settings.standings))
}

/// How it is to look now.
pub(super) fn shape(settings: &StatusSettings) -> StatusShape {
    StatusShape {
        output: settings.output,
        bare: settings.bare,
        namespaces: matches!(settings.target, Target::All),
        asks: Asks::How,
        now: Timestamp::now(),
        screen: settings.output.fitting(Screen::of_stdout()),
    }
}
