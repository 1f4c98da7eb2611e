//! The one way to read a file of credentials: a regular one, of a bounded size, and never
//! two threads for the same files.
//!
//! A FIFO, a device or a folder is refused rather than waited for. What hangs all the same
//! (a mount whose server is gone) keeps one thread; nothing is read beside it until it is
//! back. Tokio has 512 such threads, and the names of servers are looked up on them too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::ConnectError;

/// No token, certificate or kubeconfig is longer, in bytes: as much as a Secret holds.
const LONGEST: u64 = 1 << 20;
/// How long files may take to be read.
const FILES: Duration = Duration::from_secs(10);

/// Reads a regular file of at most [`LONGEST`] bytes. Whatever else stands there is an
/// error, at once.
pub(super) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    all_of(&file)
}

fn all_of(file: &File) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut read)?;
    if read.len() as u64 > LONGEST {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(read)
}

/// As [`read`], of a text.
pub(super) fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    let is_no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(read(path)?).map_err(is_no_text)
}

/// Where what touches files is done: by one at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct FileAccess(Arc<Mutex<()>>);

impl FileAccess {
    /// Lets this touch files, for at most [`FILES`]. Where an earlier one still does, that
    /// hangs, and so would this.
    pub(super) async fn allow<T: Send + 'static>(
        &self,
        touch: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ConnectError> {
        let alone = Arc::clone(&self.0).try_lock_owned();
        let alone = alone.map_err(|_| ConnectError::Silent)?;
        let touching = spawn_blocking(move || {
            let _until_then = alone;
            touch()
        });
        let touched = timeout(FILES, touching).await;
        let touched = touched.map_err(|_| ConnectError::Silent)?;
        touched.map_err(|_| ConnectError::Silent)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;

    use tokio::time::advance;

    use super::*;

    #[test]
    fn what_is_no_file_or_too_large_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let refused = |name: &str| read(at(name)).unwrap_err().to_string();
        symlink("/dev/zero", at("zero")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(fifo.unwrap().success());
        for name in ["zero", "fifo", "."] {
            assert_eq!(refused(name), "it is no regular file", "{name}");
        }
        fs::write(at("large"), vec![0; (1 << 20) + 1]).unwrap();
        assert_eq!(refused("large"), "it is larger than 1 MiB");
        fs::write(at("file"), "token").unwrap();
        symlink(at("file"), at("link")).unwrap();
        assert_eq!(read_text(at("link")).unwrap(), "token");
    }

    /// As on a mount whose server is gone.
    #[tokio::test(start_paused = true)]
    async fn while_one_hangs_no_other_begins() {
        let files = FileAccess::default();
        let (back, hangs) = mpsc::channel::<()>();
        let (ended, end) = tokio::sync::oneshot::channel();
        let hanging = files.allow(move || {
            let _ = hangs.recv();
            let _ = ended.send(());
        });
        // The clock does not go on by itself while somebody blocks.
        let (hung, ()) = tokio::join!(hanging, advance(FILES));
        assert!(matches!(hung, Err(ConnectError::Silent)));
        for _ in 0..600 {
            let other = files.allow(|| unreachable!("a second thread")).await;
            assert!(matches!(other, Err(ConnectError::Silent)));
        }
        drop(back);
        end.await.unwrap();
        while files.allow(|| ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
