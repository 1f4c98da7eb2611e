//! Name servers.

use crate::common::until;
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
