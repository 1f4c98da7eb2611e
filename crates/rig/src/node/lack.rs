//! What keeps a machine from having a node.
//!
//! In: nothing. Out: why not, for people. Where it cannot be, tests are left out, each
//! by a line of its own; `TIDINGS_RIG_NODE=required` makes that a failure.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Result, bail};

use crate::assets::prepared_by;

/// With the value `required`, a test that needs a node fails where there cannot be one.
pub const REQUIRED: &str = "TIDINGS_RIG_NODE";

/// Commands, and Debian's packages with them.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ldd", "libc-bin"),
    ("tar", "tar"),
];

/// Why this machine cannot have a node, if it cannot.
pub fn lack() -> Option<&'static str> {
    programs().as_ref().err().map(String::as_str)
}

/// Whether the test that asks is left out, which is then said where a test's output is
/// not caught.
pub(super) fn leaves_out_this_test() -> Result<bool> {
    let thread = std::thread::current();
    leaves_out(thread.name().unwrap_or("a test"))
}

/// The same of something that has another name.
pub fn leaves_out(what: &str) -> Result<bool> {
    let Some(why) = lack() else {
        return Ok(false);
    };
    if std::env::var_os(REQUIRED).is_some_and(|value| value == "required") {
        bail!("{what} needs a real node: {why}");
    }
    writeln!(std::io::stderr(), "SKIPPED {what}: no real node: {why}")?;
    Ok(true)
}

/// The folder that `scripts/node` makes.
pub(super) fn programs() -> &'static Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| {
        if !rustix::process::geteuid().is_root() {
            return Err("it takes root".to_owned());
        }
        for (tool, package) in TOOLS {
            if !succeeds(tool, &["--version"]) && !succeeds(tool, &["-V"]) {
                return Err(format!("it takes {tool} (Debian's {package})"));
            }
        }
        if !succeeds("unshare", &["--mount", "--pid", "--fork", "true"]) {
            return Err("it takes the right to make namespaces".to_owned());
        }
        prepared_by("scripts/node").map_err(|error| format!("{error:#}"))
    })
}

fn succeeds(tool: &str, args: &[&str]) -> bool {
    let mut command = Command::new(tool);
    command.args(args).stdin(Stdio::null());
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
