//! `tidings-agent watch`: a sidecar's signals, calls and commands.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{
    Hook, Running, Volume, agent, binary, copy_program, free_port, get, lines, start, trap_script,
    until,
};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Scene {
    root: tempfile::TempDir,
    volume: Volume,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
        Self { root, volume }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn watch(&self, options: &[&str]) -> Running {
        let mut arguments = vec!["watch", "--watch", self.volume.0.to_str().unwrap()];
        arguments.extend(options);
        agent(&arguments)
    }

    fn change(&self, content: &str) {
        self.volume.write(&[("a", content)]);
    }

    /// A shell under a name of its own that counts signals in a file.
    fn program(&self, name: &str, script: &str) -> Running {
        let program = self.path(name);
        copy_program(Path::new("/bin/dash"), &program);
        let running = start(Command::new(program).args(["-c", script]));
        running.says("up", 1);
        running
    }
}

#[test]
fn a_process_is_found_by_its_name_and_signalled_once_per_change() {
    let scene = Scene::new();
    let log = scene.path("log");
    let _program = scene.program("tidings-hup-by-name", &trap_script("HUP", &log));
    let agent = scene.watch(&[
        "--signal",
        "HUP",
        "--process",
        "tidings-hup-by-name",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("unverified", 1);
    scene.change("3");
    agent.says("unverified", 2);
    until("two signals", || lines(&log) == 2);
}

#[test]
fn a_pid_file_names_the_process() {
    let scene = Scene::new();
    let log = scene.path("log");
    let program = scene.program("tidings-by-pid", &trap_script("USR2", &log));
    fs::write(scene.path("pid"), format!("{}\n", program.pid())).unwrap();
    let file = scene.path("pid");
    let agent = scene.watch(&[
        "--signal",
        "USR2",
        "--pid-file",
        file.to_str().unwrap(),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    until("signalled", || lines(&log) == 1);
}

#[test]
fn a_change_waits_for_a_process_that_is_not_there_yet() {
    let scene = Scene::new();
    let log = scene.path("log");
    let agent = scene.watch(&["--process", "tidings-comes-later"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says(
        "waiting: a process called tidings-comes-later is not there yet",
        1,
    );
    let _program = scene.program("tidings-comes-later", &trap_script("HUP", &log));
    until("told once it is there", || lines(&log) == 1);
}

#[test]
fn a_process_that_started_before_the_files_came_is_told_at_start_and_others_are_not() {
    let scene = Scene::new();
    let log = scene.path("log");
    let _program = scene.program("tidings-started-before", &trap_script("HUP", &log));
    scene.change("2");
    let agent = scene.watch(&["--process", "tidings-started-before"]);
    until("told at start", || lines(&log) == 1);
    agent.says("unverified", 1);

    let later = scene.path("later");
    let _program = scene.program("tidings-started-after", &trap_script("HUP", &later));
    let agent = scene.watch(&["--process", "tidings-started-after"]);
    agent.says("watching", 1);
    scene.change("3");
    agent.says("unverified", 1);
    assert_eq!(lines(&later), 1, "for the change alone");
}

#[test]
fn the_successor_of_a_process_that_died_of_the_signal_has_the_files_and_is_told_of_the_next() {
    let scene = Scene::new();
    let script = "trap 'exit 1' HUP; echo up; while :; do sleep 0.02; done";
    let mut program = scene.program("tidings-dies-of-it", script);
    let agent = scene.watch(&["--process", "tidings-dies-of-it", "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("ended when it got SIGHUP", 1);
    program.ends();
    agent.says(
        "waiting: a process called tidings-dies-of-it is not there yet",
        1,
    );
    let log = scene.root.path().join("log");
    let _again = scene.program("tidings-dies-of-it", &trap_script("HUP", &log));
    agent.says("applied", 1);
    assert_eq!(lines(&log), 0, "it started with them");
    scene.change("3");
    until("the successor is told", || lines(&log) == 1);
}

#[test]
fn a_process_that_hands_over_to_a_new_one_has_applied_it() {
    // As tableflip does: on HUP a new process of the same name, then the old one ends.
    let scene = Scene::new();
    let (log, pid) = (scene.root.path().join("log"), scene.root.path().join("pid"));
    let script = scene.path("script");
    let text = format!(
        "echo $$ > {pid}; echo start >> {log}; trap 'sh {script} & sleep 0.3; exit 0' HUP; echo up; while :; do sleep 0.02; done",
        pid = pid.display(),
        log = log.display(),
        script = script.display(),
    );
    fs::write(&script, &text).unwrap();
    let old = start(Command::new("sh").arg(&script));
    old.says("up", 1);
    let agent = scene.watch(&["--pid-file", pid.to_str().unwrap(), "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("applied", 1);
    assert_eq!(agent.said("rejected"), 0, "{}", agent.output());
    scene.change("3");
    agent.says("applied", 2);
    assert_eq!(lines(&log), 3);
    let last = fs::read_to_string(&pid).unwrap();
    common::signal(last.trim().parse().unwrap(), "KILL");
}

#[test]
fn go_programs_are_signalled_only_if_somebody_knows_them() {
    let scene = Scene::new();
    let dies = go_program(&scene, "go-dies");
    let agent = scene.watch(&[
        "--process",
        "go-dies",
        "--at-start",
        "never",
        "--retry",
        "1h",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("is a Go program", 1);
    let mut dies = dies;
    assert!(dies.runs());

    let handles = go_program(&scene, "go-handles");
    let options = [
        "--process",
        "go-handles",
        "--at-start",
        "never",
        "--signal-is-handled",
    ];
    let agent = scene.watch(&options);
    agent.says("watching", 1);
    scene.change("3");
    handles.says("reloaded", 1);
    agent.says("unverified", 1);
}

fn go_program(scene: &Scene, name: &str) -> Running {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    let program = scene.path(name);
    let built = Command::new("go")
        .args(["build", "-o", program.to_str().unwrap(), "main.go"])
        .env("GO111MODULE", "off")
        .current_dir(source)
        .status();
    assert!(built.unwrap().success());
    let running = start(&mut Command::new(program));
    running.says("up", 1);
    running
}

#[test]
fn without_the_right_to_signal_it_says_what_to_do() {
    let scene = Scene::new();
    let _program = scene.program("tidings-of-root", &trap_script("HUP", &scene.path("log")));
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(scene.root.path(), open).unwrap();
    let copy = scene.path("agent");
    copy_program(&binary(), &copy);
    let agent = start(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(copy)
            .args([
                "watch",
                "--process",
                "tidings-of-root",
                "--at-start",
                "never",
                "--watch",
            ])
            .arg(&scene.volume.0),
    );
    agent.says("watching", 1);
    scene.change("2");
    agent.says("no permission to send SIGHUP", 1);
    agent.says("runAsUser", 1);
}

#[test]
fn a_call_is_made_as_asked() {
    let scene = Scene::new();
    let hook = Hook::new();
    fs::write(scene.path("basic"), "user:pass\n").unwrap();
    let (url, basic) = (hook.url("/-/reload?x=1"), scene.path("basic"));
    let agent = scene.watch(&[
        "--http",
        &url,
        "--method",
        "put",
        "--header",
        "X-Why: config",
        "--body",
        "now",
        "--basic-file",
        basic.to_str().unwrap(),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("applied", 1);
    let request = hook.requests.lock().unwrap()[0].to_lowercase();
    assert!(
        request.starts_with("put /-/reload?x=1 http/1.1"),
        "{request}"
    );
    assert!(request.contains("x-why: config"));
    assert!(request.contains("authorization: basic dxnlcjpwyxnz"));
    assert!(request.ends_with("\r\n\r\nnow"));
}

#[test]
fn a_bearer_token_is_read_anew_for_each_call() {
    let scene = Scene::new();
    let (hook, token) = (Hook::new(), scene.path("token"));
    fs::write(&token, "first").unwrap();
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--bearer-file",
        token.to_str().unwrap(),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("applied", 1);
    fs::write(&token, "second").unwrap();
    scene.change("3");
    agent.says("applied", 2);
    let requests = hook.requests.lock().unwrap();
    assert!(requests[0].contains("Bearer first") && requests[1].contains("Bearer second"));
}

#[test]
fn a_socket_can_be_called() {
    let scene = Scene::new();
    let socket = scene.path("sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let url = format!("unix:{}:/reload", socket.display());
    let agent = scene.watch(&["--http", &url, "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0u8; 512];
    let length = stream.read(&mut request).unwrap();
    assert!(String::from_utf8_lossy(&request[..length]).starts_with("POST /reload HTTP/1.1"));
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    agent.says("applied", 1);
}

#[test]
fn an_answer_that_means_no_is_repeated_until_it_means_yes() {
    let scene = Scene::new();
    let (hook, port) = (Hook::new(), free_port());
    hook.set(500);
    let listen = format!("127.0.0.1:{port}");
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--retry",
        "20ms",
        "--at-start",
        "never",
        "--listen",
        &listen,
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("rejected", 3);
    assert_eq!(get(port, "/readyz").unwrap().0, 503);
    assert!(
        get(port, "/state.json")
            .unwrap()
            .1
            .contains("\"owed\":true")
    );
    hook.set(200);
    agent.says("applied", 1);
    until("ready again", || get(port, "/readyz").unwrap().0 == 200);
    assert!(
        get(port, "/state.json")
            .unwrap()
            .1
            .contains("\"owed\":false")
    );
}

#[test]
fn a_target_that_hangs_is_given_up_and_tried_again() {
    let scene = Scene::new();
    let hook = Hook::new();
    hook.set(0);
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--http-timeout",
        "100ms",
        "--retry",
        "20ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("did not answer in time", 2);
    hook.set(200);
    agent.says("applied", 1);
}

#[test]
fn a_newer_change_does_not_wait_for_a_target_that_hangs() {
    let scene = Scene::new();
    let hook = Hook::new();
    hook.set(0);
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--http-timeout",
        "1h",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    until("called", || hook.count() == 1);
    hook.set(200);
    scene.change("3");
    agent.says("applied", 1);
}

#[test]
fn a_target_that_is_down_is_waited_for() {
    let scene = Scene::new();
    let port = free_port();
    let agent = scene.watch(&["--http", &format!("http://127.0.0.1:{port}/")]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("waiting: nobody listens", 1);
    let hook = Hook::on(TcpListener::bind(("127.0.0.1", port)).unwrap());
    agent.says("applied", 1);
    assert_eq!(hook.count(), 1);
}

#[test]
fn of_two_targets_only_the_one_that_failed_is_called_again() {
    let scene = Scene::new();
    let (good, bad) = (Hook::new(), Hook::new());
    bad.set(500);
    let agent = scene.watch(&[
        "--http",
        &good.url("/"),
        "--http",
        &bad.url("/"),
        "--retry",
        "20ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("rejected", 2);
    bad.set(200);
    agent.says("applied", 1);
    assert_eq!(good.count(), 1);
}

#[test]
fn https_needs_the_right_authority_and_can_show_a_certificate() {
    let scene = Scene::new();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (cert, key) = (scene.path("cert.pem"), scene.path("key.pem"));
    fs::write(&cert, certified.cert.pem()).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let server = start(
        Command::new("openssl")
            .args(["s_server", "-www", "-accept", &port.to_string()])
            .args([
                "-Verify",
                "1",
                "-cert",
                cert.to_str().unwrap(),
                "-key",
                key.to_str().unwrap(),
            ]),
    );
    server.says("ACCEPT", 1);
    let url = format!("https://localhost:{port}/");
    let common = [
        "--http",
        &url,
        "--method",
        "GET",
        "--at-start",
        "never",
        "--retry",
        "1h",
    ];
    let pair = [
        "--cert",
        cert.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ];

    let trusting =
        scene.watch(&[&common[..], &pair[..], &["--ca", cert.to_str().unwrap()]].concat());
    let doubting = scene.watch(&[&common[..], &pair[..]].concat());
    trusting.says("watching", 1);
    doubting.says("watching", 1);
    scene.change("2");
    trusting.says("applied", 1);
    doubting.says("unverified", 1);
}

#[test]
fn a_command_is_told_what_changed() {
    let scene = Scene::new();
    let out = scene.path("out");
    let command = format!(
        "sh -c 'echo \"$TIDINGS_FILES|$TIDINGS_GENERATION\" > {}'",
        out.display()
    );
    let agent = scene.watch(&["--exec", &command, "--at-start", "never"]);
    agent.says("watching", 1);
    scene.volume.write(&[("a", "2"), ("b", "3")]);
    agent.says("unverified", 1);
    let told = fs::read_to_string(&out).unwrap();
    let generation = scene.volume.generation().unwrap();
    assert_eq!(told, format!("a\nb|{generation}\n"));
}

#[test]
fn an_exit_code_needs_no_target_and_nothing_happens_at_start() {
    let scene = Scene::new();
    let mut agent = scene.watch(&["--exit-code", "42"]);
    agent.says("watching", 1);
    scene.change("2");
    assert_eq!(agent.code(), 42);
}

#[test]
fn a_sidecar_that_is_told_to_end_ends_well() {
    let scene = Scene::new();
    let mut agent = scene.watch(&["--exec", "true", "--at-start", "never"]);
    agent.says("watching", 1);
    agent.signal("TERM");
    assert_eq!(agent.code(), 0);
}

#[test]
fn proofs_decide_the_outcome() {
    let scene = Scene::new();
    let proof = scene.path("proof");
    let command = format!("succeeds=test -e {}", proof.display());
    let agent = scene.watch(&[
        "--exec",
        "true",
        "--prove",
        &command,
        "--prove-timeout",
        "100ms",
        "--retry",
        "20ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("rejected: the proving command failed", 1);
    fs::write(&proof, "").unwrap();
    agent.says("applied", 1);
}

#[test]
fn bad_command_lines_end_with_2_and_one_sentence() {
    for arguments in [
        &["watch", "--frobnicate"][..],
        &["watch", "--signal", "NOPE"],
        &["watch", "--preset", "nope"],
        &[
            "watch",
            "--watch",
            "/proc/1/root/nowhere",
            "--listen",
            "256.0.0.1:1",
            "--exec",
            "true",
        ],
        &["run"],
        &[],
    ] {
        let mut agent = agent(arguments);
        assert_eq!(agent.code(), 2, "{arguments:?}");
        agent.says("tidings-agent: ", 1);
        assert_eq!(agent.output().lines().count(), 1, "{arguments:?}");
    }
}

#[test]
fn a_directory_that_may_not_be_read_is_said_at_start() {
    let scene = Scene::new();
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let closed: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(scene.root.path(), open).unwrap();
    fs::set_permissions(&scene.volume.0, closed).unwrap();
    let copy = scene.path("agent");
    copy_program(&binary(), &copy);
    let mut agent = start(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(copy)
            .args(["watch", "--exec", "true", "--watch"])
            .arg(&scene.volume.0),
    );
    assert_eq!(agent.code(), 2);
    agent.says("cannot be read", 1);
}

#[test]
fn it_installs_itself_where_there_is_no_cp() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("agent");
    assert_eq!(agent(&["install", place.to_str().unwrap()]).code(), 0);
    let version = Command::new(&place).arg("version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("tidings-agent "));
    assert_eq!(agent(&["install", "/nonexistent/place"]).code(), 1);
    assert_eq!(agent(&["install"]).code(), 2);
}

#[test]
fn a_pid_file_that_is_older_than_its_process_is_stale() {
    let scene = Scene::new();
    let (log, pid) = (scene.path("log"), scene.path("pid"));
    let program = scene.program("tidings-stale-pid", &trap_script("HUP", &log));
    fs::write(&pid, program.pid().to_string()).unwrap();
    let made = Command::new("touch")
        .args(["-d", "1 hour ago"])
        .arg(&pid)
        .status();
    assert!(made.unwrap().success());
    let agent = scene.watch(&["--pid-file", pid.to_str().unwrap(), "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("is older than process", 1);
    assert_eq!(lines(&log), 0);
    fs::write(&pid, program.pid().to_string()).unwrap();
    agent.says("unverified", 1);
    assert_eq!(lines(&log), 1);
}

#[test]
fn where_processes_are_not_shared_that_is_said_at_once_and_it_is_not_ready() {
    let scene = Scene::new();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let volume = scene.volume.0.to_str().unwrap();
    let hidden = start(
        Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .arg(binary())
            .args([
                "watch",
                "--watch",
                volume,
                "--process",
                "nginx",
                "--listen",
                &listen,
            ]),
    );
    hidden.says("shareProcessNamespace: true", 1);
    until("not ready", || {
        get(port, "/readyz").is_some_and(|(status, body)| status == 503 && body.contains("shared"))
    });
    let shared = scene.watch(&["--process", "nginx"]);
    shared.says("watching", 1);
    assert_eq!(shared.said("shared"), 0, "{}", shared.output());
}

#[test]
fn every_answer_about_the_state_is_of_one_moment() {
    let scene = Scene::new();
    let (hook, port) = (Hook::new(), free_port());
    let listen = format!("127.0.0.1:{port}");
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--at-start",
        "never",
        "--listen",
        &listen,
    ]);
    let dir = scene.volume.0.to_str().unwrap();
    let state = || -> serde_json::Value {
        let page = get(port, "/state.json").map(|(_, body)| body);
        page.map_or_else(Default::default, |page| {
            serde_json::from_str(&page).unwrap()
        })
    };
    until("it says what the process has", || {
        let state = state();
        state["mounts"][0]["taken"].is_string()
            && state["mounts"][0]["taken"] == state["mounts"][0]["generation"]
    });
    for count in 1..40 {
        scene.change(&count.to_string());
        until("taken", || {
            let state = state();
            let (mount, last) = (&state["mounts"][0], &state["last"]);
            let is_in_step = state["owed"] == false;
            if is_in_step {
                assert_eq!(mount["taken"], mount["generation"], "{state}");
            }
            if is_in_step && last.is_object() {
                assert_eq!(last["tried"][dir], mount["generation"], "{state}");
            }
            is_in_step
                && Some(mount["generation"].as_str().unwrap())
                    == scene.volume.generation().as_deref()
        });
    }
    assert!(agent.said("applied") >= 1);
}
