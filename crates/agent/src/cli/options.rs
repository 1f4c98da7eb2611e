//! Every option of the agent: one row each. Parsing, `--help` and the reference
//! in `docs/agent.md` are made from these rows.

use super::low_args::LowArgs;

/// Which commands know an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// `run` and `watch`.
    Both,
    /// `run` only.
    Run,
    /// `watch` only.
    Watch,
}

/// One option.
pub(crate) struct Opt {
    /// With its dashes.
    pub(crate) name: &'static str,
    /// What its value is called; empty: it takes none.
    pub(crate) value: &'static str,
    /// Who knows it.
    pub(crate) of: For,
    /// One sentence or two.
    pub(crate) doc: &'static str,
    /// Takes the value in; the error is what is wrong with it.
    pub(crate) set: fn(&mut LowArgs, &str) -> Result<(), String>,
}

/// A row.
const fn opt(
    name: &'static str,
    value: &'static str,
    of: For,
    doc: &'static str,
    set: fn(&mut LowArgs, &str) -> Result<(), String>,
) -> Opt {
    Opt {
        name,
        value,
        of,
        doc,
        set,
    }
}

impl Opt {
    /// As it is written.
    pub(crate) fn usage(&self) -> String {
        format!("{} {}", self.name, self.value)
            .trim_end()
            .to_owned()
    }

    /// Whether it says what is watched or rendered, and how that is acted upon: what an
    /// earlier life of the agent kept is of these.
    pub(crate) fn is_of_the_task(&self) -> bool {
        !BESIDE_THE_TASK.contains(&self.name)
    }
}

/// Where and when, and not what.
const BESIDE_THE_TASK: [&str; 17] = [
    "--memory",
    "--listen",
    "--poke-file",
    "--paced",
    "--at-start",
    "--quiet",
    "--cap",
    "--settle-first",
    "--poll",
    "--retry",
    "--retry-longest",
    "--retries",
    "--grace",
    "--http-timeout",
    "--command-timeout",
    "--prove-timeout",
    "--on-failed-restart",
];

/// All of them, in the order of `--help`.
pub(crate) const OPTIONS: &[Opt] = &[
    opt(
        "--watch",
        "PATH",
        For::Both,
        "Directory or file to watch; may be given again. Default: every ConfigMap, Secret and projected volume mounted here. In a directory, service account tokens and the pod's annotations are left out.",
        super::low_args::LowArgs::watch,
    ),
    opt(
        "--include",
        "GLOB",
        For::Both,
        "Only files of this name count (`*`, `**` across directories, `?`, `[a-z]`, `{a,b}`, `\\` before what is meant as it is); may be given again.",
        super::low_args::LowArgs::include,
    ),
    opt(
        "--exclude",
        "GLOB",
        For::Both,
        "Files of this name do not count; may be given again.",
        super::low_args::LowArgs::exclude,
    ),
    opt(
        "--follow-links",
        "",
        For::Both,
        "Follow links in watched directories, and those of watched and rendered files, out of their place too. Only where nobody else can write there.",
        |d, _| d.follow_links(),
    ),
    opt(
        "--preset",
        "NAME",
        For::Both,
        "Reload, check and proof of a known program; `tidings-agent presets` lists them. Other options overrule it.",
        super::low_args::LowArgs::preset,
    ),
    opt(
        "--signal",
        "SIGNAL",
        For::Both,
        "Send this signal to the process (`run`: to the child, HUP unless said otherwise).",
        super::low_args::LowArgs::signal,
    ),
    opt(
        "--signal-is-handled",
        "",
        For::Both,
        "The program is known to reload on the signal, which is then sent whatever is seen of the program (within its first 10 s, once that shows that it takes it): needed for programs made by Go, which die of signals that they do not expect, and where it cannot be seen that a program waits for its signals (sigwait).",
        |d, _| {
            d.signal_is_handled();
            Ok(())
        },
    ),
    opt(
        "--process",
        "NAME",
        For::Both,
        "The process to signal, by the path or name of its executable, argv[0] or name; of several, the master, and none where there are several. With --exit-code: whose start tells what it has read.",
        super::low_args::LowArgs::process,
    ),
    opt(
        "--pid-file",
        "FILE",
        For::Both,
        "The same, by a file with its number.",
        super::low_args::LowArgs::pid_file,
    ),
    opt(
        "--http",
        "URL",
        For::Both,
        "Call this address (http, https, or unix:/socket:/path); may be given again.",
        super::low_args::LowArgs::http,
    ),
    opt(
        "--method",
        "METHOD",
        For::Both,
        "Method of the calls. Default: POST.",
        super::low_args::LowArgs::method,
    ),
    opt(
        "--header",
        "NAME:VALUE",
        For::Both,
        "Header of the calls; may be given again.",
        super::low_args::LowArgs::header,
    ),
    opt("--body", "TEXT", For::Both, "Body of the calls.", |d, v| {
        d.body(v)
    }),
    opt(
        "--expect",
        "STATUS,…",
        For::Both,
        "Statuses that mean success. Default: any 2xx.",
        super::low_args::LowArgs::expect,
    ),
    opt(
        "--http-timeout",
        "TIME",
        For::Both,
        "Limit of one call. Default: 10s.",
        super::low_args::LowArgs::http_timeout,
    ),
    opt(
        "--ca",
        "FILE",
        For::Both,
        "PEM file of authorities to trust instead of the system's; read at each call.",
        super::low_args::LowArgs::ca,
    ),
    opt(
        "--cert",
        "FILE",
        For::Both,
        "PEM file of a client certificate; read at each call.",
        super::low_args::LowArgs::cert,
    ),
    opt(
        "--key",
        "FILE",
        For::Both,
        "PEM file of its key; read at each call.",
        super::low_args::LowArgs::key,
    ),
    opt(
        "--basic-file",
        "FILE",
        For::Both,
        "File with user:password for basic authentication; read at each call.",
        super::low_args::LowArgs::basic,
    ),
    opt(
        "--bearer-file",
        "FILE",
        For::Both,
        "File with a bearer token; read at each call.",
        super::low_args::LowArgs::bearer,
    ),
    opt(
        "--insecure",
        "",
        For::Both,
        "Trust any certificate.",
        |d, _| d.insecure(),
    ),
    opt(
        "--exec",
        "COMMAND",
        For::Both,
        "Run this command (no shell); TIDINGS_FILES names the files that changed since the last change that was taken, a line each, names with a line break left out (above 64 KiB TIDINGS_FILES_FROM names a file with them instead), TIDINGS_GENERATION the volumes' generations.",
        super::low_args::LowArgs::exec,
    ),
    opt(
        "--await",
        "",
        For::Both,
        "Do nothing: the program looks at its files by itself. Only what --prove names is awaited.",
        |d, _| d.awaits(),
    ),
    opt(
        "--on-change",
        "signal|restart",
        For::Run,
        "Signal the child (default), or stop it and start it again.",
        super::low_args::LowArgs::on_change,
    ),
    opt(
        "--on-failed-restart",
        "exit|keep-trying",
        For::Run,
        "What to do when the child was started again and ends before it has proved itself: end with its exit code (default), or start it again with growing pauses.",
        super::low_args::LowArgs::on_failed_restart,
    ),
    opt(
        "--exit-code",
        "N",
        For::Both,
        "End with this code on a change (`run`: after the child has ended), so that the kubelet restarts containers in place.",
        super::low_args::LowArgs::exit_code,
    ),
    opt(
        "--stop-signal",
        "SIGNAL",
        For::Run,
        "What stops the child for a restart. Default: TERM.",
        super::low_args::LowArgs::stop,
    ),
    opt(
        "--grace",
        "TIME",
        For::Run,
        "How long the child may take to stop for a restart before it is killed. Default: 10s.",
        super::low_args::LowArgs::grace,
    ),
    opt(
        "--check",
        "COMMAND",
        For::Both,
        "Must succeed on the new files (no shell), or nothing happens.",
        super::low_args::LowArgs::check,
    ),
    opt(
        "--command-timeout",
        "TIME",
        For::Both,
        "Limit of --check and --exec. Default: 10s.",
        super::low_args::LowArgs::command_timeout,
    ),
    opt(
        "--prove",
        "PROOF",
        For::Both,
        "What shows that it took: `children`, `answers=URL`, `moves=URL#STAMP[#GOOD]`, `succeeds=COMMAND`, `prints-anew=COMMAND`, or `none`.",
        super::low_args::LowArgs::prove,
    ),
    opt(
        "--prove-timeout",
        "TIME",
        For::Both,
        "How long the proof may take. Default: 5s.",
        super::low_args::LowArgs::prove_timeout,
    ),
    opt(
        "--render",
        "IN=OUT",
        For::Both,
        "Expand $(VARIABLES) of IN, unpacked if gzipped, into OUT; may be given again. IN is watched, whatever --include and --exclude say.",
        super::low_args::LowArgs::render,
    ),
    opt(
        "--once",
        "",
        For::Watch,
        "Render, check, and end: for an init container.",
        |d, _| d.once(),
    ),
    opt(
        "--at-start",
        "auto|always|never",
        For::Watch,
        "Act once at start: always, never, or if what runs may be older than the files (default).",
        super::low_args::LowArgs::at_start,
    ),
    opt(
        "--memory",
        "DIR",
        For::Both,
        "Keep there what was taken, over a restart of the agent: an emptyDir, outside of what is watched. No content, one small file.",
        super::low_args::LowArgs::memory,
    ),
    opt(
        "--quiet",
        "TIME",
        For::Both,
        "Changes closer together become one action; the first is acted on at once. Default: 200ms.",
        super::low_args::LowArgs::quiet,
    ),
    opt(
        "--cap",
        "TIME",
        For::Both,
        "No change waits longer for quiet. Default: 2s.",
        super::low_args::LowArgs::cap,
    ),
    opt(
        "--settle-first",
        "",
        For::Both,
        "Wait for quiet before the first action too: for pairs of mounts that belong together.",
        |d, _| d.settle_first(),
    ),
    opt(
        "--poll",
        "TIME",
        For::Both,
        "How often to look where inotify may be blind. Default: 10s.",
        super::low_args::LowArgs::poll,
    ),
    opt(
        "--retry",
        "TIME",
        For::Both,
        "Pause after the first failure; doubled each time. Default: 1s.",
        super::low_args::LowArgs::retry,
    ),
    opt(
        "--retry-longest",
        "TIME",
        For::Both,
        "Longest pause. Default: 30s.",
        super::low_args::LowArgs::retry_longest,
    ),
    opt(
        "--retries",
        "N",
        For::Both,
        "Give up after so many failures, until the next change. Default: never.",
        super::low_args::LowArgs::retries,
    ),
    opt(
        "--listen",
        "ADDRESS",
        For::Both,
        "Serve /metrics, /livez, /readyz and /state.json there, for instance :9533.",
        super::low_args::LowArgs::listen,
    ),
    opt(
        "--poke-file",
        "PATH",
        For::Both,
        "File of the downward API with the pod's annotation `tidings.dev/poke`: whoever bears its token may ask there by `POST /holds` whether files hold what he means, and whether that was taken.",
        super::low_args::LowArgs::poke_file,
    ),
    opt(
        "--paced",
        "",
        For::Both,
        "New files are checked when they come, and taken only when such a question names all of them as they are; until then they are `held`. What the program starts with it has.",
        |d, _| d.paced(),
    ),
];

/// The row of a name.
pub(crate) fn find(name: &str, mode: For) -> Option<&'static Opt> {
    OPTIONS
        .iter()
        .find(|opt| opt.name == name && (opt.of == For::Both || opt.of == mode))
}

/// The table: each as it is written, who knows it, and what it is.
pub(crate) fn rows() -> Vec<Vec<String>> {
    let row = |opt: &Opt| {
        let whose = match opt.of {
            For::Both => "both",
            For::Run => "run",
            For::Watch => "watch",
        };
        vec![format!("`{}`", opt.usage()), whose.into(), opt.doc.into()]
    };
    OPTIONS.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_used_once_and_every_row_is_explained() {
        for (index, opt) in OPTIONS.iter().enumerate() {
            assert!(
                opt.name.starts_with("--") && opt.doc.ends_with('.'),
                "{}",
                opt.name
            );
            assert!(
                OPTIONS[index + 1..]
                    .iter()
                    .all(|other| other.name != opt.name)
            );
        }
    }

    #[test]
    fn options_of_the_other_command_are_unknown() {
        assert!(find("--grace", For::Run).is_some());
        assert!(find("--grace", For::Watch).is_none());
        assert!(find("--watch", For::Watch).is_some());
    }

    fn task(line: &str) -> Vec<std::ffi::OsString> {
        match crate::cli::read(line.split(' ').map(std::ffi::OsString::from).collect()) {
            Ok(crate::cli::Invocation::Work(settings)) => settings.task,
            _ => panic!("no work: {line}"),
        }
    }

    #[test]
    fn what_is_kept_depends_on_the_task_and_not_on_where_and_when() {
        let first = task("run --watch /a --memory /m -- prog --listen x");
        for same in [
            "run --watch=/a --memory /other --listen :1 -- prog --listen x",
            "run --quiet 1s --watch /a --poll 5s --retry=1m --retries 3 prog --listen x",
        ] {
            assert_eq!(task(same), first, "{same}");
        }
        for other in [
            "run --watch /b --memory /m -- prog --listen x",
            "run --watch /a --signal USR1 -- prog --listen x",
            "run --watch /a --render /i=/o -- prog --listen x",
            "run --watch /a -- prog --listen y",
        ] {
            assert_ne!(task(other), first, "{other}");
        }
        for name in BESIDE_THE_TASK {
            assert!(OPTIONS.iter().any(|opt| opt.name == name), "{name}");
        }
    }
}
