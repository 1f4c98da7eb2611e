//! The real program, without a cluster.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn tidings(args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("tidings")
        .unwrap()
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn options_that_make_no_sense_end_with_one_sentence() {
    let args = ["controller", "--namespaces=a", "--namespaces-to-ignore=b"];
    let (code, out, err) = tidings(&args);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(
        err,
        "error: --namespaces already says which namespaces are watched: \
         leave out --namespaces or --namespaces-to-ignore\n"
    );
}

#[test]
fn a_word_that_cannot_be_read_names_its_option() {
    let (code, _, err) = tidings(&["controller", "--settle=soon"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("--settle") && err.contains("is not a time such as"),
        "{err}"
    );
}

#[test]
fn options_alone_are_the_controllers() {
    let (code, _, err) = tidings(&["--log-format=", "--log-level=warning", "--settle=soon"]);
    assert_eq!(code, 2);
    assert!(err.contains("--settle"), "{err}");
}

#[test]
fn an_option_that_reloader_may_have_and_we_have_not_says_where_to_look() {
    let (code, _, err) = tidings(&["--from-a-later-version"]);
    assert_eq!(code, 2);
    assert!(err.contains("'--from-a-later-version'"), "{err}");
    assert!(err.contains("docs/migrating-from-reloader.md"), "{err}");
}

#[test]
fn help_shows_examples() {
    for command in ["controller", "why", "stale", "manifests", "completion"] {
        let (code, out, _) = tidings(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(out.contains("Examples:"), "{command}");
    }
}

#[test]
fn manifests_take_the_options_of_the_controller() {
    let (code, out, _) = tidings(&["manifests", "--settle=5s", "--context=mine", "--image=x:1"]);
    assert_eq!(code, 0);
    assert!(
        out.contains(r#"- "--settle=5s""#) && out.contains(r#"image: "x:1""#),
        "{out}"
    );
    assert!(!out.contains("mine"), "{out}");
}

#[test]
fn variables_set_options() {
    let output = Command::cargo_bin("tidings")
        .unwrap()
        .env("TIDINGS_NAMESPACES", "stage,prod")
        .arg("manifests")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains(r#"- "--namespaces=stage,prod""#), "{out}");
}

#[test]
fn completion_is_printed() {
    let (code, out, _) = tidings(&["completion", "bash"]);
    assert!(
        code == 0 && out.contains("-F _clap_complete_tidings"),
        "{out}"
    );
}

/// The program under another name, as kubectl starts it.
fn called(name: &str, args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(name);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tidings"), &link).unwrap();
    let output = std::process::Command::new(link).args(args).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn as_kubectls_plugin_it_speaks_of_what_was_typed() {
    let help = called("kubectl-tidings", &["stale", "--help"]);
    assert!(help.contains("Usage: kubectl tidings stale"), "{help}");
    assert!(help.contains("\n  kubectl tidings stale -A "), "{help}");
    let own = called("tidings", &["stale", "--help"]);
    assert!(own.contains("Usage: tidings stale"), "{own}");
}

#[test]
fn kubectl_is_told_how_its_plugin_goes_on() {
    let answer = called("kubectl_complete-tidings", &["wh"]);
    assert!(
        answer.starts_with("why\t") && answer.ends_with("\n:4\n"),
        "{answer}"
    );
}

#[test]
fn a_group_is_nobody_without_a_user() {
    let (code, _, err) = tidings(&["stale", "--as-group", "people"]);
    assert_eq!(code, 2);
    assert!(err.contains("--as <USER>"), "{err}");
}

/// Of a server that takes connections and never answers.
#[test]
fn nobody_waits_longer_than_he_says() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&folder, &silent, "{token: t}");
    let path = kubeconfig.to_str().unwrap();
    let way = ["--kubeconfig", path, "--request-timeout", "1"];
    for command in ["stale", "why"] {
        let (code, _, err) = tidings(&[&[command, "-n", "a"], &way[..]].concat());
        assert_eq!(code, 2);
        assert!(err.contains("no answer in 1 s"), "{err}");
    }
}

/// Whether a process catches SIGTERM (`proc_pid_status(5)`).
fn hears(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(caught.unwrap().trim(), 16).unwrap() & (1 << 14) != 0
}

/// One with which this user speaks to this server.
fn kubeconfig(folder: &TempDir, server: &TcpListener, user: &str) -> PathBuf {
    let server = format!("http://{}", server.local_addr().unwrap());
    let path = folder.path().join("kubeconfig");
    let text = format!(
        "{{current-context: c, contexts: [{{name: c, context: {{cluster: c, user: c}}}}], \
         clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}], \
         users: [{{name: c, user: {user}}}]}}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Of a controller that is told to stop at its start, as a user of this kind, against a
/// server that never answers.
fn code_when_told_to_stop(user: &str, log: impl Into<Stdio>) -> Option<i32> {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&folder, &silent, user);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["controller", "--listen=off"])
        .env("KUBECONFIG", &kubeconfig)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    while !hears(child.id()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait().unwrap().code()
}

#[test]
fn the_controller_ends_when_told_also_while_a_plugin_hangs() {
    let plugin = "{exec: {command: sleep, args: [\"1000\"]}}";
    assert_eq!(code_when_told_to_stop(plugin, Stdio::null()), Some(0));
}

/// The line that would say so waits for somebody to read it.
#[test]
fn the_controller_ends_when_told_also_where_nobody_reads_its_log() {
    let (_unread, mut log) = std::io::pipe().unwrap();
    // As much as a pipe holds (pipe(7)).
    log.write_all(&vec![b'.'; 65_536]).unwrap();
    assert_eq!(code_when_told_to_stop("{token: t}", log), Some(2));
}
