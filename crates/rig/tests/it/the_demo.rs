//! The demos show what the pages say that they show.

use anyhow::{Context, Result, ensure};
use regex::Regex;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What differs from run to run: times, and the names of numbers.
const VARYING: &str = r"\s*\b\d+(\.\d+)? ?s\b|\d{4}-\d\d-\d\dT[\d:]+Z|\b\d-[a-z0-9]{4}\b";

/// What was printed, without what differs from run to run.
fn timeless(text: &str) -> Result<Vec<String>> {
    let varying = Regex::new(VARYING)?;
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines
        .map(|line| varying.replace_all(line, " N").into_owned())
        .collect())
}

fn transcript(page: &str, command: &str) -> Result<String> {
    let page = std::fs::read_to_string(format!("{ROOT}/{page}"))?;
    let shown = page.split_once(&format!("$ {command}\n"));
    let (_, page) = shown.context("no demo")?;
    let (_, rest) = page.split_once("```text\n").context("no transcript")?;
    let (transcript, _) = rest.split_once("\n```").context("it has no end")?;
    Ok(transcript.to_owned())
}

#[tokio::test]
async fn the_roll_is_as_the_readme_shows_it() -> Result<()> {
    prints_what_the_page_shows("roll", "README.md", "make demo").await
}

#[tokio::test]
async fn the_sight_is_as_its_page_shows_it() -> Result<()> {
    prints_what_the_page_shows("sight", "docs/sight.md", "make demo-sight").await
}

/// The pages leave lines out, and add and change none.
async fn prints_what_the_page_shows(story: &str, page: &str, command: &str) -> Result<()> {
    let demo = tokio::process::Command::new(env!("CARGO_BIN_EXE_demo"))
        .arg(story)
        .kill_on_drop(true)
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&demo.stdout);
    let said = String::from_utf8_lossy(&demo.stderr);
    ensure!(demo.status.success(), "{printed}\n{said}");
    let printed = timeless(&printed)?;
    let mut rest = printed.iter();
    for shown in timeless(&transcript(page, command)?)? {
        ensure!(
            rest.any(|line| *line == shown),
            "{page} shows what the demo did not print there:\n{shown}\n\n{}",
            printed.join("\n")
        );
    }
    Ok(())
}
