//! Row 10: a large site as a user of Reloader described his: 35,000 sources of 800 MB, of
//! which few workloads use few.

use std::time::Instant;

use anyhow::Result;
use rig::process;
use tokio::time::sleep;

use super::memory::{REST, Taken};
use super::scale::CONTROLLER_QPS;
use super::seconds;
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::growth::{self, Size};
use crate::lab::{self, Lab, say};

const SITE: Size = Size {
    sources: 35_000,
    workloads: 500,
    namespaces: 1,
};
/// Bytes of a source.
const BYTES: usize = 22_800;

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 10: 35,000 sources of 800 MB, 500 workloads opted in");
    let lab = Lab::start(CONTROLLER_QPS).await?;
    let _namespaces = growth::prepare(&lab, SITE, BYTES).await?;
    say("  all is there");
    let start = Instant::now();
    let tidings = lab::run(&process::controller(lab.cluster.kubeconfig())?).await?;
    lab.all_recorded(SITE.workloads).await?;
    let recorded = seconds(start, Instant::now());
    sleep(REST).await;
    let taken = Taken::now(&tidings)?;
    lab::end(tidings).await?;
    Ok(vec![
        Figure {
            note: taken.note(),
            ..figure("memory, resting", Unit::Megabytes, taken.resting, 16.0)
        },
        figure("memory, peak", Unit::Megabytes, taken.peak, 20.0),
        figure("until all are on record", Unit::Seconds, recorded, 3.0),
    ])
}

fn figure(what: &str, unit: Unit, value: f64, bar: f64) -> Figure {
    let peer = match unit {
        Unit::Megabytes => "Reloader 1,218 MB",
        _ => "",
    };
    Figure {
        row: 10,
        what: format!("35,000 sources of 800 MB, 500 workloads opted in: {what}"),
        peer,
        unit,
        floor: None,
        tidings: Spread::one(value),
        bar: Some(Bar::AtMost(bar)),
        note: String::new(),
    }
}
