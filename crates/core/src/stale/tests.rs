//! What is said of pods, by each witness.

mod oracle;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::digest::Digest;
use crate::evidence::Finding;
use crate::index::{Content, Fact, Fetched, Stream, StreamOf};
use crate::object::{SourceMeta, Version, read_pod};
use crate::policy::Defaults;
use crate::refs::SourceKind;

/// The newest write of a source, or the start of a container: so many seconds after the
/// hour.
fn time(second: u32) -> String {
    format!("2026-11-29T20:{:02}:{:02}Z", second / 60, second % 60)
}

fn at(second: u32) -> Seconds {
    let time: jiff::Timestamp = time(second).parse().unwrap();
    time.as_second()
}

fn app() -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", "app")
}

/// A source as a version of it was.
#[derive(Clone, Copy)]
struct Was {
    version: Version,
    written: u32,
    rewritten: bool,
    only_data: bool,
    keys: &'static [(&'static str, &'static str)],
}

/// Written a second time by somebody who writes labels too.
const NOW: Was = Was {
    version: 90,
    written: 60,
    rewritten: true,
    only_data: false,
    keys: &[("a", "2"), ("b", "1")],
};

/// The write before.
const BEFORE: Was = Was {
    version: 50,
    written: 10,
    keys: &[("a", "1"), ("b", "1")],
    ..NOW
};

/// A write that is taken back later.
const BAD: Was = Was {
    version: 70,
    written: 150,
    keys: &[("a", "9"), ("b", "1")],
    ..NOW
};

impl Was {
    fn meta(self) -> SourceMeta {
        SourceMeta {
            key: app(),
            version: self.version,
            marks: None,
            written: Some(at(self.written)),
            rewritten: self.rewritten,
            by: Some("kubectl".into()),
            only_data: self.only_data,
            problem: None,
        }
    }

    fn fetched(self) -> Fetched {
        let digest = |value: &str| Digest::of_parts(&[value.as_bytes()]);
        let keys = self.keys.iter();
        let keys = keys.map(|(key, value)| (Name::from(*key), digest(value)));
        let content = Content::new(self.version, keys.collect::<Box<[_]>>());
        Fetched::Present(self.meta(), content)
    }
}

/// The pods of one Deployment, one source, and what is known of its past.
struct Scene {
    index: Index,
    evidence: Evidence,
    records: BTreeMap<Group, Recorded>,
}

impl Scene {
    fn new(now: Was) -> Self {
        let stream = |kind| Stream {
            of: StreamOf::Sources(kind),
            namespace: None,
        };
        let streams = [SourceKind::ConfigMap, SourceKind::Secret].map(stream);
        let index = Index::new(Defaults::default(), streams);
        let mut scene = Self {
            index,
            evidence: Evidence::default(),
            records: BTreeMap::new(),
        };
        // A pod that holds the source is never stale itself.
        scene = scene.pod("new", (500, 501), &from("app"));
        scene.index.apply(Fact::Source(now.meta()));
        scene
    }

    /// A pod that was made and started then.
    fn pod(mut self, name: &str, (made, started): (u32, u32), spec: &Value) -> Self {
        let running = json!({"running": {"startedAt": time(started)}});
        let json = json!({
            "metadata": {"namespace": "ns", "name": name, "resourceVersion": "1",
                "creationTimestamp": time(made), "labels": {"pod-template-hash": "5d"},
                "ownerReferences": [{"controller": true, "kind": "ReplicaSet", "name": "web-5d"}]},
            "spec": spec,
            "status": {"phase": "Running",
                "initContainerStatuses": [
                    {"name": "init", "state": {"terminated": {"startedAt": time(started)}}}],
                "containerStatuses": [{"name": "web", "state": running}]},
        });
        let pod = read_pod(json.to_string().as_bytes()).unwrap().unwrap();
        self.index.apply(Fact::Pod(Box::new(pod)));
        self
    }

    /// It was read as it is now.
    fn read(mut self, now: Was) -> Self {
        let told = self.index.view(&app()).told;
        self.index.apply(Fact::Read(app(), told, now.fetched()));
        self
    }

    /// What the store answers when asked for the version before this one.
    fn before(mut self, version: Version, finding: Finding) -> Self {
        let question = Question::Source(app(), version - 1);
        self.evidence.add(question, finding);
        self
    }

    fn was(self, version: Version, then: Was) -> Self {
        self.before(version, Finding::Source(then.fetched()))
    }

    /// A record tells that all pods were brought to what is there now, at this version.
    fn brought(mut self, version: Version) -> Self {
        let group = self.index.pods().next().unwrap().group.clone();
        let brought = Brought {
            version,
            changes: Vec::new(),
        };
        self.records.insert(group, [(app(), brought)].into());
        self
    }

    fn is_written_since(&self, now: u32) -> bool {
        let mut records = self.records.values();
        records.any(|recorded| is_written_since(recorded, &self.index, at(now)))
    }

    /// How one stands that stood so by its record.
    fn stands(&self, word: Word) -> Word {
        let standing = crate::standing::Standing {
            word,
            pods: None,
            until: None,
            due: false,
        };
        with_pods(&standing, &self.look().rows).word
    }

    fn look(&self) -> Look {
        look(&self.index, &self.evidence, &self.records)
    }

    fn rows(&self) -> Vec<String> {
        let look = self.look();
        assert!(
            look.questions.is_empty() && look.unread.is_empty(),
            "{look:?}"
        );
        look.rows.iter().map(shown).collect()
    }
}

fn shown(row: &StaleUse) -> String {
    let via: Vec<_> = row.via.iter().map(|via| via.word()).collect();
    let keys: Vec<_> = row.keys.iter().map(|key| &**key).collect();
    let certainty = match row.certainty {
        Certainty::Surely => "surely",
        Certainty::Perhaps => "perhaps",
    };
    let reads = match row.reads {
        Reads::Once => "once",
        Reads::Again => "again",
    };
    format!(
        "{}/{} {} {} [{}] {reads} {certainty}: {} of {}",
        row.group.kind,
        row.group.name,
        row.source,
        via.join(","),
        keys.join(","),
        row.pods.len(),
        row.of
    )
}

fn from(name: &str) -> Value {
    json!({"containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": name}}]}]})
}

fn key(key: &str) -> Value {
    let of = json!({"configMapKeyRef": {"name": "app", "key": key}});
    json!({"containers": [{"name": "web", "env": [{"name": "A", "valueFrom": of}]}]})
}

fn file(mount: &Value) -> Value {
    json!({"containers": [{"name": "web", "volumeMounts": [mount]}],
        "volumes": [{"name": "v", "configMap": {"name": "app"}}]})
}

/// When a pod was made and its container started, beside a write in second 60 that
/// nothing else tells of.
#[rstest]
#[case::before(NOW, (20, 21), "perhaps")]
#[case::before_by_whom_writes_data_only(Was { only_data: true, ..NOW }, (20, 21), "surely")]
#[case::before_made_anew(Was { only_data: true, rewritten: false, ..NOW }, (20, 21), "perhaps")]
#[case::in_the_same_second(NOW, (60, 60), "perhaps")]
#[case::in_the_next(NOW, (59, 61), "perhaps")]
#[case::it_was_made_then_and_is_needed(Was { rewritten: false, ..NOW }, (60, 60), "")]
#[case::started_later(NOW, (20, 62), "")]
#[case::made_later_by_a_node_whose_clock_is_behind(NOW, (61, 5), "")]
fn by_times(#[case] now: Was, #[case] pod: (u32, u32), #[case] expect: &str) {
    let scene = Scene::new(now).pod("old", pod, &from("app"));
    let scene = scene.before(90, Finding::Forgotten);
    let rows = scene.rows();
    let expected = (!expect.is_empty())
        .then(|| format!("deployment/web configmap/app envFrom [] once {expect}: 1 of 2"));
    assert_eq!(rows, expected.into_iter().collect::<Vec<_>>());
}

/// A container that was started again half a minute after the write, or a minute and a
/// half; or for the first time.
#[rstest]
#[case::variables_are_new(from("app"), (20, 90), "")]
#[case::files_follow_later(file(&json!({"name": "v"})), (20, 90), "volume [a] again perhaps")]
#[case::those_by_sub_path_too(file(&json!({"name": "v", "subPath": "a"})), (20, 90), "subPath [a] once perhaps")]
#[case::but_have_followed_then(file(&json!({"name": "v"})), (20, 150), "")]
#[case::and_are_there_when_a_pod_is(file(&json!({"name": "v"})), (61, 90), "")]
#[case::that_is_as_old_as_the_write(file(&json!({"name": "v"})), (60, 62), "")]
fn started_again(#[case] spec: Value, #[case] pod: (u32, u32), #[case] expect: &str) {
    let scene = Scene::new(NOW).pod("old", pod, &spec);
    let rows = scene.read(NOW).was(90, BEFORE).rows();
    let expected =
        (!expect.is_empty()).then(|| format!("deployment/web configmap/app {expect}: 1 of 2"));
    assert_eq!(rows, expected.into_iter().collect::<Vec<_>>());
}

/// A write of data alone says nothing of one key.
#[test]
fn of_one_key_times_tell_too_little() {
    let now = Was {
        only_data: true,
        ..NOW
    };
    let scene = Scene::new(now).pod("old", (20, 21), &key("a"));
    let rows = scene.before(90, Finding::NotTold).rows();
    assert_eq!(
        rows,
        ["deployment/web configmap/app env [] once perhaps: 1 of 2"]
    );
}

#[rstest]
#[case::env(key("a"), "env [a] once surely: 1 of 2")]
#[case::another_key(key("b"), "")]
#[case::all(from("app"), "envFrom [a] once surely: 1 of 2")]
#[case::a_file(file(&json!({"name": "v"})), "volume [a] again surely: 1 of 2")]
#[case::a_file_by_sub_path(file(&json!({"name": "v", "subPath": "a"})), "subPath [a] once surely: 1 of 2")]
#[case::another_by_sub_path(file(&json!({"name": "v", "subPath": "b"})), "")]
#[case::only_mounted_by_nobody(file(&json!({"name": "other"})), "")]
fn the_past_tells_which_keys_the_last_write_changed(#[case] spec: Value, #[case] expect: &str) {
    let scene = Scene::new(NOW).pod("old", (20, 21), &spec);
    let rows = scene.read(NOW).was(90, BEFORE).rows();
    let expected = (!expect.is_empty()).then(|| format!("deployment/web configmap/app {expect}"));
    assert_eq!(rows, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_label_that_the_same_client_changed_is_nothing() {
    let before = Was {
        keys: NOW.keys,
        ..BEFORE
    };
    let scene = Scene::new(NOW).pod("old", (20, 21), &from("app"));
    assert!(scene.read(NOW).was(90, before).rows().is_empty());
}

#[test]
fn nor_is_what_was_written_back() {
    let between = Was {
        version: 70,
        written: 40,
        ..BEFORE
    };
    let then = Was {
        keys: NOW.keys,
        ..BEFORE
    };
    let scene = Scene::new(NOW).pod("old", (20, 21), &from("app"));
    let scene = scene.read(NOW).was(90, between).was(70, then);
    assert!(scene.rows().is_empty());
}

/// The write before the last is as near to the start as the last one is after it.
#[test]
fn what_it_read_of_two_writes_in_a_second_is_not_known() {
    let close = Was {
        written: 20,
        ..BEFORE
    };
    let then = Was {
        version: 30,
        keys: NOW.keys,
        ..BEFORE
    };
    let scene = Scene::new(NOW).pod("old", (20, 21), &from("app"));
    let scene = scene.read(NOW).was(90, close).was(50, then);
    let expected = "deployment/web configmap/app envFrom [a] once perhaps: 1 of 2";
    assert_eq!(scene.rows(), [expected]);
}

#[test]
fn a_change_that_is_remembered_counts_whatever_was_before_it() {
    let scene = Scene::new(NOW).pod("old", (2, 3), &from("app"));
    let scene = scene
        .read(NOW)
        .was(90, BEFORE)
        .before(50, Finding::Forgotten);
    let expected = "deployment/web configmap/app envFrom [a] once surely: 1 of 2";
    assert_eq!(scene.rows(), [expected]);
}

#[test]
fn one_made_anew_may_hold_the_same() {
    let now = Was {
        rewritten: false,
        ..NOW
    };
    let scene = Scene::new(now).pod("old", (20, 21), &from("app"));
    let scene = scene.read(now).before(90, Finding::Source(Fetched::Absent));
    let expected = "deployment/web configmap/app envFrom [] once perhaps: 1 of 2";
    assert_eq!(scene.rows(), [expected]);
}

#[test]
fn one_made_with_its_pods_is_what_they_have() {
    let now = Was {
        rewritten: false,
        ..NOW
    };
    let scene = Scene::new(now).pod("old", (60, 60), &from("app"));
    let scene = scene.read(now).before(90, Finding::Source(Fetched::Absent));
    assert!(scene.rows().is_empty());
}

/// An init container has read what it will ever read; one that has ended reads no file
/// again.
#[test]
fn what_an_init_container_has_read_stays() {
    let spec = json!({
        "initContainers": [{"name": "init", "volumeMounts": [{"name": "v"}]}],
        "containers": [{"name": "web"}],
        "volumes": [{"name": "v", "configMap": {"name": "app"}}]});
    let scene = Scene::new(NOW).pod("old", (20, 21), &spec);
    let rows = scene.read(NOW).was(90, BEFORE).rows();
    assert_eq!(
        rows,
        ["deployment/web configmap/app volume [a] once surely: 1 of 2"]
    );
}

#[test]
fn what_is_lacking_is_asked_for_and_times_decide_until_then() {
    let scene = Scene::new(NOW).pod("old", (20, 21), &from("app"));
    let look = scene.look();
    assert_eq!(look.questions, [Question::Source(app(), 89)].into());
    assert_eq!(look.rows.len(), 1);
    let scene = scene.was(90, BEFORE);
    let look = scene.look();
    assert_eq!(look.unread, [app()].into());
    assert!(look.questions.is_empty());
    let look = scene.read(NOW).look();
    assert!(look.questions.is_empty() && look.unread.is_empty());
}

/// The past is asked only where a record does not hold the keys apart.
#[rstest]
#[case::in_step(Some(vec![]), None, "")]
#[case::changed(Some(vec!["a"]), None, "envFrom [a] once surely: 1 of 2")]
#[case::one_of_many(Some(vec![""]), Some(Finding::Forgotten), "envFrom [] once surely: 1 of 2")]
#[case::which(Some(vec![""]), Some(Finding::Source(BEFORE.fetched())), "envFrom [a] once surely: 1 of 2")]
fn a_record_is_exact(
    #[case] changed: Option<Vec<&str>>,
    #[case] then: Option<Finding>,
    #[case] expect: &str,
) {
    let mut scene = Scene::new(NOW).pod("old", (20, 21), &from("app")).read(NOW);
    if let Some(then) = then {
        scene = scene.before(90, then);
    }
    let change = |key: &str| Change {
        source: app(),
        what: What::Changed,
        keys: (!key.is_empty()).then(|| key.into()).into_iter().collect(),
        version: Some(90),
        dated: true,
        by: None,
    };
    let changes = changed.into_iter().flatten().map(change).collect();
    let group = scene.index.pods().next().unwrap().group.clone();
    let brought = Brought {
        version: NOW.version,
        changes,
    };
    scene.records.insert(group, [(app(), brought)].into());
    let expected = (!expect.is_empty()).then(|| format!("deployment/web configmap/app {expect}"));
    assert_eq!(scene.rows(), expected.into_iter().collect::<Vec<_>>());
}

/// It was held while the source was another, and that was taken back: a container that was
/// started again meanwhile has it, whatever version was recorded when it was the same again.
#[rstest]
#[case::not_recorded_since(BEFORE.version)]
#[case::recorded_since(90)]
fn a_record_tells_nothing_of_a_container_that_was_started_again(#[case] recorded: Version) {
    let now = Was {
        version: 90,
        written: 300,
        keys: BEFORE.keys,
        ..NOW
    };
    let scene = Scene::new(now).pod("again", (20, 200), &from("app"));
    let scene = scene.pod("first", (20, 21), &from("app"));
    let scene = scene.brought(recorded).read(now);
    assert!(scene.is_written_since(310));
    let scene = scene.was(90, BAD).was(70, BEFORE);
    let expected = "deployment/web configmap/app envFrom [a] once surely: 1 of 3";
    assert_eq!(scene.rows(), [expected]);
    assert_eq!(scene.stands(Word::InStep), Word::Stale);
    assert_eq!(scene.stands(Word::Rolling), Word::Rolling);
}

/// It may have been started again before anything else was written: the same was there.
#[rstest]
#[case::nothing_is_remembered(Finding::Forgotten, "[]")]
#[case::only_the_last_write_is(Finding::Source(BAD.fetched()), "[a]")]
fn what_is_forgotten_is_not_certain_beside_a_record(#[case] then: Finding, #[case] keys: &str) {
    let now = Was {
        version: 90,
        written: 300,
        keys: BEFORE.keys,
        only_data: true,
        ..NOW
    };
    let scene = Scene::new(now).pod("again", (20, 120), &from("app"));
    let scene = scene.brought(BEFORE.version).read(now).before(90, then);
    let scene = scene.before(BAD.version, Finding::Forgotten);
    let expected = format!("deployment/web configmap/app envFrom {keys} once perhaps: 1 of 2");
    assert_eq!(scene.rows(), [expected]);
    assert_eq!(scene.stands(Word::InStep), Word::InStep);
}

#[test]
fn what_was_not_written_since_its_record_needs_no_look_at_pods() {
    let scene = Scene::new(NOW).brought(NOW.version).read(NOW);
    assert!(!scene.is_written_since(3_000));
}

#[test]
fn the_first_key_of_an_empty_source_is_a_change() {
    let empty = Was {
        keys: &[],
        ..BEFORE
    };
    let scene = Scene::new(NOW).pod("old", (20, 21), &from("app"));
    let rows = scene.read(NOW).was(90, empty).rows();
    let expected = "deployment/web configmap/app envFrom [a,b] once surely: 1 of 2";
    assert_eq!(rows, [expected]);
}

/// A variable of its own takes the place of a key: which one was written is not known.
#[test]
fn times_are_not_certain_where_a_key_is_replaced() {
    let mut spec = from("app");
    spec["containers"][0]["env"] = json!([{"name": "a", "value": "own"}]);
    let now = Was {
        only_data: true,
        ..NOW
    };
    let scene = Scene::new(now).pod("old", (20, 21), &spec);
    let rows = scene.before(90, Finding::Forgotten).rows();
    let expected = "deployment/web configmap/app envFrom [] once perhaps: 1 of 2";
    assert_eq!(rows, [expected]);
}

/// `over` comes later in the environment, and has the key that was written.
#[test]
fn what_a_later_source_replaces_is_nothing() {
    let from_both = json!({"containers": [{"name": "web", "envFrom": [
        {"configMapRef": {"name": "app"}}, {"configMapRef": {"name": "over"}}]}]});
    let mut scene = Scene::new(NOW).pod("old", (20, 21), &from_both);
    let over = SourceRef::new(SourceKind::ConfigMap, "ns", "over");
    let mut meta = BEFORE.meta();
    meta.key = over.clone();
    scene.index.apply(Fact::Source(meta.clone()));
    let Fetched::Present(_, content) = BEFORE.fetched() else {
        unreachable!()
    };
    let told = scene.index.view(&over).told;
    let read = Fact::Read(over, told, Fetched::Present(meta, content));
    scene.index.apply(read);
    assert!(scene.read(NOW).was(90, BEFORE).rows().is_empty());
}

#[test]
fn pods_of_a_workload_are_one_row() {
    let scene = Scene::new(NOW);
    let scene = scene
        .pod("a", (20, 21), &from("app"))
        .pod("b", (30, 32), &from("app"));
    let look = scene.read(NOW).was(90, BEFORE).look();
    let [row] = look.rows.as_slice() else {
        panic!("{look:?}")
    };
    let pods: Vec<_> = row
        .pods
        .iter()
        .map(|pod| (&*pod.name, pod.started))
        .collect();
    assert_eq!(pods, [("a", at(21)), ("b", at(32))]);
    assert_eq!(
        (row.of, row.written, row.by.as_deref()),
        (3, at(60), Some("kubectl"))
    );
    assert_eq!(row.pods[0].containers, [Name::from("web")]);
}
