//! Row 15: what the gates of people cost a decision.
//!
//! The same workloads, all due for the same change, are decided with nothing in the way and
//! with every gate there is, each of which lets them pass: so both end with the intent to
//! roll, and the difference is the gates alone.

use std::num::NonZeroU32;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tidings_core::decide::{Act, Moment, Rules, Verdict, decide};
use tidings_core::digest::Digest;
use tidings_core::evidence::{Evidence, Finding, Question};
use tidings_core::index::{Content, Fact, Fetched, How, Index, Stream, StreamOf};
use tidings_core::kinds::Kind;
use tidings_core::object::{Meta, SourceMeta, read_workload};
use tidings_core::policy::Defaults;
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::state::Entry;
use tidings_core::train::{RiderNews, Trains};
use tidings_core::vocabulary::Vocabulary;

use super::{Turn, millis, turns};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::say;

const NAMESPACE: &str = "stage";
const WORKLOADS: usize = 10_000;
const PAIRS: usize = 20;
/// 2026-11-29T20:00:00Z, a Sunday.
const NOW: i64 = 1_795_982_400;
/// By decision: reading, asking, a number, a word; then it is through.
const ROUNDS: usize = 12;

#[expect(
    clippy::unused_async,
    reason = "the other rows wait for a cluster, and all are asked alike"
)]
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 15: decisions with all gates on");
    let (plain, gated) = (Crowd::due(false)?, Crowd::due(true)?);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for turn in turns(PAIRS) {
        let (crowd, samples) = match turn {
            Turn::Floor => (&plain, &mut without),
            Turn::Tidings => (&gated, &mut with),
        };
        let began = Instant::now();
        crowd.decide_all()?;
        samples.push(millis(began.elapsed()));
    }
    let (without, with) = (Spread::of(&without), Spread::of(&with));
    let rate = |spread: Spread| f64::from(u32::try_from(WORKLOADS).unwrap_or(0)) / spread.median;
    let what = "10,000 workloads decided, with all gates; floor: without any";
    let mut figure = Figure::new(15, what, Unit::Milliseconds, with);
    figure.floor = Some(without);
    // 0.8 of the decisions in a second.
    figure.bar = Some(Bar::TimesFloor(1.25));
    figure.note = format!(
        "{:.0},000 decisions a second, {:.0},000 without gates: {:.2} of it",
        rate(with),
        rate(without),
        without.median / with.median
    );
    Ok(vec![figure])
}

/// Workloads that use one ConfigMap, and each one of its own.
struct Crowd {
    index: Index,
    trains: Trains,
    rules: Rules,
    all: Vec<Member>,
    gated: bool,
    version: u64,
}

/// A workload, with all that its decision needs.
struct Member {
    key: WorkloadRef,
    entry: Option<Entry>,
    evidence: Evidence,
}

impl Crowd {
    /// Everything is on record, has changed since, and may be rolled now.
    fn due(gated: bool) -> Result<Self> {
        let mut crowd = Self::new(gated)?;
        crowd.settle()?;
        crowd.version += 1;
        crowd.write(2)?;
        crowd.settle()?;
        crowd.decide_all()?;
        Ok(crowd)
    }

    fn new(gated: bool) -> Result<Self> {
        let deployment = Kind::parse("deployment").context("no Deployments")?;
        let of = [
            StreamOf::Workloads(deployment),
            StreamOf::Sources(SourceKind::ConfigMap),
        ];
        let streams = of.map(|of| Stream {
            of,
            namespace: None,
        });
        let defaults = Defaults {
            at_once: NonZeroU32::new(u32::MAX).filter(|_| gated),
            ..Defaults::default()
        };
        let mut crowd = Self {
            index: Index::new(defaults, streams.clone()),
            trains: Trains::default(),
            rules: Rules {
                fuse: gated,
                min_interval: if gated { 600 } else { 0 },
                ..Rules::default()
            },
            all: Vec::new(),
            gated,
            version: 1,
        };
        for stream in &streams {
            crowd.index.apply(Fact::ListBegan(stream.clone()));
        }
        for n in 0..WORKLOADS {
            let key = WorkloadRef::new(deployment, NAMESPACE, format!("web-{n:05}").as_str());
            crowd.apply(&key, None, How::Listed)?;
            crowd.all.push(Member {
                key,
                entry: None,
                evidence: Evidence::default(),
            });
        }
        crowd.write(1)?;
        for stream in streams {
            crowd.index.apply(Fact::ListEnded(stream, 1));
        }
        Ok(crowd)
    }

    /// Writes a workload, with this number approved.
    fn apply(&mut self, key: &WorkloadRef, approve: Option<&str>, how: How) -> Result<()> {
        let from = ["app", &*key.name].map(|name| json!({"configMapRef": {"name": name}}));
        let mut object = json!({
            "metadata": {"namespace": NAMESPACE, "name": &*key.name, "uid": &*key.name,
                "resourceVersion": "1", "generation": 1,
                "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [
                {"name": "app", "envFrom": from}]}}},
            "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3,
                "readyReplicas": 3, "availableReplicas": 3},
        });
        if self.gated {
            let annotations = &mut object["metadata"]["annotations"];
            annotations["tidings.dev/approval"] = json!("required");
            annotations["tidings.dev/window"] =
                json!("Sat,Sun 02:00-22:00 Europe/Berlin; !2026-12-20/2027-01-06");
            annotations["tidings.dev/wave"] = json!("3");
            annotations["tidings.dev/approve"] = approve.map_or(Value::Null, Value::from);
            if approve.is_none() {
                annotations
                    .as_object_mut()
                    .map(|all| all.remove("tidings.dev/approve"));
            }
        }
        let text = object.to_string();
        let workload = read_workload(key.kind, text.as_bytes(), &Vocabulary::default())?;
        self.index.apply(Fact::Workload(Box::new(workload), how));
        Ok(())
    }

    /// Another content of everything.
    fn write(&mut self, version: u64) -> Result<()> {
        let own = self.all.iter().map(|member| member.key.name.to_string());
        for name in own.chain(["app".to_owned()]).collect::<Vec<_>>() {
            let source = SourceRef::new(SourceKind::ConfigMap, NAMESPACE, name.as_str());
            self.index.apply(Fact::Source(meta(&source, version)?));
        }
        Ok(())
    }

    /// Each is taken so far that nothing is left but its roll.
    fn settle(&mut self) -> Result<()> {
        for n in 0..self.all.len() {
            self.take_on(n)?;
        }
        Ok(())
    }

    fn take_on(&mut self, n: usize) -> Result<()> {
        let key = self.all[n].key.clone();
        for _ in 0..ROUNDS {
            self.index.work_out(&key);
            let verdict = self.verdict(&self.all[n])?;
            match &verdict.act {
                Act::Read(sources) => {
                    for source in sources {
                        self.read(source)?;
                    }
                }
                Act::Ask(questions) => {
                    for question in questions {
                        let found = self.find(question)?;
                        self.all[n].evidence.add(question.clone(), found);
                    }
                }
                Act::Record(entry) | Act::Note(entry) => {
                    let number = entry.waits.as_ref().map(|waits| entry.number_of(waits));
                    self.all[n].entry = Some(entry.clone());
                    self.note(n, &verdict);
                    if let Some(number) = number {
                        self.apply(&key, Some(&number.to_string()), How::Event)?;
                    }
                }
                Act::Roll(..) | Act::Nothing => return Ok(()),
                act => bail!("{key}: {act:?}"),
            }
        }
        bail!("{key} is never through")
    }

    fn note(&mut self, n: usize, verdict: &Verdict) {
        let member = &self.all[n];
        if let Some(known) = self.index.get(&member.key) {
            self.trains.note(&RiderNews {
                key: &member.key,
                wave: known.policy.wave(),
                at_once: known.policy.at_once,
                entry: member.entry.as_ref(),
                boarding: verdict.boarding.as_ref(),
                progress: known.workload.progress,
                now: NOW,
            });
        }
    }

    fn find(&self, question: &Question) -> Result<Finding> {
        Ok(match question {
            Question::Now(source) => Finding::Source(self.fetched(source)?),
            _ => Finding::NotTold,
        })
    }

    fn read(&mut self, source: &SourceRef) -> Result<()> {
        let told = self.index.view(source).told;
        let fetched = self.fetched(source)?;
        self.index.apply(Fact::Read(source.clone(), told, fetched));
        Ok(())
    }

    fn fetched(&self, source: &SourceRef) -> Result<Fetched> {
        let value = self.version.to_string();
        let digest = Digest::of_key(source, "k", value.as_bytes());
        let content = Content::new(self.version, [("k".into(), digest)]);
        Ok(Fetched::Present(meta(source, self.version)?, content))
    }

    fn verdict(&self, member: &Member) -> Result<Verdict> {
        let restless = Restless::new(NOW);
        let moment = Moment {
            now: NOW,
            seed: 1,
            restless: &restless,
            evidence: &member.evidence,
            trains: &self.trains,
            unled_since: None,
        };
        let entry = member.entry.as_ref();
        let verdict = decide(&member.key, &self.index, entry, moment, &self.rules);
        verdict.context("not known")
    }

    /// All of them are to be rolled.
    fn decide_all(&self) -> Result<()> {
        for member in &self.all {
            let verdict = self.verdict(member)?;
            if !matches!(verdict.act, Act::Roll(..)) {
                bail!("{}: {} {}", member.key, verdict.reason, verdict.text);
            }
        }
        Ok(())
    }
}

fn meta(source: &SourceRef, version: u64) -> Result<SourceMeta> {
    let meta: Meta = serde_json::from_value(json!({"namespace": &*source.namespace,
        "name": &*source.name, "resourceVersion": version.to_string()}))?;
    Ok(meta.into_source(source.kind, &Vocabulary::default())?)
}
