//! What a ladder does, step by step. That its promises hold whatever happens is shown in
//! `tests/ladder`.

use super::*;
use crate::method::{Method, Methods};
use crate::refs::Name;
use crate::settle::Millis;
use crate::state::Number;

mod evicted;

/// A ladder, and the time.
struct Climbing {
    ladder: Ladder,
    now: Millis,
    /// What it wants, and has not been given.
    wants: Vec<Effect>,
}

fn number(n: u64) -> Number {
    Number::parse(&format!("{n}-k7f2")).unwrap()
}

fn conditions(allowed: &str) -> Conditions {
    Conditions {
        allowed: Methods::read(allowed).0,
        held: false,
        rollout: OwnRollout::Through,
        unavailable: 1,
        desired: 0,
    }
}

fn pod(name: &str) -> SeenPod {
    SeenPod {
        uid: name.into(),
        name: name.into(),
        made: None,
        mark: None,
        restart: None,
        ready: true,
        started: true,
        pending: false,
        going: false,
        node_ready: true,
        deaths: 0,
    }
}

fn pods(names: &str) -> Vec<SeenPod> {
    names.split(' ').map(pod).collect()
}

fn holds(outcome: Taken, restarts: bool) -> AgentAnswer {
    AgentAnswer::Holds {
        outcome,
        restarts,
        text: "line 3".to_owned(),
    }
}

impl Climbing {
    fn begin(rungs: &str, pods: Vec<SeenPod>) -> Self {
        Self::again(rungs, None, pods)
    }

    /// Where this one has refused it before.
    fn again(rungs: &str, refuser: Option<Refuser>, pods: Vec<SeenPod>) -> Self {
        let plan = Plan {
            number: number(4),
            rungs: Methods::read(rungs).0,
            since: Some(1_000),
            timeout: 120_000,
            refuser,
        };
        let (ladder, wants) = Ladder::begin(0, plan, conditions(rungs));
        let now = 0;
        let mut climbing = Self { ladder, now, wants };
        assert_eq!(climbing.wants(), "list");
        climbing.tell(Event::Listed(Ok(pods)));
        climbing
    }

    fn tell(&mut self, event: Event) {
        self.wants.extend(self.ladder.step(self.now, event));
    }

    fn wait(&mut self, millis: Millis) {
        self.now += millis;
        self.tell(Event::Time);
    }

    /// What it wants, in words, in order.
    fn wants(&mut self) -> String {
        let words = self.wants.drain(..).map(|effect| match effect {
            Effect::List => "list".to_owned(),
            Effect::Act(uid, method) => format!("{method} {uid}"),
            Effect::Ask(uid, token) => format!("ask {uid} {token}"),
            Effect::Look(uid) => format!("look {uid}"),
            Effect::Held(said) => format!("held by {said:?}"),
            Effect::Write(rungs, _) => format!("write {rungs}"),
            Effect::Finish(end) => format!("{end:?}"),
        });
        words.collect::<Vec<_>>().join("; ")
    }

    fn acted(&mut self, pod: &str) {
        let token = Some(Name::from("t"));
        let deaths = 0;
        self.tell(Event::Acted(pod.into(), Acted::Done { token, deaths }));
    }

    fn answered(&mut self, pod: &str, answer: AgentAnswer) {
        self.tell(Event::Answered(pod.into(), answer));
    }

    /// A pod is acted on, asked, and says this.
    fn says(&mut self, pod: &str, answer: AgentAnswer) {
        self.acted(pod);
        self.wait(50);
        self.answered(pod, answer);
    }
}

#[test]
fn one_goes_first_then_ten_at_once() {
    let names: Vec<_> = (10..30).map(|i| format!("p{i}")).collect();
    let mut it = Climbing::begin("hot, rollout", pods(&names.join(" ")));
    assert_eq!(it.wants(), "hot p10");
    it.acted("p10");
    assert_eq!(it.wants(), "");
    it.wait(50);
    assert_eq!(it.wants(), "ask p10 t");
    it.answered("p10", holds(Taken::Pending, false));
    it.wait(50);
    assert_eq!(it.wants(), "ask p10 t");
    it.answered("p10", holds(Taken::Applied, false));
    assert_eq!(it.wants().matches("hot p").count(), 10);
    assert_eq!(it.ladder.progress(), (1, 20));
}

#[test]
fn what_is_down_goes_first_and_alone() {
    let mut all = pods("a b c d");
    (all[1].ready, all[2].ready) = (false, false);
    all[3].node_ready = false;
    let mut it = Climbing::begin("hot", all);
    assert_eq!(it.wants(), "hot b");
    assert_eq!(it.ladder.out_of_reach(), ["d".into()]);
    it.says("b", holds(Taken::Applied, false));
    assert_eq!(it.wants(), "ask b t; hot a; hot c");
}

/// One that refuses is the only one that was asked.
#[test]
fn a_refusal_reaches_one_pod_though_all_are_down() {
    let mut all = pods("a b c");
    for pod in &mut all {
        pod.ready = false;
    }
    let mut it = Climbing::begin("hot", all);
    it.says("a", holds(Taken::Rejected, false));
    assert!(it.wants().starts_with("hot a; ask a t; Rejected"));
}

#[test]
fn it_is_over_when_a_last_listing_shows_none_without() {
    let mut it = Climbing::begin("hot", pods("a"));
    it.says("a", holds(Taken::Applied, false));
    assert_eq!(it.wants(), "hot a; ask a t; list");
    it.tell(Event::Listed(Ok(pods("a b"))));
    assert_eq!(it.wants(), "hot b");
    it.says("b", holds(Taken::Applied, false));
    it.wants();
    it.tell(Event::Listed(Ok(pods("a b"))));
    assert_eq!(it.wants(), "InStep { proven: true, restarted: false }");
}

#[test]
fn who_comes_after_asks_with_the_token_on_the_pod() {
    let mut all = pods("a b");
    all[1].mark = PokeMark::parse("4-k7f2 0123456789abcdef");
    let mut it = Climbing::begin("hot", all);
    assert_eq!(it.wants(), "ask b 0123456789abcdef");
    it.answered("b", AgentAnswer::NoToken);
    assert_eq!(it.wants(), "hot b");
    it.acted("b");
    it.wait(50);
    it.answered("b", holds(Taken::Applied, false));
    assert_eq!(it.wants(), "ask b t; hot a");
}

#[test]
fn the_kubelet_is_woken_again_where_it_wrote_what_was_there_before() {
    let mut it = Climbing::begin("hot", pods("a"));
    it.acted("a");
    it.wants();
    let mut pokes = Vec::new();
    while it.now < 60_000 {
        it.wait(10);
        for want in it.wants().split("; ") {
            match want {
                "hot a" => {
                    pokes.push(it.now / 100);
                    it.acted("a");
                }
                "list" => it.tell(Event::Listed(Ok(pods("a")))),
                want if want.starts_with("ask") => it.answered("a", AgentAnswer::Other),
                _ => {}
            }
        }
    }
    assert_eq!(pokes, [10, 30, 70]);
}

#[test]
fn a_refusal_ends_it_for_this_content() {
    let mut it = Climbing::begin("hot, rollout", pods("a b"));
    it.says("a", holds(Taken::Rejected, false));
    let end = r#"hot a; ask a t; Rejected { pod: "a", text: "line 3" }"#;
    assert_eq!(it.wants(), end);
    it.wait(1_000_000);
    assert_eq!(it.wants(), "");
}

/// `web-0` has refused it, or died of it.
fn refused(died: bool, pods: Vec<SeenPod>) -> Climbing {
    let pod = "web-0".into();
    Climbing::again("hot", Some(Refuser { pod, died }), pods)
}

fn carrying(name: &str) -> SeenPod {
    SeenPod {
        mark: PokeMark::parse("4-k7f2 0123456789abcdef"),
        ..pod(name)
    }
}

fn new(name: &str) -> SeenPod {
    SeenPod {
        made: Some(1_006),
        ..pod(name)
    }
}

#[test]
fn who_refused_is_asked_again_and_nobody_else() {
    let mut it = refused(false, vec![pod("a"), carrying("web-0")]);
    assert_eq!(it.wants(), "ask web-0 0123456789abcdef");
    it.answered("web-0", holds(Taken::Rejected, false));
    assert!(it.wants().starts_with("Rejected"));
    // What the check takes after all goes on.
    let mut it = refused(false, vec![pod("a"), carrying("web-0")]);
    it.answered("web-0", holds(Taken::Applied, false));
    assert_eq!(it.wants(), "ask web-0 0123456789abcdef; hot a");
}

#[test]
fn where_it_is_gone_one_that_started_with_the_content_goes_first() {
    let mut it = refused(false, vec![pod("a"), new("web-0")]);
    assert_eq!(it.wants(), "hot web-0");
    it.says("web-0", holds(Taken::Applied, false));
    assert_eq!(it.wants(), "ask web-0 t; hot a");
}

#[test]
fn it_stands_where_nobody_has_started_with_it_and_runs() {
    let unready = SeenPod {
        ready: false,
        ..new("b")
    };
    let dead = SeenPod {
        deaths: 1,
        ..new("b")
    };
    for (died, pods) in [
        (false, Vec::new()),
        (false, vec![pod("a")]),
        (false, vec![pod("a"), unready]),
        (true, vec![pod("a"), carrying("web-0")]),
        (true, vec![pod("a"), dead]),
    ] {
        assert_eq!(refused(died, pods).wants(), "Stands");
    }
}

#[test]
fn however_else_that_ends_it_stands() {
    let mut it = refused(false, vec![new("web-0")]);
    it.says("web-0", holds(Taken::Unverified, false));
    assert_eq!(it.wants(), "hot web-0; ask web-0 t; Stands");
}

#[test]
fn so_does_a_container_that_dies_of_it() {
    let mut it = Climbing::begin("hot, rollout", pods("a"));
    it.acted("a");
    it.wait(5_000);
    it.wants();
    let mut dead = pods("a");
    (dead[0].deaths, dead[0].started) = (1, false);
    it.tell(Event::Listed(Ok(dead)));
    assert_eq!(it.wants(), r#"Died { pod: "a" }"#);
}

#[test]
fn what_nothing_proves_goes_on_with_the_next_method() {
    let mut it = Climbing::begin("hot, rollout", pods("a b"));
    it.says("a", holds(Taken::Unverified, false));
    assert_eq!(it.wants(), "hot a; ask a t; write rollout");
    it.tell(Event::Written);
    assert_eq!(it.wants(), "To(Rollout)");
    let mut alone = Climbing::begin("hot", pods("a"));
    alone.says("a", AgentAnswer::Cannot("old".into()));
    assert!(alone.wants().contains("NotTaken { why: \"a: old\" }"));
}

/// Lets time pass while the pods are listed like this, and nobody answers.
fn silence(it: &mut Climbing, until: Millis, pods: &[SeenPod]) -> String {
    while it.now < until {
        it.wait(100);
        for want in it.wants().split("; ") {
            match want {
                "list" => it.tell(Event::Listed(Ok(pods.to_vec()))),
                "" => {}
                want if want.starts_with("ask") => {
                    let uid = want.split(' ').nth(1).unwrap().to_owned();
                    it.answered(&uid, AgentAnswer::Silent);
                }
                other => return format!("{other} at {}", it.now / 1_000),
            }
        }
    }
    "nothing".to_owned()
}

#[test]
fn a_dead_node_restarts_nobody() {
    let mut it = Climbing::begin("hot, rollout", pods("a"));
    it.acted("a");
    it.wants();
    // It is told half a minute after the pod's time is over.
    assert_eq!(silence(&mut it, 150_000, &pods("a")), "nothing");
    let mut gone = pods("a");
    gone[0].node_ready = false;
    assert_eq!(silence(&mut it, 200_000, &gone), "nothing");
    assert_eq!(it.ladder.out_of_reach(), ["a".into()]);
    // Of those that run none is without.
    let end = silence(&mut it, 4_000_000, &gone);
    assert!(end.starts_with("InStep"), "{end}");
}

#[test]
fn a_pod_that_does_not_run_is_not_waited_for_without_end() {
    let mut all = pods("a b");
    (all[1].ready, all[1].started) = (false, false);
    let mut it = Climbing::begin("hot, rollout", all.clone());
    it.says("a", holds(Taken::Applied, false));
    it.wants();
    it.tell(Event::Listed(Ok(all.clone())));
    assert_eq!(silence(&mut it, 100_000, &all), "nothing");
    let end = silence(&mut it, 200_000, &all);
    assert!(end.starts_with("InStep"), "{end}");
}

#[test]
fn nor_is_the_next_method_kept_from_the_others() {
    let mut all = pods("a b c");
    let mut it = Climbing::begin("hot, rollout", all.clone());
    it.says("a", holds(Taken::Applied, false));
    it.acted("b");
    it.says("c", holds(Taken::Unverified, false));
    it.wants();
    it.answered("b", AgentAnswer::Silent);
    (all[1].ready, all[1].started) = (false, false);
    let end = silence(&mut it, 400_000, &all);
    assert!(end.starts_with("write rollout"), "{end}");
}

#[test]
fn silence_on_a_node_that_is_there_is_late_a_minute_after() {
    let mut it = Climbing::begin("hot, rollout", pods("a"));
    it.acted("a");
    it.wants();
    let late = silence(&mut it, 400_000, &pods("a"));
    assert_eq!(late, "write rollout at 180");
}

#[test]
fn where_taking_it_restarts_pods_go_by_what_may_be_unavailable() {
    let mut it = Climbing::begin("hot", pods("a b c"));
    it.says("a", holds(Taken::Pending, true));
    it.wait(100);
    it.answered("a", holds(Taken::Applied, true));
    // Whether it is up again is looked at first.
    assert_eq!(it.wants(), "hot a; ask a t; ask a t; list");
    let mut down = pods("a b c");
    down[0].ready = false;
    it.tell(Event::Listed(Ok(down)));
    assert_eq!(it.wants(), "");
    it.wait(5_000);
    assert_eq!(it.wants(), "list");
    it.tell(Event::Listed(Ok(pods("a b c"))));
    assert_eq!(it.wants(), "hot b");
}

#[test]
fn where_two_may_be_unavailable_two_are_restarted_at_once_after_the_first() {
    let mut it = Climbing::begin("hot", pods("a b c d"));
    it.tell(Event::Conditions(Conditions {
        unavailable: 2,
        ..conditions("hot")
    }));
    it.says("a", holds(Taken::Pending, true));
    it.wait(100);
    it.answered("a", holds(Taken::Applied, true));
    assert_eq!(it.wants(), "hot a; ask a t; ask a t; list");
    it.tell(Event::Listed(Ok(pods("a b c d"))));
    assert_eq!(it.wants(), "hot b; hot c");
}

#[test]
fn newer_content_takes_its_place_when_nothing_is_being_brought() {
    let mut it = Climbing::begin("hot", pods("a b"));
    it.says("a", holds(Taken::Pending, false));
    it.tell(Event::Newer);
    it.wait(100);
    assert_eq!(it.wants(), "hot a; ask a t; ask a t");
    it.answered("a", AgentAnswer::Other);
    assert_eq!(it.wants(), "Overtaken");
}

#[test]
fn it_waits_for_the_workload_s_own_rollout_and_does_not_wait_for_one_that_hangs() {
    let mut it = Climbing::begin("hot, rollout", pods("a b"));
    it.says("a", holds(Taken::Applied, false));
    it.wants();
    let now = |rollout| {
        let conditions = conditions("hot, rollout");
        Event::Conditions(Conditions {
            rollout,
            ..conditions
        })
    };
    let mut running = Climbing::begin("hot, rollout", Vec::new());
    assert!(running.wants().contains("InStep"));
    it.tell(now(OwnRollout::Running));
    it.acted("b");
    it.wait(50);
    it.answered("b", holds(Taken::Applied, false));
    it.tell(Event::Listed(Ok(pods("a b c"))));
    it.wants();
    it.wait(1_000_000);
    it.tell(Event::Listed(Ok(pods("a b c"))));
    assert!(!it.wants().contains("hot"));
    it.tell(now(OwnRollout::Hangs));
    assert_eq!(it.wants(), "write rollout");
}

#[test]
fn where_no_rollout_is_allowed_one_that_hangs_holds_up_nobody() {
    for (rungs, begun) in [
        ("hot", true),
        ("hot, notify", true),
        ("poke, notify", true),
        ("hot, rollout", false),
    ] {
        let mut it = Climbing::begin(rungs, Vec::new());
        let plan = Plan {
            number: number(4),
            rungs: Methods::read(rungs).0,
            since: Some(1_000),
            timeout: 120_000,
            refuser: None,
        };
        let hangs = Conditions {
            rollout: OwnRollout::Hangs,
            ..conditions(rungs)
        };
        (it.ladder, it.wants) = Ladder::begin(0, plan, hangs);
        it.wants();
        it.tell(Event::Listed(Ok(pods("a"))));
        assert_eq!(it.wants().ends_with(" a"), begun, "{rungs}");
    }
}

#[test]
fn a_poke_is_sent_twice_and_proves_nothing() {
    let mut it = Climbing::begin("poke", pods("a"));
    it.acted("a");
    it.wait(2_000);
    it.acted("a");
    assert_eq!(it.wants(), "poke a; poke a; list");
    it.tell(Event::Listed(Ok(pods("a"))));
    assert_eq!(it.wants(), "InStep { proven: false, restarted: false }");
}

#[test]
fn each_pod_wise_method_has_a_file() {
    for row in crate::method::METHODS {
        let has = super::visit::Rung::of(row.method).is_some();
        assert_eq!(has, row.method.is_pod_wise(), "{}", row.word);
    }
    assert!(!Method::Rollout.is_pod_wise());
}

#[test]
fn what_is_not_allowed_any_more_is_not_gone_on_with() {
    let mut it = Climbing::begin("hot, rollout", pods("a"));
    it.acted("a");
    it.tell(Event::Conditions(conditions("notify")));
    let end = it.wants();
    assert!(end.contains("NotTaken { why: \"hot is not listed"), "{end}");
    let mut forbidden = Climbing::begin("hot, rollout", pods("a"));
    let why = "the right to patch pods is missing".to_owned();
    forbidden.tell(Event::Acted("a".into(), Acted::Forbidden(why)));
    assert_eq!(forbidden.wants(), "hot a; write rollout");
}

#[test]
fn what_right_is_missing_is_said() {
    let plan = Plan {
        number: number(4),
        rungs: Methods::read("hot").0,
        since: None,
        timeout: 120_000,
        refuser: None,
    };
    let (mut ladder, _) = Ladder::begin(0, plan, conditions("hot"));
    let why = "the right to get nodes is missing".to_owned();
    let unlisted = Event::Listed(Err(Unlisted::Forbidden(why.clone())));
    let end = Effect::Finish(Finish::NotTaken { why });
    assert_eq!(ladder.step(0, unlisted), [end]);
}
