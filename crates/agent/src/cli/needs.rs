//! Options that mean something only beside others: what is said and would be unused is
//! somebody's mistake, and refused. One row for each need; `docs/agent.md` has the table.

use super::low_args::AtStart;
use super::settings::Settings;
use crate::act::ReloadMethod;
use crate::act::prove::Proof;
use tidings_supervise::OnChange;

/// Options, what they need, and whether that is there.
struct Need {
    options: &'static [&'static str],
    what: &'static str,
    is_there: fn(&Settings) -> bool,
}

/// It looks at the children of the process that was told.
const CHILDREN: &str = "--prove children";

const NEEDS: [Need; 9] = [
    Need {
        options: &[
            "--method",
            "--header",
            "--body",
            "--expect",
            "--http-timeout",
            "--ca",
            "--cert",
            "--key",
            "--basic-file",
            "--bearer-file",
            "--insecure",
        ],
        what: "--http, or a preset that calls an address",
        is_there: |settings| matches!(settings.method, ReloadMethod::Http(_)),
    },
    Need {
        options: &["--signal-is-handled"],
        what: "a signal: --signal, --process, --pid-file, or a preset that sends one",
        is_there: |settings| matches!(settings.method, ReloadMethod::Signal(_)),
    },
    Need {
        options: &["--on-failed-restart"],
        what: "--on-change restart, or a preset that restarts",
        is_there: restarts,
    },
    Need {
        options: &["--stop-signal", "--grace"],
        what: "--on-change restart, a preset that restarts, or --exit-code",
        is_there: |settings| restarts(settings) || exits(settings),
    },
    Need {
        options: &["--command-timeout"],
        what: "--check, --exec, or a preset that checks",
        is_there: |settings| {
            settings.check.is_some() || matches!(settings.method, ReloadMethod::Exec(_))
        },
    },
    Need {
        options: &["--poke-file"],
        what: "--listen, and no --once",
        is_there: |settings| settings.listen.is_some() && !settings.once,
    },
    Need {
        options: &["--paced"],
        what: "--poke-file and --memory, and no --at-start never",
        is_there: |settings| {
            let is_known = settings.poke_file.is_some() && settings.memory.is_some();
            is_known && settings.at_start != AtStart::Never
        },
    },
    Need {
        options: &["--prove-timeout"],
        what: "--prove, or a preset that proves",
        is_there: |settings| settings.proof.is_some(),
    },
    Need {
        options: &[CHILDREN],
        what: "a signal or --on-change restart; of --exit-code, --process or --pid-file",
        is_there: |settings| match settings.method {
            ReloadMethod::Signal(_) | ReloadMethod::Restart(_) => true,
            _ => exits(settings) && settings.asked.is_some(),
        },
    },
];

fn restarts(settings: &Settings) -> bool {
    settings.policy.on_change == OnChange::Restart
}

fn exits(settings: &Settings) -> bool {
    matches!(settings.policy.on_change, OnChange::Exit(_))
}

/// `said`: the names of options, as they were written.
///
/// # Errors
/// One sentence, on the first of them that means nothing here.
pub(super) fn meet(said: &[&'static str], settings: &Settings) -> Result<(), String> {
    let by_children = matches!(settings.proof, Some(Proof::Children)).then_some(CHILDREN);
    for name in said.iter().copied().chain(by_children) {
        let missing = NEEDS
            .iter()
            .find(|need| need.options.contains(&name) && !(need.is_there)(settings));
        if let Some(need) = missing {
            let what = need.what;
            return Err(format!("{name} means nothing here: it needs {what}"));
        }
    }
    Ok(())
}

/// The table.
pub(crate) fn rows() -> Vec<Vec<String>> {
    let row = |need: Need| {
        let options = need.options.iter().map(|name| format!("`{name}`"));
        let options: Vec<String> = options.collect();
        vec![options.join(", "), need.what.to_owned()]
    };
    NEEDS.map(row).into()
}

#[cfg(test)]
mod tests {
    use super::super::options::{For, OPTIONS};
    use super::super::read;
    use super::*;
    use std::ffi::OsString;

    fn taken(line: &str) -> Result<(), String> {
        let words = line.split_whitespace().map(OsString::from).collect();
        read(words).map(drop)
    }

    fn with_value(name: &str) -> String {
        let value = match name {
            "--header" => "a:S3CR",
            "--expect" => "200",
            "--http-timeout" | "--grace" | "--command-timeout" | "--prove-timeout" => "3s",
            "--on-failed-restart" => "exit",
            "--stop-signal" => "QUIT",
            "--insecure" | "--signal-is-handled" | "--paced" => "",
            "--cert" => "x --key x",
            "--key" => "x --cert x",
            _ => "x",
        };
        format!("{name} {value}")
    }

    #[test]
    fn what_has_nothing_to_act_on_is_refused_whoever_says_it() {
        for need in NEEDS {
            for name in need.options.iter().filter(|name| **name != CHILDREN) {
                let opt = OPTIONS.iter().find(|opt| opt.name == *name).unwrap();
                let said = with_value(name);
                let both = opt.of == For::Both;
                for line in [
                    format!("watch {said} --await --prove answers=http://h/"),
                    format!("watch {said} --preset prometheus-signal --prove none --exit-code 7"),
                    format!("run {said} --await --prove answers=http://h/ -- x"),
                ] {
                    if !both && line.starts_with("watch") {
                        continue;
                    }
                    let needs = need.what.contains("--prove") || need.what.contains("--exit-code");
                    match taken(&line) {
                        Err(why) => assert!(why.contains("it needs"), "{line}: {why}"),
                        Ok(()) => assert!(needs, "{line}"),
                    }
                }
            }
        }
        let why = taken("watch --signal HUP --process x --header a:S3CR").unwrap_err();
        assert!(why.contains("--header means nothing here"), "{why}");
        assert!(!why.contains("S3CR"), "{why}");
    }

    #[test]
    fn nobodys_children_prove_nothing() {
        for line in [
            "watch --http http://h/ --process x --prove children",
            "watch --exec x --prove children",
            "run --await --prove children -- x",
            "watch --exit-code 7 --prove children",
        ] {
            let why = taken(line).unwrap_err();
            assert!(why.contains("--prove children means nothing here"), "{why}");
        }
    }

    #[test]
    fn beside_what_it_needs_it_is_taken() {
        for line in [
            "watch --header a:b --http http://h/",
            "watch --http http://h/ --cert x --key x --ca x --expect 200",
            "watch --preset prometheus --bearer-file x",
            "run --signal-is-handled -- x",
            "watch --process x --signal-is-handled",
            "run --preset nginx --signal-is-handled --command-timeout 3s --prove-timeout 3s -- x",
            "run --on-change restart --grace 3s --stop-signal KILL --on-failed-restart exit -- x",
            "run --preset rsyslog --grace 3s -- x",
            "run --prove children -- x",
            "run --on-change restart --prove children -- x",
            "watch --exit-code 7 --process x --prove children",
            "run --exit-code 7 --grace 3s --stop-signal WINCH -- x",
            "watch --exec x --command-timeout 3s",
            "watch --exec x --listen :1 --poke-file /p",
            "run --listen :1 --poke-file /p --memory /m --paced -- x",
            "watch --once --check x --command-timeout 3s",
            "watch --await --prove answers=http://h/ --prove-timeout 3s",
        ] {
            assert_eq!(taken(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn of_two_that_say_the_same_one_is_to_be_chosen() {
        for line in [
            "watch --process x --pid-file /x",
            "watch --http http://h/ --basic-file /x --bearer-file /x",
            "watch --http http://h/ --ca /x --insecure",
            "watch --http http://h/ --header authorization:x --bearer-file /x",
            "watch --http http://h/ --header Authorization:x --basic-file /x",
            "watch --http http://u:p@h/ --header Authorization:x",
        ] {
            assert!(taken(line).unwrap_err().contains("choose one"), "{line}");
        }
    }

    #[test]
    fn signals_that_no_program_takes_are_refused() {
        for signal in ["KILL", "SIGSTOP", "9", "19", "32", "33"] {
            let why = taken(&format!("run --signal {signal} -- x")).unwrap_err();
            assert!(
                why.starts_with("--signal: ") && why.contains("no program"),
                "{why}"
            );
        }
        for signal in ["STOP", "32", "33"] {
            let line = format!("run --on-change restart --stop-signal {signal} -- x");
            let why = taken(&line).unwrap_err();
            assert!(why.contains("ends no program"), "{why}");
        }
    }
}
