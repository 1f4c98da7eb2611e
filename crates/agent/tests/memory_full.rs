//! A memory on a disk that is full, or whose places somebody else has taken: nothing
//! ends by an exit code that the next life would repeat, and nothing else is kept from
//! its work.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Running, Volume, agent, binary, start, until};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few pages, in a mount namespace that outlives the agent.
struct Disk {
    holder: Running,
    folder: PathBuf,
}

impl Disk {
    fn new(root: &Path) -> Self {
        let folder = root.join("memory");
        std::fs::create_dir(&folder).unwrap();
        let line = "mount -t tmpfs -o size=16k none \"$0\" && echo mounted; exec sleep 600";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", line]).arg(&folder);
        let holder = start(&mut command);
        holder.says("mounted", 1);
        Self { holder, folder }
    }

    fn inside(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.pid());
        let folder = self.folder.strip_prefix("/").unwrap();
        Path::new(&root).join(folder).join(name)
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.inside("all")).unwrap();
        while file.write_all(&[b'x'; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.inside("all")).unwrap();
    }

    /// Whether the memory says that this volume's files were taken.
    fn keeps(&self, volume: &Volume) -> bool {
        let generation = volume.generation().unwrap();
        let files = std::fs::read_dir(self.inside("")).unwrap().flatten();
        let texts = files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default());
        texts.into_iter().any(|text| text.contains(&generation))
    }

    fn agent(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new("nsenter");
        let target = self.holder.pid().to_string();
        command.args(["--target", &target, "--mount", "env", "--default-signal"]);
        command.arg(binary()).args(arguments);
        command.args(["--retry-longest", "1s"]);
        start(&mut command)
    }

    fn watch(&self, volume: &Volume) -> Running {
        let (dir, folder) = (volume.0.to_str().unwrap(), self.folder.to_str().unwrap());
        let fixed = ["watch", "--watch", dir, "--memory", folder];
        let agent = self.agent(&[&fixed[..], &["--exit-code", "77"]].concat());
        agent.says("watching", 1);
        agent
    }
}

/// It has come to rest, and runs.
fn stays(agent: &mut Running, said: &str) {
    agent.says(said, 2);
    assert!(agent.runs(), "{}", agent.output());
}

const REFUSES: &str = "rejected: the agent does not end by its exit code while nothing can be kept in the folder of --memory (No space left on device";

#[test]
fn no_life_ends_by_an_exit_code_whose_mark_cannot_be_laid() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let disk = Disk::new(root.path());
    let mut first = disk.watch(&volume);
    // Else the next life is the first that is known of.
    until("it is kept", || disk.keeps(&volume));
    disk.fill();
    volume.write(&[("a", "2")]);
    stays(&mut first, REFUSES);
    first.kill();
    // It still has to be taken, and nothing says that it was.
    let mut second = disk.watch(&volume);
    second.says("until it can, no change ends the agent", 1);
    stays(&mut second, REFUSES);
    disk.free();
    assert_eq!(second.code(), 77);
    // The mark is laid: not by the same change again, but by the next.
    let mut third = disk.watch(&volume);
    volume.write(&[("a", "3")]);
    assert_eq!(third.code(), 77);
    third.says("changed: a", 1);
}

#[test]
fn a_child_is_not_stopped_for_an_exit_code_whose_mark_cannot_be_laid() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let disk = Disk::new(root.path());
    let (dir, folder) = (volume.0.to_str().unwrap(), disk.folder.to_str().unwrap());
    let mut agent = start(
        Command::new("nsenter")
            .args(["--target", &disk.holder.pid().to_string(), "--mount"])
            .arg(binary())
            .args(["run", "--watch", dir, "--memory", folder])
            .args(["--exit-code", "77", "--retry-longest", "1s", "--", "sh"])
            .args([
                "-c",
                "trap 'echo stopped; exit' TERM; echo up; while :; do sleep 0.02; done",
            ]),
    );
    agent.says("up", 1);
    disk.fill();
    volume.write(&[("a", "2")]);
    stays(&mut agent, REFUSES);
    assert_eq!(agent.said("stopped"), 0, "{}", agent.output());
    disk.free();
    assert_eq!(agent.code(), 77);
    agent.says("stopped", 1);
}

/// Of several sentences about one disk the others are none of people's business.
#[test]
fn what_could_not_be_kept_is_kept_when_there_is_space_and_each_is_said_once() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let disk = Disk::new(root.path());
    let (dir, folder) = (volume.0.to_str().unwrap(), disk.folder.to_str().unwrap());
    let arguments = [
        "watch", "--watch", dir, "--memory", folder, "--exec", "true",
    ];
    let agent = disk.agent(&arguments);
    agent.says("unverified", 1);
    until("it is kept", || disk.keeps(&volume));
    disk.fill();
    for times in 2..5 {
        volume.write(&[("a", &times.to_string())]);
        agent.says("unverified", times);
    }
    agent.says("what was taken cannot be kept (No space left on device", 1);
    disk.free();
    // Nothing else happens meanwhile.
    agent.says("what was taken is kept again", 1);
    assert!(disk.keeps(&volume));
    assert_eq!(agent.said("cannot be kept"), 1, "{}", agent.output());
    assert_eq!(agent.said("kept again"), 1, "{}", agent.output());
    agent.kill();
    let next = disk.agent(&arguments);
    next.says("watching", 1);
    volume.write(&[("a", "last")]);
    next.says("unverified", 1);
    assert_eq!(next.said("changed: a"), 1, "{}", next.output());
}

/// The memory's file and its lock, after a life.
fn first_life(volume: &Volume, folder: &Path) -> PathBuf {
    std::fs::create_dir(folder).unwrap();
    let mut agent = sidecar(volume, folder);
    agent.says("unverified", 1);
    agent.signal("TERM");
    agent.ends();
    let names = std::fs::read_dir(folder).unwrap().flatten();
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    names.map(|entry| entry.path()).find(is_json).unwrap()
}

fn sidecar(volume: &Volume, folder: &Path) -> Running {
    let (dir, folder) = (volume.0.to_str().unwrap(), folder.to_str().unwrap());
    agent(&[
        "watch", "--watch", dir, "--memory", folder, "--exec", "true",
    ])
}

#[test]
fn what_somebody_lays_into_the_folder_keeps_no_agent_from_its_work() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    for (index, (end, kind)) in [
        ("new", "mkdir"),
        ("json", "mkdir"),
        ("lock", "mkdir"),
        ("json", "mkfifo"),
        ("lock", "mkfifo"),
        ("new", "mkfifo"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(format!("memory-{index}"));
        let place = first_life(&volume, &folder).with_extension(end);
        std::fs::remove_file(&place).ok();
        let laid = if kind == "mkdir" {
            "mkdir \"$0\" && touch \"$0/x\""
        } else {
            "mkfifo \"$0\""
        };
        let laid = Command::new("sh").args(["-c", laid]).arg(&place).status();
        assert!(laid.unwrap().success());
        let agent = sidecar(&volume, &folder);
        agent.says("watching", 1);
        let before = agent.said("unverified");
        let told = || agent.said("unverified") > before;
        volume.write(&[("a", &format!("{index}"))]);
        until("told", told);
        let says = agent.said("is a directory; remove it") > 0;
        assert_eq!(says, (end, kind) == ("json", "mkdir"), "{}", agent.output());
    }
}

#[test]
fn a_directory_in_the_place_of_the_mark_lets_no_life_end() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let disk = Disk::new(root.path());
    drop(disk.watch(&volume));
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "lock");
    let names = std::fs::read_dir(disk.inside("")).unwrap().flatten();
    let lock = names.map(|entry| entry.path()).find(is_json).unwrap();
    let place = lock.with_extension("json");
    std::fs::remove_file(&place).ok();
    std::fs::create_dir(&place).unwrap();
    let mut agent = disk.watch(&volume);
    volume.write(&[("a", "2")]);
    stays(&mut agent, "is a directory; remove it): its next life");
    std::fs::remove_dir(&place).unwrap();
    assert_eq!(agent.code(), 77);
}
