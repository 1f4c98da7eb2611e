//! `make demo-hot` shows what its page says that it shows; here on the node of the tests.

use anyhow::Result;
use rig::Node;
use rig::cluster::SHARED;
use rig::demo::prints_what_the_page_shows;
use tokio::process::Command;

#[tokio::test]
async fn what_goes_hot_is_as_its_page_shows_it() -> Result<()> {
    let Some(node) = Node::of_this_test().await? else {
        return Ok(());
    };
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let demo = demo.arg("hot").env(SHARED, node.cluster().folder());
    prints_what_the_page_shows(demo, "docs/hot.md", "make demo-hot").await
}
