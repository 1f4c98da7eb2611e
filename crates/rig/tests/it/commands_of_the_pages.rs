//! Every command that the pages show to be typed does what it should, or there is a
//! reason why it cannot be run here.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rig::fixtures::{config_map, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::process;
use rig::{Cluster, secs};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Where pages are.
const FOLDERS: [&str; 7] = [
    "",
    "docs",
    "chart/tidings",
    "deploy",
    "dashboards",
    "examples",
    "cluster",
];

/// What becomes of a command.
enum Run {
    /// It is a target of the Makefile; `make test` runs those that can be.
    Make,
    /// It is run, as far as it is ours, and may end with one of these codes.
    Here(&'static [i32]),
    /// It is run until it is told to stop.
    Controller,
    /// It cannot be run here.
    Elsewhere,
}

/// By how a command begins; where it cannot be run, why.
const ROWS: [(&str, Run); 22] = [
    ("make ", Run::Make),
    ("tidings controller", Run::Controller),
    ("tidings why", Run::Here(&[0, 1])),
    ("tidings status", Run::Here(&[0, 1])),
    ("tidings wait", Run::Here(&[0])),
    ("tidings stale", Run::Here(&[0, 1])),
    ("tidings impact", Run::Here(&[0, 10])),
    ("tidings history", Run::Here(&[0])),
    ("tidings lint", Run::Here(&[0, 1])),
    // The examples that it finds have agents of their own, which it leaves to people.
    ("tidings inject", Run::Here(&[0, 1])),
    ("tidings manifests", Run::Here(&[0])),
    ("tidings completion", Run::Here(&[0])),
    // It goes on until it is told to stop: `dashboard` starts and looks at it.
    ("tidings dashboard", Run::Elsewhere),
    // They are about what waits, and are said to that by `words`.
    ("tidings approve", Run::Elsewhere),
    ("tidings reject", Run::Elsewhere),
    ("tidings resume", Run::Elsewhere),
    ("tidings pause", Run::Elsewhere),
    ("tidings unpause", Run::Elsewhere),
    // Under other names the program is started by `as_kubectl_does`.
    ("ln -s ", Run::Elsewhere),
    // It needs an image builder and a registry.
    ("docker ", Run::Elsewhere),
    // `chart` does it by Helm itself, under a test's own names.
    ("helm ", Run::Elsewhere),
    // `deploy/` and records are written and read by other tests; kubectl is not
    // built here.
    ("kubectl ", Run::Elsewhere),
];

/// The commands in a page's blocks, those that go on in the next line as one.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let blocks = page.split("```console\n").skip(1);
    for block in blocks.filter_map(|rest| rest.split("```").next()) {
        let joined = block.replace("\\\n", " ");
        let typed = joined
            .lines()
            .filter_map(|line| line.trim().strip_prefix("$ "));
        let bare = typed.map(|line| line.split(" # ").next().unwrap_or(line).trim());
        commands.extend(bare.map(str::to_owned));
    }
    commands
}

fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(Path::new(ROOT).join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    Ok(pages)
}

fn is_a_target(command: &str) -> Result<()> {
    let makefile = std::fs::read_to_string(Path::new(ROOT).join("Makefile"))?;
    let target = command.split(' ').nth(1).context("make without a target")?;
    let rule = format!("\n{target}:");
    ensure!(makefile.contains(&rule), "{command}: no such target");
    Ok(())
}

/// What a command finds: a workload of the name in the pages, manifests, a cluster.
struct Desk {
    home: Installed,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn set() -> Result<Self> {
        let home = Installed::new(Cluster::shared().await?, "pages").await?;
        let _tidings = home.controller(&[]).await?;
        home.ns().apply(config_map("demo", &[("a", "1")])).await?;
        let web = deployment("demo-deployment").replicas(0);
        home.adopt([web.env_from("configmap/demo").annotate(RELOAD, "auto")])
            .await?;
        let folder = tempfile::tempdir()?;
        let manifests = folder.path().join("manifests");
        std::fs::create_dir(&manifests)?;
        for entry in std::fs::read_dir(Path::new(ROOT).join("examples"))? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|end| end == "yaml") {
                std::fs::copy(entry.path(), manifests.join(entry.file_name()))?;
            }
        }
        Ok(Self { home, folder })
    }

    /// Runs what is ours of a command: up to a file, or a pipe to another program.
    async fn run(&self, command: &str, codes: &[i32]) -> Result<()> {
        let ours = [" | ", " > "].iter().fold(command, |command, end| {
            command.split(end).next().unwrap_or(command)
        });
        let manifests = self.folder.path().join("manifests/");
        let mut args: Vec<_> = ours.split_whitespace().skip(1).map(str::to_owned).collect();
        for arg in &mut args {
            match &**arg {
                "manifests/" => *arg = manifests.display().to_string(),
                "stage" => self.home.ns().name().clone_into(arg),
                _ => {}
            }
        }
        if ["why", "status", "wait", "history"].contains(&&*args[0]) {
            if !args.iter().any(|arg| arg == "--own-namespace") {
                args.extend(["--own-namespace", self.home.own().name()].map(str::to_owned));
            }
            args.extend(["--namespaces", self.home.ns().name()].map(str::to_owned));
        }
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = process::run(Cluster::shared().await?.kubeconfig(), &args).await?;
        let code = output.status.code().context("it was killed")?;
        ensure!(
            codes.contains(&code),
            "{command}: {code}: {}",
            text_of(&output)
        );
        Ok(())
    }

    async fn control(&self, command: &str) -> Result<()> {
        let options: Vec<_> = command.split_whitespace().skip(2).collect();
        let tidings = self.home.launch(&options)?.start()?;
        tidings.ready(secs(30)).await?;
        self.home.stop(tidings).await
    }
}

#[tokio::test]
async fn do_what_they_should() -> Result<()> {
    let desk = Desk::set().await?;
    let mut typed = 0;
    for page in pages()? {
        for command in commands(&std::fs::read_to_string(&page)?) {
            typed += 1;
            let row = ROWS.iter().find(|(begin, _)| command.starts_with(begin));
            let done = match row.map(|(_, run)| run) {
                Some(Run::Make) => is_a_target(&command),
                Some(Run::Here(codes)) => desk.run(&command, codes).await,
                Some(Run::Controller) => desk.control(&command).await,
                Some(Run::Elsewhere) => Ok(()),
                None => bail!("{}: what becomes of `{command}`?", page.display()),
            };
            done.with_context(|| page.display().to_string())?;
        }
    }
    ensure!(typed > 20, "only {typed} commands were found");
    Ok(())
}
