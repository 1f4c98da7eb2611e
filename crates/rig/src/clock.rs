//! A clock of a program's own that a test can set.
//!
//! In: a program to start, later seconds. Out: the program's time of day is that
//! much later or earlier; its durations are as ever. A small library, which is
//! compiled when it is asked for, stands between the program and the kernel.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process::Launch;

/// A clock that is right until it is set.
pub struct Clock {
    folder: TempDir,
    file: Mutex<File>,
}

impl Clock {
    /// Makes a clock, with the C compiler.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut file = File::create(folder.path().join("seconds"))?;
        file.write_all(&0_i64.to_ne_bytes())?;
        let clock = Self {
            folder,
            file: Mutex::new(file),
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock/shift.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        compiler.arg(clock.library()).arg(source);
        let status = compiler.status().context("run the C compiler, cc")?;
        ensure!(status.success(), "cc: {status}");
        Ok(clock)
    }

    /// Starts the program with this clock, from now on.
    pub fn govern(&self, launch: Launch) -> Launch {
        let with = |launch: Launch, (name, path): (&str, PathBuf)| {
            launch.env(name, &path.to_string_lossy())
        };
        self.variables().into_iter().fold(launch, with)
    }

    fn variables(&self) -> [(&'static str, PathBuf); 2] {
        let file = self.folder.path().join("seconds");
        [("LD_PRELOAD", self.library()), ("RIG_CLOCK", file)]
    }

    /// Sets the clock so many seconds later than it should be, or earlier.
    pub fn set(&self, seconds: i64) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))?;
        Ok(file.write_all(&seconds.to_ne_bytes())?)
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("shift.so")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_the_time_that_is_set() -> Result<()> {
        let clock = Clock::new()?;
        clock.set(-3_600)?;
        let now = jiff::Timestamp::now().as_second();
        let mut date = Command::new("date");
        let output = date.arg("+%s").envs(clock.variables()).output()?;
        let told: i64 = String::from_utf8(output.stdout)?.trim().parse()?;
        let late = told + 3_600 - now;
        assert!((0..600).contains(&late), "{told}, and it is {now}");
        Ok(())
    }
}
