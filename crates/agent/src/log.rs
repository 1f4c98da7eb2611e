//! The log: lines on stderr, written by a thread of its own.
//!
//! In: sentences, from any thread. Out: lines. Whoever reads them may have stopped to,
//! and a pipe that is full holds up its writer, which must not be who watches the files
//! or passes signals on. What does not fit into a small store meanwhile is counted.

use crate::signals::of_the_terminal;
use crate::text::plain::in_one_line;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// No line of the log is longer: container runtimes split them at 16 KiB.
pub(crate) const LONGEST_LINE: usize = 8 * 1024;
/// So many bytes wait to be written.
pub(crate) const WAITING: usize = 64 * 1024;
/// At the end of the agent what waits is given this long.
const LAST: Duration = Duration::from_millis(300);
/// The thread needs little.
const STACK: usize = 64 * 1024;

/// One line on stderr.
pub(crate) fn log(sentence: &str) {
    let line = format!("tidings-agent: {}\n", cut(&in_one_line(sentence)));
    match agents() {
        Some(log) => log.take(line),
        // No thread can be had.
        None => write(&line),
    }
}

/// Waits a moment until all lines are written.
pub(crate) fn written_out() {
    if let Some(Some(log)) = AGENTS.get() {
        log.written_out(LAST);
    }
}

static AGENTS: OnceLock<Option<Arc<Log>>> = OnceLock::new();

/// The one of this process.
fn agents() -> Option<&'static Arc<Log>> {
    let start = || Log::start(write).ok();
    AGENTS.get_or_init(start).as_ref()
}

fn write(line: &str) {
    // A log that nobody can read any more is no reason to stop.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[derive(Default)]
struct Log {
    store: Mutex<Store>,
    turned: Condvar,
}

#[derive(Default)]
struct Store {
    lines: VecDeque<String>,
    bytes: usize,
    /// Lines that did not fit since the last that did.
    left_out: u64,
    /// One was taken out and is not written yet.
    writing: bool,
}

impl Store {
    fn put(&mut self, line: String) {
        let count = (self.left_out > 0).then(|| left_out(self.left_out));
        let more = line.len() + count.as_ref().map_or(0, String::len);
        if self.bytes + more > WAITING {
            self.left_out += 1;
            return;
        }
        self.left_out = 0;
        self.bytes += more;
        self.lines.extend(count.into_iter().chain([line]));
    }

    fn next(&mut self) -> Option<String> {
        if let Some(line) = self.lines.pop_front() {
            self.bytes -= line.len();
            return Some(line);
        }
        let count = std::mem::take(&mut self.left_out);
        (count > 0).then(|| left_out(count))
    }
}

fn left_out(count: u64) -> String {
    format!("tidings-agent: {count} lines were left out here, since nobody read the log\n")
}

impl Log {
    fn start(write: impl Fn(&str) + Send + 'static) -> std::io::Result<Arc<Self>> {
        let log = Arc::new(Self::default());
        let writes = Arc::clone(&log);
        let thread = Builder::new().name("log".into()).stack_size(STACK);
        thread.spawn(move || {
            // A terminal would stop all of us for what is written from the background.
            let _ = of_the_terminal().thread_block();
            loop {
                write(&writes.next());
            }
        })?;
        Ok(log)
    }

    fn take(&self, line: String) {
        self.lock().put(line);
        self.turned.notify_all();
    }

    fn next(&self) -> String {
        let mut store = self.lock();
        store.writing = false;
        loop {
            if let Some(line) = store.next() {
                store.writing = true;
                return line;
            }
            self.turned.notify_all();
            store = self
                .turned
                .wait(store)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn written_out(&self, limit: Duration) {
        let is_busy = |store: &mut Store| store.writing || !store.lines.is_empty();
        let waited = self.turned.wait_timeout_while(self.lock(), limit, is_busy);
        drop(waited);
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that no log cuts, or where.
fn cut(sentence: &str) -> Cow<'_, str> {
    if sentence.len() <= LONGEST_LINE {
        return sentence.into();
    }
    let end = sentence.floor_char_boundary(LONGEST_LINE);
    let (shown, rest) = sentence.split_at(end);
    format!("{shown}… and {} more bytes", rest.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_line_that_is_too_long_is_cut_with_a_count() {
        assert_eq!(cut("short"), "short");
        let long = "ж".repeat(LONGEST_LINE);
        assert!(cut(&long).ends_with("ж… and 8192 more bytes"));
    }

    #[test]
    fn who_logs_is_held_up_by_nobody_and_what_does_not_fit_is_counted() {
        let (written, reader) = sync_channel(0);
        let log = Log::start(move |line| written.send(line.to_owned()).unwrap_or(())).unwrap();
        let lines = 3 * WAITING / 100;
        for number in 0..lines {
            log.take(format!("{number:99}\n"));
        }
        let mut kept = 0;
        let said = loop {
            let line = reader.recv().unwrap();
            if line.contains("left out") {
                break line;
            }
            assert_eq!(line.trim(), kept.to_string());
            kept += 1;
        };
        assert_eq!(said, left_out((lines - kept) as u64));
        assert!(kept * 100 >= WAITING - 100);
        log.take("after\n".into());
        assert_eq!(reader.recv().unwrap(), "after\n");
    }

    #[test]
    fn what_was_left_out_is_said_where_it_is_missing() {
        let mut store = Store::default();
        store.put("a".repeat(WAITING - 100));
        store.put("b".repeat(101));
        store.put("c".into());
        let lines: Vec<_> = std::iter::from_fn(|| store.next()).collect();
        assert_eq!(lines[1..], [left_out(1), "c".into()]);
        assert_eq!((store.bytes, store.left_out), (0, 0));
    }
}
