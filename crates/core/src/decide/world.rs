//! A cluster in miniature for tests: one workload `web`, some ConfigMaps, the
//! index that watches them, and what carries out the decisions.
//!
//! Goes in: commands such as `cm c k=1` (see [`World::run`]). Each is told to the
//! index as an event, or, after `unseen`, only by the next `relist` or `restart`.

mod manifest;

use std::collections::BTreeMap;

use serde_json::json;

use super::{Act, Moment, Rules, Verdict, decide};
use crate::annotations::{CONFIG, PAUSE_PERIOD, PAUSED_AT, RESTARTED_AT};
use crate::digest::Digest;
use crate::evidence::{Evidence, Finding, Former, PodsSince, Question};
use crate::index::{Content, Fact, Fetched, How, Index, Rare, Stream, StreamOf};
use crate::kinds::KINDS;
use crate::ladder::{Finish, climbed, ended, heard_of_restarts};
use crate::method::{Method, Methods};
use crate::object::{Meta, SourceMeta};
use crate::policy::Defaults;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use crate::restless::Restless;
use crate::state::{Entry, FORM};
use crate::train::Trains;
use crate::vocabulary::Vocabulary;
use manifest::{Manifest, strategy};

/// When a world begins.
pub(crate) const START: i64 = 1_000_000;

pub(crate) type Data = BTreeMap<String, String>;

#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigMap {
    pub(crate) data: Data,
    pub(crate) annotations: Data,
    pub(crate) version: u64,
    pub(crate) written: i64,
    pub(crate) created: i64,
    pub(crate) immutable: bool,
}

pub(crate) struct World {
    pub(crate) index: Index,
    pub(crate) rules: Rules,
    pub(crate) defaults: Defaults,
    pub(crate) entry: Option<Entry>,
    pub(crate) cms: BTreeMap<String, ConfigMap>,
    web: Manifest,
    pub(crate) version: u64,
    pub(crate) now: i64,
    step: i64,
    /// When each template was first there.
    revisions: BTreeMap<String, i64>,
    /// What was there after each command, by version.
    history: BTreeMap<u64, (BTreeMap<String, ConfigMap>, Manifest)>,
    /// Up to this version the store has forgotten it.
    forgotten: u64,
    pub(crate) asked: usize,
    unled_since: Option<i64>,
    pub(crate) unseen: bool,
    pub(crate) gets: usize,
    pub(crate) restless: Restless,
    /// The numbers that were patched, in order.
    pub(crate) rolls: Vec<u64>,
}

pub(crate) fn web() -> WorkloadRef {
    WorkloadRef::new(&KINDS[0], "ns", "web")
}

pub(crate) fn source(name: &str) -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", name)
}

fn streams() -> [Stream; 2] {
    [
        StreamOf::Workloads(&KINDS[0]),
        StreamOf::Sources(SourceKind::ConfigMap),
    ]
    .map(|of| Stream {
        of,
        namespace: None,
    })
}

fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

pub(crate) fn pairs<'a>(words: impl Iterator<Item = &'a str>) -> Data {
    let pair = |word: &str| {
        let (key, value) = word.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    };
    words.filter_map(pair).collect()
}

impl World {
    /// An opted-in workload that uses nothing, and an index that has read it.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            index: Index::default(),
            rules: Rules {
                instance: "t".into(),
                ..Rules::default()
            },
            defaults: Defaults::default(),
            entry: None,
            cms: BTreeMap::new(),
            web: Manifest {
                updated: 3,
                ..Manifest::default()
            },
            version: 0,
            now: START,
            step: 10,
            revisions: BTreeMap::new(),
            history: BTreeMap::new(),
            forgotten: 0,
            asked: 0,
            unled_since: None,
            unseen: false,
            gets: 0,
            restless: Restless::new(START),
            rolls: Vec::new(),
        };
        world.run("ann tidings.dev/reload=auto; create; restart");
        world
    }

    /// What is written on the template.
    pub(crate) fn written(&self, key: &str) -> Option<&str> {
        self.web.marks.get(key).map(String::as_str)
    }

    /// Runs commands, separated by `;`.
    pub(crate) fn run(&mut self, commands: &str) {
        for command in commands.split(';').map(str::trim) {
            let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
            self.version += 1;
            self.now += self.step;
            self.command(verb, rest);
            let now = (self.cms.clone(), self.web.clone());
            self.history.insert(self.version, now);
        }
    }

    fn command(&mut self, verb: &str, rest: &str) {
        match verb {
            "" => {}
            "cm" | "del" | "touch" | "mark" | "seal" => self.source_command(verb, rest),
            "restart" => self.restart(),
            "relist" => self.relist(),
            "lose" => self.entry = None,
            "unled" => self.unled_since = Some(self.now),
            "compact" => self.forgotten = self.version,
            "asked" => assert_eq!(std::mem::take(&mut self.asked).to_string(), rest),
            "unseen" => self.unseen = true,
            "tick" => self.step = rest.parse().unwrap(),
            "flag" => self.flag(rest),
            "strip" => self.strip(rest),
            "taken" | "refused" | "died" | "not-taken" | "climbs" | "restarts" => {
                self.ladder(verb, rest);
            }
            "gets" => assert_eq!(std::mem::take(&mut self.gets).to_string(), rest),
            _ => self.web_command(verb, rest),
        }
    }

    fn flag(&mut self, name: &str) {
        match name {
            "on-create" => self.rules.on_create = true,
            "on-delete" => self.rules.on_delete = true,
            "catch-up" => self.rules.catch_up = true,
            "many-etcds" => self.rules.one_etcd = false,
            "fuse" => self.rules.fuse = true,
            "hot" => self.rules.enabled = Methods::all(),
            "old-replica" => self.rules.climbs = false,
            "no-old-replica" => self.rules.climbs = true,
            other => unreachable!("{other}"),
        }
    }

    /// `cm c k=1 ~l=2` (`l` in `binaryData`), `del c`, `touch c` (metadata only), `mark c key=value`,
    /// `seal c` (immutable).
    fn source_command(&mut self, verb: &str, rest: &str) {
        let mut words = rest.split(' ');
        let name = words.next().unwrap();
        let (version, now) = (self.version, self.now);
        if verb == "del" {
            self.cms.remove(name);
        } else if verb == "cm"
            && self
                .cms
                .get(name)
                .is_some_and(|c| c.data == pairs(words.clone()))
        {
            // The API server does not write what is there already.
            return;
        } else {
            let new = || ConfigMap {
                created: now,
                ..ConfigMap::default()
            };
            let cm = self.cms.entry(name.to_owned()).or_insert_with(new);
            cm.version = version;
            match verb {
                "cm" => (cm.data, cm.written) = (pairs(words), now),
                "mark" => cm.annotations = pairs(words),
                "seal" => cm.immutable = true,
                _ => {}
            }
        }
        if !self.unseen {
            match self.cms.get(name) {
                Some(cm) => self.index.apply(Fact::Source(meta(name, cm))),
                None => self.index.apply(Fact::SourceGone(source(name), version)),
            };
        }
        self.start();
    }

    /// Everything about the workload. `use` and `edit` edit its template.
    fn web_command(&mut self, verb: &str, rest: &str) {
        let words = || rest.split(' ').filter(|w| !w.is_empty());
        let web = &mut self.web;
        let mut generation = 1;
        if verb == "create" {
            self.revisions.clear();
        }
        match verb {
            "create" | "adopt" => {
                (web.uid, web.created, web.generation) = (self.version, self.now, 0);
            }
            "use" => web.uses = words().map(str::to_owned).collect(),
            "edit" => web.image = rest.to_owned(),
            "undo" => (web.image, web.marks) = (rest.to_owned(), Data::new()),
            "ann" => (web.annotations, generation) = (pairs(rest.split('|')), 0),
            "template" => web.marks = pairs(rest.split('|')),
            "write" => {}
            "stuck" => (web.stuck, generation) = (true, 0),
            "late" => (web.late, generation) = (true, 0),
            "through" => (web.stuck, generation) = (false, 0),
            "lags" => (web.lags, generation) = (rest != "no", 0),
            "replicas" => web.replicas = rest.parse().ok(),
            "ready" => (web.ready, generation) = (rest.parse().ok(), 0),
            "owned" => (web.owner, generation) = (Some(1), 0),
            "pause" => web.paused = true,
            "resume" => web.paused = false,
            "strategy" => web.strategy = strategy(rest),
            "updated" => (web.updated, generation) = (rest.parse().unwrap(), 0),
            other => unreachable!("{other}"),
        }
        web.generation += generation;
        if ["create", "adopt", "replicas"].contains(&verb) {
            self.web.waits = self.lacks();
        }
        self.wrote_web();
    }

    /// Whether containers could not start for want of a source or a key.
    fn lacks(&self) -> bool {
        self.web.uses.iter().any(|used| {
            let (how, what) = used.split_once(':').unwrap();
            let (name, key) = what.split_once('.').unwrap_or((what, ""));
            let data = self.cms.get(name).map(|cm| &cm.data);
            let there = match how {
                "env" | "var" | "items" => data.is_some_and(|data| data.contains_key(key)),
                "from" | "vol" | "sub" => data.is_some(),
                _ => true,
            };
            !there
        })
    }

    /// What pods wait for may have come.
    fn start(&mut self) {
        if self.web.waits && !self.lacks() {
            self.web.waits = false;
            self.wrote_web();
        }
    }

    fn wrote_web(&mut self) {
        self.web.version = self.version;
        let template = self.web.template().to_string();
        if !self.web.paused && self.web.made != template {
            self.web.made.clone_from(&template);
            self.web.waits = self.lacks();
        }
        self.revisions.entry(template).or_insert(self.now);
        if !self.unseen {
            let web = self.web.read();
            let known = self.index.get(&web.key);
            let is_known = known.is_some_and(|known| known.workload.uid == web.uid);
            self.told_of_web(if is_known { How::Event } else { How::Made });
        }
    }

    /// What a ladder makes of the intent: how it ended, or that its next rung is taken.
    fn ladder(&mut self, verb: &str, rest: &str) {
        let entry = self.entry.as_ref().unwrap();
        let workload = &self.index.get(&web()).unwrap().workload;
        let pod = || Name::from("web-0");
        let end = match verb {
            "taken" => Finish::InStep {
                proven: true,
                restarted: rest == "restarted",
            },
            "refused" => Finish::Rejected {
                pod: pod(),
                text: rest.to_owned(),
            },
            "died" => Finish::Died { pod: pod() },
            "not-taken" => Finish::NotTaken {
                why: rest.to_owned(),
            },
            "restarts" => {
                self.entry = Some(heard_of_restarts(entry, true, self.now));
                return;
            }
            _ => {
                let left = entry.climb.as_ref().unwrap().rungs;
                let left = left.after(entry.method());
                self.entry = Some(climbed(entry, left, rest, self.now));
                return;
            }
        };
        self.entry = ended(entry, &end, workload, self.now);
    }

    /// An operator puts its template back, but for what begins so.
    fn strip(&mut self, but: &str) {
        let keeps = |key: &String| !but.is_empty() && key.starts_with(but);
        self.web.marks.retain(|key, _| keeps(key));
        self.run("write");
    }

    pub(crate) fn restart(&mut self) {
        self.index = Index::new(self.defaults, streams());
        self.relist();
    }

    fn relist(&mut self) {
        self.unseen = false;
        let [workloads, sources] = streams();
        self.index.apply(Fact::ListBegan(workloads.clone()));
        self.told_of_web(How::Listed);
        self.index.apply(Fact::ListEnded(workloads, self.version));
        self.index.apply(Fact::ListBegan(sources.clone()));
        for (name, cm) in &self.cms {
            self.index.apply(Fact::Source(meta(name, cm)));
        }
        self.index.apply(Fact::ListEnded(sources, self.version));
    }

    fn told_of_web(&mut self, how: How) {
        let web = Box::new(self.web.read());
        self.index.apply(Fact::Workload(web, how));
    }

    /// Decides, reading what must be read.
    pub(crate) fn decide(&mut self) -> Verdict {
        let mut evidence = Evidence::default();
        for _ in 0..20 {
            assert!(self.index.ready(&web()));
            self.index.work_out(&web());
            let entry = self.entry.as_ref();
            let moment = Moment {
                trains: &Trains::default(),
                now: self.now,
                evidence: &evidence,
                unled_since: self.unled_since,
                seed: self.version,
                restless: &self.restless,
            };
            let verdict = decide(&web(), &self.index, entry, moment, &self.rules).unwrap();
            match verdict.act {
                Act::Read(sources) => self.read(&sources),
                Act::Ask(_) if self.web.lags => return verdict,
                Act::Ask(questions) => {
                    for question in questions {
                        self.asked += 1;
                        let finding = self.find(&question);
                        evidence.add(question, finding);
                    }
                }
                _ => return verdict,
            }
        }
        unreachable!("it never has enough");
    }

    pub(crate) fn read(&mut self, sources: &[SourceRef]) {
        for (kind, namespace) in self.index.take_listings() {
            let metas = self.cms.iter().map(|(name, cm)| meta(name, cm)).collect();
            self.index.apply(Fact::Listed(kind, namespace, metas));
        }
        for source in sources {
            self.gets += 1;
            let held = self.index.source(source).unwrap();
            let told = held.told;
            let before = held.content.clone();
            let fetched = self.get(source);
            self.index.apply(Fact::Read(source.clone(), told, fetched));
            let same = self.index.view(source).has_keys_of(before.as_ref());
            self.restless.read(source, same);
        }
    }

    /// Sets the clock.
    pub(crate) fn at(&mut self, now: i64) {
        self.now = now;
    }

    fn get(&self, source: &SourceRef) -> Fetched {
        let is = self.cms.get(&*source.name);
        is.map_or(Fetched::Absent, |cm| cm.fetch(source))
    }

    pub(crate) fn find(&self, question: &Question) -> Finding {
        if let Question::Now(source) = question {
            return Finding::Source(self.get(source));
        }
        let Some(version) = question.version() else {
            let since = self.revisions[&self.web.template().to_string()];
            return Finding::Pods(PodsSince::At(since, None));
        };
        let then = self.history.range(..=version).next_back();
        let Some((_, (cms, web))) = then.filter(|_| version > self.forgotten) else {
            return Finding::Forgotten;
        };
        match question {
            Question::Source(source, _) => {
                let then = cms.get(&*source.name);
                Finding::Source(then.map_or(Fetched::Absent, |cm| cm.fetch(source)))
            }
            _ if web.uid == 0 => Finding::Workload(None),
            _ => {
                let then = web.read();
                Finding::Workload(Some(Former {
                    uid: then.uid,
                    version: then.version,
                    whole: then.whole,
                    alone: then.progress.alone,
                }))
            }
        }
    }

    /// Carries out a decision, but for what comes after the intent.
    pub(crate) fn write_down(&mut self, act: &Act) {
        match act {
            Act::Record(entry) | Act::Note(entry) | Act::Roll(entry, _) => {
                let json = entry.write(FORM);
                self.entry = Some(Entry::read(json.as_bytes()).unwrap());
            }
            Act::Forget => self.entry = None,
            _ => {}
        }
    }

    /// Carries out a decision. The API server refuses to patch what was written
    /// since it was read.
    pub(crate) fn carry_out(&mut self, act: &Act) {
        self.write_down(act);
        let read = self.index.get(&web()).unwrap().workload.version;
        if read != self.web.version {
            return;
        }
        if let Act::Roll(entry, _) | Act::Resume(entry) = act
            && entry.method() == Method::Rollout
        {
            let last = self.rolls.last().copied().unwrap_or(0);
            let again = matches!(act, Act::Resume(_)) && entry.n == last;
            assert!(again || entry.n > last, "{} after {last}", entry.n);
            self.rolls.push(entry.n);
            self.pause();
            let (key, value) = match &entry.restart {
                Some(restart) => (RESTARTED_AT, restart.at.to_string()),
                None => (CONFIG, format!("t/{}", entry.n)),
            };
            self.web.marks.insert(key.to_owned(), value);
            self.run("write");
        }
        if *act == Act::Unpause {
            self.web.annotations.remove(PAUSED_AT);
            self.run("resume");
        }
    }

    /// A roll of what has a pause-period pauses it, in the same write.
    fn pause(&mut self) {
        let pauses = self.web.annotations.contains_key(PAUSE_PERIOD);
        if pauses && !self.web.paused {
            let now = timestamp(self.now);
            self.web.annotations.insert(PAUSED_AT.to_owned(), now);
            self.web.paused = true;
        }
    }
}

impl World {
    /// A decision that was carried out leaves at most a note, and then nothing.
    pub(crate) fn rests(&mut self) {
        let verdict = self.decide();
        let noted = matches!(verdict.act, Act::Nothing | Act::Note(_));
        assert!(noted, "{verdict:?}");
        self.carry_out(&verdict.act);
        let verdict = self.decide();
        assert_eq!(verdict.act, Act::Nothing, "{verdict:?}");
    }
}

impl ConfigMap {
    pub(crate) fn fetch(&self, key: &SourceRef) -> Fetched {
        let digest = |(k, v): (&String, &String)| {
            let k = k.trim_start_matches('~');
            (k.into(), Digest::of_key(key, k, v.as_bytes()))
        };
        let mut keys: Vec<(Name, Digest)> = self.data.iter().map(digest).collect();
        keys.sort();
        let binary = self.data.keys().filter_map(|k| k.strip_prefix('~'));
        let content = Content::new(self.version, keys);
        let content = content.with(Rare {
            binary: binary.map(Name::from).collect(),
            immutable: self.immutable,
            ..Rare::default()
        });
        Fetched::Present(meta(&key.name, self), content)
    }
}

fn meta(name: &str, cm: &ConfigMap) -> SourceMeta {
    let meta = json!({
        "namespace": "ns", "name": name, "resourceVersion": cm.version.to_string(),
        "annotations": cm.annotations, "creationTimestamp": timestamp(cm.created),
        "managedFields": [{"time": timestamp(cm.written), "fieldsV1": {"f:data": {}}}],
    });
    let meta: Meta = serde_json::from_value(meta).unwrap();
    meta.into_source(SourceKind::ConfigMap, &Vocabulary::default())
        .unwrap()
}
