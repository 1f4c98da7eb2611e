//! Which form of the records all replicas know.
//!
//! Goes in: the annotation [`FORMS`] of the Lease, in which each replica renews the
//! newest form that it knows. Comes out: the lowest of those that are fresh, which
//! is the one to write. Who holds the Lease and says nothing knows form 1. As with
//! the Lease itself clocks are not compared: fresh is what has changed lately, by
//! our own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidings_core::state::FORM;

/// On the Lease: `replica=form@time`, a word for each.
pub(super) const FORMS: &str = "tidings.dev/forms";
/// The form of a replica that says nothing.
const SILENT: u8 = 1;
/// More replicas than this are not kept in mind.
const MOST: usize = 32;

/// What the replicas say.
#[derive(Debug)]
pub(super) struct Forms {
    identity: String,
    /// After so long without a change a word is not fresh any more.
    fresh: Duration,
    said: BTreeMap<String, Knows>,
}

#[derive(Debug)]
struct Knows {
    /// What it wrote; of one that says nothing, when it renewed the Lease.
    text: String,
    /// `None`: it says nothing.
    form: Option<u8>,
    changed: Instant,
    /// Whether that was lately.
    fresh: bool,
}

impl Forms {
    pub(super) fn new(identity: &str, fresh: Duration) -> Self {
        Self {
            identity: identity.to_owned(),
            fresh,
            said: BTreeMap::new(),
        }
    }

    /// Hears what the annotation says, and who has renewed the Lease when.
    pub(super) fn hear(&mut self, annotation: &str, renewed: Option<(&str, &str)>, now: Instant) {
        let words = annotation.split_whitespace();
        let words = words.filter_map(|word| word.split_once('='));
        let words: BTreeMap<_, _> = words.take(MOST).collect();
        for (replica, text) in &words {
            let form = text.split('@').next().and_then(|form| form.parse().ok());
            self.say(replica, text, form, now);
        }
        let silent = renewed.filter(|(holder, _)| !words.contains_key(holder));
        if let Some((holder, time)) = silent {
            self.say(holder, time, None, now);
        }
        for said in self.said.values_mut() {
            said.fresh = now - said.changed < self.fresh;
        }
        // One that still stands there is kept, or it would be news again.
        let holds = |replica: &str| renewed.is_some_and(|(holder, _)| holder == replica);
        let stands = |replica: &str| holds(replica) || words.contains_key(replica);
        self.said
            .retain(|replica, said| said.fresh || stands(replica));
    }

    fn fresh(&self) -> impl Iterator<Item = (&String, &Knows)> {
        self.said.iter().filter(|(_, said)| said.fresh)
    }

    fn say(&mut self, replica: &str, text: &str, form: Option<u8>, now: Instant) {
        let before = self.said.get(replica);
        if replica != self.identity && before.is_none_or(|said| said.text != text) {
            let said = Knows {
                text: text.to_owned(),
                form,
                changed: now,
                fresh: true,
            };
            self.said.insert(replica.to_owned(), said);
        }
    }

    /// What to write into the annotation: our own word anew, and those of others
    /// while they are fresh.
    pub(super) fn annotation(&self, time: i64) -> String {
        let others = self.fresh().filter(|(_, said)| said.form.is_some());
        let others = others.map(|(replica, said)| format!("{replica}={}", said.text));
        let own = format!("{}={FORM}@{time}", self.identity);
        others.chain([own]).collect::<Vec<_>>().join(" ")
    }

    /// The form that all of them know.
    pub(super) fn lowest(&self) -> u8 {
        let others = self.fresh().map(|(_, said)| said.form.unwrap_or(SILENT));
        others.chain([FORM]).min().unwrap_or(FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Duration = Duration::from_mins(1);

    #[test]
    fn the_lowest_that_is_fresh_counts() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut forms = Forms::new("us", FRESH);
        assert_eq!(forms.lowest(), FORM);
        forms.hear("us=2@1 other=9@1", Some(("us", "1")), at(0));
        assert_eq!(forms.lowest(), FORM);
        forms.hear("other=9@1 old=1@1", Some(("us", "1")), at(10));
        assert_eq!(forms.lowest(), 1);
        forms.hear("other=9@1 old=1@1", Some(("us", "1")), at(69));
        assert_eq!(forms.lowest(), 1);
        forms.hear("other=9@1 old=1@1", Some(("us", "1")), at(71));
        assert_eq!(forms.lowest(), FORM, "it says the same all the time");
        assert_eq!(forms.annotation(7), format!("us={FORM}@7"));
    }

    #[test]
    fn who_holds_the_lease_and_says_nothing_knows_form_1() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut forms = Forms::new("us", FRESH);
        for renewed in 0..5 {
            forms.hear("", Some(("silent", &renewed.to_string())), at(renewed * 50));
            assert_eq!(forms.lowest(), 1);
            assert_eq!(forms.annotation(3), format!("us={FORM}@3"));
        }
        forms.hear("us=2@3", Some(("us", "9")), at(300));
        assert_eq!(forms.lowest(), FORM, "it is gone");
    }

    #[test]
    fn nonsense_is_no_higher_form() {
        let mut forms = Forms::new("us", FRESH);
        forms.hear("= == a=b c=@@ d=300@1", None, Instant::now());
        assert_eq!(forms.lowest(), 1);
    }
}
