//! What the agent's tests share: a volume that is written as the kubelet
//! writes it, and a running agent. Nothing here waits for a length of time;
//! everything waits for something to become true.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses a part of this; a failed step ends the test"
)]

pub mod asking;
pub mod memory;
pub mod run;
pub mod scene;
pub mod sidecar;
pub mod tree;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer on the slowest machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary under test: the one that cargo built, or that the caller names.
pub fn binary() -> PathBuf {
    std::env::var_os("TIDINGS_AGENT").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_tidings-agent")),
        PathBuf::from,
    )
}

/// The one that ships, built once on a machine, unless the caller names another.
pub fn shipped() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let build = || built_by("build-static");
    let named = std::env::var_os("TIDINGS_AGENT").map(PathBuf::from);
    named.unwrap_or_else(|| BUILT.get_or_init(build).clone())
}

/// What a script below the crate's folder names in its last line.
fn built_by(script: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(path).stderr(Stdio::inherit()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{script} failed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().into()
}

/// Waits until it is true.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Copies a program. By another process: a copy of our own would still be open
/// for writing in whatever a test beside this one starts meanwhile (ETXTBSY).
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// A free port of this machine.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Makes the names of generations unique.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// A directory that is written step by step as by the kubelet's atomic writer.
pub struct Volume(pub PathBuf);

impl Volume {
    /// A volume with its first generation.
    pub fn new(dir: PathBuf, files: &[(&str, &str)]) -> Self {
        fs::create_dir_all(&dir).unwrap();
        let volume = Self(dir);
        volume.write(files);
        volume
    }

    /// Writes the next generation, all steps.
    pub fn write(&self, files: &[(&str, &str)]) {
        let old = self.generation();
        self.swap(files);
        self.link(files);
        if let Some(old) = old {
            fs::remove_dir_all(self.0.join(old)).unwrap();
        }
    }

    /// What `..data` names.
    pub fn generation(&self) -> Option<String> {
        fs::read_link(self.0.join("..data"))
            .ok()
            .map(|target| target.to_string_lossy().into_owned())
    }

    /// The steps up to the rename of `..data`.
    pub fn swap(&self, files: &[(&str, &str)]) {
        let number = GENERATION.fetch_add(1, Ordering::Relaxed);
        let name = format!("..2026_11_23_09_09_50.{number:010}");
        for (file, content) in files {
            let path = self.0.join(&name).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir_all(self.0.join(&name)).unwrap();
        symlink(&name, self.0.join("..data_tmp")).unwrap();
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).unwrap();
    }

    /// The links of new keys, then the removal of those of dropped ones.
    pub fn link(&self, files: &[(&str, &str)]) {
        for (file, _) in files {
            let first = file.split('/').next().unwrap();
            let link = self.0.join(first);
            if !link.is_symlink() {
                symlink(Path::new("..data").join(first), link).unwrap();
            }
        }
        for entry in fs::read_dir(&self.0).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kept = files
                .iter()
                .any(|(file, _)| file.split('/').next() == Some(&name));
            if !name.starts_with("..") && !kept {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

/// A process that ends with the test, its output kept.
pub struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

/// Starts a command and keeps every line that it prints.
pub fn start(command: &mut Command) -> Running {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().unwrap()),
        Box::new(child.stderr.take().unwrap()),
    ];
    for stream in streams {
        let lines = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
    }
    Running { child, lines }
}

/// Starts the agent.
pub fn agent(arguments: &[&str]) -> Running {
    start(with_default_signals().args(arguments))
}

/// The agent, to be given arguments. Whoever runs the tests may ignore HUP (`nohup`),
/// and the agent leaves that as it is: nobody would hear what a test sends.
pub fn with_default_signals() -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(binary());
    command
}

impl Running {
    /// Its number.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// All lines so far that contain this.
    pub fn said(&self, part: &str) -> usize {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.contains(part)).count()
    }

    /// Everything so far.
    pub fn output(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Waits until it has said this so often.
    pub fn says(&self, part: &str, times: usize) {
        let began = Instant::now();
        while self.said(part) < times {
            assert!(
                began.elapsed() < PATIENCE,
                "never said {part:?} {times} times:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Ends it without a word; how it ended, since it may have been faster.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Waits for its end.
    pub fn ends(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "never ended:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end and gives the exit code.
    pub fn code(&mut self) -> i32 {
        self.ends().code().unwrap()
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.runs() {
            // Its child is told to end before it is left alone.
            self.signal("TERM");
            let began = Instant::now();
            while self.runs() && began.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a signal by name to one process.
pub fn signal(pid: i32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// What a process took at most, in KiB.
pub fn peak(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

/// The children of a process.
pub fn children(pid: i32) -> Vec<i32> {
    let tasks = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut all: Vec<i32> = tasks
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    // Children belong to the thread that started them.
    for task in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(
            text.split_whitespace()
                .map(|pid| pid.parse::<i32>().unwrap()),
        );
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// One GET, the status and the body; `None` while nobody answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n")?.1.to_owned();
    Some((status, body))
}

/// A server that answers every request with the status that is set, and counts.
pub struct Hook {
    pub port: u16,
    pub requests: Arc<Mutex<Vec<String>>>,
    status: Arc<Mutex<u16>>,
}

impl Hook {
    /// Listens on a port of its own.
    pub fn new() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Listens there.
    pub fn on(listener: TcpListener) -> Self {
        let hook = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            status: Arc::new(Mutex::new(200)),
        };
        let (requests, status) = (Arc::clone(&hook.requests), Arc::clone(&hook.status));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &requests, *status.lock().unwrap());
            }
        });
        hook
    }

    /// Where it is.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Answers like this from now on; 0: not at all.
    pub fn set(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// How often it was called.
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// Reads one request whole, so that closing does not reset the connection.
fn answer(mut stream: TcpStream, requests: &Mutex<Vec<String>>, status: u16) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok();
    let mut request = Vec::new();
    let mut byte = [0u8; 1];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            // A knock: somebody only looked whether anybody is here.
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok();
    request.extend(body);
    requests
        .lock()
        .unwrap()
        .push(String::from_utf8_lossy(&request).into_owned());
    if status == 0 {
        // Hangs until the caller has had enough.
        let _ = stream.read(&mut byte).unwrap_or(0);
        return;
    }
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
    )
    .ok();
}

/// A shell script that answers a signal by appending a line to a file.
pub fn trap_script(signal: &str, file: &Path) -> String {
    format!(
        "trap 'echo got >> {0}' {signal}; trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done",
        file.display()
    )
}

/// How many lines a file has.
pub fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// The kubelet's own code, writing a volume: `cluster/atomicwriter`.
pub struct Kubelet {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

/// Where the command lies; it is built at the first use on a machine.
fn atomic_writer() -> &'static Path {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| built_by("../../cluster/atomicwriter/build"))
}

impl Kubelet {
    /// Writes this directory, which must be there.
    pub fn new(dir: &Path) -> Self {
        let mut child = Command::new(atomic_writer())
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// Brings the volume to this state; the name of its generation.
    pub fn write(&mut self, files: &[(String, String)]) -> String {
        let object: serde_json::Map<String, serde_json::Value> = files
            .iter()
            .map(|(name, content)| (name.clone(), content.clone().into()))
            .collect();
        let line = serde_json::Value::from(object);
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the writer failed");
        answer.trim().to_owned()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// A socket whose queue of connections is full, and that nobody serves.
pub fn full_socket(path: &Path) -> (UnixListener, Vec<UnixStream>) {
    let listener = UnixListener::bind(path).unwrap();
    let mut waiting = Vec::new();
    // The queue has no length that std lets one choose: until one does not fit.
    loop {
        let (done, connected) = channel();
        let path = path.to_path_buf();
        std::thread::spawn(move || done.send(UnixStream::connect(path)));
        match connected.recv_timeout(Duration::from_secs(1)) {
            Ok(stream) => waiting.push(stream.unwrap()),
            Err(_) => return (listener, waiting),
        }
    }
}
