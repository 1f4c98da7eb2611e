//! The floor: a loop that waits for `..data` to be moved and calls at once. It
//! checks nothing, gathers nothing and calls too early; nothing can be faster.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;

/// Runs for ever.
pub(crate) fn run(dir: &str, port: u16) -> ! {
    let fd = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&fd, dir, WatchFlags::MOVED_TO).unwrap();
    println!("watching");
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(&fd, &mut buffer);
    loop {
        let event = reader.next().unwrap();
        let moved = event.events().contains(ReadFlags::MOVED_TO);
        if moved
            && event
                .file_name()
                .is_some_and(|name| name.to_bytes() == b"..data")
        {
            call(port);
        }
    }
}

fn call(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0u8; 12]).unwrap();
}
