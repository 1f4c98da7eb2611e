//! The annotation `tidings.dev/poke` of a pod: what wakes its kubelet, and tells the
//! agent whom to answer. `NUMBER TOKEN`, such as `4-k7f2 9f86d081884c7d65`.

use std::fmt;
use std::time::Duration;

/// The annotation.
pub const ANNOTATION: &str = "tidings.dev/poke";
/// No token is shorter: that of an annotation that somebody wrote by hand can be guessed.
pub const SHORTEST_TOKEN: usize = 16;
/// No annotation is longer, in bytes.
pub const LONGEST: usize = 256;
/// A token is answered so often.
pub const QUESTIONS: u32 = 100;
/// And so long.
pub const LASTS: Duration = Duration::from_mins(5);

/// What the annotation says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Poke<'a> {
    /// For which roll, as people are told it: `4-k7f2`.
    pub number: &'a str,
    /// What a question must bear. Random, and another one at each poke.
    pub token: &'a str,
}

impl<'a> Poke<'a> {
    /// `None`: it is empty, or none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (number, token) = (words.next()?, words.next()?);
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let is_token = token.len() >= SHORTEST_TOKEN && token.bytes().all(is_plain);
        let is_whole = text.len() <= LONGEST && words.next().is_none();
        (is_token && is_whole).then_some(Self { number, token })
    }
}

impl fmt::Display for Poke<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.token)
    }
}

/// Without the token.
impl fmt::Debug for Poke<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Poke({})", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poke_is_a_number_and_a_token() {
        let text = "4-k7f2 0123456789abcdef";
        let poke = Poke::parse(text).unwrap();
        assert_eq!((poke.number, poke.token), ("4-k7f2", "0123456789abcdef"));
        assert_eq!(poke.to_string(), text);
        assert_eq!(format!("{poke:?}"), "Poke(4-k7f2)");
        assert_eq!(Poke::parse(&format!("{text}\n")), Some(poke));
    }

    #[test]
    fn whatever_else_it_is_gives_no_token() {
        let long = "a".repeat(LONGEST);
        for text in [
            "",
            "\n",
            "4-k7f2",
            "0123456789abcdef",
            "4-k7f2 short",
            "4-k7f2 0123456789abcdef more",
            "4-k7f2 0123456789abcde\u{e9}",
            &format!("1 {long}"),
        ] {
            assert_eq!(Poke::parse(text), None, "{text}");
        }
    }
}
