//! SecretProviderClasses: pods mount them, and the driver rotates what is mounted.
//! What is decided about `web`, which uses `vault`.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::show;
use crate::decide::{Act, Moment, Rules, Verdict, decide};
use crate::evidence::{Evidence, Finding, PodsSince, Question};
use crate::index::{Content, Fact, Fetched, How, Index, Stream, StreamOf};
use crate::kinds::KINDS;
use crate::object::{PodStatus, SourceFlags, read_status, read_workload};
use crate::policy::Defaults;
use crate::refs::{SourceKind, SourceRef, WorkloadRef};
use crate::restless::Restless;
use crate::state::Entry;
use crate::train::Trains;
use crate::vocabulary::Vocabulary;

struct Lab {
    index: Index,
    statuses: Vec<(&'static str, PodStatus)>,
    marks: SourceFlags,
    entry: Option<Entry>,
    version: u64,
}

fn class() -> SourceRef {
    SourceRef::new(SourceKind::SecretProviderClass, "ns", "vault")
}

fn streams() -> [Stream; 2] {
    let of = [
        StreamOf::Workloads(&KINDS[0]),
        StreamOf::Sources(SourceKind::SecretProviderClass),
    ];
    of.map(|of| Stream {
        of,
        namespace: None,
    })
}

impl Lab {
    fn new() -> Self {
        let mut lab = Self {
            index: Index::default(),
            statuses: Vec::new(),
            marks: SourceFlags::default(),
            entry: None,
            version: 10,
        };
        lab.restart();
        lab
    }

    /// Forgets all but the record, and lists what is there.
    fn restart(&mut self) {
        self.index = Index::new(Defaults::default(), streams());
        let [workloads, statuses] = streams();
        self.index.apply(Fact::ListBegan(workloads.clone()));
        self.web(How::Listed);
        self.index.apply(Fact::ListEnded(workloads, self.version));
        self.index.apply(Fact::ListBegan(statuses.clone()));
        for (_, status) in &self.statuses {
            self.index.apply(Fact::Source(status.meta.clone()));
        }
        self.index.apply(Fact::ListEnded(statuses, self.version));
    }

    fn web(&mut self, how: How) {
        let csi = json!({"driver": "secrets-store.csi.k8s.io",
            "volumeAttributes": {"secretProviderClass": "vault"}});
        let mounts = json!([{"name": "v", "mountPath": "/v"}]);
        let spec = json!({"volumes": [{"name": "v", "csi": csi}],
            "containers": [{"volumeMounts": mounts}]});
        let object = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": "u", "generation": 1,
                "resourceVersion": "3", "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"template": {"spec": spec}},
        });
        let json = object.to_string();
        let web = read_workload(&KINDS[0], json.as_bytes(), &Vocabulary::default());
        let web = Box::new(web.unwrap());
        self.index.apply(Fact::Workload(web, how));
    }

    /// The driver writes the status of a pod: the first time at a mount, then at
    /// rotations.
    fn mounts(&mut self, pod: &'static str, version: &str) {
        self.version += 1;
        let before = self.statuses.iter().position(|(name, _)| *name == pod);
        let generation = if before.is_some() { 2 } else { 1 };
        let objects = json!([{"id": "password", "version": version}]);
        let json = json!({
            "metadata": {"namespace": "ns", "name": pod, "generation": generation,
                "resourceVersion": self.version.to_string()},
            "status": {"secretProviderClassName": "vault", "objects": objects},
        });
        let status = read_status(json.to_string().as_bytes()).unwrap().unwrap();
        self.index.apply(Fact::Source(status.meta.clone()));
        if let Some(before) = before {
            self.statuses.remove(before);
        }
        self.statuses.push((pod, status));
    }

    fn leaves(&mut self, pod: &str) {
        self.statuses.retain(|(name, _)| *name != pod);
    }

    fn read(&mut self) {
        let newest = self.statuses.iter().map(|(_, status)| status);
        let newest = newest.max_by_key(|status| status.rank());
        let fetched = newest.map_or(Fetched::Absent, |status| {
            let content = Content::new(status.meta.version, status.digests());
            let mut meta = status.meta.clone();
            meta.marks = Some(self.marks);
            Fetched::Present(meta, content)
        });
        let told = self.index.view(&class()).told;
        self.index.apply(Fact::Read(class(), told, fetched));
    }

    fn verdict(&mut self) -> Verdict {
        let key = WorkloadRef::new(&KINDS[0], "ns", "web");
        let rules = Rules {
            instance: "t".into(),
            on_create: true,
            on_delete: true,
            ..Rules::default()
        };
        let mut evidence = Evidence::default();
        evidence.add(Question::Pods, Finding::Pods(PodsSince::Never));
        let moment = Moment {
            trains: &Trains::default(),
            now: 1_000,
            evidence: &evidence,
            unled_since: None,
            seed: 1,
            restless: &Restless::default(),
        };
        decide(&key, &self.index, self.entry.as_ref(), moment, &rules).unwrap()
    }

    /// What is decided after what has to be read was read; a roll is carried out.
    fn decides(&mut self) -> String {
        let mut verdict = self.verdict();
        for _ in 0..3 {
            if let Act::Read(_) = verdict.act {
                self.read();
                verdict = self.verdict();
            }
        }
        let shown = show(&verdict);
        if let Act::Record(entry) | Act::Note(entry) | Act::Roll(entry, _) = verdict.act {
            self.entry = Some(Entry {
                done: true,
                because: String::new(),
                ..entry
            });
        }
        shown
    }

    fn check(&mut self, expect: &str) {
        assert_eq!(self.decides(), expect);
    }

    /// That no more is done than perhaps to note a version, now or after a restart.
    fn check_rest(&mut self) {
        for _ in 0..2 {
            let decided = self.decides();
            assert!(
                matches!(&*decided, "Nothing UpToDate" | "Note UpToDate"),
                "{decided}"
            );
            self.restart();
        }
    }
}

fn adopted() -> Lab {
    let mut lab = Lab::new();
    lab.mounts("web-1", "1");
    lab.check("Record Adopted");
    lab.check_rest();
    lab
}

#[test]
fn a_rotation_rolls_once_however_many_pods_it_reaches() {
    let mut lab = adopted();
    lab.mounts("web-2", "1");
    lab.check_rest();
    lab.mounts("web-1", "2");
    lab.check("Roll Changed secretproviderclass/vault (password)");
    lab.mounts("web-2", "2");
    lab.check_rest();
    lab.mounts("web-3", "2");
    lab.leaves("web-1");
    lab.leaves("web-2");
    lab.check_rest();
    lab.mounts("web-3", "3");
    lab.check("Roll Changed secretproviderclass/vault (password)");
}

#[test]
fn a_rotation_while_nobody_looked_rolls() {
    let mut lab = adopted();
    lab.mounts("web-1", "2");
    lab.restart();
    lab.check("Roll Changed secretproviderclass/vault (password)");
    lab.check_rest();
}

/// As where each pod gets credentials of its own.
#[test]
fn what_a_new_pod_starts_with_rolls_nothing() {
    let mut lab = adopted();
    for (pod, version) in [("web-2", "2"), ("web-3", "3")] {
        lab.mounts(pod, version);
        lab.check_rest();
    }
    lab.leaves("web-1");
    lab.check_rest();
}

/// A pod that was added while a rotation was under way had it first.
#[test]
fn the_old_pods_are_rolled_though_a_new_one_has_it_already() {
    let mut lab = adopted();
    lab.mounts("web-2", "2");
    lab.check_rest();
    lab.mounts("web-1", "2");
    lab.check("Roll Changed secretproviderclass/vault (password)");
}

#[test]
fn an_older_rotation_that_is_left_is_no_change() {
    let mut lab = adopted();
    lab.mounts("web-2", "1");
    lab.mounts("web-1", "2");
    lab.check("Roll Changed secretproviderclass/vault (password)");
    lab.mounts("web-2", "3");
    lab.check("Roll Changed secretproviderclass/vault (password)");
    lab.leaves("web-2");
    lab.check_rest();
}

#[test]
fn without_pods_it_is_as_it_was() {
    let mut lab = adopted();
    lab.leaves("web-1");
    lab.check_rest();
    lab.mounts("web-2", "2");
    lab.check_rest();
}

#[test]
fn the_first_pods_are_recorded() {
    let mut lab = Lab::new();
    lab.check("Record Adopted");
    lab.check_rest();
    lab.mounts("web-1", "1");
    lab.check("Record Recorded secretproviderclass/vault");
    lab.check_rest();
    lab.mounts("web-1", "2");
    lab.check("Roll Changed secretproviderclass/vault (password)");
}

#[test]
fn pods_that_started_and_were_rotated_while_nobody_looked_are_rolled() {
    let mut lab = Lab::new();
    lab.check("Record Adopted");
    lab.mounts("web-1", "1");
    lab.mounts("web-1", "2");
    lab.restart();
    lab.check("Roll Changed secretproviderclass/vault");
    lab.check_rest();
}

#[test]
fn marks_are_read_with_the_class() {
    let mut lab = adopted();
    lab.marks.ignore = true;
    lab.mounts("web-1", "2");
    lab.check("Note UsesNothing");
}

#[derive(Clone, Debug)]
enum Step {
    Mount(usize),
    Leave(usize),
    Restart,
    Decide,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pod = || 0..PODS.len();
    let step = prop_oneof![
        4 => pod().prop_map(Step::Mount),
        2 => pod().prop_map(Step::Leave),
        1 => Just(Step::Restart),
        3 => Just(Step::Decide),
    ];
    vec(step, 1..60)
}

const PODS: [&str; 4] = ["a", "b", "c", "d"];

proptest! {
    /// Each write brings a version that was never there. What is rolled for is
    /// that a pod which is still there was rotated since it was last decided.
    #[test]
    fn a_rotation_is_rolled_for_and_nothing_else(steps in steps()) {
        let mut lab = Lab::new();
        lab.check("Record Adopted");
        let mut decided = lab.version;
        for step in steps {
            match step {
                Step::Mount(pod) => {
                    let version = lab.version.to_string();
                    lab.mounts(PODS[pod], &version);
                }
                Step::Leave(pod) => lab.leaves(PODS[pod]),
                Step::Restart => lab.restart(),
                Step::Decide => {
                    let told = |status: &PodStatus| status.meta.rewritten && status.meta.version > decided;
                    let due = lab.statuses.iter().any(|(_, status)| told(status));
                    let shown = lab.decides();
                    prop_assert_eq!(shown.starts_with("Roll"), due, "{}", shown);
                    decided = lab.version;
                    lab.check_rest();
                }
            }
        }
    }
}
