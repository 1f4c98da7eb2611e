//! Pods that are evicted: in which order, how many at once, and what is waited for.

use super::*;

const NEEDS: &str = "The disruption budget web needs 3 healthy pods and has 3 currently";

/// Of these pods so many are to be there, of which so many may be down.
fn evicting(names: &str, unavailable: usize) -> Climbing {
    let all = pods(names);
    let desired = all.len();
    let mut it = Climbing::begin("evict, rollout", all);
    it.tell(Event::Conditions(Conditions {
        unavailable,
        desired,
        ..conditions("evict, rollout")
    }));
    it
}

fn with(names: &str, change: impl Fn(&mut SeenPod)) -> Vec<SeenPod> {
    let mut all = pods(names);
    all.iter_mut().for_each(change);
    all
}

fn going(name: &str) -> SeenPod {
    SeenPod {
        going: true,
        ..pod(name)
    }
}

/// One that was made later than the intent, and is not there yet.
fn comes(name: &str) -> SeenPod {
    SeenPod {
        made: Some(2_000),
        ready: false,
        started: false,
        pending: true,
        ..pod(name)
    }
}

fn made(name: &str) -> SeenPod {
    SeenPod {
        made: Some(2_000),
        ..pod(name)
    }
}

impl Climbing {
    fn evicted(&mut self, pod: &str) {
        self.tell(Event::Acted(pod.into(), Acted::Evicted));
    }

    fn listed(&mut self, pods: Vec<SeenPod>) {
        self.tell(Event::Listed(Ok(pods)));
    }

    fn looked(&mut self, pod: SeenPod) {
        self.tell(Event::Looked(pod.uid.clone(), Some(pod)));
    }

    /// What it acts on, whatever else it wants.
    fn acts(&mut self) -> String {
        let wants = self.wants();
        let acts = wants.split("; ").filter(|want| want.starts_with("evict"));
        acts.collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn the_last_goes_first_and_the_next_when_another_is_ready_in_its_place() {
    let mut it = evicting("web-0 web-1 web-2", 1);
    it.listed(pods("web-0 web-1 web-2"));
    assert_eq!(it.acts(), "evict web-2");
    it.evicted("web-2");
    it.wait(50);
    assert_eq!(it.wants(), "held by \"\"; look web-2");
    it.looked(going("web-2"));
    // There is none in its place yet.
    assert_eq!(it.wants(), "list");
    let mut all = pods("web-0 web-1");
    it.listed(all.clone());
    it.wait(10_000);
    assert_eq!(it.acts(), "");
    all.push(comes("new-2"));
    it.listed(all.clone());
    assert_eq!(it.acts(), "");
    all[2] = made("new-2");
    it.looked(made("new-2"));
    it.listed(all);
    assert_eq!(it.acts(), "evict web-1");
}

#[test]
fn all_are_new_and_nobody_is_going_at_the_end() {
    let mut it = Climbing::begin("evict", pods("a"));
    it.evicted("a");
    it.wait(50);
    it.listed(vec![going("a"), made("b")]);
    assert!(!it.wants().contains("InStep"), "it hangs in termination");
    it.tell(Event::Looked("a".into(), None));
    it.wants();
    it.listed(vec![made("b")]);
    assert_eq!(it.wants(), "InStep { proven: true, restarted: false }");
}

#[test]
fn one_that_hangs_in_termination_is_not_waited_for_without_end() {
    let mut it = Climbing::begin("evict", pods("a"));
    it.evicted("a");
    let all = vec![going("a"), made("b")];
    it.listed(all.clone());
    it.wants();
    assert_eq!(hanging(&mut it, 100_000, &all), "nothing");
    assert_eq!(it.ladder.out_of_reach(), ["a".into()]);
    let end = hanging(&mut it, 200_000, &all);
    assert!(end.starts_with("InStep"), "{end}");
}

/// Lets time pass while the pods are listed, and looked at, like this.
fn hanging(it: &mut Climbing, until: Millis, pods: &[SeenPod]) -> String {
    while it.now < until {
        it.wait(100);
        for want in it.wants().split("; ") {
            match want.split_once(' ') {
                _ if want == "list" => it.listed(pods.to_vec()),
                Some(("look", uid)) => {
                    let seen = pods.iter().find(|pod| *pod.uid == *uid);
                    it.tell(Event::Looked(uid.into(), seen.cloned()));
                }
                _ if want.is_empty() => {}
                _ => return want.to_owned(),
            }
        }
    }
    "nothing".to_owned()
}

#[test]
fn pods_that_do_not_come_are_not_waited_for_without_end() {
    let mut it = evicting("a", 1);
    it.listed(pods("a"));
    it.evicted("a");
    it.wants();
    it.listed(Vec::new());
    assert_eq!(hanging(&mut it, 100_000, &[]), "nothing");
    let end = hanging(&mut it, 200_000, &[]);
    assert!(end.starts_with("InStep"), "{end}");
}

#[test]
fn what_is_down_goes_first_and_what_is_pending_never() {
    let all = with("a b c", |pod| match &*pod.name {
        "b" => pod.ready = false,
        "c" => (pod.ready, pod.started, pod.pending) = (false, false, true),
        _ => {}
    });
    let mut it = Climbing::begin("evict", all);
    assert_eq!(it.acts(), "evict b");
}

#[test]
fn as_many_go_at_once_as_may_be_down_and_never_all() {
    for (unavailable, next) in [(2, "evict c; evict d"), (9, "evict b; evict c; evict d")] {
        let mut it = evicting("a b c d", unavailable);
        it.listed(pods("a b c d"));
        assert_eq!(it.acts(), "evict a", "one goes alone");
        it.evicted("a");
        let mut all = pods("b c d");
        all.push(comes("e"));
        it.listed(all.clone());
        assert_eq!(it.acts(), "");
        all[3] = made("e");
        it.looked(made("e"));
        it.listed(all);
        let acts = it.acts();
        assert_eq!(acts.matches("evict").count(), next.matches("evict").count());
    }
}

#[test]
fn a_budget_that_holds_is_told_once_and_tried_again_until_it_opens() {
    let mut it = evicting("a b c", 1);
    it.listed(pods("a b c"));
    let held = || Event::Acted("a".into(), Acted::Held(NEEDS.to_owned()));
    it.tell(held());
    let wants = it.wants();
    assert!(wants.ends_with(&format!("held by {NEEDS:?}")), "{wants}");
    it.wait(900);
    assert_eq!(it.acts(), "");
    it.wait(100);
    assert_eq!(it.wants(), "evict a");
    it.tell(held());
    it.wait(1_000);
    assert_eq!(it.acts(), "", "the next pause is longer");
    it.listed(pods("a b c"));
    it.wait(1_000);
    assert_eq!(it.acts(), "evict a");
    it.evicted("a");
    assert_eq!(it.wants(), "held by \"\"");
}

#[test]
fn a_budget_holds_up_no_newer_content() {
    let mut it = evicting("a", 1);
    it.listed(pods("a"));
    it.tell(Event::Acted("a".into(), Acted::Held(NEEDS.to_owned())));
    it.wants();
    it.tell(Event::Newer);
    assert_eq!(it.wants(), "Overtaken");
}

#[test]
fn one_that_does_not_come_up_is_late_and_the_next_method_follows() {
    let mut it = Climbing::begin("evict, rollout", pods("a"));
    it.evicted("a");
    let unready = SeenPod {
        ready: false,
        ..made("b")
    };
    it.wants();
    it.listed(vec![unready.clone()]);
    let end = hanging(&mut it, 300_000, &[unready]);
    assert_eq!(end, "write rollout");
}

#[test]
fn one_that_dies_of_the_content_ends_it() {
    let mut it = Climbing::begin("evict, rollout", pods("a"));
    it.evicted("a");
    it.wants();
    let dead = SeenPod {
        deaths: 1,
        ready: false,
        ..made("b")
    };
    it.listed(vec![dead]);
    assert_eq!(it.wants(), r#"Died { pod: "b" }"#);
}

/// What its containers end with when they are told to stop is nobody's death.
#[test]
fn one_that_is_deleted_dies_of_nothing() {
    let mut it = Climbing::begin("evict", pods("a"));
    it.evicted("a");
    it.wants();
    let ended = SeenPod {
        deaths: 1,
        started: false,
        ..going("a")
    };
    it.listed(vec![ended]);
    assert!(!it.wants().contains("Died"));
}

#[test]
fn who_comes_after_evicts_none_that_is_new() {
    let mut it = Climbing::begin("evict", vec![made("b"), pod("a"), going("c")]);
    assert_eq!(it.acts(), "");
    it.wait(0);
    it.listed(vec![made("b"), pod("a")]);
    assert_eq!(it.acts(), "evict a");
}
