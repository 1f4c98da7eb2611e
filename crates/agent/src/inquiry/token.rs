//! Who may ask: whoever knows the token that stands on the pod now.
//!
//! In: the file of the downward API with the annotation, and what a caller bears. Out:
//! whether he is answered. The token itself is kept nowhere, and told to nobody.

use crate::files::read::{Opened, named};
use rustix::fs::Stat;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tidings_wire::poke::{self, Poke};

/// Why somebody is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// He bears no token, another one, or one that is too old.
    Unknown,
    /// He has asked too often.
    TooOften,
}

/// The token that is there now, and what was asked with it.
pub(crate) struct Tokens {
    file: PathBuf,
    present: Option<Present>,
}

struct Present {
    /// Compared in constant time, whatever its length: `Hash` does that.
    token: blake3::Hash,
    since: Instant,
    asked: u32,
}

impl Tokens {
    pub(crate) fn of(file: PathBuf) -> Self {
        let mut tokens = Self {
            file,
            present: None,
        };
        tokens.look();
        tokens
    }

    /// Lets whoever bears the present token ask once more.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(&mut self, borne: &str) -> Result<(), Refusal> {
        self.look();
        let present = self.present.as_mut().ok_or(Refusal::Unknown)?;
        let is_right = present.token == blake3::hash(borne.as_bytes());
        if !is_right || present.since.elapsed() >= poke::LASTS {
            return Err(Refusal::Unknown);
        }
        if present.asked >= poke::QUESTIONS {
            return Err(Refusal::TooOften);
        }
        present.asked += 1;
        Ok(())
    }

    /// What the kubelet has written meanwhile. One and the same token, written again,
    /// is no new one.
    fn look(&mut self) {
        let token = self.read();
        if token != self.present.as_ref().map(|present| present.token) {
            self.present = token.map(|token| Present {
                token,
                since: Instant::now(),
                asked: 0,
            });
        }
    }

    fn read(&self) -> Option<blake3::Hash> {
        let opened = named(&self.file, poke::LONGEST as u64, false).ok()?;
        if is_old(&opened.stat) {
            return None;
        }
        let bytes = Opened::whole(opened).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        Poke::parse(text).map(|poke| blake3::hash(poke.token.as_bytes()))
    }
}

/// One that was there long before the agent started: it does not begin anew with it.
fn is_old(stat: &Stat) -> bool {
    let written = u64::try_from(stat.st_mtime).unwrap_or(0);
    let written = UNIX_EPOCH + Duration::from_secs(written);
    let age = SystemTime::now().duration_since(written);
    age.is_ok_and(|age| age >= poke::LASTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    const FIRST: &str = "0123456789abcdef";
    const SECOND: &str = "fedcba9876543210";

    fn tokens(dir: &tempfile::TempDir) -> Tokens {
        Tokens::of(dir.path().join("poke"))
    }

    fn put(tokens: &Tokens, text: &str) {
        fs::write(&tokens.file, text).unwrap();
    }

    #[test]
    fn only_the_present_token_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let mut tokens = tokens(&dir);
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown), "no file");
        for text in ["", "4-k7f2", "4-k7f2 short", FIRST] {
            put(&tokens, text);
            for borne in ["", "short", "4-k7f2", FIRST] {
                assert_eq!(tokens.admit(borne), Err(Refusal::Unknown), "{text}");
            }
        }
        put(&tokens, &format!("4-k7f2 {FIRST}"));
        assert_eq!(tokens.admit(FIRST), Ok(()));
        for borne in ["", SECOND, &FIRST[..15], &format!("{FIRST}0")] {
            assert_eq!(tokens.admit(borne), Err(Refusal::Unknown), "{borne}");
        }
        put(&tokens, &format!("4-k7f2 {SECOND}"));
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown));
        assert_eq!(tokens.admit(SECOND), Ok(()));
        fs::remove_file(&tokens.file).unwrap();
        assert_eq!(tokens.admit(SECOND), Err(Refusal::Unknown));
    }

    #[test]
    fn a_token_is_good_for_so_many_questions_and_the_next_for_as_many() {
        let dir = tempfile::tempdir().unwrap();
        let mut tokens = tokens(&dir);
        for token in [FIRST, SECOND] {
            put(&tokens, &format!("1-abcd {token}"));
            for _ in 0..poke::QUESTIONS {
                assert_eq!(tokens.admit("a wrong one, before"), Err(Refusal::Unknown));
                assert_eq!(tokens.admit(token), Ok(()));
            }
            put(&tokens, &format!("2-abcd {token}"));
            assert_eq!(tokens.admit(token), Err(Refusal::TooOften), "the same");
        }
    }

    #[test]
    fn a_token_grows_old_whenever_the_agent_started() {
        let dir = tempfile::tempdir().unwrap();
        let mut tokens = tokens(&dir);
        put(&tokens, &format!("1-abcd {FIRST}"));
        let file = File::options().write(true).open(&tokens.file).unwrap();
        file.set_modified(SystemTime::now() - poke::LASTS).unwrap();
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown));
        let almost = Duration::from_mins(4);
        file.set_modified(SystemTime::now() - almost).unwrap();
        assert_eq!(tokens.admit(FIRST), Ok(()));
        let present = tokens.present.as_mut().unwrap();
        present.since = Instant::now().checked_sub(poke::LASTS).unwrap();
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown));
    }

    #[test]
    fn what_is_no_file_of_the_kubelets_is_no_token() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("1-abcd {FIRST}");
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("x"), &text).unwrap();
        let mut tokens = tokens(&dir);
        std::os::unix::fs::symlink(outside.path().join("x"), &tokens.file).unwrap();
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown), "it leads out");
        fs::remove_file(&tokens.file).unwrap();
        put(&tokens, &format!("{text}{}", " ".repeat(poke::LONGEST)));
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown), "it is too long");
        fs::remove_file(&tokens.file).unwrap();
        fs::create_dir(&tokens.file).unwrap();
        assert_eq!(tokens.admit(FIRST), Err(Refusal::Unknown));
    }
}
