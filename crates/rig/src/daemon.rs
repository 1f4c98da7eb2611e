//! One child process with its output in a file.
//!
//! In: a program and its arguments. Out: its pid, log lines and exit. It ends
//! with the rig in every way the rig can end: killed when dropped, and killed by
//! the kernel when the rig itself is (`setpriv --pdeathsig`, where util-linux has
//! it; for the kernel, the rig has ended when the thread that spawned the child
//! has). Only this child is ever signalled, by its pid.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

const TAIL_LINES: usize = 25;

/// A running child process.
pub struct Daemon {
    name: String,
    child: Mutex<Child>,
    log: PathBuf,
}

/// What to run: program, arguments, environment, all as a caller builds them up.
#[derive(Clone, Debug, Default)]
pub struct Program {
    path: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Program {
    /// A program without arguments.
    pub fn new(path: impl Into<OsString>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }

    /// The same, of another program.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.path = path.into();
        self
    }

    /// The same, started by a wrapper that runs what stands behind its own arguments.
    #[must_use]
    pub(crate) fn under(self, wrapper: Self) -> Self {
        let wrapped = std::iter::once(self.path).chain(self.args);
        let mut env = self.env;
        env.extend(wrapper.env);
        Self {
            path: wrapper.path,
            args: wrapper.args.into_iter().chain(wrapped).collect(),
            env,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The command as it is, without the wrapper: for programs that end by themselves.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn mortal_command(&self) -> Command {
        if !has_setpriv() {
            return self.command();
        }
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.path)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Daemon {
    /// Starts the program with its output appended to `log`.
    pub fn spawn(name: &str, program: &Program, log: &Path) -> Result<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        let child = program
            .mortal_command()
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child: Mutex::new(child),
            log: log.to_owned(),
        })
    }

    /// What the process is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_child(&self.child());
        kill_process(pid, signal).with_context(|| format!("signal {}", self.name))
    }

    /// The exit status, when the process has ended.
    pub fn exited(&self) -> Result<Option<ExitStatus>> {
        Ok(self.child().try_wait()?)
    }

    /// Kills the process and waits for its end.
    pub fn kill(&self) {
        let mut child = self.child();
        // Both fail only when the process is gone already.
        child.kill().ok();
        child.wait().ok();
    }

    /// Waits for the process' own end.
    pub(crate) fn wait(&self) {
        // It fails only when the process is gone already.
        self.child().wait().ok();
    }

    /// All complete lines written so far.
    pub fn lines(&self) -> Result<Vec<String>> {
        let bytes = std::fs::read(&self.log)?;
        let text = String::from_utf8_lossy(&bytes);
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(complete.lines().map(str::to_owned).collect())
    }

    /// The last lines of the log, for messages.
    pub fn tail(&self) -> String {
        let lines = self.lines().unwrap_or_default();
        let from = lines.len().saturating_sub(TAIL_LINES);
        format!(
            "end of {}:\n{}",
            self.log.display(),
            lines[from..].join("\n")
        )
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

fn has_setpriv() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
