//! Row 11: what the controller is by itself.

use anyhow::Result;
use rig::{Options, process};
use tokio::time::sleep;

use super::memory::{REST, Taken};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, Lab, say};

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 11: the binary, and an empty cluster");
    let lab = Lab::start(Options::default().controller_qps).await?;
    let tidings = lab::run(&process::controller(lab.cluster.kubeconfig())?).await?;
    sleep(REST).await;
    let taken = Taken::now(&tidings)?;
    let binary = std::fs::metadata(format!("/proc/{}/exe", tidings.pid()));
    lab::end(tidings).await?;
    let binary = binary?.len();
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let binary = binary as f64 / 1e6;
    Ok(vec![
        figure("the binary", "Reloader 68 MB", binary, 9.0),
        Figure {
            note: taken.note(),
            ..figure(
                "memory in an empty cluster, resting",
                "Reloader 38 MB",
                taken.resting,
                12.0,
            )
        },
    ])
}

fn figure(what: &str, peer: &'static str, value: f64, bar: f64) -> Figure {
    Figure {
        row: 11,
        what: what.to_owned(),
        peer,
        unit: Unit::Megabytes,
        floor: None,
        tidings: Spread::one(value),
        bar: Some(Bar::AtMost(bar)),
        note: String::new(),
    }
}
