//! What an agent can do so that a process takes its new configuration, and
//! how such an attempt can end.
//!
//! In: names as people write them. Out: values the agent executes.
//! A name that means nothing is an `Err` with one sentence a person can act on.

use std::fmt;

/// How a running process is brought to its new configuration, gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send a signal on which the program reloads.
    Signal(Signal),
    /// Call the program's own reload address.
    Http,
    /// Run a command that makes the program reload.
    Exec,
    /// Stop the child and start it again, inside its container.
    Restart,
    /// End with this code, so that the kubelet restarts containers in place
    /// (restartPolicyRules, KEP-5307; `RestartAllContainers`, KEP-5532).
    Exit(u8),
}

/// What is known about an attempt once it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The process proved that it runs the new configuration.
    Applied,
    /// A check, or the process itself, refused the new configuration.
    Rejected,
    /// The process was told; nothing shows whether it obeyed.
    Unverified,
}

impl Outcome {
    /// The word used in logs, metrics and `/state.json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Unverified => "unverified",
        }
    }
}

/// A signal by number, as Linux numbers them on x86, ARM, POWER, s390 and RISC-V.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

/// Names and numbers: signal(7), the table "Signal numbering for standard
/// signals", column x86/ARM and most others.
const NAMES: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// The last signal number of Linux (`_NSIG`).
const LAST: i32 = 64;
/// The first and last real-time signal as glibc and musl hand them out: 32 and
/// 33 (and musl's 34) belong to the C library; signal(7), "Real-time signals".
const RTMIN: i32 = 34;

impl Signal {
    /// SIGHUP, on which most servers reload.
    pub const HUP: Self = Self(1);
    /// SIGINT, Ctrl-C.
    pub const INT: Self = Self(2);
    /// SIGQUIT, the graceful stop of nginx.
    pub const QUIT: Self = Self(3);
    /// SIGKILL, which no process can refuse.
    pub const KILL: Self = Self(9);
    /// SIGTERM, the kubelet's word for stop.
    pub const TERM: Self = Self(15);
    /// SIGCHLD: a child ended.
    pub const CHLD: Self = Self(17);

    /// The signal of a number between 1 and 64.
    pub fn from_number(number: i32) -> Option<Self> {
        (1..=LAST).contains(&number).then_some(Self(number))
    }

    /// Reads `HUP`, `SIGHUP`, `hup`, `1` or `RTMIN+3`.
    ///
    /// # Errors
    /// One sentence that names what was written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::by_name(name)
            .or_else(|| Self::real_time(name))
            .or_else(|| name.parse().ok().and_then(Self::from_number))
            .ok_or_else(|| {
                format!("no signal is called {text:?}; write a name such as HUP or USR2, or a number from 1 to {LAST}")
            })
    }

    fn by_name(name: &str) -> Option<Self> {
        let (_, number) = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(Self(*number))
    }

    fn real_time(name: &str) -> Option<Self> {
        let offset: i32 = name.strip_prefix("RTMIN+")?.parse().ok()?;
        let number = RTMIN.checked_add(offset)?;
        (number >= RTMIN).then(|| Self::from_number(number))?
    }

    /// The number that the kernel knows it by.
    pub fn number(self) -> i32 {
        self.0
    }

    /// The bit of this signal in the masks of `/proc/PID/status` (proc(5), `SigCgt`).
    pub fn mask(self) -> u64 {
        1 << (self.0 - 1)
    }

    /// The exit code that shells, tini and the kubelet give a process which
    /// this signal killed: 128 + its number.
    pub fn exit_code(self) -> u8 {
        u8::try_from(128 + self.0).unwrap_or(u8::MAX)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_signal_is_understood() {
        for text in ["HUP", "SIGHUP", "hup", "sighup", "1"] {
            assert_eq!(Signal::parse(text), Ok(Signal::HUP), "{text}");
        }
        assert_eq!(Signal::parse("RTMIN+3").map(Signal::number), Ok(37));
    }

    #[test]
    fn what_is_no_signal_is_one_sentence() {
        for text in [
            "",
            "SIG",
            "HUPP",
            "0",
            "65",
            "-1",
            "RTMIN+-5",
            "RTMIN+99",
            "RTMIN+2147483647",
        ] {
            let said = Signal::parse(text).unwrap_err();
            assert!(said.contains(&format!("{text:?}")), "{said}");
        }
    }

    #[test]
    fn names_and_numbers_are_each_used_once_and_read_back() {
        for (index, (name, number)) in NAMES.iter().enumerate() {
            assert_eq!(*number, i32::try_from(index).unwrap() + 1);
            assert_eq!(
                Signal::parse(name).unwrap().to_string(),
                format!("SIG{name}")
            );
        }
    }

    #[test]
    fn killed_by_a_signal_is_128_and_its_number() {
        assert_eq!(Signal::TERM.exit_code(), 143);
        assert_eq!(Signal::KILL.exit_code(), 137);
    }
}
