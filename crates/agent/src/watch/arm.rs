//! Keeping inotify on every watched directory, through everything that takes it
//! away: directories that go and come back, limits of the kernel, lost messages.

use super::Watch;
use super::inotify::Inotify;
use rustix::io::Errno;
use std::time::Duration;

impl Watch {
    /// The directory with this number is gone, or unmounted.
    pub(super) fn lost(&mut self, number: i32, now: Duration) {
        self.with(number, |place| {
            place.armed = false;
            place.moment.suspect(now);
        });
        self.numbers.remove(&number);
    }

    /// The kernel dropped messages: anything may have happened anywhere.
    pub(super) fn overflowed(&mut self, now: Duration) {
        self.said
            .push("inotify lost messages; looking at everything again".into());
        for watched in &mut self.places {
            watched.moment.lost(now);
        }
    }

    /// Puts inotify on every directory that has none yet.
    pub(super) fn arm_all(&mut self) {
        if self.places.iter().all(|watched| watched.armed) {
            return;
        }
        if self.inotify.is_none() {
            match Inotify::open() {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(error) => return self.say_once(&no_inotify(error)),
            }
        }
        for index in 0..self.places.len() {
            if !self.places[index].armed {
                self.arm(index);
            }
        }
    }

    fn arm(&mut self, index: usize) {
        let Some(inotify) = &self.inotify else { return };
        for dir in self.places[index].place.dirs() {
            match inotify.add(&dir) {
                Ok(number) => {
                    self.numbers.insert(number, index);
                }
                Err(Errno::NOENT | Errno::NOTDIR) => return,
                Err(error) => return self.say_once(&no_watch(&dir.display(), error)),
            }
        }
        self.places[index].armed = true;
    }

    fn say_once(&mut self, sentence: &str) {
        if !self.complaints.iter().any(|said| said == sentence) {
            self.complaints.push(sentence.to_owned());
            self.said.push(sentence.to_owned());
        }
    }
}

fn no_inotify(error: Errno) -> String {
    format!("no inotify ({error}); looking each second instead, as long as that lasts")
}

fn no_watch(dir: &dyn std::fmt::Display, error: Errno) -> String {
    format!(
        "no inotify watch on {dir} ({error}); looking each second instead, as long as that lasts"
    )
}
