//! The demos show what the pages say that they show.

use anyhow::Result;
use rig::demo::prints_what_the_page_shows;
use tokio::process::Command;

#[tokio::test]
async fn the_roll_is_as_the_readme_shows_it() -> Result<()> {
    prints_what_the_page_shows(&mut demo("roll"), "README.md", "make demo").await
}

#[tokio::test]
async fn the_sight_is_as_its_page_shows_it() -> Result<()> {
    prints_what_the_page_shows(&mut demo("sight"), "docs/sight.md", "make demo-sight").await
}

#[tokio::test]
async fn people_decide_as_their_page_shows_it() -> Result<()> {
    let (page, command) = ("docs/people.md", "make demo-people");
    prints_what_the_page_shows(&mut demo("people"), page, command).await
}

fn demo(story: &str) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.arg(story);
    demo
}
