//! What runs applications.

use crate::common::{children, until};
use crate::scene::Scene;
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
