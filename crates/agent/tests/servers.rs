//! The presets that are marked as tested, against the real servers of Debian:
//! a change is taken, a broken file is refused while the server goes on, and a
//! fix is taken. `scripts/servers` installs the servers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Running, Volume, agent, binary, children, free_port, get, signal, start, until};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A volume with a configuration, and a place for a server's own files.
struct Scene {
    root: tempfile::TempDir,
    volume: Volume,
    port: u16,
    file: &'static str,
}

impl Scene {
    /// The first configuration; `{port}`, `{root}` and `{cm}` are filled in.
    fn new(file: &'static str, config: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        // Servers give up being root before they read some of it.
        fs::set_permissions(root.path(), Permissions::from_mode(0o777)).unwrap();
        let dir = root.path().join("cm");
        fs::create_dir(&dir).unwrap();
        let scene = Self {
            volume: Volume(dir),
            port: free_port(),
            root,
            file,
        };
        scene.put(config);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string())
            .replace("{root}", self.root.path().to_str().unwrap())
            .replace("{cm}", self.volume.0.to_str().unwrap())
    }

    fn put(&self, config: &str) {
        self.volume.write(&[(self.file, &self.fill(config))]);
    }

    /// `run` with these options and this command.
    fn run(&self, options: &[&str], command: &str) -> Running {
        let dir = self.volume.0.to_str().unwrap().to_owned();
        let mut words = vec!["run".to_owned(), "--watch".to_owned(), dir];
        words.extend(options.iter().map(|option| self.fill(option)));
        words.push("--".to_owned());
        words.extend(self.fill(command).split(' ').map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        agent(&words)
    }

    fn serves(&self, body: &str) {
        until(&format!("serving {body}"), || {
            get(self.port, "/").is_some_and(|(_, got)| got.contains(body))
        });
    }
}

/// Changes, breaks and fixes a web server's configuration.
fn change_break_fix(scene: &Scene, agent: &Running, config: impl Fn(&str) -> String) {
    scene.serves("one");
    scene.put(&config("two"));
    agent.says("applied", 1);
    scene.serves("two");
    scene.put("this { is no configuration");
    agent.says("rejected: the check failed", 1);
    scene.serves("two");
    scene.put(&config("three"));
    agent.says("applied", 2);
    scene.serves("three");
}

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
fn php_fpm() {
    let config = |prefix: &str| {
        format!(
            "[global]\nerror_log = /dev/stderr\npid = {{root}}/pid\n[{prefix}]\nuser = www-data\nlisten = {{root}}/sock\npm = static\npm.max_children = 2\n"
        )
    };
    let scene = Scene::new("fpm.conf", &config("first"));
    let program = fs::read_dir("/usr/sbin")
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("/php-fpm"))
        .unwrap();
    let check = format!("{} -t -y {{cm}}/fpm.conf", program.display());
    let agent = scene.run(
        &["--preset", "php-fpm", "--check", &check],
        &format!("{} -F -y {{cm}}/fpm.conf", program.display()),
    );
    let pools = || {
        let master = children(agent.pid());
        let workers = master
            .first()
            .map(|master| children(*master))
            .unwrap_or_default();
        let title =
            |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        workers.iter().map(title).collect::<String>()
    };
    until("serving", || pools().contains("pool first"));
    scene.put(&config("second"));
    agent.says("applied", 1);
    until("serving anew", || pools().contains("pool second"));
    scene.put("[global\n");
    agent.says("rejected: the check failed", 1);
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

/// Servers that Debian does not package; they are built at the first use on a machine.
fn go_server(name: &str) -> String {
    static BUILT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let dir = BUILT.get_or_init(|| {
        let script =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/go-servers");
        let output = Command::new(script)
            .stderr(std::process::Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "scripts/go-servers failed");
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.lines().last().unwrap().to_owned()
    });
    format!("{dir}/{name}")
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
