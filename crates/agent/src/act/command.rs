//! Commands: checks, proofs and `--exec`. Never a shell, always a time limit.
//!
//! In: an argument list, and what changed, as environment. Out: how it ended
//! and the last of what it printed. A command that outlives its time is killed
//! with all that it started, and so is what a check leaves behind.

use crate::proc::{Family, Process, VARIABLE};
use crate::reaper::Reaper;
use crate::text::plain::in_lines;
use crate::text::quoted;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::time::Timespec;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// No more of what a command prints is kept; the end says what went wrong.
pub(crate) const KEPT: usize = 2048;
/// How long the word of a command's end may take after the end itself: on a busy
/// machine the thread that reaps is late.
const WORD_OF_END: Duration = Duration::from_secs(10);

/// So many pieces of output are read before the clock is looked at: who prints
/// without end would hold it up.
const AT_ONCE: usize = 64;

/// What changed, for the environment of commands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// Changed files, relative to their directories.
    pub(crate) names: Vec<OsString>,
    /// The generations that the volumes are now of.
    pub(crate) generations: Vec<String>,
}

/// More bytes of names than this are told in a file: the kernel takes no longer
/// variable than 128 KiB (execve(2)), and a check may have variables of its own.
pub(crate) const MOST_IN_ENVIRONMENT: usize = 64 * 1024;

/// The names for the environment of a command, and the file that must stay open
/// as long as it runs.
struct NamesFile {
    variable: &'static str,
    value: OsString,
    _file: Option<File>,
}

impl NamesFile {
    /// # Errors
    /// When no file can be had.
    fn of(context: &Context) -> std::io::Result<Self> {
        // A name with a line break would be two.
        let is_line = |name: &&OsString| !name.as_bytes().contains(&b'\n');
        let names: Vec<_> = context.names.iter().filter(is_line).cloned().collect();
        let lines = names.join(OsStr::new("\n"));
        if lines.len() <= MOST_IN_ENVIRONMENT {
            return Ok(Self {
                variable: "TIDINGS_FILES",
                value: lines,
                _file: None,
            });
        }
        // In memory: where the agent runs there is often no place to write to.
        let mut file = File::from(memfd_create("names", MemfdFlags::CLOEXEC)?);
        file.write_all(lines.as_bytes())?;
        file.write_all(b"\n")?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self {
            variable: "TIDINGS_FILES_FROM",
            value: path.into(),
            _file: Some(file),
        })
    }
}

/// What becomes of processes that a command leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They are killed: a check is over when it is over.
    Ends,
    /// It may have been its task to start them.
    Stays,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its exit code; `None`: it took too long.
    pub(crate) code: Option<u8>,
    /// The end of its output and errors together.
    pub(crate) output: String,
}

impl Ran {
    /// Whether it ended with code 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// First line: how it ended. Further lines: what it printed.
    pub(crate) fn why(&self, what: &str, limit: Duration) -> String {
        let ending = match self.code {
            Some(code) => format!("{what} failed with exit code {code}"),
            None => format!("{what} did not end within {} s", limit.as_secs_f32()),
        };
        format!("{ending}\n{}", self.output.trim())
            .trim_end()
            .to_owned()
    }
}

/// Runs a command to its end, or to the limit.
///
/// # Errors
/// When it cannot be started: one sentence.
pub(crate) fn run(
    argv: &[String],
    context: &Context,
    (limit, rest): (Duration, Rest),
    reaper: &Reaper,
) -> Result<Ran, String> {
    let family = Family::new();
    let failed = |error: std::io::Error| {
        let name = quoted::command(&argv[0]);
        format!("{name} cannot be started: {error}")
    };
    let names = NamesFile::of(context).map_err(failed)?;
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let mut command = Command::new(&argv[0]);
    command
        .args(&argv[1..])
        .env(names.variable, &names.value)
        .env("TIDINGS_GENERATION", context.generations.join("\n"))
        .env(VARIABLE, family.mark())
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer)
        .process_group(0);
    let (tell, ended) = channel();
    let pid = reaper
        .start_command(&mut command, &family, move |code| {
            let _ = tell.send(code);
        })
        .map_err(failed)?;
    // The command holds our ends of the pipe until it is dropped.
    drop(command);
    let ran = follow(pid, reader.into(), (&ended, limit), (reaper, &family));
    if rest == Rest::Ends {
        family.end(None);
    }
    reaper.command_is_over();
    Ok(ran)
}

fn follow(
    pid: i32,
    output: OwnedFd,
    (ended, limit): (&Receiver<u8>, Duration),
    (reaper, family): (&Reaper, &Family),
) -> Ran {
    let mut output = Printed::new(output);
    let process = Process::open(pid);
    let deadline = Instant::now() + limit;
    let in_time = process.is_none_or(|process| output.read_until_end_of(&process, deadline));
    if !in_time {
        reaper.with(pid, |pid| family.end(Some(pid.as_raw_nonzero().get())));
    }
    // The pidfd speaks a moment before SIGCHLD is handled.
    let code = ended.recv_timeout(WORD_OF_END).ok().filter(|_| in_time);
    output.read_what_is_there();
    Ran {
        code,
        output: output.text(),
    }
}

/// The last of what a command printed.
struct Printed {
    pipe: File,
    kept: Vec<u8>,
    open: bool,
}

impl Printed {
    fn new(pipe: OwnedFd) -> Self {
        // Without it, a grandchild that keeps the pipe open would hold us up.
        let _ = rustix::fs::fcntl_setfl(&pipe, rustix::fs::OFlags::NONBLOCK);
        Self {
            pipe: pipe.into(),
            kept: Vec::new(),
            open: true,
        }
    }

    /// False: the deadline came first.
    fn read_until_end_of(&mut self, process: &Process, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if process.ended_within(Duration::ZERO) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            self.wait(process, left);
            self.read_what_is_there();
        }
    }

    fn wait(&self, process: &Process, pause: Duration) {
        let timeout = Timespec::try_from(pause).ok();
        let mut fds = vec![PollFd::new(process.fd(), PollFlags::IN)];
        if self.open {
            fds.push(PollFd::new(&self.pipe, PollFlags::IN));
        }
        let _ = poll(&mut fds, timeout.as_ref());
    }

    fn read_what_is_there(&mut self) {
        let mut piece = [0u8; 1024];
        for _ in 0..AT_ONCE {
            match self.pipe.read(&mut piece) {
                Ok(0) => {
                    self.open = false;
                    return;
                }
                Ok(length) => self.keep(&piece[..length]),
                Err(_) => return,
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        self.kept.extend_from_slice(piece);
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
    }

    fn text(&self) -> String {
        in_lines(&String::from_utf8_lossy(&self.kept)).into_owned()
    }
}

/// Splits a command line into words as a shell would, without any expansion.
///
/// # Errors
/// One sentence, for a quote that is not closed and for no word at all.
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    match (quote, words.is_empty()) {
        (Some(open), _) => Err(format!("the command has no closing {open}")),
        (None, true) => Err("the command is empty".into()),
        (None, false) if words[0].is_empty() => Err("the command has no name".into()),
        (None, false) if line.contains('\0') => Err("it contains a zero byte".into()),
        (None, false) => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_as_a_shell_does() {
        for (line, words) in [
            ("nginx -t", vec!["nginx", "-t"]),
            ("sh -c 'a \"b\" c'", vec!["sh", "-c", "a \"b\" c"]),
            ("a\\ b \"c \\\" d\" ''", vec!["a b", "c \" d", ""]),
            ("  spaced   out ", vec!["spaced", "out"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        assert!(split("a 'b").is_err());
        assert!(split("   ").is_err());
        assert!(split("''").is_err() && split("'' -t").is_err());
        assert!(split("a\0b").is_err());
    }
}
