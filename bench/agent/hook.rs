//! The application that is called: it notes when, and what its mount looks like
//! at that moment.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// One call.
pub(crate) struct Call {
    /// When it came in.
    pub(crate) at: Instant,
    /// How many keys were linked in the mount at that moment.
    pub(crate) keys: usize,
    /// What the key `a` contained.
    pub(crate) content: String,
}

/// The application.
pub(crate) struct Hook {
    /// Where it listens.
    pub(crate) port: u16,
    calls: Receiver<Call>,
    status: Arc<AtomicU16>,
}

impl Hook {
    /// Looks into this mount at each call.
    pub(crate) fn new(mount: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, calls) = channel();
        let status = Arc::new(AtomicU16::new(200));
        let answered = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &mount, &tell, &answered);
            }
        });
        Self {
            port,
            calls,
            status,
        }
    }

    /// Where to call.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Answers like this from now on.
    pub(crate) fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The next call, whenever it comes.
    pub(crate) fn next(&self) -> Call {
        self.calls
            .recv_timeout(std::time::Duration::from_secs(30))
            .unwrap()
    }

    /// All calls so far.
    pub(crate) fn drain(&self) -> Vec<Call> {
        self.calls.try_iter().collect()
    }
}

fn answer(mut stream: TcpStream, mount: &Path, tell: &Sender<Call>, status: &AtomicU16) {
    let mut request = [0u8; 1024];
    if stream.read(&mut request).unwrap_or(0) == 0 {
        return;
    }
    let at = Instant::now();
    let listed = fs::read_dir(mount).unwrap().flatten();
    let keys = listed
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(".."))
        .count();
    let content = fs::read_to_string(mount.join("a")).unwrap_or_default();
    let _ = tell.send(Call { at, keys, content });
    let status = status.load(Ordering::SeqCst);
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}
