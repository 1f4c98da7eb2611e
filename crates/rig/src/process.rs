//! Runs the real `tidings` program.
//!
//! In: arguments, a kubeconfig. Out: its log lines, its admin port's answers, its
//! exit. The program is what `TIDINGS_BIN` names, else the one that cargo builds
//! beside this test, always asked for anew so that no test runs an old one.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::daemon::{Daemon, Program};
use crate::ports::free_port;
use crate::wait::wait_until;
use crate::{fetch, programs};

const BINARY: &str = "TIDINGS_BIN";

/// A controller to start, once or again and again: the port stays.
#[derive(Clone, Debug)]
pub struct Launch {
    program: Program,
    port: u16,
}

/// A running controller; killed when dropped.
pub struct Tidings {
    daemon: Daemon,
    port: u16,
    _scratch: TempDir,
}

/// A controller with this kubeconfig, to be given more arguments and started.
pub fn controller(kubeconfig: &Path) -> Result<Launch> {
    let port = free_port()?;
    let program = tidings(kubeconfig)?
        .arg("controller")
        .args(["--listen".to_owned(), format!("127.0.0.1:{port}")]);
    Ok(Launch { program, port })
}

/// Runs a command of the CLI to its end.
pub async fn run(kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    run_in(Path::new("."), kubeconfig, args).await
}

/// The same in this folder.
pub async fn run_in(folder: &Path, kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    let mut command = tidings(kubeconfig)?.args(args.iter().copied()).command();
    command.stdin(Stdio::null()).current_dir(folder);
    Ok(tokio::process::Command::from(command).output().await?)
}

/// The same by another name of the program.
pub async fn run_as(name: &str, kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    let folder = TempDir::new()?;
    let link = folder.path().join(name);
    std::os::unix::fs::symlink(binary()?, &link)?;
    let program = Program::new(link).env("KUBECONFIG", kubeconfig);
    let mut command = program.args(args.iter().copied()).command();
    command.stdin(Stdio::null());
    Ok(tokio::process::Command::from(command).output().await?)
}

/// Starts a command of the CLI that goes on until it is told to stop.
pub fn start(kubeconfig: &Path, args: &[&str]) -> Result<Tidings> {
    let program = tidings(kubeconfig)?.args(args.iter().copied());
    Launch { program, port: 0 }.start()
}

fn tidings(kubeconfig: &Path) -> Result<Program> {
    Ok(Program::new(binary()?).env("KUBECONFIG", kubeconfig))
}

impl Launch {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.program = self.program.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.program = self.program.args(args.iter().copied());
        self
    }

    /// Another program in its place, such as another version.
    #[must_use]
    pub fn program(mut self, path: &Path) -> Self {
        self.program = self.program.at(path);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.program = self.program.env(name, value);
        self
    }

    /// Starts the program; it may not be ready yet.
    pub fn start(&self) -> Result<Tidings> {
        let scratch = tempfile::tempdir()?;
        let log = scratch.path().join("tidings.log");
        Ok(Tidings {
            daemon: Daemon::spawn("tidings", &self.program, &log)?,
            port: self.port,
            _scratch: scratch,
        })
    }
}

impl Tidings {
    /// The address of its admin port.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// All log lines so far, of both outputs.
    pub fn lines(&self) -> Result<Vec<String>> {
        self.daemon.lines()
    }

    /// Waits for a log line and gives it.
    pub async fn wait_for_line(
        &self,
        what: &str,
        limit: Duration,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<String> {
        self.wait(&format!("a log line: {what}"), limit, async || {
            let mut lines = self.lines()?.into_iter();
            lines.find(|line| is_it(line)).context("no such line")
        })
        .await
    }

    /// Waits until `/readyz` says yes.
    pub async fn ready(&self, limit: Duration) -> Result<()> {
        self.wait("tidings to be ready", limit, async || {
            let (status, text) = self.get("/readyz").await?;
            ensure!(status == 200, "{status} {text}");
            Ok(())
        })
        .await
    }

    /// GETs a path of the admin port: status and text.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        fetch::get(&format!("{}{path}", self.url())).await
    }

    /// The metrics as Prometheus would read them.
    pub async fn metrics(&self) -> Result<String> {
        let (status, text) = self.get("/metrics").await?;
        ensure!(status == 200, "{status} {text}");
        Ok(text)
    }

    /// The sum of the samples of a metric whose labels contain all of these texts
    /// (`kind="Deployment"`); 0 when there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        Ok(sum_of(&self.metrics().await?, name, labels))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.daemon.signal(signal)
    }

    /// Kills it, as a node that fails would; waits for its end.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// How the program ended, if it has.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        self.daemon.exited()
    }

    /// Waits for the program to end.
    pub async fn exit(&self, limit: Duration) -> Result<ExitStatus> {
        let ended = wait_until("tidings to end", limit, async || {
            self.daemon.exited()?.context("it runs")
        });
        ended.await.with_context(|| self.daemon.tail())
    }

    /// The end of its log, for messages.
    pub fn tail(&self) -> String {
        self.daemon.tail()
    }

    /// Waits; fails early when the program has ended, and with its log in any case.
    async fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        probe: impl AsyncFn() -> Result<T>,
    ) -> Result<T> {
        let found = wait_until(what, limit, async || match probe().await {
            Ok(found) => Ok(Some(found)),
            Err(_) if self.daemon.exited()?.is_some() => Ok(None),
            Err(seen) => Err(seen),
        });
        match found.await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => bail!("tidings ended before {what}\n{}", self.tail()),
            Err(error) => bail!("{error:#}\n{}", self.tail()),
        }
    }
}

impl Drop for Tidings {
    #[expect(clippy::print_stderr, reason = "why the test failed is in this log")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}

/// The sum of the samples of a metric, of what a program or Kubernetes exposes, as
/// [`Tidings::metric`] gives it.
pub fn sum_of(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(name));
    samples
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter(|rest| labels.iter().all(|label| rest.contains(label)))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// The program: what `TIDINGS_BIN` names, else the one that cargo builds.
pub fn binary() -> Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = std::env::var_os(BINARY) {
        // It may be run in another folder than this.
        return Ok(std::path::absolute(path)?);
    }
    if let Some(path) = BUILT.get() {
        return Ok(path.clone());
    }
    // Two tests may get here at the same time; cargo has a lock of its own.
    let path = build()?;
    Ok(BUILT.get_or_init(|| path).clone())
}

/// Has cargo build the program with the profile of this test.
fn build() -> Result<PathBuf> {
    let folder = programs::folder()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "-p", "tidings", "--bin", "tidings"])
        .args(folder.ends_with("release").then_some("--release"))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    ensure!(command.status()?.success(), "tidings does not build");
    Ok(folder.join("tidings"))
}

#[cfg(test)]
mod tests {
    use super::{Launch, sum_of};
    use crate::daemon::Program;
    use crate::wait::secs;
    use anyhow::Result;
    use rustix::process::Signal;

    fn shell(script: &str) -> Launch {
        let program = Program::new("sh").args(["-c", script]);
        Launch { program, port: 1 }
    }

    #[tokio::test]
    async fn finds_lines_and_passes_signals_and_exit_codes() -> Result<()> {
        let script = "trap 'echo ending; exit 3' TERM; echo up; while :; do sleep 0.05; done";
        let tidings = shell(script).start()?;
        tidings
            .wait_for_line("up", secs(5), |line| line == "up")
            .await?;
        tidings.signal(Signal::TERM)?;
        assert_eq!(tidings.exit(secs(5)).await?.code(), Some(3));
        assert_eq!(tidings.lines()?, ["up", "ending"]);
        Ok(())
    }

    #[tokio::test]
    async fn a_program_that_ends_is_told_at_once_with_its_log() -> Result<()> {
        let tidings = shell("echo no such flag >&2; exit 2").start()?;
        let failure = tidings
            .ready(secs(60))
            .await
            .map_err(|error| error.to_string());
        assert!(failure.is_err_and(|text| text.contains("ended") && text.contains("no such flag")));
        Ok(())
    }

    #[test]
    fn sums_matching_samples() {
        let text =
            "# TYPE a counter\na_total{kind=\"x\"} 2\na_total{kind=\"y\"} 3\na_total_more 9\n";
        assert!((sum_of(text, "a_total", &[]) - 5.0).abs() < f64::EPSILON);
        assert!((sum_of(text, "a_total", &["kind=\"y\""]) - 3.0).abs() < f64::EPSILON);
    }
}
