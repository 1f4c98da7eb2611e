//! What runs applications.

use crate::built::python_server;
use crate::common::{children, until};
use crate::scene::{Scene, change_break_fix};
use std::fs;

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
fn gunicorn() {
    let scene = Scene::new("gunicorn.py", "");
    fs::write(
        scene.path("app.py"),
        "import os\ndef app(environ, start):\n    start('200 OK', [])\n    return [os.environ['BODY'].encode()]\n",
    )
    .unwrap();
    let config = |body: &str| {
        format!(
            "bind = '127.0.0.1:{{port}}'\nworkers = 2\nchdir = '{{root}}'\nraw_env = ['BODY={body}']\nworker_tmp_dir = '{{root}}'\ncontrol_socket = '{{root}}/control'\n"
        )
    };
    scene.put(&config("one"));
    let server = format!(
        "{} -c {{cm}}/gunicorn.py app:app",
        python_server("gunicorn")
    );
    let check = server.replace(" -c ", " --check-config -c ");
    let agent = scene.run(&["--preset", "gunicorn", "--check", &check], &server);
    change_break_fix(&scene, &agent, config);
}

#[test]
fn uwsgi() {
    // Without `die-on-term` TERM would have it start anew, and never end.
    let config = |body: &str| {
        format!(
            "[uwsgi]\nplugins = 0:notfound\nstrict = true\nmaster = true\ndie-on-term = true\nhttp-socket = 127.0.0.1:{{port}}\nprocesses = 2\nstatic-map = /={{root}}/{body}\nstatic-index = index.html\n"
        )
    };
    let scene = Scene::new("uwsgi.ini", &config("one"));
    for body in ["one", "two"] {
        fs::create_dir(scene.path(body)).unwrap();
        fs::write(scene.path(body).join("index.html"), body).unwrap();
    }
    let mut agent = scene.run(&["--preset", "uwsgi"], "uwsgi --ini {cm}/uwsgi.ini");
    scene.serves("one");
    scene.put(&config("two"));
    agent.says("applied", 1);
    scene.serves("two");
    // It has no checker: what it refuses ends it, and the kubelet starts it again.
    scene.put("[uwsgi]\nstrict = true\nno-such-option = 1\n");
    assert_ne!(agent.code(), 0);
}
