//! Databases, pools of their connections, brokers.

use crate::built::go_server;
use crate::common::{free_port, get, start, until};
use crate::scene::Scene;
use std::fs;
use std::process::Command;

#[test]
fn postgresql() {
    let config = |memory: &str| {
        format!(
            "work_mem = {memory}\nlisten_addresses = ''\nunix_socket_directories = '{{root}}'\nport = {{port}}\n"
        )
    };
    let scene = Scene::new("postgresql.conf", &config("4MB"));
    let bin = fs::read_dir("/usr/lib/postgresql")
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path()
        .join("bin");
    let as_postgres = "setpriv --reuid postgres --regid postgres --clear-groups";
    let init = format!(
        "{as_postgres} {}/initdb -D {}/data --auth=trust --no-sync",
        bin.display(),
        scene.root.path().display()
    );
    let mut init = start(Command::new("sh").args(["-c", &init]));
    assert!(init.ends().success(), "{}", init.output());

    let psql = |query: &str| {
        let line = format!(
            "psql -h {} -p {} -U postgres -Atc '{query}'",
            scene.root.path().display(),
            scene.port
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let proof =
        "prints-anew=psql -h {root} -p {port} -U postgres -Atc 'select pg_conf_load_time()'";
    let command = format!(
        "{as_postgres} {}/postgres -D {{root}}/data -c config_file={{cm}}/postgresql.conf",
        bin.display()
    );
    let agent = scene.run(&["--preset", "postgresql", "--prove", proof], &command);
    until("serving", || psql("show work_mem") == "4MB");
    scene.put(&config("5MB"));
    agent.says("applied", 1);
    assert_eq!(psql("show work_mem"), "5MB");
}

#[test]
fn mosquitto() {
    let config = |kinds: &str| {
        format!(
            "listener {{port}} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nlog_type {kinds}\nuser root\n"
        )
    };
    let scene = Scene::new("mosquitto.conf", &config("all"));
    let agent = scene.run(
        &["--preset", "mosquitto"],
        "mosquitto -c {cm}/mosquitto.conf",
    );
    agent.says("running", 1);
    scene.put(&config("information"));
    agent.says("Reloading config", 1);
    agent.says("unverified", 1);
}

#[test]
fn nats() {
    let web = free_port();
    let config = |size: &str| {
        format!("listen: \"127.0.0.1:{{port}}\"\nhttp: \"127.0.0.1:{web}\"\nmax_payload: {size}\n")
    };
    let scene = Scene::new("nats.conf", &config("1000"));
    let server = go_server("nats-server");
    let (proof, check) = (
        format!("moves=http://127.0.0.1:{web}/varz#config_load_time"),
        format!("{server} -t -c {{cm}}/nats.conf"),
    );
    let options = ["--preset", "nats", "--prove", &proof, "--check", &check];
    let agent = scene.run(&options, &format!("{server} -c {{cm}}/nats.conf"));
    let has = |size: &str| {
        until(size, || {
            get(web, "/varz")
                .is_some_and(|(_, page)| page.contains(&format!("\"max_payload\": {size},")))
        });
    };
    has("1000");
    scene.put(&config("2000"));
    agent.says("applied", 1);
    has("2000");
    scene.put("max_payload: {");
    agent.says("rejected: the check failed", 1);
    has("2000");
    scene.put(&config("3000"));
    agent.says("applied", 2);
    has("3000");
}

#[test]
fn pgbouncer() {
    let config = |most: &str| {
        format!(
            "[databases]\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {{port}}\nunix_socket_dir = {{root}}\nauth_type = any\nadmin_users = admin\nmax_client_conn = {most}\n"
        )
    };
    let scene = Scene::new("pgbouncer.ini", &config("41"));
    let asked = scene.fill("psql -h 127.0.0.1 -p {port} -U admin pgbouncer -Atc 'show config'");
    let proof = format!("prints-anew={asked}");
    let options = [
        "--preset",
        "pgbouncer",
        "--prove",
        &proof,
        "--prove-timeout",
        "1s",
        "--retry",
        "1h",
        "--retry-longest",
        "1h",
    ];
    // It refuses to run as root.
    let agent = scene.run(
        &options,
        "setpriv --reuid postgres --regid postgres --clear-groups pgbouncer {cm}/pgbouncer.ini",
    );
    let admits = |most: &str| {
        until(most, || {
            let output = Command::new("sh").args(["-c", &asked]).output().unwrap();
            let wanted = format!("max_client_conn|{most}|");
            String::from_utf8_lossy(&output.stdout).contains(&wanted)
        });
    };
    admits("41");
    scene.put(&config("42"));
    agent.says("applied", 1);
    admits("42");
    // It keeps what it had, and only its log says so.
    scene.put("nonsense\n");
    agent.says("unverified", 1);
    admits("42");
    scene.put(&config("43"));
    agent.says("applied", 2);
    admits("43");
}
