//! The agent under other programs' names: their flags, their metric names, and
//! what they do wrong done right.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Hook, Volume, agent, binary, free_port, get, start, until};
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

fn metrics(port: u16) -> String {
    get(port, "/metrics")
        .map(|(_, page)| page)
        .unwrap_or_default()
}

#[test]
fn as_configmap_reload_by_its_own_name() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let name = root.path().join("configmap-reload");
    symlink(binary(), &name).unwrap();
    let port = free_port();
    let hook = Hook::new();
    let agent = start(Command::new(name).args([
        "-volume-dir",
        volume.0.to_str().unwrap(),
        &format!("--webhook-url=http://u:secret@127.0.0.1:{}/x", hook.port),
        &format!("--web.listen-address=127.0.0.1:{port}"),
    ]));
    // It was up before the agent: told once at the start.
    agent.says("applied", 1);
    volume.write(&[("a", "2")]);
    agent.says("applied", 2);
    let page = metrics(port);
    let label = format!("{{webhook=\"http://127.0.0.1:{}/x\"", hook.port);
    for expected in [
        format!("configmap_reload_last_reload_error{label}}} 0"),
        format!("configmap_reload_success_reloads_total{label}}} 2"),
        format!("configmap_reload_requests_total{label},status_code=\"200\"}} 2"),
        "configmap_reload_watcher_errors_total 0".to_owned(),
    ] {
        assert!(page.contains(&expected), "{expected} is not in\n{page}");
    }
    assert!(!page.contains("secret"));
}

#[test]
fn as_configmap_reload_a_change_is_not_lost_while_the_target_is_down() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let (target, port) = (free_port(), free_port());
    let agent = agent(&[
        "configmap-reload",
        "--volume-dir",
        volume.0.to_str().unwrap(),
        "--webhook-url",
        &format!("http://127.0.0.1:{target}/"),
        "--webhook-retries",
        "1",
        "--web.listen-address",
        &format!("127.0.0.1:{port}"),
    ]);
    agent.says("watching", 1);
    volume.write(&[("a", "2")]);
    agent.says("waiting", 1);
    let _hook = Hook::on(TcpListener::bind(("127.0.0.1", target)).unwrap());
    agent.says("applied", 1);
    assert!(metrics(port).contains("reason=\"client_request_do\""));
}

#[test]
fn as_configmap_reload_it_wants_what_that_wants() {
    let mut agent = agent(&["configmap-reload", "-volume-dir", "/tmp"]);
    assert_eq!(agent.code(), 2);
    agent.says("missing --webhook-url", 1);
}

#[test]
fn as_prometheus_config_reloader_once_it_only_renders() {
    let root = tempfile::tempdir().unwrap();
    let (input, output) = (root.path().join("in.yaml"), root.path().join("out.yaml"));
    fs::write(
        &input,
        "shard: $(SHARD) ordinal: $(STATEFULSET_ORDINAL_NUMBER) left: $(UNSET) ${HOME}",
    )
    .unwrap();
    fs::set_permissions(&input, Permissions::from_mode(0o640)).unwrap();
    let mut agent = start(
        Command::new(binary())
            .args([
                "prometheus-config-reloader",
                "--watch-interval=0",
                "--listen-address=:0",
            ])
            .arg(format!("--config-file={}", input.display()))
            .arg(format!("--config-envsubst-file={}", output.display()))
            .env("SHARD", "0")
            .env("POD_NAME", "prometheus-k8s-3"),
    );
    assert_eq!(agent.code(), 0);
    let text = fs::read_to_string(&output).unwrap();
    assert_eq!(text, "shard: 0 ordinal: 3 left: $(UNSET) ${HOME}");
    assert_eq!(
        fs::metadata(&output).unwrap().permissions().mode() & 0o777,
        0o640
    );
    agent.says("UNSET", 1);
}

#[test]
fn as_prometheus_config_reloader_every_update_is_seen_and_a_fix_is_taken_at_once() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("prometheus.yaml", "v: 1")]);
    let rules = Volume::new(root.path().join("rules"), &[("r.yaml", "1")]);
    let output = root.path().join("out.yaml");
    let (hook, port) = (Hook::new(), free_port());
    let agent = agent(&[
        "prometheus-config-reloader",
        &format!("--listen-address=127.0.0.1:{port}"),
        &format!("--reload-url={}", hook.url("/-/reload")),
        &format!(
            "--config-file={}",
            volume.0.join("prometheus.yaml").display()
        ),
        &format!("--config-envsubst-file={}", output.display()),
        &format!("--watched-dir={}", rules.0.display()),
        "--delay-interval=200ms",
        "--log-level=info",
    ]);
    agent.says("applied", 1);
    for round in 2..5 {
        volume.write(&[("prometheus.yaml", &format!("v: {round}"))]);
        agent.says("applied", round);
        assert_eq!(fs::read_to_string(&output).unwrap(), format!("v: {round}"));
    }
    rules.write(&[("r.yaml", "2")]);
    agent.says("applied", 5);
    hook.set(500);
    volume.write(&[("prometheus.yaml", "broken")]);
    agent.says("rejected", 1);
    assert!(metrics(port).contains("reloader_last_reload_successful 0"));
    hook.set(200);
    volume.write(&[("prometheus.yaml", "fixed")]);
    agent.says("applied", 6);
    until("success", || {
        metrics(port).contains("reloader_last_reload_successful 1")
    });
    let page = metrics(port);
    assert!(page.contains("reloader_reloads_failed_total 1"), "{page}");
    assert_eq!(get(port, "/healthz").unwrap().1, "{\"status\":\"up\"}");
}

#[test]
fn as_prometheus_config_reloader_by_signal_runtimeinfo_proves_it() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(
        root.path().join("cm"),
        &[("prometheus.yml", "global:\n  scrape_interval: 41s\n")],
    );
    let web = free_port();
    // A name of its own: other tests run a Prometheus too.
    let program = root.path().join("prom-by-signal");
    common::copy_program(std::path::Path::new("/usr/bin/prometheus"), &program);
    let _prometheus = start(Command::new(&program).args([
        format!("--config.file={}/prometheus.yml", volume.0.display()),
        format!("--storage.tsdb.path={}/data", root.path().display()),
        format!("--web.listen-address=127.0.0.1:{web}"),
    ]));
    until("up", || {
        get(web, "/-/ready").is_some_and(|(status, _)| status == 200)
    });
    let agent = agent(&[
        "prometheus-config-reloader",
        "--reload-method=signal",
        "--process-executable-name=prom-by-signal",
        &format!("--runtimeinfo-url=http://127.0.0.1:{web}/api/v1/status/runtimeinfo"),
        &format!("--watched-dir={}", volume.0.display()),
    ]);
    agent.says("watching", 1);
    volume.write(&[("prometheus.yml", "global:\n  scrape_interval: 42s\n")]);
    agent.says("applied", 1);
    let (_, config) = get(web, "/api/v1/status/config").unwrap();
    assert!(config.contains("scrape_interval: 42s"));
}

/// The image's root directory: one file under every name at which others call it.
#[test]
fn the_image_holds_one_file_under_all_its_names() {
    use std::os::unix::fs::MetadataExt;
    let root = tempfile::tempdir().unwrap();
    let image = root.path().join("image");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lay-out");
    let laid_out = Command::new(script).arg(binary()).arg(&image).status();
    assert!(laid_out.unwrap().success());
    let inode = fs::metadata(image.join("tidings-agent")).unwrap().ino();
    for name in [
        "configmap-reload",
        "bin/configmap-reload",
        "prometheus-config-reloader",
        "bin/prometheus-config-reloader",
    ] {
        assert_eq!(
            fs::metadata(image.join(name)).unwrap().ino(),
            inode,
            "{name}"
        );
    }
    // As prometheus-operator's init container calls it.
    let volume = Volume::new(
        root.path().join("cm"),
        &[("prometheus.yaml.gz", "s: $(SHARD)")],
    );
    let output = root.path().join("prometheus.env.yaml");
    let mut agent = start(
        Command::new(image.join("bin/prometheus-config-reloader"))
            .args(["--watch-interval=0", "--listen-address=:0"])
            .arg(format!(
                "--config-file={}/prometheus.yaml.gz",
                volume.0.display()
            ))
            .arg(format!("--config-envsubst-file={}", output.display()))
            .arg(format!("--watched-dir={}/rules", root.path().display()))
            .arg(format!("--watched-dir={}", volume.0.display()))
            .env("POD_NAME", "prometheus-main-0")
            .env("SHARD", "1"),
    );
    assert_eq!(agent.code(), 0);
    assert_eq!(fs::read_to_string(&output).unwrap(), "s: 1");
}

/// Charts that let one choose the image and the options write no command.
#[test]
fn without_a_command_the_options_tell_whose_they_are() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let (hook, port) = (Hook::new(), free_port());
    let sidecar = agent(&[
        &format!("--volume-dir={}", volume.0.display()),
        &format!("--webhook-url=http://user:p%40ss@127.0.0.1:{}/x", hook.port),
        &format!("--web.listen-address=127.0.0.1:{port}"),
    ]);
    sidecar.says("applied", 1);
    let request = hook.requests.lock().unwrap()[0].to_lowercase();
    // user:p@ss
    assert!(
        request.contains("authorization: basic dxnlcjpwqhnz"),
        "{request}"
    );
    assert!(metrics(port).contains("configmap_reload_success_reloads_total"));
    let sidecar = agent(&[
        &format!("--watched-dir={}", volume.0.display()),
        &format!("--reload-url={}", hook.url("/-/reload")),
    ]);
    sidecar.says("applied", 1);
}
