//! Many connections, one thread, and nobody waits for anybody.
//!
//! In: a listener, and who answers. Out: one answer for each
//! connection, which is then closed. Whoever takes longer than the limit in all
//! is cut off; while all seats are taken, whoever has sat there longest gives
//! his to the next. So the kubelet's probe is answered beside any number of
//! idle ones: what it asks for takes less time than filling all seats anew.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::time::Timespec;
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Nobody may take longer to ask and to listen, together.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);
/// So many at once.
pub(crate) const SEATS: usize = 32;
/// No request that we answer is longer, but for a body that is asked for.
pub(crate) const LONGEST: usize = 8192;
/// So many bodies at once.
pub(crate) const MOST_BODIES: usize = 4;
/// Where no further connection can be had (EMFILE), how long not to try.
const BREATH: Duration = Duration::from_millis(100);

/// What is said to the head of a request.
pub(crate) enum Reply {
    /// All there is to say.
    Whole(Vec<u8>),
    /// Nothing before so many bytes of a body are there.
    Body(usize),
}

/// Who answers.
pub(crate) trait Answering {
    /// To the head of a request: its lines.
    fn head(&self, head: &str) -> Reply;

    /// To the body that was asked for.
    fn body(&self, body: &[u8]) -> Vec<u8>;
}

/// Answers for ever.
pub(crate) fn serve(listener: &TcpListener, by: &impl Answering) {
    // Without it, a caller who hangs up early would hold up all others.
    let _ = listener.set_nonblocking(true);
    let mut seats: Vec<Seat> = Vec::new();
    let mut reserve = Reserve(None);
    let desk = Desk {
        by,
        shared: Shared::default(),
    };
    loop {
        let ready = wait(listener, &seats);
        let now = Instant::now();
        for (seat, is_ready) in seats.iter_mut().zip(&ready[1..]) {
            if *is_ready {
                seat.go_on(&desk);
            }
        }
        seats.retain(|seat| seat.doing != Doing::Done && seat.until > now);
        reserve.fill(listener);
        if ready[0] {
            admit(listener, (&mut seats, &mut reserve), &desk);
        }
        limit_bodies(&mut seats);
    }
}

/// Where answers are made.
struct Desk<'a, A> {
    by: &'a A,
    shared: Shared,
}

impl<A: Answering> Desk<'_, A> {
    fn body(&self, body: &[u8]) -> Arc<Vec<u8>> {
        self.shared.one(self.by.body(body))
    }
}

/// Whoever has been sending his for longest goes.
fn limit_bodies(seats: &mut Vec<Seat>) {
    let mut bodies: Vec<Instant> = (seats.iter())
        .filter(|seat| seat.sends_body())
        .map(|seat| seat.until)
        .collect();
    bodies.sort_unstable();
    let too_many = bodies.len().saturating_sub(MOST_BODIES);
    if let Some(last) = bodies.get(too_many.wrapping_sub(1)) {
        seats.retain(|seat| !seat.sends_body() || seat.until > *last);
    }
}

/// Answers that are still being sent. Who asks for the same is sent the same: a copy
/// for each of those who do not read would take what memory there is.
#[derive(Default)]
struct Shared(RefCell<Vec<Weak<Vec<u8>>>>);

impl Shared {
    fn one(&self, answer: Vec<u8>) -> Arc<Vec<u8>> {
        let mut known = self.0.borrow_mut();
        known.retain(|answer| answer.strong_count() > 0);
        let mut sent = known.iter().filter_map(Weak::upgrade);
        if let Some(same) = sent.find(|sent| **sent == answer) {
            return same;
        }
        let new = Arc::new(answer);
        known.push(Arc::downgrade(&new));
        new
    }
}

/// What a connection is at.
#[derive(Debug, PartialEq, Eq)]
enum Doing {
    Asking,
    /// Sends a body of so many bytes.
    Telling(usize),
    Listening,
    /// Has been answered: what it still sends is read, since closing would tear
    /// the answer away from it (RFC 9112, 9.6).
    Leaving,
    Done,
}

struct Seat {
    stream: TcpStream,
    until: Instant,
    doing: Doing,
    asked: Vec<u8>,
    answer: Arc<Vec<u8>>,
    /// How much of it.
    sent: usize,
}

impl Seat {
    fn sends_body(&self) -> bool {
        matches!(self.doing, Doing::Telling(_))
    }

    fn go_on(&mut self, desk: &Desk<'_, impl Answering>) {
        let done = match self.doing {
            Doing::Asking => self.ask(desk),
            Doing::Telling(length) => self.tell(length, desk),
            Doing::Listening => self.send(),
            Doing::Leaving => self.leave(),
            Doing::Done => Ok(()),
        };
        if done.is_err_and(|error| !is_passing(error.kind())) {
            self.doing = Doing::Done;
        }
    }

    fn ask(&mut self, desk: &Desk<'_, impl Answering>) -> Result<()> {
        let end = loop {
            self.read()?;
            let ends = |end: &[u8]| end == b"\r\n\r\n";
            let end = self.asked.windows(4).position(ends).map(|at| at + 4);
            if end.is_some() || self.asked.len() >= LONGEST {
                break end.unwrap_or(self.asked.len());
            }
        };
        let body = self.asked.split_off(end);
        let head = String::from_utf8_lossy(&std::mem::take(&mut self.asked)).into_owned();
        match desk.by.head(&head) {
            Reply::Whole(answer) => self.listen(desk.shared.one(answer)),
            Reply::Body(length) => {
                self.asked = body;
                self.doing = Doing::Telling(length);
                self.tell(length, desk)
            }
        }
    }

    fn tell(&mut self, length: usize, desk: &Desk<'_, impl Answering>) -> Result<()> {
        while self.asked.len() < length {
            self.read()?;
        }
        let asked = std::mem::take(&mut self.asked);
        self.listen(desk.body(&asked[..length]))
    }

    fn read(&mut self) -> Result<()> {
        let mut piece = [0u8; 1024];
        match self.stream.read(&mut piece)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            length => {
                self.asked.extend_from_slice(&piece[..length]);
                Ok(())
            }
        }
    }

    fn listen(&mut self, answer: Arc<Vec<u8>>) -> Result<()> {
        self.answer = answer;
        self.doing = Doing::Listening;
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        while self.sent < self.answer.len() {
            self.sent += self.stream.write(&self.answer[self.sent..])?;
        }
        (self.answer, self.sent) = (Arc::default(), 0);
        self.stream.shutdown(Shutdown::Write)?;
        self.doing = Doing::Leaving;
        self.leave()
    }

    fn leave(&mut self) -> Result<()> {
        let mut piece = [0u8; 1024];
        while self.stream.read(&mut piece)? > 0 {}
        self.doing = Doing::Done;
        Ok(())
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Until somebody can go on, or the first limit passes: the listener first.
fn wait(listener: &TcpListener, seats: &[Seat]) -> Vec<bool> {
    let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
    fds.extend(seats.iter().map(|seat| {
        let wants_out = seat.doing == Doing::Listening;
        let flags = if wants_out {
            PollFlags::OUT
        } else {
            PollFlags::IN
        };
        PollFd::new(&seat.stream, flags)
    }));
    let first = seats.iter().map(|seat| seat.until).min();
    let pause = first.map(|until| until.saturating_duration_since(Instant::now()));
    let timeout = pause.and_then(|pause| Timespec::try_from(pause).ok());
    // Interrupted or not: the caller tries whoever is ready.
    let _ = poll(&mut fds, timeout.as_ref());
    fds.iter().map(|fd| !fd.revents().is_empty()).collect()
}

/// A descriptor to give away where none is left, so that who asks whether the agent
/// lives is answered.
struct Reserve(Option<OwnedFd>);

impl Reserve {
    fn fill(&mut self, listener: &TcpListener) {
        if self.0.is_none() {
            self.0 = fcntl_dupfd_cloexec(listener, 0).ok();
        }
    }

    fn give(&mut self) -> bool {
        self.0.take().is_some()
    }
}

fn admit(
    listener: &TcpListener,
    (seats, reserve): (&mut Vec<Seat>, &mut Reserve),
    desk: &Desk<'_, impl Answering>,
) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if seats.len() >= SEATS {
                    free_one(seats);
                }
                seats.extend(seated(stream, desk));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            // Somebody hung up before he was let in, and whatever is the next one's.
            Err(error) if is_passing(error.kind()) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(_) if reserve.give() => {}
            Err(_) => {
                free_one(seats);
                return std::thread::sleep(BREATH);
            }
        }
    }
}

/// `None`: was answered at once, or is gone.
fn seated(stream: TcpStream, desk: &Desk<'_, impl Answering>) -> Option<Seat> {
    stream.set_nonblocking(true).ok()?;
    let mut seat = Seat {
        stream,
        until: Instant::now() + LIMIT,
        doing: Doing::Asking,
        asked: Vec::new(),
        answer: Arc::default(),
        sent: 0,
    };
    seat.go_on(desk);
    (seat.doing != Doing::Done).then_some(seat)
}

/// Whoever has been answered goes first, then who has not yet asked, then the
/// slowest listener.
fn free_one(seats: &mut Vec<Seat>) {
    let rank = |seat: &Seat| match seat.doing {
        Doing::Done | Doing::Leaving => 0,
        Doing::Asking | Doing::Telling(_) => 1,
        Doing::Listening => 2,
    };
    let order = |seat: &(usize, &Seat)| (rank(seat.1), seat.1.until);
    let first = seats.iter().enumerate().min_by_key(order);
    if let Some((index, _)) = first {
        seats.remove(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_the_same_is_sent_the_same() {
        let shared = Shared::default();
        let (first, other) = (shared.one(vec![1]), shared.one(vec![2]));
        assert!(Arc::ptr_eq(&first, &shared.one(vec![1])));
        drop((first, other));
        shared.one(vec![3]);
        assert_eq!(shared.0.borrow().len(), 1);
    }
}
