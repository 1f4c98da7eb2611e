//! What is read, told and waited for is bounded: the table of `docs/agent.md`,
//! from the numbers in the code.

use crate::act::command::{KEPT, MOST_IN_ENVIRONMENT};
use crate::act::http::{self, Manner};
use crate::engine::changed_names::{MOST_NAMES, MOST_OF_ALL_NAMES};
use crate::files::read::{self, LARGE, SMALL};
use crate::inquiry::reading::MOST_HASHED;
use crate::log::{LONGEST_LINE, WAITING};
use crate::memory;
use crate::proc::{MOST_DESCRIPTORS, MOST_THREADS};
use crate::render::expand;
use crate::report::{journal, serving};
use crate::start::descriptors::NEEDED;
use crate::watch::reading;
use crate::watch::tree::{self, DEEPEST, MOST, MOST_DIRS, MOST_LISTED};
use crate::watch::watched::{MOST_LISTED_NAMES, MOST_OF_LISTED_NAMES};
use tidings_wire::{holds, poke};

/// What, its limit, and what passes it.
type Limit = (&'static str, String, &'static str);

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes >> 10)
}

fn thousands(count: usize) -> String {
    match count {
        count if count < 10_000 => count.to_string(),
        count => format!("{},{:03}", count / 1000, count % 1000),
    }
}

/// The table.
pub(crate) fn rows() -> Vec<Vec<String>> {
    let rows = [files(), places(), rendering(), outside(), port()].concat();
    let row = |(what, limit, passed): Limit| vec![what.to_owned(), limit, passed.to_owned()];
    rows.into_iter().map(row).collect()
}

fn files() -> Vec<Limit> {
    let together = mib(tree::MOST_BYTES);
    vec![
        (
            "kind of a file",
            "regular; opening never waits".into(),
            "FIFOs, devices and sockets are refused where a file is named, and are nothing in a directory",
        ),
        (
            "a link",
            format!(
                "leads to something in its place, through {} links at most",
                read::MOST_LINKS
            ),
            "not followed, unless `--follow-links`; one to nothing, or to itself, is nothing",
        ),
        (
            "a watched file",
            format!("{}; {together} all together", mib(LARGE)),
            "counts by its inode, size and times alone",
        ),
        (
            "a small file (pid file, credentials, certificates, `--web-config-file`)",
            mib(SMALL),
            "refused",
        ),
        (
            "the file in `--memory`",
            format!("{} KiB", memory::LONGEST >> 10),
            "what the process has is not known: one action more",
        ),
        (
            "what may not be read",
            "–".into(),
            "a file counts by its inode, size and times; a directory not at all",
        ),
        (
            "what cannot be read just now (EIO, EMFILE, ESTALE)",
            "–".into(),
            "what was seen last stands; it is read again each second",
        ),
    ]
}

fn places() -> Vec<Limit> {
    let names = mib(tree::MOST_OF_NAMES as u64);
    vec![
        (
            "a watched directory",
            format!(
                "{DEEPEST} directories deep; {} files, links and directories that count by `--include` and `--exclude`, {} of them directories, {names} of names; {} entries listed",
                thousands(MOST),
                thousands(MOST_DIRS),
                thousands(MOST_LISTED)
            ),
            "the rest is not looked at",
        ),
        (
            "links among directories",
            "a directory that was entered is not entered again by a link within a link".into(),
            "–",
        ),
        (
            "a mount that is gone, whatever it lay upon, or put back empty",
            "–".into(),
            "what was seen last stands (`missing`); the kernel tells when it is back",
        ),
        (
            "a volume that is swapped while it is read",
            format!(
                "{} tries within {} s",
                reading::PATIENCE,
                reading::LONGEST.as_secs()
            ),
            "what was seen last stands; it is read again soon",
        ),
        (
            "what cannot be read, of one directory",
            format!("{} are named", tree::NAMED),
            "the rest is counted",
        ),
        (
            "names of files in `/state.json`, of all directories",
            format!(
                "{} with {} together; each has an equal share, and what others leave of theirs",
                thousands(MOST_LISTED_NAMES),
                kib(MOST_OF_LISTED_NAMES)
            ),
            "the rest is counted (`fileCount`)",
        ),
        (
            "names of changed files",
            format!(
                "{} in the log, {} in `TIDINGS_FILES`, {} with {} in all",
                journal::SHOWN,
                kib(MOST_IN_ENVIRONMENT),
                thousands(MOST_NAMES),
                mib(MOST_OF_ALL_NAMES as u64)
            ),
            "counted; in the file that `TIDINGS_FILES_FROM` names; left out",
        ),
    ]
}

fn rendering() -> Vec<Limit> {
    vec![
        (
            "a rendered file, unpacked, and expanded",
            format!("{} each; in one pass, through small buffers", mib(LARGE)),
            "refused, OUT stays as it was",
        ),
        (
            "names of variables that are not set",
            format!(
                "{} letters; {} are noted, {} are logged",
                expand::LONGEST_NAME,
                expand::NOTED,
                journal::SHOWN
            ),
            "the rest is counted",
        ),
    ]
}

fn outside() -> Vec<Limit> {
    let call = Manner::default().timeout.as_secs();
    vec![
        (
            "a call, the connection to a `unix:` socket included",
            format!("`--http-timeout` ({call} s)"),
            "no answer: tried again",
        ),
        (
            "a process that catches no signals: its threads and descriptors",
            format!("{MOST_THREADS} and {MOST_DESCRIPTORS} are looked at"),
            "it is not told without `--signal-is-handled`; a descriptor is not seen",
        ),
        (
            "an answer that is not the expected one",
            format!("{} bytes are logged", http::QUOTED),
            "–",
        ),
        (
            "a page that is a proof",
            format!("{}; 2 s", mib(http::LONGEST_BODY)),
            "proves nothing",
        ),
        (
            "files that the agent may have open (`ulimit -n`)",
            format!("{NEEDED} at least, one more for each `--render`"),
            "it ends at the start, with code 1; when none is left later, its port has one in reserve, and what could not be read is read again",
        ),
        (
            "a check, a proving command, `--exec`",
            "`--command-timeout`, `--prove-timeout`".into(),
            "killed with all that it started, wherever it went; what a check leaves behind is killed too, and a command under way when the agent ends",
        ),
        (
            "what a command prints",
            format!("the last {}; control characters are escaped", kib(KEPT)),
            "–",
        ),
        ("a line of the log", kib(LONGEST_LINE), "cut, with a count"),
        (
            "lines of the log that nobody reads",
            format!("{} wait", kib(WAITING)),
            "left out, and counted in the log when it is read",
        ),
    ]
}

fn port() -> Vec<Limit> {
    vec![
        (
            "a request to the agent's own port",
            format!(
                "{}, {} s, {} at once, who are sent one copy of what is the same",
                kib(serving::LONGEST),
                serving::LIMIT.as_secs(),
                serving::SEATS
            ),
            "cut off",
        ),
        (
            "a question (`POST /holds`)",
            format!(
                "{}, {MOST_FILES} files with {} together, {} bodies at once; {} with one token, within {} minutes",
                kib(holds::LONGEST_QUESTION),
                mib(MOST_HASHED),
                serving::MOST_BODIES,
                poke::QUESTIONS,
                poke::LASTS.as_secs() / 60,
                MOST_FILES = holds::MOST_FILES,
            ),
            "413 or 400; 429, or 401 when the time is over",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Limits that nobody meets as one.
    const OTHERS: [(&str, &str); 10] = [
        (
            "act/unix.rs LONGEST",
            "no call waits longer without a limit of its own",
        ),
        ("act/under_way.rs LONGEST", "a pause between attempts"),
        ("act/mod.rs STILL", "a sentence"),
        (
            "inquiry/reading.rs LONGEST_PATH",
            "no file has a longer one (PATH_MAX)",
        ),
        (
            "inquiry/reading.rs MOST_ABOVE",
            "no place is looked for further up a path that is asked for",
        ),
        (
            "text/told.rs LONGEST_WORD",
            "longer words are left out of what is told of a check",
        ),
        (
            "watch/foreign.rs LONGEST",
            "no token is longer; what is longer is configuration",
        ),
        (
            "watch/swap_tracker.rs LONGEST",
            "how long a writer is waited for",
        ),
        (
            "watch/arm.rs MOST_COMPLAINTS",
            "each is said once, then perhaps once more",
        ),
        (
            "render/output.rs SEARCHED",
            "where more lies beside an output, what an earlier life left may stay",
        ),
    ];

    fn sources(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let below = |path: PathBuf| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        };
        entries.flat_map(below).collect()
    }

    /// Constants that are named like a limit, as `room/file.rs NAME`.
    fn limits_of(file: &Path, name: &str) -> Vec<String> {
        const WORDS: [&str; 13] = [
            "MOST", "LONGEST", "DEEPEST", "SMALL", "LARGE", "LIMIT", "SEATS", "KEPT", "NAMED",
            "NOTED", "SHOWN", "QUOTED", "SEARCHED",
        ];
        let text = fs::read_to_string(file).unwrap();
        let names = text.lines().filter_map(|line| {
            let (_, declared) = line.split_once("const ")?;
            let (constant, _) = declared.split_once(':')?;
            let is_limit = constant.split('_').any(|word| WORDS.contains(&word));
            (is_limit && !line.starts_with("    ")).then(|| format!("{name} {constant}"))
        });
        names.collect()
    }

    /// What is named like a limit is in the table, or among the others. Processes
    /// (`proc`) have no size that somebody chooses.
    #[test]
    fn no_limit_is_forgotten() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let told = include_str!("limits.rs");
        for file in sources(&root) {
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            if name.starts_with("proc/") || name == "reference/limits.rs" {
                continue;
            }
            for limit in limits_of(&file, &name) {
                let constant = limit.split(' ').nth(1).unwrap();
                let is_told = told.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let is_other = OTHERS.iter().any(|(other, _)| *other == limit);
                let count = is_told.filter(|word| *word == constant).count();
                assert!(
                    is_other || count > 0,
                    "{limit} is missing in reference/limits.rs"
                );
            }
        }
    }
}
