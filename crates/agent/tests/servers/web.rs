//! Servers of the web, and what stands before them.

use crate::built::go_server;
use crate::common::{binary, children, free_port, get, signal, start, until};
use crate::scene::{Scene, change_break_fix};
use std::fs;
use std::process::Command;

#[test]
fn nginx() {
    let config = |body: &str| {
        format!(
            "daemon off; pid {{root}}/pid; error_log stderr; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{{port}}; return 200 {body}; }} }}"
        )
    };
    let scene = Scene::new("nginx.conf", &config("one"));
    let options = [
        "--preset",
        "nginx",
        "--check",
        "nginx -t -c {cm}/nginx.conf",
    ];
    let agent = scene.run(&options, "nginx -c {cm}/nginx.conf");
    change_break_fix(&scene, &agent, config);
}

#[test]
fn nginx_without_a_check_keeps_its_workers_when_the_file_is_broken() {
    let config = |body: &str| {
        format!(
            "daemon off; pid {{root}}/pid; error_log stderr; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{{port}}; return 200 {body}; }} }}"
        )
    };
    let scene = Scene::new("nginx.conf", &config("one"));
    let options = [
        "--signal",
        "HUP",
        "--prove",
        "children",
        "--prove-timeout",
        "1s",
        "--retry",
        "1h",
        "--retry-longest",
        "1h",
    ];
    let agent = scene.run(&options, "nginx -c {cm}/nginx.conf");
    scene.serves("one");
    scene.put("broken {");
    agent.says("rejected: no new child process", 1);
    scene.serves("one");
    scene.put(&config("two"));
    agent.says("applied", 1);
    scene.serves("two");
}

#[test]
fn nginx_beside_a_sidecar_that_finds_the_master_by_name() {
    let config = |body: &str| {
        format!(
            "daemon off; pid {{root}}/pid; error_log stderr; worker_processes 3; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{{port}}; return 200 {body}; }} }}"
        )
    };
    let scene = Scene::new("nginx.conf", &config("one"));
    let line = scene.fill(&format!(
        "nginx -c {{cm}}/nginx.conf & exec {} watch --preset nginx --check 'nginx -t -c {{cm}}/nginx.conf' --watch {{cm}}",
        binary().display()
    ));
    // As in a pod that shares its process namespace.
    let sidecar = start(Command::new("unshare").args([
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        &line,
    ]));
    scene.serves("one");
    sidecar.says("watching", 1);
    scene.put(&config("two"));
    scene.serves("two");
    sidecar.says("applied", 1);
    let agent = children(sidecar.pid())[0];
    signal(agent, "TERM");
}

#[test]
fn haproxy() {
    let config = |body: &str| {
        format!(
            "defaults\n mode http\n timeout client 5s\n timeout connect 5s\n timeout server 5s\nfrontend f\n bind 127.0.0.1:{{port}}\n http-request return status 200 content-type text/plain string {body}\n"
        )
    };
    let scene = Scene::new("haproxy.cfg", &config("one"));
    let options = [
        "--preset",
        "haproxy",
        "--check",
        "haproxy -c -f {cm}/haproxy.cfg",
    ];
    let agent = scene.run(&options, "haproxy -W -db -f {cm}/haproxy.cfg");
    change_break_fix(&scene, &agent, config);
}

#[test]
fn apache() {
    let config = |body: &str| {
        format!(
            "ServerRoot {{root}}\nServerName localhost\nPidFile {{root}}/pid\nErrorLog /dev/stderr\nMutex file:{{root}}\nLoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\nLoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\nLoadModule dir_module /usr/lib/apache2/modules/mod_dir.so\nUser www-data\nListen 127.0.0.1:{{port}}\nDocumentRoot {{root}}/{body}\n"
        )
    };
    let scene = Scene::new("apache2.conf", &config("one"));
    for body in ["one", "two", "three"] {
        fs::create_dir(scene.path(body)).unwrap();
        fs::write(scene.path(body).join("index.html"), body).unwrap();
    }
    let options = [
        "--preset",
        "apache",
        "--check",
        "apache2 -t -f {cm}/apache2.conf",
    ];
    let agent = scene.run(&options, "apache2 -DFOREGROUND -f {cm}/apache2.conf");
    change_break_fix(&scene, &agent, config);
}

#[test]
fn squid() {
    let config = |name: &str| {
        format!(
            "http_port 127.0.0.1:{{port}}\nvisible_hostname {name}.test\npid_filename none\ncache_log {{root}}/cache.log\naccess_log none\ncoredump_dir {{root}}\ncache_mem 8 MB\n"
        )
    };
    let scene = Scene::new("squid.conf", &config("first"));
    let options = [
        "--preset",
        "squid",
        "--check",
        "squid -k parse -f {cm}/squid.conf",
    ];
    let agent = scene.run(&options, "squid -N -f {cm}/squid.conf");
    let named = |name: &str| {
        until(&format!("named {name}"), || {
            get(scene.port, "/").is_some_and(|(_, page)| page.contains(&format!("{name}.test")))
        });
    };
    named("first");
    scene.put(&config("second"));
    agent.says("unverified", 1);
    named("second");
    scene.put("no_such_directive on\nhttp_port none\n");
    agent.says("rejected: the check failed", 1);
    named("second");
}

#[test]
fn caddy() {
    let admin = free_port();
    let config = |body: &str| {
        format!(
            "{{\n admin 127.0.0.1:{admin}\n persist_config off\n auto_https off\n}}\nhttp://:{{port}} {{\n bind 127.0.0.1\n respond {body}\n}}\n"
        )
    };
    let scene = Scene::new("Caddyfile", &config("one"));
    let proof = format!(
        "moves=http://127.0.0.1:{admin}/metrics#caddy_config_last_reload_success_timestamp_seconds#caddy_config_last_reload_successful"
    );
    // Caddy's metrics say nothing of a file that it cannot even read.
    let check = format!(
        "{} validate --adapter caddyfile --config {{cm}}/Caddyfile",
        go_server("caddy")
    );
    let options = ["--preset", "caddy", "--prove", &proof, "--check", &check];
    let command = format!(
        "{} run --adapter caddyfile --config {{cm}}/Caddyfile",
        go_server("caddy")
    );
    let agent = scene.run(&options, &command);
    scene.serves("one");
    scene.put(&config("two"));
    agent.says("applied", 1);
    scene.serves("two");
    scene.put("http://127.0.0.1 {");
    agent.says("rejected: the check failed", 1);
    scene.serves("two");
    scene.put(&config("three"));
    agent.says("applied", 2);
    scene.serves("three");
}
