//! Metrics, alerts and logs.

use crate::common::{get, until};
use crate::scene::Scene;
use std::fs;
use std::process::Command;

const PROMETHEUS: &str = "prometheus --config.file={cm}/prometheus.yml --storage.tsdb.path={root}/data --web.listen-address=127.0.0.1:{port} --web.enable-lifecycle";

fn prometheus_config(interval: &str) -> String {
    format!("global:\n  scrape_interval: {interval}\n")
}

fn prometheus_runs_on(scene: &Scene, interval: &str) {
    until(&format!("scraping each {interval}"), || {
        get(scene.port, "/api/v1/status/config")
            .is_some_and(|(_, body)| body.contains(&format!("scrape_interval: {interval}")))
    });
}

#[test]
fn prometheus_by_http() {
    let scene = Scene::new("prometheus.yml", &prometheus_config("41s"));
    let options = [
        "--preset",
        "prometheus",
        "--http",
        "http://127.0.0.1:{port}/-/reload",
        "--retry",
        "1h",
        "--retry-longest",
        "1h",
    ];
    let agent = scene.run(&options, PROMETHEUS);
    prometheus_runs_on(&scene, "41s");
    scene.put(&prometheus_config("42s"));
    agent.says("applied", 1);
    prometheus_runs_on(&scene, "42s");
    scene.put("no: configuration");
    agent.says("answered 500", 1);
    scene.put(&prometheus_config("43s"));
    agent.says("applied", 2);
    prometheus_runs_on(&scene, "43s");
}

#[test]
fn prometheus_by_signal_and_metric() {
    let scene = Scene::new("prometheus.yml", &prometheus_config("41s"));
    let proof = "moves=http://127.0.0.1:{port}/metrics#prometheus_config_last_reload_success_timestamp_seconds#prometheus_config_last_reload_successful";
    let options = [
        "--preset",
        "prometheus-signal",
        "--check",
        "promtool check config {cm}/prometheus.yml",
        "--prove",
        proof,
    ];
    let agent = scene.run(&options, PROMETHEUS);
    prometheus_runs_on(&scene, "41s");
    until("ready", || {
        get(scene.port, "/-/ready").is_some_and(|(status, _)| status == 200)
    });
    scene.put(&prometheus_config("42s"));
    agent.says("applied", 1);
    prometheus_runs_on(&scene, "42s");
    scene.put("no: configuration");
    agent.says("rejected: the check failed", 1);
}

#[test]
fn alertmanager() {
    let config = |name: &str| format!("route:\n  receiver: {name}\nreceivers:\n- name: {name}\n");
    let scene = Scene::new("alertmanager.yml", &config("first"));
    let options = [
        "--preset",
        "alertmanager",
        "--http",
        "http://127.0.0.1:{port}/-/reload",
        "--retry",
        "1h",
        "--retry-longest",
        "1h",
    ];
    let agent = scene.run(&options, "prometheus-alertmanager --config.file={cm}/alertmanager.yml --web.listen-address=127.0.0.1:{port} --cluster.listen-address= --storage.path={root}/data");
    let runs_on = |name: &str| {
        until(&format!("receiver {name}"), || {
            get(scene.port, "/api/v2/status").is_some_and(|(_, body)| body.contains(name))
        });
    };
    runs_on("first");
    scene.put(&config("second"));
    agent.says("applied", 1);
    runs_on("second");
    scene.put("no: configuration");
    agent.says("answered 500", 1);
    scene.put(&config("third"));
    agent.says("applied", 2);
    runs_on("third");
}

#[test]
fn blackbox_exporter() {
    let config = |module: &str| format!("modules: {{ {module}: {{ prober: http }} }}\n");
    let scene = Scene::new("blackbox.yml", &config("one"));
    let reload = "http://127.0.0.1:{port}/-/reload";
    let options = ["--preset", "blackbox-exporter", "--http", reload];
    let command = "prometheus-blackbox-exporter --config.file={cm}/blackbox.yml --web.listen-address=127.0.0.1:{port}";
    let agent = scene.run(&options, command);
    let has = |module: &str| {
        until(module, || {
            get(scene.port, "/config").is_some_and(|(_, page)| page.contains(module))
        });
    };
    has("one");
    scene.put(&config("two"));
    agent.says("applied", 1);
    has("two");
    scene.put("modules: [");
    agent.says("rejected", 1);
    has("two");
    scene.put(&config("three"));
    agent.says("applied", 2);
    has("three");
}

#[test]
fn rsyslog_is_started_again() {
    let config = |file: &str| {
        format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{{root}}/log\")\n*.* {{root}}/{file}\n"
        )
    };
    let scene = Scene::new("rsyslog.conf", &config("first"));
    let say = |text: &str| {
        let socket = scene.path("log");
        let sent = Command::new("logger")
            .args(["-u", socket.to_str().unwrap(), "-d", text])
            .status();
        sent.is_ok_and(|status| status.success())
    };
    let logged = |file: &str, text: &str| {
        say(text);
        fs::read_to_string(scene.path(file))
            .unwrap_or_default()
            .contains(text)
    };
    let options = [
        "--preset",
        "rsyslog",
        "--check",
        "rsyslogd -N1 -f {cm}/rsyslog.conf",
    ];
    let agent = scene.run(&options, "rsyslogd -n -f {cm}/rsyslog.conf -i {root}/pid");
    until("logging", || logged("first", "hello"));
    scene.put(&config("second"));
    agent.says("applied", 1);
    until("logging elsewhere", || logged("second", "again"));
}
