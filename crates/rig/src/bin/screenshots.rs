//! `make screenshots`: every view of the page, light and dark, as the pages of `docs/`
//! show them.
//!
//! In: the program, Chromium. Out: PNG files in a folder, each below [`LARGEST`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use rig::chromium::{DESK, Look, PHONE};
use rig::dashboard::Dashboard;
use rig::shop::Shop;
use rig::{Cluster, Installed, Options};
use serde_json::json;

/// In bytes: pages of documentation are loaded over slow lines too.
const LARGEST: usize = 150_000;

/// Takes pictures of the page.
#[derive(Parser)]
struct Args {
    /// The folder that they are written to.
    #[arg(default_value = "docs/images")]
    folder: PathBuf,
}

/// What is taken: the name of the file, the address, what must be there first.
const VIEWS: &[(&str, &str, &str)] = &[
    ("overview", "/", "checkout"),
    ("workload", "/workload/NS/deployment/mailer", "History"),
    ("source", "/source/NS/configmap/features", "search"),
    ("stale", "/stale", "legacy"),
    ("impact", "/impact", "Impact"),
    ("graph", "/graph?ns=NS", "checkout"),
    (
        "graph-workload",
        "/graph?workload=deployment/NS/web",
        "LOG_LEVEL",
    ),
    (
        "graph-source",
        "/graph?source=configmap/NS/features",
        "search",
    ),
];

/// What is asked about on the page that tells what applying would do.
const MANIFEST: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: features
data:
  LOG_LEVEL: debug
  TIMEOUT: 10s
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let cluster = Cluster::start(Options::default()).await?;
    let shop = Shop::open(Installed::named(&cluster, "shop").await?).await?;
    let page = Dashboard::open(shop.lab.follow("dashboard", &["--port=0"])?).await?;
    for (name, path, shown) in VIEWS {
        let path = path.replace("NS", shop.lab.ns().name());
        for (way, look) in [("light", DESK), ("dark", DESK.dark())] {
            let file = args.folder.join(format!("{name}-{way}.png"));
            take(&page, &path, shown, look, &file).await?;
        }
    }
    let file = args.folder.join("overview-phone.png");
    take(&page, "/", "checkout", PHONE, &file).await
}

async fn take(page: &Dashboard, path: &str, shown: &str, look: Look, file: &Path) -> Result<()> {
    page.browser.look(look).await?;
    page.go(path).await?;
    page.browser.shows("main", shown).await?;
    if path == "/impact" {
        let script = "document.querySelector('textarea').value = arguments[0]";
        page.browser.run(script, &[json!(MANIFEST)]).await?;
        page.browser.click("main button").await?;
        page.browser.shows("main", "would").await?;
        page.browser
            .run("document.querySelector('h2').scrollIntoView()", &[])
            .await?;
    }
    let picture = page.browser.picture().await?;
    let (name, size) = (file.display(), picture.len());
    ensure!(size < LARGEST, "{name} has {size} bytes");
    std::fs::write(file, picture).with_context(|| format!("{name}"))
}
