//! The checks that are written, by the programs themselves: what is right passes, what is
//! broken does not. `scripts/servers` installs the programs; one that is not there is left
//! out, and said so, but where `TIDINGS_SERVERS=required`.

use std::process::Command;

use rstest::rstest;

use crate::tidings;

const REQUIRED: &str = "TIDINGS_SERVERS";
/// A Python package, which `scripts/servers` does not bring, and one with Debian's version of
/// it in its name.
const MAY_LACK: [&str; 2] = ["gunicorn", "php-fpm8.2"];

/// Whether a program is there, in a folder of root's too.
fn is_there(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders.any(|folder| std::path::Path::new(folder).join(program).exists())
}

/// The check that is written for a container with this command.
fn check_of(command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    \
         spec:\n      containers:\n        - name: web\n          image: own/app\n          \
         command: {words:?}\n          volumeMounts: [{{name: c, mountPath: /etc/app}}]\n      \
         volumes: [{{name: c, configMap: {{name: web}}}}]\n"
    );
    let (code, out, said) = tidings(&["inject", "-f", "-"], &manifest);
    assert_eq!(code, 0, "{said}");
    let (_, check) = out.split_once("--check=").expect(&out);
    let end = check.find(['"', '\'', '\n', ',']).unwrap();
    check[..end].to_owned()
}

fn passes(check: &str) -> (bool, String) {
    let mut words = check.split(' ');
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(words.next().unwrap());
    let command = command
        .args(words)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

#[rstest]
#[case::nginx(
    "nginx",
    "nginx -c FILE",
    "events {}\nhttp { server { listen 127.0.0.1:8099; } }\n",
    "events {}\nhtp {}\n"
)]
#[case::haproxy(
    "haproxy",
    "haproxy -W -db -f FILE",
    "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend f\n  bind 127.0.0.1:8098\n",
    "frontend f\n  bnd :1\n"
)]
#[case::apache(
    "apachectl",
    "apache2 -DFOREGROUND -f FILE",
    "ServerRoot /etc/apache2\nServerName web\nErrorLog /dev/null\nLoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\nListen 127.0.0.1:8097\n",
    "Lissten 1\n"
)]
#[case::bind(
    "named-checkconf",
    "named -g -c FILE",
    "options { directory \"/tmp\"; };\n",
    "optons {\n"
)]
#[case::dnsmasq("dnsmasq", "dnsmasq -k -C FILE", "port=5399\n", "prt=1\n")]
#[case::php_fpm(
    "php-fpm8.2",
    "php-fpm8.2 -F -y FILE",
    "[global]\nerror_log = /dev/stderr\n[www]\nuser = nobody\nlisten = 127.0.0.1:9099\npm = static\npm.max_children = 1\n",
    "[www]\npm = nothing\n"
)]
#[case::rsyslog(
    "rsyslogd",
    "rsyslogd -n -f FILE",
    "*.* action(type=\"omfile\" file=\"/dev/null\")\n",
    "module(load=\"nothing\")\n"
)]
#[case::squid(
    "squid",
    "squid -N -f FILE",
    "http_port 127.0.0.1:3199\n",
    "acl x nothing y\n"
)]
#[case::unbound(
    "unbound-checkconf",
    "unbound -d -c FILE",
    "server:\n  directory: \"/tmp\"\n  chroot: \"\"\n  username: \"\"\n  interface: 127.0.0.1\n",
    "server:\n  interfce: x\n"
)]
#[case::gunicorn(
    "gunicorn",
    "gunicorn -c FILE http.server:SimpleHTTPRequestHandler",
    "workers = 1\n",
    "workers = (\n"
)]
fn what_is_broken_is_refused_by_its_own_program(
    #[case] program: &str,
    #[case] command: &str,
    #[case] good: &str,
    #[case] broken: &str,
) {
    if !is_there(program) {
        let is_required = std::env::var_os(REQUIRED).is_some_and(|value| value == "required");
        let may_lack = MAY_LACK.contains(&program);
        assert!(!is_required || may_lack, "{program} is missing");
        return eprintln!("left out: {program} is not installed (scripts/servers)");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.conf");
    let check = check_of(&command.replace("FILE", file.to_str().unwrap()));
    std::fs::write(&file, good).unwrap();
    let (is_good, said) = passes(&check);
    assert!(is_good, "{check}: {said}");
    std::fs::write(&file, broken).unwrap();
    let (is_good, said) = passes(&check);
    assert!(!is_good, "{check}: {said}");
}
