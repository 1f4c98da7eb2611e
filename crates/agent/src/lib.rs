//! `tidings-agent`: sees mounted configuration change, and makes the process
//! take it, safely and provably.
//!
//! ```text
//! inotify, poll ─► watch ─► Look ─┐
//! signals, SIGCHLD ───────────────┼─► engine ─► supervise::step ─► effects
//! worker's answers ───────────────┘      │                            │
//!                                        └─── child, worker, journal ◄┘
//! ```
//!
//! With which code it ends: `exits`. The library is for `main.rs`, for whoever writes
//! `docs/agent.md` ([`reference`]), and for the benchmark; nothing else is public.

mod act;
mod chance;
mod child;
mod cli;
mod compat;
mod descriptors;
mod ending;
mod engine;
mod exits;
mod first_look;
mod held;
mod journal;
mod limits;
mod location;
mod log;
mod memory;
mod metrics;
mod names;
mod nursery;
mod places;
mod plain;
mod port;
mod proc;
mod read;
pub mod reference;
mod render;
mod serving;
mod signals;
mod start;
mod sys;
mod watch;
mod way;
mod worker;

use cli::Asked;
use exits::Failure;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// The program.
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let own_name = if arguments.is_empty() {
        OsString::new()
    } else {
        arguments.remove(0)
    };
    let by_name = compat::name_of(Path::new(&own_name));
    if let Some(name) = by_name.or_else(|| compat::name_by_flags(&arguments)) {
        arguments.insert(0, name.into());
    }
    let code = begin(arguments);
    log::written_out();
    code
}

fn begin(arguments: Vec<OsString>) -> ExitCode {
    match cli::read(arguments) {
        Ok(Asked::Work(settings)) => ExitCode::from(start::work(&settings)),
        Ok(Asked::Print(text)) => print(&text),
        Ok(Asked::Install(place)) => install(&place),
        Err(sentence) => ExitCode::from(Failure::CommandLine(sentence).say()),
    }
}

/// A reader that closes the pipe early has seen enough.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let why = format!("what was asked for cannot be printed: {error}");
            ExitCode::from(Failure::Start(why).say())
        }
        _ => ExitCode::SUCCESS,
    }
}

fn install(place: &Path) -> ExitCode {
    let result = signals::outlive_limits().map_err(|error| error.to_string());
    match result.and_then(|()| render::install(place)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => ExitCode::from(Failure::Start(why).say()),
    }
}

/// The digests of the files of a directory, all of one moment. `None`: it cannot be
/// read, or was swapped away again and again.
pub fn read_once(dir: &Path) -> Option<Vec<[u8; 16]>> {
    let place = watch::place::Place {
        path: dir.to_path_buf(),
        filter: watch::glob::Filter::default(),
    };
    let snapshot = place.read().ok()?;
    Some(snapshot.files.into_values().collect())
}
