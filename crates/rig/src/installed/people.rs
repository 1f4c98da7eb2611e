//! What waits for people.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Installed;
use crate::wait::{secs, wait_until};

impl Installed {
    /// Waits until something of this workload waits on record, under another number than
    /// this; gives the number.
    pub async fn waits(&self, workload: &str, other_than: &str) -> Result<String> {
        wait_until("another number to wait", secs(60), async || {
            let entry = self.entry(workload).await?.context("no record")?;
            let number = number_of(&entry).with_context(|| format!("nothing waits: {entry}"))?;
            ensure!(number != other_than, "{number} still");
            Ok(number)
        })
        .await
    }
}

fn number_of(entry: &Value) -> Option<String> {
    let n = entry["waits"]["n"].as_u64()?;
    Some(format!("{n}-{}", entry["epoch"].as_str()?))
}
