//! `_rules.tpl`: the rights, as conditions on the values.
//!
//! In: what `tidings manifests` prints for every combination of the options that
//! rights depend on. Out: each rule once, with the least condition under which it
//! is printed; where no such condition is exact, the test fails.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::Parser;
use tidings::rights::{self, Reach};
use tidings::settings::args::{Cli, Command};
use tidings::settings::{ControllerSettings, Surroundings};
use tidings_core::kinds::Kind;

use super::origin;
use super::values::{Does, ROWS, Row};
use crate::option;

/// What of the values rights depend on: the name that `tidings.asked` of
/// `_helpers.tpl`, or `tidings.asked.kinds` below, gives it, and what the controller is
/// told then.
struct Switch {
    name: &'static str,
    option: &'static str,
    value: &'static str,
}

const fn switch(name: &'static str, option: &'static str, value: &'static str) -> Switch {
    Switch {
        name,
        option,
        value,
    }
}

/// All, with one for each kind that only some clusters have.
fn switches() -> Vec<Switch> {
    let kinds = Kind::on_demand();
    let kinds = kinds.map(|(kind, demand)| switch(kind.plural, demand.option, "true"));
    let before = [
        switch("scoped", "namespaces", "some"),
        switch("noConfigMaps", "resources-to-ignore", "configmaps"),
        switch("noSecrets", "resources-to-ignore", "secrets"),
        switch("noJobs", "ignored-workload-types", "jobs"),
        switch("noCronJobs", "ignored-workload-types", "cronjobs"),
    ];
    let after = [
        switch("csi", "enable-csi-integration", "true"),
        switch(POD_WISE, METHODS, ""),
        switch(MARKS_PODS, METHODS, "hot"),
        switch(IN_PLACE, METHODS, "restart-in-place"),
        switch(EVICTS, METHODS, "evict"),
        switch("proxied", "agents-by", "proxy"),
    ];
    before.into_iter().chain(kinds).chain(after).collect()
}

/// Whether there are methods that go pod by pod; and whether there is one of them that writes
/// on pods, that resizes them, which writes on them too, and that evicts them.
const POD_WISE: &str = "podWise";
const MARKS_PODS: &str = "marksPods";
const IN_PLACE: &str = "inPlace";
const EVICTS: &str = "evicts";
/// The option that tells of all of them, by the words of each.
const METHODS: &str = "methods";

/// These two together are refused.
const NEVER_BOTH: [usize; 2] = [1, 2];

/// A kind that no cluster has: its rule stands for those of custom kinds.
const CUSTOM: &str = "custom.tidings.dev/v1/Custom:spec.template";
const CUSTOM_GROUP: &str = "custom.tidings.dev";

/// Switches that are on, as bits.
type On = usize;

/// A rule as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Printed {
    scope: Reach,
    why: &'static str,
    group: &'static str,
    resource: &'static str,
    verbs: Vec<&'static str>,
    /// Of these, those that a dry run has too.
    dry: Vec<&'static str>,
}

/// A rule and when it is printed: (switch, on or off), all of them.
struct Conditional {
    rule: Printed,
    when: Vec<(usize, bool)>,
}

/// The templates of the rights, and where each is: their names, and so it is said.
const PLACES: [(&str, Reach, &str); 3] = [
    ("watched", Reach::Watched, "in what is watched"),
    (
        "cluster",
        Reach::Cluster,
        "in the cluster, whatever is watched",
    ),
    ("own", Reach::Own, "in the namespace of the records"),
];

pub(crate) fn template() -> String {
    let rules = conditional();
    let mut text = origin() + &kinds();
    for (name, scope, place) in PLACES {
        let _ = write!(
            text,
            "\n{{{{/* Rights {place}. */}}}}\n{{{{- define \"tidings.rules.{name}\" -}}}}\n\
             {{{{- $asked := include \"tidings.asked\" . | fromJson }}}}\n"
        );
        let mut said = "";
        for rule in rules.iter().filter(|rule| rule.rule.scope == scope) {
            rule.write(&mut said, &mut text);
        }
        text.push_str("{{- end -}}\n");
    }
    text
}

/// Which kinds the values ask for that only some clusters have.
fn kinds() -> String {
    let mut text = String::from(
        "\n{{/* The kinds that are asked for, as JSON. */}}\n\
         {{- define \"tidings.asked.kinds\" -}}\n{{- dict\n",
    );
    for (kind, demand) in Kind::on_demand() {
        let is_its = |row: &&Row| matches!(row.does, Does::Option(name) if name == demand.option);
        if let Some(row) = ROWS.iter().find(is_its) {
            let (name, path) = (kind.plural, row.path);
            let _ = writeln!(
                text,
                "  \"{name}\" (include \"tidings.on\" (list . \"{path}\") | empty | not)"
            );
        }
    }
    text + "  | toJson -}}\n{{- end -}}\n"
}

impl Conditional {
    fn write(&self, said: &mut &'static str, text: &mut String) {
        let mut when: Vec<_> = self.when.iter().map(|&literal| shown(literal)).collect();
        if self.rule.dry.is_empty() {
            when.push("not $asked.dryRun".to_owned());
        }
        let is_custom = self.rule.group == CUSTOM_GROUP;
        let (open, close) = match when.as_slice() {
            _ if is_custom => ("{{- range $asked.custom }}\n".to_owned(), "{{- end }}\n"),
            [] => (String::new(), ""),
            [one] => (format!("{{{{- if {one} }}}}\n"), "{{- end }}\n"),
            many => (
                format!("{{{{- if and ({}) }}}}\n", many.join(") (")),
                "{{- end }}\n",
            ),
        };
        text.push_str(&open);
        // Behind a condition it is said again: the rule before may be missing.
        if *said != self.rule.why || !open.is_empty() {
            *said = self.rule.why;
            let _ = writeln!(text, "# {said}");
        }
        self.rule.write(is_custom, text);
        text.push_str(close);
    }
}

fn shown((switch, on): (usize, bool)) -> String {
    let name = switches()[switch].name;
    if on {
        format!("$asked.{name}")
    } else {
        format!("not $asked.{name}")
    }
}

impl Printed {
    fn write(&self, is_custom: bool, text: &mut String) {
        let (group, resource) = if is_custom {
            ("{{ .group | quote }}".to_owned(), "{{ .plural }}")
        } else {
            (format!("{:?}", self.group), self.resource)
        };
        let _ = writeln!(
            text,
            "- apiGroups: [{group}]\n  resources: [{resource}]\n  verbs:"
        );
        let in_dry = |verb: &&str| self.dry.is_empty() || self.dry.contains(verb);
        let (always, written): (Vec<_>, Vec<_>) = self.verbs.iter().copied().partition(in_dry);
        list(&always, text);
        if !written.is_empty() {
            text.push_str("    {{- if not $asked.dryRun }}\n");
            list(&written, text);
            text.push_str("    {{- end }}\n");
        }
    }
}

fn list(verbs: &[&str], text: &mut String) {
    for verb in verbs {
        let _ = writeln!(text, "    - {verb}");
    }
}

/// All rules that any combination has, in the order in which they are printed.
fn conditional() -> Vec<Conditional> {
    let all: Vec<On> = (0..1 << switches().len())
        .filter(|&on| is_allowed(on))
        .collect();
    let printed: Vec<_> = all.iter().map(|&on| (on, printed(on))).collect();
    let mut order: Vec<Printed> = Vec::new();
    for (_, rules) in &printed {
        let mut place = 0;
        for rule in rules {
            let known = order.iter().position(|known| known == rule);
            let at = known.unwrap_or_else(|| {
                order.insert(place, rule.clone());
                place
            });
            place = at + 1;
        }
    }
    let with_condition = order.into_iter().map(|rule| {
        let has = |(on, rules): &(On, Vec<Printed>)| rules.contains(&rule).then_some(*on);
        let when = condition(&all, &printed.iter().filter_map(has).collect(), &rule);
        Conditional { rule, when }
    });
    with_condition.collect()
}

fn is_allowed(on: On) -> bool {
    let named = |name| switches().iter().position(|switch| switch.name == name);
    let says = |name| named(name).is_some_and(|switch| is_on(on, switch));
    let never = NEVER_BOTH.iter().all(|&switch| is_on(on, switch));
    let pod_wise = says(POD_WISE) == (says(MARKS_PODS) || says(EVICTS));
    !never && pod_wise && (says(MARKS_PODS) || !says(IN_PLACE))
}

fn is_on(on: On, switch: usize) -> bool {
    on >> switch & 1 == 1
}

/// The switches that stand alike wherever the rule is printed.
fn condition(all: &[On], has: &BTreeSet<On>, rule: &Printed) -> Vec<(usize, bool)> {
    let fixed = (0..switches().len()).filter_map(|switch| {
        let ways: BTreeSet<_> = has.iter().map(|&on| is_on(on, switch)).collect();
        let mut ways = ways.into_iter();
        ways.next()
            .filter(|_| ways.next().is_none())
            .map(|way| (switch, way))
    });
    let mut when: Vec<_> = fixed.collect();
    let exact = |when: &[(usize, bool)]| {
        let holds = |on: &&On| when.iter().all(|&(switch, way)| is_on(**on, switch) == way);
        all.iter().filter(holds).copied().collect::<BTreeSet<_>>() == *has
    };
    assert!(exact(&when), "no condition tells when {rule:?} is printed");
    // What is allowed may say some of it.
    for i in (0..when.len()).rev() {
        let without = [&when[..i], &when[i + 1..]].concat();
        if exact(&without) {
            when = without;
        }
    }
    when
}

/// What is printed with these switches on.
fn printed(on: On) -> Vec<Printed> {
    let wet = rules(on, false);
    let dry = rules(on, true);
    let same = |rule: &rights::PolicyRule| {
        let key = |rule: &rights::PolicyRule| (rule.scope, rule.group, rule.resource);
        let found = dry.iter().find(|other| key(other) == key(rule));
        found.map(|rule| rule.verbs.clone()).unwrap_or_default()
    };
    let all = wet.iter().map(|rule| Printed {
        scope: rule.scope,
        why: rule.why,
        group: rule.group,
        resource: rule.resource,
        verbs: rule.verbs.clone(),
        dry: same(rule),
    });
    all.collect()
}

fn rules(on: On, dry: bool) -> Vec<rights::PolicyRule> {
    let mut words = vec!["tidings".to_owned(), "controller".to_owned()];
    words.push(format!("--dry-run={dry}"));
    if option("custom-workloads").is_some() {
        words.push(format!("--custom-workloads={CUSTOM}"));
    }
    let all = switches().into_iter().enumerate();
    let all = all.filter(|(at, switch)| is_on(on, *at) && option(switch.option).is_some());
    let (methods, others): (Vec<_>, Vec<_>) = all
        .map(|(_, switch)| switch)
        .partition(|switch| switch.option == METHODS);
    let said = others
        .iter()
        .map(|switch| format!("--{}={}", switch.option, switch.value));
    words.extend(said);
    let methods = methods.iter().map(|switch| switch.value);
    let methods = methods.filter(|word| !word.is_empty());
    let methods: Vec<_> = methods.chain(["rollout", "notify"]).collect();
    words.push(format!("--{METHODS}={}", methods.join(",")));
    let cli = Cli::try_parse_from(words).unwrap();
    let Command::Controller(args) = cli.command else {
        panic!("another command");
    };
    let around = Surroundings {
        pod_namespace: Some("own".into()),
        ..Surroundings::default()
    };
    rights::rules(&ControllerSettings::new(&args, &around).unwrap().extent())
}
