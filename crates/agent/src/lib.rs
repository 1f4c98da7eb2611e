//! `tidings-agent`: sees mounted configuration change, and makes the process
//! take it, safely and provably.
//!
//! ```text
//! inotify, poll ─► watch ─► Observation ─┐
//! signals, SIGCHLD ──────────────────────┼─► engine ─► supervise::step ─► effects
//! worker's answers ──────────────────────┘      │                            │
//!                                               └─── child, worker, journal ◄┘
//! ```
//!
//! The rooms are named from the ground up: none uses one that is named after it
//! (`crates/tidings/tests/rooms.rs`). The library is for `main.rs`, for whoever writes
//! `docs/agent.md` ([`reference`]), and for the benchmark; nothing else is public.

mod text;

mod files;

mod proc;

mod reaper;

mod signals;

mod log;

mod ending;

mod watch;

mod render;

mod memory;

mod inquiry;

mod report;

mod act;

mod child;

mod cli;

mod compat;

mod engine;

mod start;

pub mod reference;

use cli::Invocation;
use ending::exits::Failure;
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
    let code = begin(Path::new(&own_name), arguments);
    log::written_out();
    code
}

fn begin(own_name: &Path, arguments: Vec<OsString>) -> ExitCode {
    match compat::read(own_name, arguments) {
        Ok(Invocation::Work(settings)) => ExitCode::from(start::work(&settings)),
        Ok(Invocation::Print(text)) => print(&text),
        Ok(Invocation::Install(place)) => install(&place),
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
