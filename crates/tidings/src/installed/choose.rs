//! Which installation a question is about. Pure.

use tidings_core::refs::Name;

use super::find::Discovery;
use super::object::{Installed, Labels};

/// So many are shown.
const SHOWN: usize = 10;

/// What is asked about.
#[derive(Clone, Debug, Default)]
pub struct AskedFor {
    /// The namespace of workloads; `None`: all.
    pub namespace: Option<Name>,
    /// The labels of this namespace, where they are known.
    pub labels: Option<Labels>,
    /// The installation, where it was named.
    pub instance: Option<Name>,
    /// Whether one that does not watch the namespace is asked, where it is the only one.
    pub any: bool,
}

/// What there is to ask.
#[derive(Debug)]
pub enum Choice {
    /// This one.
    One(Box<Installed>),
    /// None says anything.
    None,
    /// Several, and which is not known: a sentence.
    Several(String),
}

/// Chooses one.
pub fn choose(found: Discovery, asked: &AskedFor) -> Choice {
    let is_named = |one: &Installed| asked.instance.as_ref().is_none_or(|it| *it == one.instance);
    let mut all: Vec<_> = found.all.into_iter().filter(is_named).collect();
    if let Some(namespace) = &asked.namespace {
        let covers = |one: &Installed| one.covers(namespace, asked.labels.as_ref());
        // Of what cannot be read nobody knows that it does not watch it.
        let may = |one: &Installed| one.told.is_err();
        if all.iter().any(covers) {
            all.retain(covers);
        } else if !asked.any || all.iter().any(may) {
            all.retain(may);
        }
    }
    match all.pop() {
        None if !found.more => Choice::None,
        Some(one) if all.is_empty() && !found.more => Choice::One(Box::new(one)),
        last => {
            all.extend(last);
            Choice::Several(several(&all, found.more))
        }
    }
}

fn several(all: &[Installed], more: bool) -> String {
    let shown: Vec<_> = all.iter().take(SHOWN).map(Installed::shown).collect();
    let rest = if more || all.len() > SHOWN {
        " and more"
    } else {
        ""
    };
    format!(
        "several installations may be meant: {}{rest}; name one by --own-namespace (before the \
         slash) or --instance (behind it)",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installed::object::written;

    fn installed(namespace: &str, instance: &str, options: &[&str]) -> Installed {
        let options: Vec<_> = options.iter().map(|word| (*word).to_owned()).collect();
        Installed::read(&written(instance, namespace, &options).to_string()).unwrap()
    }

    fn two() -> Discovery {
        Discovery {
            all: vec![
                installed("blue", "tidings", &["--namespaces=stage"]),
                installed("green", "tidings", &["--namespaces-to-ignore=stage,dev"]),
            ],
            more: false,
        }
    }

    fn chosen(found: Discovery, namespace: Option<&str>, any: bool) -> String {
        let asked = AskedFor {
            namespace: namespace.map(Name::from),
            any,
            ..AskedFor::default()
        };
        match choose(found, &asked) {
            Choice::One(one) => one.shown(),
            Choice::None => "none".to_owned(),
            Choice::Several(said) => said,
        }
    }

    #[test]
    fn the_one_that_watches_the_namespace() {
        assert_eq!(chosen(two(), Some("stage"), true), "blue/tidings");
        assert_eq!(chosen(two(), Some("prod"), true), "green/tidings");
        assert_eq!(chosen(two(), Some("dev"), false), "none");
        let said = "several installations may be meant: blue/tidings, green/tidings; name one by \
                    --own-namespace (before the slash) or --instance (behind it)";
        assert_eq!(chosen(two(), Some("dev"), true), said);
        assert_eq!(chosen(two(), None, false), said);
        assert_eq!(chosen(Discovery::default(), None, true), "none");
    }

    #[test]
    fn what_cannot_be_read_is_asked_where_no_other_watches_the_namespace() {
        let mut found = two();
        found
            .all
            .push(installed("newer", "tidings", &["--newer=1"]));
        assert_eq!(chosen(found, Some("dev"), false), "newer/tidings");
        let mut found = two();
        found
            .all
            .push(installed("newer", "tidings", &["--newer=1"]));
        assert_eq!(chosen(found, Some("stage"), true), "blue/tidings");
    }

    #[test]
    fn the_only_one_says_itself_what_it_does_not_watch() {
        let one = || Discovery {
            all: vec![installed("own", "blue", &["--namespaces=stage"])],
            more: false,
        };
        assert_eq!(chosen(one(), Some("prod"), true), "own/blue");
        assert_eq!(chosen(one(), Some("prod"), false), "none");
        let more = Discovery {
            more: true,
            ..one()
        };
        assert!(chosen(more, Some("stage"), true).contains("own/blue and more;"));
    }

    #[test]
    fn labels_choose_where_they_are_known() {
        let blue = installed("blue", "tidings", &["--namespace-selector=env=stage"]);
        let green = installed("green", "tidings", &["--namespace-selector=env=prod"]);
        let of = |env: &str| AskedFor {
            namespace: Some("shop".into()),
            labels: Some([("env".to_owned(), env.to_owned())].into()),
            ..AskedFor::default()
        };
        let found = Discovery {
            all: vec![blue, green],
            more: false,
        };
        assert!(
            matches!(choose(found, &of("prod")), Choice::One(one) if one.shown() == "green/tidings")
        );
    }

    #[test]
    fn a_name_chooses_among_several() {
        let mut found = two();
        found.all.push(installed("green", "second", &[]));
        let asked = AskedFor {
            instance: Some("second".into()),
            ..AskedFor::default()
        };
        assert!(matches!(choose(found, &asked), Choice::One(one) if one.shown() == "green/second"));
    }
}
