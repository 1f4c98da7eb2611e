//! What the demos print, beside what the pages show of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use tokio::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What differs from run to run: times, the names of numbers and pods, processes, addresses.
const VARYING: &str = r"\s*\b\d+(\.\d+)? ?s\b|\d{4}-\d\d-\d\dT[\d:]+Z|\b\d-[a-z0-9]{4}\b|\b(web|shop)-[a-z0-9]+-[a-z0-9]{5}\b|\bprocess \d+\b|\b10(\.\d+){3}\b";

/// Runs a story of the demo and compares: the page leaves lines out, and adds and changes
/// none.
pub async fn prints_what_the_page_shows(
    demo: &mut Command,
    page: &str,
    command: &str,
) -> Result<()> {
    let demo = demo.kill_on_drop(true).output().await?;
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

/// What was printed, without what differs from run to run. Columns are as wide as what
/// stands in them.
fn timeless(text: &str) -> Result<Vec<String>> {
    let (varying, spaces) = (Regex::new(VARYING)?, Regex::new(" {2,}")?);
    let lines = text.lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines
        .map(|line| varying.replace_all(line, " N"))
        .map(|line| spaces.replace_all(&line, "  ").into_owned())
        .collect())
}

fn transcript(page: &str, command: &str) -> Result<String> {
    let page = std::fs::read_to_string(Path::new(ROOT).join(page))?;
    let shown = page.split_once(&format!("$ {command}\n"));
    let (_, page) = shown.context("no demo")?;
    let (_, rest) = page.split_once("```text\n").context("no transcript")?;
    let (transcript, _) = rest.split_once("\n```").context("it has no end")?;
    Ok(transcript.to_owned())
}

#[cfg(test)]
mod tests {
    use super::timeless;

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        let run = |time, pod, pid, number| {
            let text = format!("  {time} s  web-{pod}: process {pid}, no. {number}\n\n");
            timeless(&text).unwrap()
        };
        let first = run("0.311", "7d9c5b-x7k2p", "71", "1-k7f2");
        assert_eq!(first, run("12.3", "85f4d-aaaaa", "41234", "1-qqqq"));
        assert_ne!(first, run("12.3", "85f4d-aaaaa", "41234", "none"));
    }
}
