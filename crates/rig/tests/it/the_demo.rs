//! The demo shows what the README says that it shows.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use regex::Regex;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// What was printed, without what differs from run to run: times.
fn timeless(text: &str) -> Result<Vec<String>> {
    let time = Regex::new(r"\s*\b\d+(\.\d+)? s\b")?;
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines
        .map(|line| time.replace_all(line, " N s").into_owned())
        .collect())
}

fn transcript(page: &Path) -> Result<String> {
    let page = std::fs::read_to_string(page)?;
    let (_, page) = page.split_once("$ make demo\n").context("no demo")?;
    let (_, rest) = page.split_once("```text\n").context("no transcript")?;
    let (transcript, _) = rest.split_once("\n```").context("it has no end")?;
    Ok(transcript.to_owned())
}

/// The README leaves lines out, and adds and changes none.
#[tokio::test]
async fn passes_and_prints_what_the_readme_shows() -> Result<()> {
    let demo = tokio::process::Command::new(env!("CARGO_BIN_EXE_demo"))
        .kill_on_drop(true)
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&demo.stdout);
    let said = String::from_utf8_lossy(&demo.stderr);
    ensure!(demo.status.success(), "{printed}\n{said}");
    let printed = timeless(&printed)?;
    let mut rest = printed.iter();
    for shown in timeless(&transcript(Path::new(README))?)? {
        ensure!(
            rest.any(|line| *line == shown),
            "the README shows what the demo did not print there:\n{shown}\n\n{}",
            printed.join("\n")
        );
    }
    Ok(())
}
