//! The agent before files that somebody hostile wrote, or that are broken:
//! never blocked, never led outside, and blind for nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::scene::{Scene, Watching, text};
use common::{
    Hook, Volume, agent, binary, copy_program, free_port, full_socket, get, peak, start, until,
};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

#[test]
fn a_pid_file_that_is_a_fifo_holds_nobody_up() {
    let scene = Scene::new();
    let fifo = scene.fifo("pid");
    let watching = scene.watch(&["--signal", "HUP", "--pid-file", text(&fifo)]);
    fs::write(scene.path("d/a"), "2").unwrap();
    watching.agent.says("rejected: ", 1);
    watching.agent.says("it is no regular file", 1);
}

#[test]
fn credentials_that_are_a_fifo_hold_nobody_up() {
    let scene = Scene::new();
    let hook = Hook::new();
    let fifo = scene.fifo("token");
    for option in ["--bearer-file", "--basic-file"] {
        let options = ["--http", &hook.url("/x"), option, text(&fifo)];
        let watching = scene.watch(&options);
        watching.agent.says("it is no regular file", 1);
    }
    for option in ["--ca", "--cert"] {
        let options = ["--http", "https://127.0.0.1:9/x", option, text(&fifo)];
        let mut all = vec!["--key", text(&fifo), "--at-start", "always"];
        if option == "--ca" {
            all.truncate(0);
            all.extend(["--at-start", "always"]);
        }
        all.extend(options);
        let watching = scene.watch(&all);
        watching.agent.says("it is no regular file", 1);
    }
    assert_eq!(hook.count(), 0);
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let scene = Scene::new();
    let sparse = fs::File::create(scene.path("d/sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let dir = scene.path("d");
    let mut agent = agent(&["run", "--watch", text(&dir), "--", "sh", "-c", "exit 3"]);
    assert_eq!(agent.code(), 3);
    agent.says("d/sparse cannot be read: it is larger than 64 MiB", 1);
}

#[test]
fn links_do_not_lead_out_of_a_watched_place() {
    let scene = Scene::new();
    fs::write(scene.path("secret"), "x").unwrap();
    fs::create_dir(scene.path("d/sub")).unwrap();
    for (name, target) in [
        ("d/shadow", "/etc/shadow"),
        ("d/environ", "/proc/self/environ"),
        ("d/zero", "/dev/zero"),
        ("d/up", "../secret"),
        ("d/dir", "/etc"),
        ("d/sub/far", "../../secret"),
        ("d/near", "a"),
        ("d/sub/near", "../a"),
    ] {
        symlink(target, scene.path(name)).unwrap();
    }
    let watching = scene.watch(&["--exec", "true"]);
    assert_eq!(watching.files(), ["a", "near", "sub/near"]);
    watching
        .agent
        .says("d/shadow cannot be read: a link leads out", 1);
    let unread = &watching.state()["mounts"][0]["unread"];
    assert_eq!(unread.as_array().unwrap().len(), 6, "{unread}");
    fs::write(scene.path("d/a"), "2").unwrap();
    watching.agent.says("changed: a, near, sub/near", 1);
    // It holds more than is listed.
    fs::remove_file(scene.path("d/dir")).unwrap();
    let followed = scene.watch(&["--exec", "true", "--follow-links"]);
    assert!(followed.files().contains(&"up".to_owned()));
}

#[test]
fn a_volume_that_names_another_directory_is_not_looked_into() {
    let scene = Scene::new();
    let volume = Volume::new(scene.path("cm"), &[("a", "1")]);
    let watching = scene.watch(&["--watch", text(&volume.0), "--exec", "true"]);
    symlink("/etc/ssl", volume.0.join("..data_tmp")).unwrap();
    fs::rename(volume.0.join("..data_tmp"), volume.0.join("..data")).unwrap();
    watching.agent.says("a link leads out of its place", 1);
    let mount = || watching.state()["mounts"][1].clone();
    until("it is unreadable", || mount()["watchedBy"] == "unreadable");
    assert_eq!(mount()["files"], serde_json::json!(["a"]));
    assert_eq!(get(watching.port, "/readyz").unwrap().0, 503);
    volume.swap(&[("a", "2")]);
    watching.agent.says("changed: a", 1);
    until("it is ready again", || {
        get(watching.port, "/readyz").unwrap().0 == 200
    });
}

#[test]
fn one_bad_entry_blinds_nothing_but_itself() {
    let scene = Scene::new();
    fs::create_dir_all(scene.path("d/lost+found/below")).unwrap();
    fs::write(scene.path("d/lost+found/x"), "").unwrap();
    symlink("self", scene.path("d/self")).unwrap();
    symlink("lost+found/below", scene.path("d/through")).unwrap();
    symlink("lost+found/x", scene.path("d/file")).unwrap();
    scene.fifo("d/fifo");
    fs::write(scene.path("d/mine"), "").unwrap();
    for (name, mode) in [("d/lost+found", 0o700), ("d/mine", 0o400)] {
        fs::set_permissions(scene.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let copy = scene.path("agent");
    copy_program(&binary(), &copy);
    let port = free_port();
    let agent = start(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(copy)
            .args(["watch", "--exec", "true", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--watch")
            .arg(scene.path("d")),
    );
    until("it answers", || get(port, "/livez").is_some());
    let watching = Watching { agent, port };
    assert_eq!(watching.files(), ["a", "mine"]);
    for name in ["d/lost+found", "d/through", "d/file", "d/mine"] {
        let sentence = format!("{name} cannot be read: Permission denied");
        watching.agent.says(&sentence, 1);
    }
    let (_, metrics) = get(port, "/metrics").unwrap();
    assert!(
        metrics.contains("tidings_agent_unread_entries 4"),
        "{metrics}"
    );
    fs::write(scene.path("d/a"), "2").unwrap();
    watching.agent.says("changed: a", 1);
}

/// What people name themselves and the agent may not read ends it at its start; not
/// what somebody else's link makes of it.
#[test]
fn a_named_link_into_what_may_not_be_read_blinds_nothing_else() {
    let scene = Scene::new();
    fs::create_dir_all(scene.path("d/mine/below")).unwrap();
    fs::set_permissions(scene.path("d/mine"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("mine/below", scene.path("d/named")).unwrap();
    copy_program(&binary(), &scene.path("agent"));
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let named = scene.path("d/named");
    let options = ["--watch", text(&named), "--exec", "true"];
    let watching = scene.watch_by(command.arg(scene.path("agent")), &options);
    watching
        .agent
        .says("d/named cannot be read: Permission denied", 1);
    assert_eq!(watching.state()["mounts"][1]["watchedBy"], "unreadable");
    fs::write(scene.path("d/a"), "2").unwrap();
    watching.agent.says("changed: a", 1);
    fs::remove_file(&named).unwrap();
    fs::create_dir(&named).unwrap();
    fs::write(named.join("x"), "1").unwrap();
    watching.agent.says("changed: named/x", 1);
    until("it is read", || {
        watching.state()["mounts"][1]["files"][0] == "x"
    });
}

#[test]
fn links_among_directories_are_followed_once() {
    let scene = Scene::new();
    for from in 0..12 {
        let dir = scene.path(&format!("d/{from}"));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("x"), "1").unwrap();
        for to in 0..12 {
            symlink(format!("../{to}"), dir.join(format!("to{to}"))).unwrap();
        }
    }
    let watching = scene.watch(&["--exec", "true"]);
    assert!(watching.files().contains(&"3/x".to_owned()));
    fs::write(scene.path("d/3/x"), "2").unwrap();
    watching.agent.says("changed: ", 1);
}

#[test]
fn a_tree_that_is_too_deep_is_said() {
    let scene = Scene::new();
    let deep = scene.path("d/1/2/3/4/5/6/7/8/9/10");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("x"), "1").unwrap();
    let watching = scene.watch(&["--exec", "true"]);
    watching
        .agent
        .says("cannot be read: it is nested too deep", 1);
}

/// Each of them took a minute, a gigabyte, or a megabyte of log.
#[test]
fn rendering_takes_little_whatever_is_rendered() {
    let scene = Scene::new();
    let (input, output) = (scene.path("d/a"), scene.path("out"));
    let render = format!("{}={}", text(&input), text(&output));
    let brackets = "$(".repeat(1 << 19);
    let names: Vec<String> = (0..100_000).map(|n| format!("$(N{n})")).collect();
    let watching = scene.watch(&["--render", &render, "--exec", "true"]);
    for content in [&brackets, &names.concat(), "fixed"] {
        // As the kubelet does it, so that nothing half written is rendered.
        fs::write(scene.path("new"), content).unwrap();
        fs::rename(scene.path("new"), &input).unwrap();
        until("it is rendered", || {
            fs::read_to_string(&output).unwrap() == *content
        });
    }
    watching
        .agent
        .says("not set, left as they stand: N0, N1, N10, N100", 1);
    watching.agent.says("and 99980 more", 1);
    let longest = watching.agent.output().lines().map(str::len).max();
    assert!(longest.unwrap() < 10_000);
    assert!(
        peak(watching.agent.pid()) < 32 << 10,
        "{}",
        peak(watching.agent.pid())
    );
}

#[test]
fn an_output_that_is_a_directory_is_refused() {
    let scene = Scene::new();
    fs::create_dir(scene.path("etc")).unwrap();
    fs::write(scene.path("etc/precious"), "").unwrap();
    let render = format!("{}={}", text(&scene.path("d/a")), text(&scene.path("etc")));
    let mut agent = agent(&["run", "--render", &render, "--", "true"]);
    assert_eq!(agent.code(), 1);
    agent.says("it is a directory", 1);
    assert!(scene.path("etc/precious").exists());
}

#[test]
fn an_agent_that_is_killed_during_the_check_leaves_what_was_good() {
    let scene = Scene::new();
    let (input, output) = (scene.path("d/a"), scene.path("out"));
    let render = format!("{}={}", text(&input), text(&output));
    fs::write(&input, "good").unwrap();
    assert_eq!(agent(&["watch", "--once", "--render", &render]).code(), 0);
    fs::write(&input, "bad").unwrap();
    let check = ["--check", "sleep 30", "--command-timeout", "1m"];
    let killed = agent(&[&["watch", "--once", "--render", &render], &check[..]].concat());
    until("it is checked", || fs::read(&output).unwrap() == b"bad");
    killed.kill();
    let mut next = agent(&["watch", "--once", "--render", &render, "--check", "false"]);
    assert_eq!(next.code(), 1);
    assert_eq!(fs::read(&output).unwrap(), b"good");
}

/// With a shorter limit than the default of ten seconds, to end soon.
#[test]
fn a_socket_that_nobody_serves_is_given_up_in_time() {
    let scene = Scene::new();
    let path = scene.path("full.sock");
    let (_listener, _waiting) = full_socket(&path);
    let url = format!("unix:{}:/x", path.display());
    let watching = scene.watch(&["--http", &url, "--http-timeout", "1s"]);
    watching.agent.says("did not answer in time", 1);
    let mut watching = watching;
    watching.agent.signal("TERM");
    assert_eq!(watching.agent.code(), 0);
}

#[test]
fn what_may_be_secret_in_an_address_is_shown_nowhere() {
    let scene = Scene::new();
    let hook = Hook::new();
    hook.set(500);
    let address = format!("//user:secret@127.0.0.1:{}/x?token=secret", hook.port);
    let watching = scene.watch(&["--http", &format!("http:{address}")]);
    watching.agent.says("rejected: http://127.0.0.1", 1);
    for page in ["/state.json", "/readyz", "/metrics"] {
        let (_, text) = get(watching.port, page).unwrap();
        assert!(!text.contains("secret") && !text.contains("user"), "{text}");
    }
    let request = hook.requests.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /x?token=secret "), "{request}");
    let output = watching.agent.output();
    assert!(
        !output.contains("secret") && !output.contains("user"),
        "{output}"
    );
}

#[test]
fn what_cannot_be_done_is_refused_at_the_start_without_telling_secrets() {
    for wrong in [
        ["--exec", "''"],
        ["--check", "'' x"],
        ["--process", ""],
        ["--pid-file", ""],
        ["--header", "a b: secret"],
        ["--header", "Authorization secret"],
        ["--http", "http://u:secret/ss@host"],
        ["--http", "http://u:80/secret@host"],
        ["--http", "http://host:port/"],
        ["--prove", "answers=http://u:secret/ss@host"],
    ] {
        let mut agent = agent(&[&["watch"], &wrong[..]].concat());
        assert_eq!(agent.code(), 2, "{wrong:?}");
        agent.says(wrong[0], 1);
        let output = agent.output();
        assert!(!output.contains("secret"), "{output}");
    }
}

/// Nobody else on this machine sleeps so long.
fn sleep_of_our_own(number: u32) -> String {
    format!("sleep 4711{number}.{}", std::process::id())
}

/// How many processes have this in their command line.
fn running(words: &str) -> usize {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let lines = pids.filter_map(|pid| fs::read(pid.path().join("cmdline")).ok());
    let words = words.replace(' ', "\0");
    lines
        .filter(|line| String::from_utf8_lossy(line).starts_with(&words))
        .count()
}

/// With a shorter limit than the default of ten seconds, to end soon.
#[test]
fn a_check_ends_with_all_that_it_started() {
    let scene = Scene::new();
    let sleep = sleep_of_our_own(1);
    for (check, sentence) in [
        ("sh -c 'setsid SLEEP & exit 1'", "failed with exit code 1"),
        ("sh -c 'setsid SLEEP & SLEEP'", "did not end within"),
        (
            "sh -c '(env -i setsid SLEEP; :) & SLEEP'",
            "did not end within",
        ),
        (
            "sh -c 'env -i setsid -f setsid -f SLEEP; SLEEP'",
            "did not end within",
        ),
        (
            "sh -c 'env -i setsid -f setsid -f SLEEP; exit 1'",
            "failed with exit code 1",
        ),
    ] {
        let check = check.replace("SLEEP", &sleep);
        let options = ["--exec", "true", "--at-start", "always"];
        let limit = ["--command-timeout", "500ms", "--check", &check];
        let watching = scene.watch(&[&options[..], &limit[..]].concat());
        watching.agent.says(sentence, 2);
        until("nobody is left but of the check under way", || {
            running(&sleep) <= 2
        });
        drop(watching);
        until("nobody is left", || running(&sleep) == 0);
    }
}

#[test]
fn a_check_ends_with_the_agent() {
    let scene = Scene::new();
    let sleep = sleep_of_our_own(2);
    for (mode, child) in [("watch", &[][..]), ("run", &["--", "sleep", "600"])] {
        for check in [
            "sh -c 'setsid SLEEP & SLEEP'",
            "sh -c '(setsid -f setsid SLEEP &) ; SLEEP'",
            "sh -c '(env -i setsid SLEEP; :) & SLEEP'",
            "sh -c 'env -i setsid -f setsid -f SLEEP; SLEEP'",
        ] {
            let check = check.replace("SLEEP", &sleep);
            let render = format!("{0}/d/a={0}/out", text(scene.root.path()));
            for first in [true, false] {
                fs::remove_file(scene.path("out")).ok();
                fs::write(scene.path("d/a"), "1").unwrap();
                let check = if first {
                    check.clone()
                } else {
                    // The first time all is well.
                    format!(
                        "sh -c 'grep 1 \"{0}/out\" || exec {1}'",
                        text(scene.root.path()),
                        check.replace('\'', "\"")
                    )
                };
                let options = [
                    "--render",
                    &render,
                    "--check",
                    &check,
                    "--command-timeout",
                    "10m",
                ];
                let mut agent = agent(&[&[mode][..], &options, way(mode), child].concat());
                if !first {
                    until("it is ready", || {
                        agent.said("watching") > 0 && scene.path("out").exists()
                    });
                    fs::write(scene.path("d/a"), "2").unwrap();
                }
                until("it is checked", || running(&sleep) == 2);
                agent.signal("TERM");
                agent.ends();
                assert_eq!(running(&sleep), 0, "{mode} {check}");
            }
        }
    }
}

fn way(mode: &str) -> &'static [&'static str] {
    if mode == "watch" {
        &["--exec", "true"]
    } else {
        &["--signal", "HUP"]
    }
}

#[test]
fn what_a_check_prints_cannot_write_to_a_terminal() {
    let scene = Scene::new();
    let script = scene.path("check");
    fs::write(&script, "printf 'a\\033[2J\\000\\rb'; exit 1").unwrap();
    let check = format!("sh {}", text(&script));
    let watching = scene.watch(&["--exec", "true", "--at-start", "always", "--check", &check]);
    watching.agent.says(r"a\u{1b}[2J\u{0}\rb", 1);
}

#[test]
fn a_mount_that_is_gone_is_not_taken_for_an_empty_one() {
    let scene = Scene::new();
    let port = free_port();
    let dir = scene.path("d").display().to_string();
    let steps = format!(
        "mount -t tmpfs x {dir} && echo 1 > {dir}/a && {{ {} watch --watch {dir} --exec true --at-start never --listen 127.0.0.1:{port} & \
         read go; umount {dir}; read go; mount -t tmpfs x {dir}; echo 2 > {dir}/a; read go; echo 3 > {dir}/a; wait; }}",
        binary().display(),
    );
    let script = format!("trap 'kill $!; wait' TERM; rm {dir}/a; {steps}");
    let (reader, mut writer) = std::io::pipe().unwrap();
    let agent = start(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(reader),
    );
    until("it answers", || get(port, "/livez").is_some());
    let watching = Watching { agent, port };
    let mut go = || writer.write_all(b"go\n").unwrap();
    go();
    until("it is missed", || {
        watching.state()["mounts"][0]["watchedBy"] == "missing"
    });
    assert_eq!(watching.files(), ["a"]);
    assert_eq!(watching.agent.said("changed"), 0);
    go();
    watching.agent.says("changed: a", 1);
    until("it is watched again", || {
        watching.state()["mounts"][0]["watchedBy"] == "inotify"
    });
    go();
    watching.agent.says("changed: a", 2);
}
