//! What is measured, one function each.

use crate::Board;
use crate::common::{Kubelet, Running, Volume, binary, free_port, get, start};
use crate::hook::Hook;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use std::fs;
use std::io::Write;
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Measures something.
type Play = fn(&mut Board);

/// All scenes, in the order of the report.
pub(crate) const ALL: &[(&str, Play)] = &[
    ("rest", at_rest),
    ("keys-1", one_key),
    ("keys-20", twenty_keys),
    ("keys-200", two_hundred_keys),
    ("objects", a_hundred_objects),
    ("churn", constant_churn),
    ("identical", identical_content),
    ("fixed", broken_then_fixed),
    ("torn", reading_while_swapped),
    ("port", beside_slow_callers),
];

type Files = Vec<(String, String)>;

/// A mount, its writer, and the application beside it.
struct Scene {
    root: tempfile::TempDir,
    kubelet: Kubelet,
    hook: Hook,
}

impl Scene {
    /// In memory, where the kubelet has Secrets: a busy disk is not measured.
    fn new(first: &[(String, String)]) -> Self {
        let root = tempfile::tempdir_in("/dev/shm").unwrap();
        let dir = root.path().join("cm");
        fs::create_dir(&dir).unwrap();
        let mut kubelet = Kubelet::new(&dir);
        kubelet.write(first);
        Self {
            hook: Hook::new(dir),
            kubelet,
            root,
        }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("cm")
    }

    fn agent(&self, options: &[&str]) -> Running {
        let agent = start(
            Command::new(binary())
                .args([
                    "watch",
                    "--at-start",
                    "never",
                    "--http",
                    &self.hook.url(),
                    "--watch",
                ])
                .arg(self.dir())
                .args(options),
        );
        agent.says("watching", 1);
        agent
    }

    fn floor(&self) -> Running {
        let floor = start(
            Command::new(std::env::current_exe().unwrap())
                .arg("floor")
                .arg(self.dir())
                .arg(self.hook.port.to_string()),
        );
        floor.says("watching", 1);
        floor
    }
}

fn content(text: impl std::fmt::Display) -> Files {
    vec![("a".into(), format!("{text}"))]
}

fn memory(process: &Running) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// How often all threads of a process were given a processor.
fn wakeups(process: &Running) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap();
    let of = |task: fs::DirEntry| -> u64 {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0)
    };
    tasks.flatten().map(of).sum()
}

#[expect(clippy::cast_precision_loss, reason = "no file here is that long")]
fn at_rest(board: &mut Board) {
    const REST: Duration = Duration::from_secs(25);
    let scene = Scene::new(&content(0));
    let (agent, floor) = (scene.agent(&["--listen", "127.0.0.1:0"]), scene.floor());
    let length = fs::metadata(binary()).unwrap().len() as f64;
    board.at_most("binary", length / 1_048_576.0, 4.0, "MiB");
    sleep(Duration::from_secs(1));
    let before = wakeups(&agent);
    sleep(REST);
    let woken = wakeups(&agent) - before;
    // The poll of each ten seconds: one waking each.
    let polls = REST.as_secs() / 10 + 1;
    let beyond = woken.saturating_sub(polls) as f64 / REST.as_secs_f64();
    board.at_most(
        "wake-ups a second at rest, beyond the poll",
        beyond,
        0.0,
        "/s",
    );
    board.floor("memory of a bare inotify loop", memory(&floor), "MiB");
    board.at_most("memory at rest, port open", memory(&agent), 4.0, "MiB");
}

fn one_key(board: &mut Board) {
    latency(board, 1);
}

fn twenty_keys(board: &mut Board) {
    latency(board, 20);
}

fn two_hundred_keys(board: &mut Board) {
    latency(board, 200);
}

/// From the moment that `..data` is moved to the call, with so many new keys.
fn latency(board: &mut Board, new_keys: usize) {
    let updates = std::env::var("TIDINGS_BENCH_UPDATES").map_or(100, |text| text.parse().unwrap());
    let mut scene = Scene::new(&content(0));
    let swaps = swaps(&scene.dir());
    let floor = scene.floor();
    let (floors, early) = play(&mut scene, &swaps, new_keys, updates / 2);
    drop(floor);
    let writer: Vec<f64> = floors.iter().map(|time| time.writer).collect();
    let floors: Vec<f64> = floors.iter().map(|time| time.call).collect();
    board.floor(
        &format!("swap to the writer's last step, {new_keys} new keys, p99"),
        percentile(&writer, 99),
        "ms",
    );
    board.floor(
        &format!("swap to call, {new_keys} new keys, bare loop, p99"),
        percentile(&floors, 99),
        "ms",
    );
    board.floor(&format!("  of {} calls too early", updates / 2), early, "");
    let _agent = scene.agent(&[]);
    let (times, early) = play(&mut scene, &swaps, new_keys, updates);
    let writer: Vec<f64> = times.iter().map(|time| time.writer).collect();
    let times: Vec<f64> = times.iter().map(|time| time.call).collect();
    board.floor(
        &format!("swap to call, {new_keys} new keys, p50"),
        percentile(&times, 50),
        "ms",
    );
    // Nobody may call before the writer is done, so what it took beyond its
    // usual time (12 ms for 200 keys on an idle machine) is not the agent's.
    let bar = 20.0 + (percentile(&writer, 99) - 12.0).max(0.0);
    board.at_most(
        &format!("swap to call, {new_keys} new keys, p99"),
        percentile(&times, 99),
        bar.round(),
        "ms",
    );
    board.at_most(&format!("  of {updates} calls too early"), early, 0.0, "");
}

/// Milliseconds since `..data` was moved.
struct Time {
    /// Until the call.
    call: f64,
    /// Until the writer was done with links and old files: nobody may call before.
    writer: f64,
}

/// Updates one by one; the times in milliseconds, and how many calls came when
/// not all keys were linked.
fn play(
    scene: &mut Scene,
    swaps: &Receiver<Instant>,
    new_keys: usize,
    updates: usize,
) -> (Vec<Time>, f64) {
    let mut times = Vec::new();
    let mut early = 0.0;
    for update in 0..updates {
        let mut files = content(update);
        files.extend((0..new_keys).map(|key| (format!("key-{update}-{key}"), "x".to_owned())));
        scene.kubelet.write(&files);
        let written = Instant::now();
        let (swapped, call) = (swaps.recv().unwrap(), scene.hook.next());
        let since = |at: Instant| at.saturating_duration_since(swapped).as_secs_f64() * 1000.0;
        times.push(Time {
            call: since(call.at),
            writer: since(written),
        });
        if call.keys != files.len() {
            early += 1.0;
        }
        // Past the quiet time, so that the next one comes alone.
        sleep(Duration::from_millis(250));
        scene.hook.drain();
    }
    (times, early)
}

/// When `..data` is moved in this directory, as seen by nobody else.
fn swaps(dir: &Path) -> Receiver<Instant> {
    let (tell, swaps) = channel();
    let fd = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&fd, dir, WatchFlags::MOVED_TO).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&fd, &mut buffer);
        while reader.next().is_ok() && tell.send(Instant::now()).is_ok() {}
    });
    swaps
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few hundred times"
)]
fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * percent as f64 / 100.0).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn a_hundred_objects(board: &mut Board) {
    let root = tempfile::tempdir().unwrap();
    let hook = Hook::new(root.path().to_path_buf());
    let volumes: Vec<Volume> = (0..100)
        .map(|n| Volume::new(root.path().join(format!("cm{n}")), &[("a", "0")]))
        .collect();
    let mut command = Command::new(binary());
    command.args(["watch", "--at-start", "never", "--http", &hook.url()]);
    for volume in &volumes {
        command.arg("--watch").arg(&volume.0);
    }
    let agent = start(&mut command);
    agent.says("watching", 100);
    let began = Instant::now();
    for (n, volume) in volumes.iter().enumerate() {
        let due = Duration::from_millis(10) * u32::try_from(n).unwrap();
        sleep(due.saturating_sub(began.elapsed()));
        volume.write(&[("a", "1")]);
    }
    sleep(Duration::from_secs(3));
    board.at_most(
        "actions for 100 objects that change in a second",
        count(&hook),
        2.0,
        "",
    );
}

#[expect(clippy::cast_precision_loss, reason = "a few calls")]
fn count(hook: &Hook) -> f64 {
    hook.drain().len() as f64
}

/// Each 100 ms for 10 s: no content waits longer than the cap, gathering and
/// an action under way included.
fn constant_churn(board: &mut Board) {
    let mut scene = Scene::new(&content(0));
    let _agent = scene.agent(&[]);
    let mut written = Vec::new();
    let began = Instant::now();
    for n in 1..=100u32 {
        scene.kubelet.write(&content(n));
        written.push(Instant::now());
        sleep((Duration::from_millis(100) * n).saturating_sub(began.elapsed()));
    }
    sleep(Duration::from_millis(2500));
    let calls = scene.hook.drain();
    let waited = written.iter().enumerate().map(|(n, at)| {
        let seen =
            |call: &&crate::hook::Call| call.content.parse::<usize>().is_ok_and(|got| got > n);
        let call = calls.iter().find(seen).map(|call| call.at);
        call.map_or(f64::INFINITY, |call| {
            call.saturating_duration_since(*at).as_secs_f64()
        })
    });
    let longest = waited.fold(0.0, f64::max);
    board.floor(
        "actions under churn, 100 updates in 10 s",
        f64::from(u32::try_from(calls.len()).unwrap()),
        "",
    );
    board.at_most("longest wait under churn (cap 2 s)", longest, 2.2, "s");
}

/// Apart enough to be looked at one by one: what lies between two swaps that are
/// seen at once nobody knows, so those are acted on.
fn identical_content(board: &mut Board) {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "same")]);
    let hook = Hook::new(volume.0.clone());
    let agent = start(
        Command::new(binary())
            .args([
                "watch",
                "--at-start",
                "never",
                "--http",
                &hook.url(),
                "--watch",
            ])
            .arg(&volume.0),
    );
    agent.says("watching", 1);
    for _ in 0..50 {
        volume.write(&[("a", "same")]);
        sleep(Duration::from_millis(100));
    }
    sleep(Duration::from_secs(1));
    board.at_most(
        "actions for 50 rewrites of identical content",
        count(&hook),
        0.0,
        "",
    );
}

fn broken_then_fixed(board: &mut Board) {
    let mut worst: f64 = 0.0;
    for round in 0..5 {
        let mut scene = Scene::new(&content("good"));
        let _agent = scene.agent(&[]);
        scene.hook.set(500);
        scene.kubelet.write(&content("broken"));
        // Deeper into the growing pauses each time.
        sleep(Duration::from_secs(2 * round));
        scene.hook.set(200);
        let fixed = Instant::now();
        scene.kubelet.write(&content("fixed"));
        let taken =
            std::iter::repeat_with(|| scene.hook.next()).find(|call| call.content == "fixed");
        let pause = taken.unwrap().at.saturating_duration_since(fixed);
        worst = worst.max(pause.as_secs_f64());
    }
    board.at_most(
        "from the fix of a broken configuration to its reload, worst",
        worst,
        1.0,
        "s",
    );
}

fn reading_while_swapped(board: &mut Board) {
    static DONE: AtomicBool = AtomicBool::new(false);
    let files = |n: usize| -> Files {
        (0..50)
            .map(|key| (format!("key{key}"), n.to_string().repeat(3000)))
            .collect()
    };
    let scene = Scene::new(&files(0));
    let dir = scene.dir();
    let mut kubelet = scene.kubelet;
    let writer = std::thread::spawn(move || {
        for n in 1..1000 {
            kubelet.write(&files(n));
        }
        DONE.store(true, Ordering::SeqCst);
    });
    let (mut reads, mut torn) = (0.0, 0.0);
    while !DONE.load(Ordering::SeqCst) {
        let Some(digests) = tidings_agent::read_once(&dir) else {
            continue;
        };
        reads += 1.0;
        let whole = digests.len() == 50 && digests.iter().all(|digest| *digest == digests[0]);
        torn += f64::from(u8::from(!whole));
    }
    writer.join().unwrap();
    board.floor("reads of a volume during 1,000 swaps", reads, "");
    board.at_most("  of them torn, or of two generations", torn, 0.0, "");
}

/// 300 who say nothing and 300 who say half of it; more of both come meanwhile.
fn beside_slow_callers(board: &mut Board) {
    let scene = Scene::new(&content(0));
    let port = free_port();
    let _agent = scene.agent(&["--listen", &format!("127.0.0.1:{port}")]);
    let lives = |times: usize| -> Vec<f64> {
        let ask = |_| {
            let began = Instant::now();
            let answer = get(port, "/livez");
            assert!(answer.is_some_and(|(status, _)| status == 200));
            began.elapsed().as_secs_f64() * 1000.0
        };
        (0..times).map(ask).collect()
    };
    board.floor("/livez, alone, p99", percentile(&lives(200), 99), "ms");
    let mut rude = Vec::new();
    let mut times = Vec::new();
    for n in 0..600 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        if n % 2 == 0 {
            // The agent may have had enough of it.
            let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost:");
        }
        rude.push(stream);
        times.extend(lives(1));
    }
    board.at_most(
        "/livez beside 600 slow callers, worst",
        percentile(&times, 100),
        100.0,
        "ms",
    );
}
