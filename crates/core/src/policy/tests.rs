//! What lines of annotations mean.

use std::sync::Arc;

use rstest::rstest;

use super::reader::MISTAKES;
use super::*;
use crate::annotations::{RELOAD, Setting};
use crate::approval::{Pause, Said};
use crate::kinds::{KINDS, Kind};

/// What `place: key=value` lines mean for a used and an unused source of
/// each kind, all named `c`.
fn check(lines: &[&str], expect: &str) -> Vec<Problem> {
    check_with(lines, Defaults::default(), expect)
}

fn annotated(kind: &'static Kind, lines: &[&str]) -> (Workload, Annotations) {
    let mut workload = crate::index::tests::workload("web", &serde_json::json!({}));
    workload.key.kind = kind;
    let mut namespace = Annotations::new();
    for line in lines {
        let (place, rest) = line.split_once(' ').unwrap();
        let (key, value) = rest.split_once('=').unwrap();
        let into = match place {
            "w" => Arc::make_mut(&mut workload.annotations),
            "t" => Arc::make_mut(&mut workload.template_annotations),
            _ => &mut namespace,
        };
        into.insert(key.to_owned(), value.to_owned());
    }
    (workload, namespace)
}

fn policy_of(kind: &'static Kind, lines: &[&str]) -> (Policy, Vec<Problem>) {
    let (workload, namespace) = annotated(kind, lines);
    read(&workload, &namespace, Defaults::default())
}

fn check_with(lines: &[&str], defaults: Defaults, expect: &str) -> Vec<Problem> {
    let (workload, namespace) = annotated(&KINDS[0], lines);
    let (policy, problems) = read(&workload, &namespace, defaults);
    let mut seen = Vec::new();
    for kind in SourceKind::all() {
        for (used, word) in [(true, "used"), (false, "named")] {
            if policy
                .of(kind)
                .select("c", used, SourceFlags::default(), &Steps::default())
                .is_some()
            {
                seen.push(format!("{word}-{}", kind.row().short));
            }
        }
    }
    assert_eq!(seen.join(" "), expect, "{lines:?} {problems:?}");
    problems
}

/// What is used, of all kinds.
const USED: &str = "used-cm used-secrets used-spc";

#[rstest]
#[case(&[], "")]
#[case(&["w tidings.dev/reload=auto"], USED)]
#[case(&["t tidings.dev/reload=auto"], USED)]
#[case(&["n tidings.dev/reload=auto"], USED)]
#[case(&["w tidings.dev/reload=off", "n tidings.dev/reload=auto"], "")]
#[case(&["w tidings.dev/reload=!configmap/c"], "used-secrets used-spc")]
#[case(&["w tidings.dev/reload=!configmap/d"], USED)]
#[case(&["w tidings.dev/reload=configmap/*, secret/c"], "used-cm named-cm used-secrets named-secrets")]
#[case(&["w tidings.dev/reload=spc/c"], "used-spc named-spc")]
#[case(&["w tidings.dev/reload=configmap/c, !configmap/c"], "")]
#[case(&["w reloader.stakater.com/auto=1"], USED)]
#[case(&["w configmap.reloader.stakater.com/auto=true"], "used-cm")]
#[case(&["w secretproviderclass.reloader.stakater.com/auto=true"], "used-spc")]
#[case(&["w secret.reloader.stakater.com/reload=a, c"], "used-secrets named-secrets")]
#[case(&["t secretproviderclass.reloader.stakater.com/reload=c"], "used-spc named-spc")]
#[case(&["w reloader.stakater.com/auto=false", "w configmap.reloader.stakater.com/reload=c"], "used-cm named-cm")]
#[case(&["w reloader.stakater.com/auto=true", "w configmap.reloader.stakater.com/auto=false"], USED)]
#[case(&["w reloader.stakater.com/auto=true", "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets used-spc")]
#[case(&["w reloader.stakater.com/auto=true", "w secretproviderclasses.exclude.reloader.stakater.com/reload=c"], "used-cm used-secrets")]
#[case(&["w reloader.stakater.com/auto=true", "t configmaps.exclude.reloader.stakater.com/reload=c"], USED)]
#[case(&["w tidings.dev/reload=auto", "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets used-spc")]
#[case(&["n tidings.dev/reload=auto", "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets used-spc")]
#[case(&["w secret.reloader.stakater.com/reload=x", "t reloader.stakater.com/auto=true"], "used-cm used-spc")]
#[case(&["w reloader.stakater.com/search=true"], "")]
#[case(&["w configmap.reloader.stakater.com/reload=c", "n tidings.dev/reload=off"], "used-cm named-cm")]
fn who_is_opted_in(#[case] lines: &[&str], #[case] expect: &str) {
    check(lines, expect);
}

const WAVE: &str = "w wave.pusher.com/update-on-config-change=true";

#[rstest]
#[case(&[WAVE], "used-cm used-secrets")]
#[case(&["w wave.pusher.com/update-on-config-change=1"], "")]
#[case(&["t wave.pusher.com/update-on-config-change=true"], "")]
#[case(&["n wave.pusher.com/update-on-config-change=true"], "")]
#[case(&[WAVE, "w wave.pusher.com/extra-configmaps=a, c"], "used-cm named-cm used-secrets")]
#[case(&[WAVE, "w wave.pusher.com/extra-secrets=ns/c"], "used-cm used-secrets named-secrets")]
#[case(&["w wave.pusher.com/extra-secrets=c"], "")]
#[case(&[WAVE, "w configmaps.exclude.reloader.stakater.com/reload=c"], "used-secrets")]
#[case(&["w wave.pusher.com/update-on-config-change=false", "n tidings.dev/reload=auto"], "")]
#[case(&["w configmap.fabric8.io/update-on-change=a, c"], "used-cm named-cm")]
#[case(&["w configmap.fabric8.io/update-on-change=."], "")]
#[case(&["t configmap.fabric8.io/update-on-change=c"], "")]
#[case(&[WAVE, "w secretproviderclass.reloader.stakater.com/auto=true"], USED)]
fn who_is_opted_in_by_others(#[case] lines: &[&str], #[case] expect: &str) {
    assert_eq!(check(lines, expect), []);
}

#[rstest]
#[case(&[], USED)]
#[case(&["w reloader.stakater.com/auto=false"], "")]
#[case(&["w configmap.reloader.stakater.com/auto=false"], "used-secrets used-spc")]
#[case(&["w reloader.stakater.com/auto="], USED)]
#[case(&["w reloader.stakater.com/search=true"], USED)]
#[case(&["w tidings.dev/reload=off"], "")]
#[case(&["n tidings.dev/reload=off"], "")]
fn auto_reload_all_fills_silence(#[case] lines: &[&str], #[case] expect: &str) {
    let auto_reload_all = true;
    check_with(
        lines,
        Defaults {
            auto_reload_all,
            ..Defaults::default()
        },
        expect,
    );
}

const PAUSE: &str = "deployment.reloader.stakater.com/pause-period";

#[rstest]
#[case(&["w tidings.dev/relaod=auto"], "", "did you mean tidings.dev/reload?")]
#[case(&["w tidings.dev/reload=auto", "w reloader.stakater.com/auto=true"], USED, "reloader.stakater.com/auto is ignored")]
#[case(&["w tidings.dev/reload=cm/c", WAVE], "used-cm named-cm", "update-on-config-change is ignored")]
#[case(&["w configmap.reloader.stakater.com/reload=c,a("], "used-cm named-cm", "a(")]
#[case(&["w reloader.stakater.com/auto=yes"], "", "neither true nor false")]
#[case(&["w tidings.dev/ignore=true"], "", "belongs on a ConfigMap or Secret")]
#[case(&["t tidings.dev/setle=1s"], "", "did you mean tidings.dev/settle?")]
#[case(&["n tidings.dev/reload=auto, pod/x"], USED, "pod/x")]
#[case(&["w tidings.dev/reload=auto", "w tidings.dev/settle=soon"], USED, "soon")]
#[case(&["w tidings.dev/wave=first"], "", "is not an integer such as 1 or -1; it goes last")]
#[case(&["n tidings.dev/at-once=0"], "", "is not a whole number from 1 on; read as 1")]
#[case(&["w tidings.dev/at-once=5"], "", "belongs on a namespace")]
#[case(&["n tidings.dev/min-interval=often"], "", "often")]
#[case(&[WAVE, "w wave.pusher.com/extra-secrets=other/c"], "used-cm used-secrets", "other/c is of another namespace")]
#[case(&["w deployment.reloader.stakater.com/pause-period=a while"], "", "a while")]
fn mistakes_are_said_once_and_the_rest_holds(
    #[case] lines: &[&str],
    #[case] expect: &str,
    #[case] said: &str,
) {
    let problems = check(lines, expect);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].text.contains(said), "{problems:?}");
}

#[rstest]
#[case(&["w tidings.dev/min-interval=10m", "n tidings.dev/min-interval=1h"], Policy { own: OwnSettings { min_interval: Some(600_000), ..OwnSettings::default() }, ..Policy::default() })]
#[case(&["n tidings.dev/min-interval=0"], Policy { own: OwnSettings { min_interval: Some(0), ..OwnSettings::default() }, ..Policy::default() })]
#[case(&["w deployment.reloader.stakater.com/pause-period=1h30m"], Policy { pause_period: Some(5_400), ..Policy::default() })]
#[case(&["w deployment.reloader.stakater.com/pause-period=0s"], Policy::default())]
#[case(&["t deployment.reloader.stakater.com/pause-period=5m"], Policy::default())]
#[case(&["w reloader.stakater.com/rollout-strategy=restart"], Policy { restart_at: true, ..Policy::default() })]
#[case(&["w reloader.stakater.com/rollout-strategy=rollout"], Policy::default())]
#[case(&["t reloader.stakater.com/rollout-strategy=restart"], Policy::default())]
fn how_it_is_rolled(#[case] lines: &[&str], #[case] expect: Policy) {
    let (policy, problems) = policy_of(&KINDS[0], lines);
    assert_eq!((policy, problems), (expect, Vec::new()));
}

/// What cannot be read goes last, and one after the other.
#[rstest]
#[case(&[], 0, None)]
#[case(&["w tidings.dev/wave=2", "t tidings.dev/wave=-3"], 2, None)]
#[case(&["t tidings.dev/wave=-3", "n tidings.dev/wave=2"], -3, None)]
#[case(&["w tidings.dev/wave=first"], i32::MAX, None)]
#[case(&["n tidings.dev/at-once=5"], 0, Some(5))]
#[case(&["n tidings.dev/at-once=0"], 0, Some(1))]
#[case(&["w tidings.dev/at-once=5"], 0, None)]
fn turns(#[case] lines: &[&str], #[case] wave: i32, #[case] at_once: Option<u32>) {
    let (policy, _) = policy_of(&KINDS[0], lines);
    assert_eq!(policy.wave(), wave);
    assert_eq!(policy.at_once.map(NonZeroU32::get), at_once);
}

/// Whether it needs approval, the windows, and what is said, if anything is written.
fn charge(lines: &[&str]) -> (bool, Vec<String>, Said, Vec<Problem>) {
    let (policy, problems) = policy_of(&KINDS[0], lines);
    let charge = policy.charge.unwrap_or_default();
    let windows = charge.windows(false).into_iter().map(ToString::to_string);
    (
        charge.needs_approval(),
        windows.collect(),
        charge.said,
        problems,
    )
}

#[rstest]
#[case(&[], false, &[])]
#[case(&["w tidings.dev/approval=required"], true, &[])]
#[case(&["t tidings.dev/approval=required"], true, &[])]
#[case(&["n tidings.dev/approval=required"], true, &[])]
#[case(&["w tidings.dev/approval=none"], false, &[])]
#[case(&["w tidings.dev/approval=required", "n tidings.dev/approval=none"], true, &[])]
#[case(
    &["w tidings.dev/window=02:00-04:00", "t tidings.dev/window=05:00-06:00", "n tidings.dev/window=Sat 00:00-24:00"],
    false,
    &["02:00-04:00 UTC", "Sat 00:00-24:00 UTC"]
)]
fn gates_of_workload_and_namespace_both_hold(
    #[case] lines: &[&str],
    #[case] approval: bool,
    #[case] windows: &[&str],
) {
    let read = charge(lines);
    let windows: Vec<_> = windows.iter().map(|w| (*w).to_owned()).collect();
    assert_eq!(read, (approval, windows, Said::default(), Vec::new()));
}

#[rstest]
#[case(&["w tidings.dev/approval=none", "n tidings.dev/approval=required"], "cannot waive")]
#[case(&["w tidings.dev/approval=yes"], "neither required nor none; read as required")]
#[case(&["w tidings.dev/window=Sat 02:00-04:00 Nowhere", "n tidings.dev/approval=required"], "no time zone \"Nowhere\"")]
fn what_cannot_be_read_waits(#[case] lines: &[&str], #[case] said: &str) {
    let (approval, _, _, problems) = charge(lines);
    assert!(approval, "{lines:?}");
    assert!(
        problems.iter().any(|p| p.text.contains(said)),
        "{problems:?}"
    );
}

#[test]
fn words_are_heeded_on_the_workload_only() {
    let elsewhere = ["t tidings.dev/approve=4-k7f2", "n tidings.dev/pause=true"];
    let (_, _, said, problems) = charge(&elsewhere);
    assert_eq!(said, Said::default());
    assert!(problems[0].text.contains("on the workload itself only"));
    let (_, _, said, problems) =
        charge(&["w tidings.dev/approve=4-k7f2!", "w tidings.dev/pause=soon"]);
    assert!(said.approve.is_some_and(|approve| approve.at_once));
    assert_eq!(said.pause, Some(Pause::Open));
    assert!(problems[0].text.contains("read as true"), "{problems:?}");
}

#[rstest]
#[case("02:00-03:00", 1)]
#[case("02:00-03:00; urgent", 0)]
fn what_is_urgent_passes_where_the_namespace_lets_it(#[case] window: &str, #[case] left: usize) {
    let namespace = format!("n tidings.dev/window={window}");
    let (policy, _) = policy_of(&KINDS[0], &["w tidings.dev/window=05:00-06:00", &namespace]);
    let charge = policy.charge.unwrap();
    assert_eq!(charge.windows(false).len(), 2);
    assert_eq!(charge.windows(true).len(), left);
}

#[test]
fn only_deployments_are_paused() {
    let (policy, problems) = policy_of(&KINDS[1], &[&format!("w {PAUSE}=5m")]);
    assert_eq!(policy, Policy::default());
    assert!(problems[0].text.contains("only a Deployment"));
}

#[test]
fn many_mistakes_are_counted() {
    let line = format!("w tidings.dev/reload=auto, {}", "pod/x,".repeat(50));
    let problems = check(&[&line], USED);
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
    let ignored = SourceFlags {
        ignore: true,
        urgent: false,
        matched: true,
    };
    assert_eq!(
        policy
            .of(SourceKind::Secret)
            .select("c", true, ignored, &Steps::default()),
        None
    );
    let searching = Selection {
        searched: true,
        ..Selection::default()
    };
    let matched = SourceFlags {
        ignore: false,
        urgent: false,
        matched: true,
    };
    assert!(
        searching
            .select("c", true, matched, &Steps::default())
            .is_some()
    );
    assert!(
        searching
            .select("c", false, matched, &Steps::default())
            .is_none()
    );
    assert!(
        searching
            .select("c", true, SourceFlags::default(), &Steps::default())
            .is_none()
    );
}

#[test]
fn keys_can_be_chosen_and_taken_away() {
    let mut wrong = Vec::new();
    let row = annotations::find(RELOAD).unwrap();
    let text = "secret/c[user, pass*], !secret/c[passphrase]";
    let Some(Setting::Reload(items)) = row.read(text, &mut wrong) else {
        unreachable!()
    };
    let mut policy = Policy::default();
    policy.take(&items);
    let filter = policy
        .of(SourceKind::Secret)
        .select("c", true, SourceFlags::default(), &Steps::default())
        .unwrap();
    let keys = ["user", "password", "passphrase", "host"];
    assert_eq!(
        keys.map(|key| filter.admits(key)),
        [true, true, false, false]
    );
}
