//! What the kernel shows of processes where that is little.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{binary, free_port, get, start, until};
use std::process::Command;

#[test]
fn where_proc_cannot_be_read_that_is_said_and_no_change_waits_for_ever() {
    let way = "--signal HUP -- sh -c 'trap : HUP; while :; do sleep 0.02; done'";
    for (line, way) in [
        ("mount -t tmpfs none /proc", format!("run {way}")),
        ("umount -l /proc", format!("run {way}")),
        ("umount -l /proc", format!("run --process sh {way}")),
        ("umount -l /proc", "watch --signal HUP --process sh".into()),
    ] {
        let scene = Scene::new();
        let port = free_port();
        let (mode, rest) = way.split_once(' ').unwrap();
        let (agent, volume) = (binary(), &scene.volume.0);
        let line = format!(
            "{line} && exec {} {mode} --listen 127.0.0.1:{port} --watch {} {rest}",
            agent.display(),
            volume.display()
        );
        let agent = start(Command::new("unshare").args(["--mount", "sh", "-c", &line]));
        let unready = || {
            get(port, "/readyz").is_some_and(|(status, body)| {
                status == 503 && body.contains("/proc cannot be read")
            })
        };
        until("not ready", unready);
        scene.change("2");
        agent.says("rejected", 1);
        assert_eq!(agent.said("just ended"), 0, "{}", agent.output());
    }
}
