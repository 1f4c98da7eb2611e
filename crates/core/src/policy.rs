//! What the owners of a workload asked for, all annotations taken together.
//!
//! Goes in: the annotations of a workload, its pod template and its namespace,
//! and the installation's defaults. Comes out: a [`Policy`] and the
//! [`Problem`]s found on the way. Nothing here fails: what cannot be read is a
//! problem, the rest holds.
//!
//! Precedence of the opt-in: `tidings.dev/reload` on the workload, else on its
//! template; else Reloader's annotations; else the namespace's
//! `tidings.dev/reload`; else `--auto-reload-all`. Reloader's own order is that
//! of its `ShouldReload`: for each kind of source, metadata is read where it
//! has any of the keys for that kind, else the template, never both; exclude
//! before names, names before `auto`, `auto` of all kinds or of one.

use std::collections::BTreeMap;

use crate::annotations::{self, Item, Named, Place, RELOAD, Setting};
use crate::digest::Digest;
use crate::object::{Marks, Workload};
use crate::pattern::Pattern;
use crate::reason::{Problem, Reason};
use crate::refs::SourceKind;

/// What an installation assumes where annotations are silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// `--auto-reload-all`
    pub auto_reload_all: bool,
}

/// What the owners of a workload asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    selections: [Selection; 2],
    /// `tidings.dev/reload-on-create`, where it is set.
    pub on_create: Option<bool>,
    /// `tidings.dev/settle`, where it is set, in milliseconds.
    pub settle: Option<u64>,
}

/// Which sources of one kind roll the workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    rules: Vec<Rule>,
    except: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Used,
    Searched,
    Named(Named),
}

/// The keys of a selected source that count, of those that are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFilter {
    only: Option<Vec<Pattern>>,
    except: Vec<Pattern>,
}

impl KeyFilter {
    /// Whether every key counts.
    pub fn is_open(&self) -> bool {
        self.only.is_none() && self.except.is_empty()
    }

    /// A digest of which keys count.
    pub fn digest(&self) -> Digest {
        let texts = |patterns: &[Pattern]| {
            let mut texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
            texts.sort();
            texts.join(",")
        };
        let only = self.only.as_deref().map(texts);
        Digest::of_parts(&[
            only.as_deref().unwrap_or("*").as_bytes(),
            texts(&self.except).as_bytes(),
        ])
    }

    /// Whether a key counts.
    pub fn admits(&self, key: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(key));
        self.only.as_deref().is_none_or(any) && !any(&self.except)
    }
}

impl Policy {
    /// The selection for one kind of source.
    pub fn of(&self, kind: SourceKind) -> &Selection {
        &self.selections[kind as usize]
    }

    /// Whether anything may roll the workload.
    pub fn opted_in(&self) -> bool {
        self.selections.iter().any(|s| !s.rules.is_empty())
    }

    fn of_mut(&mut self, kind: SourceKind) -> &mut Selection {
        &mut self.selections[kind as usize]
    }
}

impl Selection {
    /// Which keys of a source count, or `None` where the source does not.
    pub fn select(&self, name: &str, used: bool, marks: Marks) -> Option<KeyFilter> {
        let excepted = || self.except.iter().filter(|n| n.name.matches(name));
        if marks.ignore || excepted().any(|n| n.keys.is_empty()) {
            return None;
        }
        let mut only = Some(Vec::new());
        let mut selected = false;
        for rule in self.rules.iter().filter(|r| r.applies(name, used, marks)) {
            selected = true;
            match rule {
                Rule::Named(n) if !n.keys.is_empty() => {
                    if let Some(keys) = &mut only {
                        keys.extend_from_slice(&n.keys);
                    }
                }
                _ => only = None,
            }
        }
        let except = excepted().flat_map(|n| n.keys.clone()).collect();
        selected.then_some(KeyFilter { only, except })
    }

    /// The names that annotations name, used or not.
    pub fn named(&self) -> impl Iterator<Item = &Pattern> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Named(named) => Some(&named.name),
            _ => None,
        })
    }
}

impl Rule {
    fn applies(&self, name: &str, used: bool, marks: Marks) -> bool {
        match self {
            Self::Used => used,
            Self::Searched => used && marks.matched,
            Self::Named(named) => named.name.matches(name),
        }
    }
}

/// Annotations of one object.
pub type Annotations = BTreeMap<String, String>;

/// Reads the policy of a workload.
pub fn read(
    workload: &Workload,
    namespace: &Annotations,
    defaults: Defaults,
) -> (Policy, Vec<Problem>) {
    let mut reader = Reader {
        metadata: &workload.annotations,
        template: &workload.template_annotations,
        namespace,
        problems: Vec::new(),
    };
    reader.unknown_keys();
    let mut policy = Policy::default();
    reader.opt_in(&mut policy, defaults);
    if let Some(Setting::Settle(millis)) = reader.nearest("tidings.dev/settle") {
        policy.settle = Some(millis);
    }
    if let Some(Setting::OnCreate(on)) = reader.nearest("tidings.dev/reload-on-create") {
        policy.on_create = Some(on);
    }
    let mut problems = reader.problems;
    problems.sort();
    problems.dedup();
    (policy, problems)
}

/// What is wrong with a namespace's own annotations. What is wrong with a default
/// for workloads is told on those that it would hold for.
pub fn on_namespace(annotations: &Annotations) -> Vec<Problem> {
    let keys = annotations.keys();
    keys.filter_map(|key| annotations::problem_of_key(key))
        .collect()
}

/// The mistakes that are told of one annotation before the rest is only counted:
/// each is an Event.
const MISTAKES: usize = 5;

struct Reader<'a> {
    metadata: &'a Annotations,
    template: &'a Annotations,
    namespace: &'a Annotations,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn unknown_keys(&mut self) {
        let keys = self.metadata.keys().chain(self.template.keys());
        let problems = keys.filter_map(|key| annotations::problem_of_key(key));
        self.problems.extend(problems);
    }

    /// Each own key by itself: workload, else template, else namespace.
    fn nearest(&mut self, key: &'static str) -> Option<Setting> {
        let places = [self.metadata, self.template, self.namespace];
        let from = places.into_iter().find(|place| place.contains_key(key))?;
        self.read(from, key)
    }

    fn read(&mut self, from: &Annotations, key: &'static str) -> Option<Setting> {
        let text = from.get(key)?;
        let mut wrong = Vec::new();
        let setting = (annotations::find(key)?.read)(text, &mut wrong);
        if wrong.len() > MISTAKES {
            let more = wrong.split_off(MISTAKES).len();
            wrong.push(format!("{more} more mistakes"));
        }
        self.problems
            .extend(wrong.into_iter().map(|problem| Problem {
                reason: Reason::BadAnnotation,
                text: format!("{key}: {problem}"),
            }));
        setting
    }

    fn opt_in(&mut self, policy: &mut Policy, defaults: Defaults) {
        let on_workload = [self.metadata, self.template]
            .iter()
            .any(|a| a.contains_key(RELOAD));
        let reloaders = self.reloaders_keys();
        for kind in SourceKind::all() {
            policy.of_mut(kind).except = self.excluded(kind);
        }
        if on_workload && !reloaders.is_empty() {
            self.problems.push(Problem {
                reason: Reason::ConflictingAnnotations,
                text: format!("{RELOAD} is set, so {} is ignored", reloaders.join(", ")),
            });
        }
        if on_workload || (reloaders.is_empty() && self.namespace.contains_key(RELOAD)) {
            if let Some(Setting::Reload(items)) = self.nearest(RELOAD) {
                policy.take(&items);
            }
            return;
        }
        for kind in SourceKind::all() {
            policy.of_mut(kind).rules = self.reloader(kind, defaults);
        }
    }

    fn reloaders_keys(&self) -> Vec<&'static str> {
        let rows = annotations::ANNOTATIONS.iter();
        let opt_in = rows.filter(|row| row.place == Place::Workload);
        opt_in
            .map(|row| row.key)
            .filter(|key| self.metadata.contains_key(*key) || self.template.contains_key(*key))
            .collect()
    }

    /// Reloader's exclude lists are no opt-in: they hold with every vocabulary.
    fn excluded(&mut self, kind: SourceKind) -> Vec<Named> {
        let whole = |name| Named {
            name: Pattern::Literal(name),
            keys: Vec::new(),
        };
        match self.read(self.metadata, ReloaderKeys::of(kind).exclude) {
            Some(Setting::Exclude(_, names)) => names.into_iter().map(whole).collect(),
            _ => Vec::new(),
        }
    }

    fn reloader(&mut self, kind: SourceKind, defaults: Defaults) -> Vec<Rule> {
        let keys = ReloaderKeys::of(kind);
        let on_metadata = keys
            .opt_in()
            .iter()
            .any(|key| self.metadata.contains_key(*key));
        let from = if on_metadata {
            self.metadata
        } else {
            self.template
        };
        let mut rules = Vec::new();
        if let Some(Setting::Names(_, names)) = self.read(from, keys.names) {
            let whole = |name| {
                Rule::Named(Named {
                    name,
                    keys: Vec::new(),
                })
            };
            rules.extend(names.into_iter().map(whole));
        }
        if self.read(from, keys.search) == Some(Setting::Search(true)) {
            rules.push(Rule::Searched);
        }
        let said = |key: &str| from.get(key).is_some_and(|value| !value.is_empty());
        let on = |setting| matches!(setting, Some(Setting::Auto(_, true)));
        let autos = [keys.auto, keys.typed_auto];
        let silent = !autos.iter().any(|key| said(key));
        let auto = autos
            .into_iter()
            .filter(|key| said(key))
            .any(|key| on(self.read(from, key)));
        if auto || (silent && defaults.auto_reload_all) {
            rules.push(Rule::Used);
        }
        rules
    }
}

/// Reloader's keys for one kind of source.
struct ReloaderKeys {
    auto: &'static str,
    typed_auto: &'static str,
    names: &'static str,
    search: &'static str,
    exclude: &'static str,
}

impl ReloaderKeys {
    fn of(kind: SourceKind) -> Self {
        let (typed_auto, names, exclude) = match kind {
            SourceKind::ConfigMap => (
                "configmap.reloader.stakater.com/auto",
                "configmap.reloader.stakater.com/reload",
                "configmaps.exclude.reloader.stakater.com/reload",
            ),
            SourceKind::Secret => (
                "secret.reloader.stakater.com/auto",
                "secret.reloader.stakater.com/reload",
                "secrets.exclude.reloader.stakater.com/reload",
            ),
        };
        let (auto, search) = ("reloader.stakater.com/auto", "reloader.stakater.com/search");
        Self {
            auto,
            typed_auto,
            names,
            search,
            exclude,
        }
    }

    fn opt_in(&self) -> [&'static str; 4] {
        [self.names, self.search, self.auto, self.typed_auto]
    }
}

impl Policy {
    fn take(&mut self, items: &[Item]) {
        if items.contains(&Item::Off) {
            return;
        }
        let includes = |item: &Item| !matches!(item, Item::Exclude(..));
        let only_excludes = !items.is_empty() && !items.iter().any(includes);
        if only_excludes || items.contains(&Item::Auto) {
            self.selections
                .iter_mut()
                .for_each(|s| s.rules.push(Rule::Used));
        }
        for item in items {
            match item {
                Item::Include(kind, named) => {
                    self.of_mut(*kind).rules.push(Rule::Named(named.clone()));
                }
                Item::Exclude(kind, named) => self.of_mut(*kind).except.push(named.clone()),
                Item::Auto | Item::Off => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What `place: key=value` lines mean for a used and an unused source of
    /// each kind, all named `c`.
    fn check(lines: &[&str], expect: &str) -> Vec<Problem> {
        check_with(lines, Defaults::default(), expect)
    }

    fn check_with(lines: &[&str], defaults: Defaults, expect: &str) -> Vec<Problem> {
        let mut workload = crate::index::tests::workload("web", &serde_json::json!({}));
        let mut namespace = Annotations::new();
        for line in lines {
            let (place, rest) = line.split_once(' ').unwrap();
            let (key, value) = rest.split_once('=').unwrap();
            let into = match place {
                "w" => &mut workload.annotations,
                "t" => &mut workload.template_annotations,
                _ => &mut namespace,
            };
            into.insert(key.to_owned(), value.to_owned());
        }
        let (policy, problems) = read(&workload, &namespace, defaults);
        let mut seen = Vec::new();
        for kind in SourceKind::all() {
            for (used, word) in [(true, "used"), (false, "named")] {
                if policy
                    .of(kind)
                    .select("c", used, Marks::default())
                    .is_some()
                {
                    seen.push(format!("{word}-{}", kind.row().short));
                }
            }
        }
        assert_eq!(seen.join(" "), expect, "{lines:?} {problems:?}");
        problems
    }

    const EVERY: &str = "used-cm named-cm used-secrets named-secrets";

    #[rstest]
    #[case(&[], "")]
    #[case(&["w tidings.dev/reload=auto"], "used-cm used-secrets")]
    #[case(&["t tidings.dev/reload=auto"], "used-cm used-secrets")]
    #[case(&["n tidings.dev/reload=auto"], "used-cm used-secrets")]
    #[case(&["w tidings.dev/reload=off", "n tidings.dev/reload=auto"], "")]
    #[case(&["w tidings.dev/reload=!configmap/c"], "used-secrets")]
    #[case(&["w tidings.dev/reload=!configmap/d"], "used-cm used-secrets")]
    #[case(&["w tidings.dev/reload=configmap/*, secret/c"], EVERY)]
    #[case(&["w tidings.dev/reload=configmap/c, !configmap/c"], "")]
    #[case(&["w reloader.stakater.com/auto=1"], "used-cm used-secrets")]
    #[case(&["w configmap.reloader.stakater.com/auto=true"], "used-cm")]
    #[case(&["w secret.reloader.stakater.com/reload=a, c"], "used-secrets named-secrets")]
    #[case(&["w reloader.stakater.com/auto=false", "w configmap.reloader.stakater.com/reload=c"], "used-cm named-cm")]
    #[case(&["w reloader.stakater.com/auto=true", "w configmap.reloader.stakater.com/auto=false"], "used-cm used-secrets")]
    #[case(&["w reloader.stakater.com/auto=true", "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets")]
    #[case(&["w reloader.stakater.com/auto=true", "t configmaps.exclude.reloader.stakater.com/reload=c"], "used-cm used-secrets")]
    #[case(&["w tidings.dev/reload=auto", "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets")]
    #[case(&["n tidings.dev/reload=auto", "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets")]
    #[case(&["w secret.reloader.stakater.com/reload=x", "t reloader.stakater.com/auto=true"], "used-cm")]
    #[case(&["w reloader.stakater.com/search=true"], "")]
    #[case(&["w configmap.reloader.stakater.com/reload=c", "n tidings.dev/reload=off"], "used-cm named-cm")]
    fn who_is_opted_in(#[case] lines: &[&str], #[case] expect: &str) {
        check(lines, expect);
    }

    #[rstest]
    #[case(&[], "used-cm used-secrets")]
    #[case(&["w reloader.stakater.com/auto=false"], "")]
    #[case(&["w configmap.reloader.stakater.com/auto=false"], "used-secrets")]
    #[case(&["w reloader.stakater.com/auto="], "used-cm used-secrets")]
    #[case(&["w tidings.dev/reload=off"], "")]
    #[case(&["n tidings.dev/reload=off"], "")]
    fn auto_reload_all_fills_silence(#[case] lines: &[&str], #[case] expect: &str) {
        check_with(
            lines,
            Defaults {
                auto_reload_all: true,
            },
            expect,
        );
    }

    #[rstest]
    #[case(&["w tidings.dev/relaod=auto"], "", "did you mean tidings.dev/reload?")]
    #[case(&["w tidings.dev/reload=auto", "w reloader.stakater.com/auto=true"], "used-cm used-secrets", "reloader.stakater.com/auto is ignored")]
    #[case(&["w configmap.reloader.stakater.com/reload=c,a("], "used-cm named-cm", "a(")]
    #[case(&["w reloader.stakater.com/auto=yes"], "", "neither true nor false")]
    #[case(&["w tidings.dev/ignore=true"], "", "belongs on a ConfigMap or Secret")]
    #[case(&["t tidings.dev/setle=1s"], "", "did you mean tidings.dev/settle?")]
    #[case(&["n tidings.dev/reload=auto, pod/x"], "used-cm used-secrets", "pod/x")]
    #[case(&["w tidings.dev/reload=auto", "w tidings.dev/settle=soon"], "used-cm used-secrets", "soon")]
    fn mistakes_are_said_once_and_the_rest_holds(
        #[case] lines: &[&str],
        #[case] expect: &str,
        #[case] said: &str,
    ) {
        let problems = check(lines, expect);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].text.contains(said), "{problems:?}");
    }

    #[test]
    fn many_mistakes_are_counted() {
        let line = format!("w tidings.dev/reload=auto, {}", "pod/x,".repeat(50));
        let problems = check(&[&line], "used-cm used-secrets");
        assert!(
            problems
                .iter()
                .any(|p| p.text.ends_with("45 more mistakes"))
        );
        assert!(problems.len() <= MISTAKES + 1);
    }

    #[test]
    fn mistakes_on_a_namespace_are_said_there() {
        let annotations = ["tidings.dev/relaod", "tidings.dev/reload", "other/relaod"];
        let annotations = annotations.map(|key| (key.to_owned(), "auto".to_owned()));
        let problems = on_namespace(&annotations.into());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0]
                .text
                .contains("did you mean tidings.dev/reload?")
        );
    }

    #[test]
    fn marks_on_the_source() {
        let mut policy = Policy::default();
        policy.take(&[Item::Auto]);
        let ignored = Marks {
            ignore: true,
            matched: true,
        };
        assert_eq!(
            policy.of(SourceKind::Secret).select("c", true, ignored),
            None
        );
        let searching = Selection {
            rules: vec![Rule::Searched],
            except: Vec::new(),
        };
        let matched = Marks {
            ignore: false,
            matched: true,
        };
        assert!(searching.select("c", true, matched).is_some());
        assert!(searching.select("c", false, matched).is_none());
        assert!(searching.select("c", true, Marks::default()).is_none());
    }

    #[test]
    fn keys_can_be_chosen_and_taken_away() {
        let mut wrong = Vec::new();
        let read = annotations::find(RELOAD).unwrap().read;
        let text = "secret/c[user, pass*], !secret/c[passphrase]";
        let Some(Setting::Reload(items)) = read(text, &mut wrong) else {
            unreachable!()
        };
        let mut policy = Policy::default();
        policy.take(&items);
        let filter = policy
            .of(SourceKind::Secret)
            .select("c", true, Marks::default())
            .unwrap();
        let keys = ["user", "password", "passphrase", "host"];
        assert_eq!(
            keys.map(|key| filter.admits(key)),
            [true, true, false, false]
        );
    }
}
