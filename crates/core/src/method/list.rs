//! The methods that somebody allows.
//!
//! Goes in: a comma list of words. Comes out: a set, whose order is that of the table,
//! and a sentence for each part that is wrong; the good parts hold.

use std::fmt;

use crate::pattern::quoted;

use super::{METHODS, Method};

/// Some of the methods, the gentlest first.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    /// All of them.
    pub fn all() -> Self {
        METHODS.iter().map(|row| row.method).collect()
    }

    /// Those that can serve whatever has changed.
    pub fn of_any_change() -> Self {
        let any = METHODS.iter().filter(|row| row.requires.is_empty());
        any.map(|row| row.method).collect()
    }

    /// Reads the list of an annotation or an option. Nothing is done that nobody listed,
    /// so of a list without one good word it is left to tell people.
    pub fn read(text: &str) -> (Self, Vec<String>) {
        let (mut methods, mut problems) = (Self::default(), Vec::new());
        for word in text.split(',').map(str::trim) {
            match Method::parse(word) {
                Some(method) => problems.extend(methods.add(method)),
                None => problems.push(unknown(word)),
            }
        }
        if methods.is_empty() {
            methods = Method::Notify.into();
            problems.push("no method is left: read as notify".to_owned());
        }
        (methods, problems)
    }

    /// Reads what an installation enables: in any order, those too that exclude each other
    /// on one workload.
    pub fn enabled(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim);
        let methods = words.map(|word| Method::parse(word).ok_or_else(|| unknown(word)));
        methods.collect()
    }

    /// Adds what comes next in a list, and says what is wrong with its place.
    fn add(&mut self, method: Method) -> Option<String> {
        let word = method.word();
        let gentler = self.iter().last().filter(|last| *last > method);
        if self.contains(method) {
            return Some(format!("{word} is named twice"));
        }
        let other = match method {
            Method::Hot => Method::Poke,
            Method::Poke => Method::Hot,
            _ => method,
        };
        if self.contains(other) {
            *self = self.without(Method::Poke) | Method::Hot.into();
            return Some(
                "hot and poke exclude each other, since hot pokes too: poke is ignored".to_owned(),
            );
        }
        *self = *self | method.into();
        gentler.map(|last| format!("{word} is gentler than {last}: it is tried before it"))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is one of them.
    pub fn contains(self, method: Method) -> bool {
        self.0 & bit(method) != 0
    }

    /// Each of them, the gentlest first.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        let all = METHODS.iter().map(|row| row.method);
        all.filter(move |method| self.contains(*method))
    }

    /// The gentlest.
    pub fn first(self) -> Option<Method> {
        self.iter().next()
    }

    /// All but one.
    #[must_use]
    pub fn without(self, method: Method) -> Self {
        Self(self.0 & !bit(method))
    }

    /// Those that come after one.
    #[must_use]
    pub fn after(self, method: Method) -> Self {
        self.iter().filter(|other| *other > method).collect()
    }
}

fn bit(method: Method) -> u8 {
    1 << method as u8
}

/// A word that is no method's, and what may have been meant.
fn unknown(word: &str) -> String {
    let words = METHODS.iter().map(|row| row.word);
    let list = words.clone().collect::<Vec<_>>().join(", ");
    let parts = word.split(|c: char| !c.is_ascii_alphabetic() && c != '-');
    if parts.filter(|part| Method::parse(part).is_some()).count() > 1 {
        return format!("{}: methods are parted by commas", quoted(word));
    }
    let near = words.min_by_key(|known| strsim::damerau_levenshtein(known, &word.to_lowercase()));
    let near = near.filter(|known| strsim::damerau_levenshtein(known, &word.to_lowercase()) < 3);
    let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("{} is no method of {list}{meant}", quoted(word))
}

impl From<Method> for Methods {
    fn from(method: Method) -> Self {
        Self(bit(method))
    }
}

impl FromIterator<Method> for Methods {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        let methods = methods.into_iter();
        methods.fold(Self::default(), |all, method| all | method.into())
    }
}

impl std::ops::BitOr for Methods {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitAnd for Methods {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Method::word).collect();
        f.write_str(&words.join(", "))
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("hot, rollout", "hot, rollout", "")]
    #[case(" hot ,rollout,notify", "hot, rollout, notify", "")]
    #[case("notify", "notify", "")]
    #[case("rollout, hot", "hot, rollout", "hot is gentler than rollout")]
    #[case("hot, hot", "hot", "hot is named twice")]
    #[case("hot, poke, rollout", "hot, rollout", "poke is ignored")]
    #[case("poke, hot", "hot", "poke is ignored")]
    #[case("hot, rolout", "hot", "did you mean rollout?")]
    #[case("Hot", "notify", "did you mean hot?")]
    #[case("hot rollout", "notify", "parted by commas")]
    #[case("[\"hot\", \"rollout\"]", "notify", "is no method of hot, poke")]
    #[case("hot; rollout", "notify", "parted by commas")]
    #[case("hot,", "hot", "is no method of")]
    #[case("", "notify", "read as notify")]
    #[case("restart", "notify", "is no method of")]
    fn lists_read_well(#[case] text: &str, #[case] expect: &str, #[case] said: &str) {
        let (methods, problems) = Methods::read(text);
        assert_eq!(methods.to_string(), expect);
        assert_eq!(problems.is_empty(), said.is_empty(), "{problems:?}");
        assert!(problems.join("; ").contains(said), "{problems:?}");
    }

    #[rstest]
    #[case("hot, poke,rollout", Ok("hot, poke, rollout"))]
    #[case("notify,hot", Ok("hot, notify"))]
    #[case("hot, rolout", Err("did you mean rollout?"))]
    #[case("", Err("is no method of"))]
    fn an_installation_enables_any_of_them(#[case] text: &str, #[case] expect: Result<&str, &str>) {
        match (Methods::enabled(text), expect) {
            (Ok(methods), Ok(expect)) => assert_eq!(methods.to_string(), expect),
            (Err(problem), Err(said)) => assert!(problem.contains(said), "{problem}"),
            (read, _) => unreachable!("{read:?}"),
        }
    }

    #[test]
    fn they_go_from_the_gentlest_on() {
        let all = Methods::all();
        assert_eq!(all.first(), Some(Method::Hot));
        assert_eq!(
            all.after(Method::Hot).without(Method::Poke).to_string(),
            "restart-in-place, evict, rollout, notify"
        );
        assert_eq!(Methods::default().first(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_is_done_that_is_not_listed(
            words in proptest::collection::vec("hot|poke|rollout|notify|hto|", 0..6),
        ) {
            let text = words.join(",");
            let (methods, _) = Methods::read(&text);
            let listed = methods.iter().all(|method| words.iter().any(|w| w == method.word()));
            prop_assert!(listed || methods == Method::Notify.into());
            prop_assert_eq!(Methods::read(&methods.to_string()), (methods, Vec::new()));
        }
    }
}
