//! Asks the API server what `why` needs to know, once.
//!
//! Goes in: settings. Comes out: reports. It fills the controller's own index
//! and asks the controller's own decide, by a [`Snapshot`]; only the sources that a
//! workload uses are read.
//!
//! Error policy: without the workload there is nothing to say. Anything else
//! that may not be read is named in the report, and the rest is said.

use anyhow::Result;
use jiff::Timestamp;
use tidings_core::refs::WorkloadRef;

use super::report::{WhyReport, WorkloadReport};
use super::table;
use crate::api::ApiClient;
use crate::cli::exit::Printed;
use crate::cli::grants::grants;
use crate::cli::screen::Screen;
use crate::cli::snapshot::Snapshot;
use crate::cli::status;
use crate::cli::status::look::{self, Inquiry};
use crate::cli::status::report::StatusReport;
use crate::cli::status::table::{Asks, StatusShape};
use crate::cli::yaml;
use crate::settings::values::ListForm;
use crate::settings::{Target, WhySettings};

/// Explains the workloads that are asked about.
pub async fn ask(api: ApiClient, settings: WhySettings) -> Result<Printed> {
    let mut snapshot = Snapshot::new(api, settings.installation);
    match settings.target {
        Target::One {
            kind,
            name,
            namespace,
        } => {
            let namespace = snapshot.namespace_or_own(namespace.as_ref());
            let key = WorkloadRef::new(kind, namespace, name);
            one(&mut snapshot, &key, settings.output).await
        }
        target => {
            let asked = Inquiry {
                target,
                labels: settings.labels,
                digests: settings.output.is_data(),
            };
            several(&mut snapshot, &asked, settings.output, settings.bare).await
        }
    }
}

/// The report on one workload; none where it went meanwhile.
pub(crate) async fn explain(
    snapshot: &mut Snapshot,
    key: &WorkloadRef,
) -> Result<Option<WorkloadReport>> {
    snapshot.workload(key).await?;
    snapshot.read_records(&key.namespace).await;
    let reports = look::reports(snapshot, vec![key.clone()], true).await;
    Ok(reports.into_iter().next().flatten())
}

async fn one(snapshot: &mut Snapshot, key: &WorkloadRef, output: ListForm) -> Result<Printed> {
    let report = explain(snapshot, key).await?;
    let leader = look::leader(snapshot).await;
    let gaps = std::mem::take(&mut snapshot.gaps);
    let report = WhyReport::new(report.into_iter().collect(), leader, gaps);
    let screen = output.fitting(Screen::of_stdout());
    let told = report.workloads.iter();
    let (out, err) = match output {
        ListForm::Json => (report.json()?, String::new()),
        ListForm::Yaml => (yaml::of(&report)?, String::new()),
        ListForm::Name => (format!("{}/{}\n", key.kind.word, key.name), String::new()),
        ListForm::Table | ListForm::Wide => (
            told.map(|workload| table::workload(workload, &screen))
                .collect::<String>()
                + &table::without_leader(&report.leader),
            table::gaps(&report) + &grants(&snapshot.rights),
        ),
    };
    let exit = report.exit();
    Ok(Printed { out, err, exit })
}

/// As `status` reads and shows them, with other columns.
async fn several(
    snapshot: &mut Snapshot,
    asked: &Inquiry,
    output: ListForm,
    bare: bool,
) -> Result<Printed> {
    let seen = look::look(snapshot, asked).await?;
    if !output.is_data() {
        let shape = StatusShape {
            output,
            bare,
            namespaces: matches!(asked.target, Target::All),
            asks: Asks::Why,
            now: Timestamp::now(),
            screen: output.fitting(Screen::of_stdout()),
        };
        return status::table::said(&StatusReport::new(seen, &[]), &shape);
    }
    let report = WhyReport::new(seen.workloads, seen.leader, seen.gaps);
    Ok(Printed {
        out: report.json()?,
        err: String::new(),
        exit: report.exit(),
    })
}
