//! Name servers.

use crate::built::go_server;
use crate::common::{free_port, get, signal, start, until};
use crate::scene::Scene;
use std::process::Command;

/// What a name server of this port says about a name.
fn dig(port: u16, name: &str, kind: &str) -> String {
    let port = port.to_string();
    let query = [
        "@127.0.0.1",
        "-p",
        &port,
        "+short",
        "+time=1",
        "+tries=1",
        name,
        kind,
    ];
    let output = Command::new("dig").args(query).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn dnsmasq_is_started_again() {
    let config = |address: &str| {
        format!(
            "port={{port}}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\npid-file={{root}}/pid\nuser=root\naddress=/x.test/{address}\n"
        )
    };
    let scene = Scene::new("dnsmasq.conf", &config("10.0.0.1"));
    let options = [
        "--preset",
        "dnsmasq",
        "--check",
        "dnsmasq --test -C {cm}/dnsmasq.conf",
    ];
    let agent = scene.run(&options, "dnsmasq -k -C {cm}/dnsmasq.conf");
    until("serving", || dig(scene.port, "x.test", "A") == "10.0.0.1");
    scene.put(&config("10.0.0.2"));
    until("the new answer", || {
        dig(scene.port, "x.test", "A") == "10.0.0.2"
    });
    agent.says("applied", 1);
    scene.put("no-such-option\n");
    agent.says("rejected: the check failed", 1);
    assert_eq!(dig(scene.port, "x.test", "A"), "10.0.0.2");
}

#[test]
fn unbound() {
    let config = |address: &str| {
        format!(
            "server:\n  interface: 127.0.0.1@{{port}}\n  chroot: \"\"\n  username: \"\"\n  directory: \"{{root}}\"\n  pidfile: \"\"\n  use-syslog: no\n  do-daemonize: no\n  local-data: \"x.test. A {address}\"\nremote-control:\n  control-enable: no\n"
        )
    };
    let scene = Scene::new("unbound.conf", &config("10.0.0.1"));
    let options = [
        "--preset",
        "unbound",
        "--check",
        "unbound-checkconf {cm}/unbound.conf",
    ];
    let agent = scene.run(&options, "unbound -d -c {cm}/unbound.conf");
    until("serving", || dig(scene.port, "x.test", "A") == "10.0.0.1");
    scene.put(&config("10.0.0.2"));
    until("the new answer", || {
        dig(scene.port, "x.test", "A") == "10.0.0.2"
    });
    agent.says("unverified", 1);
    scene.put("server:\n  no-such-option: 1\n");
    agent.says("rejected: the check failed", 1);
    assert_eq!(dig(scene.port, "x.test", "A"), "10.0.0.2");
}

#[test]
fn bind() {
    let config = |version: &str| {
        format!(
            "options {{ directory \"{{root}}\"; listen-on port {{port}} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no; version \"{version}\"; }};\ncontrols {{}};\n"
        )
    };
    let scene = Scene::new("named.conf", &config("first"));
    let asked = || {
        let query = [
            "@127.0.0.1",
            "-p",
            &scene.port.to_string(),
            "+short",
            "+time=1",
            "+tries=1",
            "version.bind",
            "CH",
            "TXT",
        ]
        .map(str::to_owned);
        String::from_utf8_lossy(&Command::new("dig").args(query).output().unwrap().stdout)
            .trim()
            .to_owned()
    };
    let options = [
        "--preset",
        "bind",
        "--check",
        "named-checkconf {cm}/named.conf",
    ];
    let agent = scene.run(&options, "named -f -c {cm}/named.conf");
    until("serving", || asked() == "\"first\"");
    scene.put(&config("second"));
    until("the new answer", || asked() == "\"second\"");
    agent.says("unverified", 1);
    scene.put("options { broken");
    agent.says("rejected: the check failed", 1);
    assert_eq!(asked(), "\"second\"");
}

/// A Corefile with this answer, and these lines.
fn corefile(answer: &str, lines: &str) -> String {
    format!(
        ".:{{port}} {{\n bind 127.0.0.1\n template IN TXT x.test {{\n  answer \"x.test. 0 IN TXT {answer}\"\n }}\n {lines}\n}}\n"
    )
}

fn coredns_answers(scene: &Scene, answer: &str) {
    until(answer, || {
        dig(scene.port, "x.test", "TXT") == format!("\"{answer}\"")
    });
}

#[test]
fn coredns_says_nothing_of_a_reload_by_signal() {
    let web = free_port();
    let metrics = format!("prometheus 127.0.0.1:{web}");
    let scene = Scene::new("Corefile", &corefile("one", &metrics));
    let server = format!("{} -conf {{cm}}/Corefile", go_server("coredns"));
    let agent = scene.run(&["--preset", "coredns"], &server);
    coredns_answers(&scene, "one");
    scene.put(&corefile("two", &metrics));
    agent.says("unverified", 1);
    coredns_answers(&scene, "two");
    scene.put(&corefile("three", &format!("{metrics}\n no-such-plugin")));
    agent.says("Unknown directive", 1);
    agent.says("unverified", 2);
    // Why no proof is made of it.
    let page = get(web, "/metrics").unwrap().1;
    assert!(page.contains("coredns_reload_failed_total 0"), "{page}");
    assert!(!page.contains("coredns_reload_version_info{"), "{page}");
    coredns_answers(&scene, "two");
    scene.put(&corefile("four", &metrics));
    coredns_answers(&scene, "four");
}

#[test]
fn coredns_by_itself() {
    let web = free_port();
    let lines = format!("prometheus 127.0.0.1:{web}\n reload 2s 1s");
    let scene = Scene::new("Corefile", &corefile("one", &lines));
    let server = format!("{} -conf {{cm}}/Corefile", go_server("coredns"));
    let proof = format!(
        "moves=http://127.0.0.1:{web}/metrics#coredns_reload_version_info{{value}}#!coredns_reload_failed_total"
    );
    let options = ["--preset", "coredns-reload", "--prove", &proof];
    let agent = scene.run(&options, &server);
    coredns_answers(&scene, "one");
    scene.put(&corefile("two", &lines));
    agent.says("applied", 1);
    assert_eq!(dig(scene.port, "x.test", "TXT"), "\"two\"");
    scene.put(&corefile("three", &format!("{lines}\n no-such-plugin")));
    agent.says("rejected: the process says that its last reload failed", 1);
    // It tries no file twice, and what it said of it stands.
    agent.says("rejected", 2);
    assert_eq!(dig(scene.port, "x.test", "TXT"), "\"two\"");
    scene.put(&corefile("four", &lines));
    agent.says("applied", 2);
    assert_eq!(dig(scene.port, "x.test", "TXT"), "\"four\"");
    assert_eq!(agent.said("unverified"), 0, "{}", agent.output());
}

/// Why there are two presets: who reloads by itself must not be signalled.
#[test]
fn coredns_reloads_nothing_by_itself_after_a_signal() {
    let web = free_port();
    let lines = format!("prometheus 127.0.0.1:{web}\n reload 2s 1s");
    let scene = Scene::new("Corefile", &corefile("one", &lines));
    let server = start(
        Command::new(go_server("coredns"))
            .args(["-conf", scene.volume.0.join("Corefile").to_str().unwrap()]),
    );
    coredns_answers(&scene, "one");
    scene.put(&corefile("two", &lines));
    signal(server.pid(), "USR1");
    coredns_answers(&scene, "two");
    scene.put(&corefile("three", &lines));
    server.says("Restart failed", 1);
    coredns_answers(&scene, "two");
}
