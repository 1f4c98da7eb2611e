//! `make demo-hot` and `make demo-in-place` show what their pages say that they show; here on
//! the node of the tests, one after the other, since both install Tidings.

use anyhow::Result;
use rig::Node;
use rig::cluster::SHARED;
use rig::demo::prints_what_the_page_shows;
use tokio::process::Command;

#[tokio::test]
async fn what_is_done_in_running_pods_is_as_its_pages_show_it() -> Result<()> {
    let Some(node) = Node::of_this_test().await? else {
        return Ok(());
    };
    for story in ["hot", "in-place"] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
        let demo = demo.arg(story).env(SHARED, node.cluster().folder());
        let (page, command) = (format!("docs/{story}.md"), format!("make demo-{story}"));
        prints_what_the_page_shows(demo, &page, &command).await?;
    }
    Ok(())
}
