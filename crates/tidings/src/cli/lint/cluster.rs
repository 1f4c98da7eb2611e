//! The files, seen as a cluster.
//!
//! Goes in: objects, and the installation that would watch them. Comes out: what
//! each object is to it, and the controller's own verdict on each workload: the
//! same index and the same decide, with what the files do not hold taken as
//! absent. What has not the shape of its kind is said. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tidings_core::annotations::Annotations;
use tidings_core::decide::{Act, Moment, Rules, Verdict, decide};
use tidings_core::evidence::{Evidence, Finding};
use tidings_core::index::{Content, Fact, Fetched, How, Index, Known, Rare, StreamOf};
use tidings_core::kinds::{KINDS, Kinds};
use tidings_core::needs::needs_of;
use tidings_core::object::{Meta, SourceMeta, Version, Workload, read_workload};
use tidings_core::reason::Problem;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::train::Trains;
use tidings_core::vocabulary::Vocabulary;

use crate::cli::input::Unread;
use crate::cli::input::files::Reached;
use crate::cli::input::objects::{Object, entries};
use crate::cli::input::tree::Tree;
use crate::settings::Installation;
use crate::settings::streams::streams;
use crate::watch::scope::Filter;

/// Absent sources are told one after the other, but not for ever.
const ROUNDS: usize = 8;

/// What an object is to an installation.
#[derive(Debug)]
pub enum Role {
    /// It may be rolled.
    Workload(Box<Workload>),
    /// Its changes may roll something.
    Source(Box<SourceMeta>),
    /// It sets defaults.
    Namespace(Annotations),
    /// Nothing.
    Other,
    /// It cannot be read.
    Unread,
}

/// The files, seen as a cluster.
#[derive(Debug)]
pub struct Cluster {
    /// What is in it.
    pub index: Index,
    /// The kinds of workload that the installation rolls.
    pub rolled: Kinds,
    sources: BTreeMap<SourceRef, Fetched>,
    /// The sources' own problems, as their workloads tell them.
    complaints: BTreeSet<String>,
    filter: Filter,
    rules: Rules,
}

impl Cluster {
    /// What the objects are, in their order, and the cluster of them.
    pub fn of(objects: &[Object], installation: &Installation) -> (Self, Vec<Role>, Vec<Unread>) {
        let all = Installation {
            kinds: Kinds::new(KINDS.iter().chain(installation.kinds.iter())),
            ..installation.clone()
        };
        let mut unread = Vec::new();
        let roles = objects.iter().map(|object| {
            Role::of(object, &all).unwrap_or_else(|wrong| {
                unread.push(Unread {
                    file: object.file.clone(),
                    line: object.line,
                    text: wrong,
                    named: object.reached == Reached::ByName,
                });
                Role::Unread
            })
        });
        let roles: Vec<_> = roles.collect();
        // Files need not say what their namespace is, which is as they show it then.
        let mut streams = streams(&all);
        streams.retain(|stream| stream.of != StreamOf::Namespaces);
        let mut cluster = Self {
            index: Index::new(all.defaults, streams.clone()),
            rolled: installation.kinds.clone(),
            sources: BTreeMap::new(),
            complaints: BTreeSet::new(),
            filter: installation.filter(),
            rules: all.rules.clone(),
        };
        for stream in streams {
            cluster.index.apply(Fact::ListBegan(stream));
        }
        for (object, role) in objects.iter().zip(&roles) {
            cluster.add(object, role);
        }
        (cluster, roles, unread)
    }

    fn add(&mut self, object: &Object, role: &Role) {
        match role {
            Role::Namespace(annotations) => {
                let leaves_out = |meta: Meta| self.filter.leaves_out(&meta.labels);
                let fact = Fact::Namespace {
                    name: object.name.clone(),
                    annotations: annotations.clone(),
                    left_out: meta(object).is_ok_and(leaves_out),
                    since: None,
                };
                self.index.apply(fact);
            }
            Role::Source(meta) => {
                let fetched = fetched(object, meta, &self.filter);
                let complaint = meta.problem.iter();
                let complaint = complaint.map(|own| format!("{}: {}", meta.key, own.text));
                self.complaints.extend(complaint);
                self.sources.insert(meta.key.clone(), fetched);
            }
            Role::Workload(workload) => {
                let fact = Fact::Workload(workload.clone(), How::Listed);
                self.index.apply(fact);
            }
            Role::Other | Role::Unread => {}
        }
    }

    /// Decides on a workload that takes the place of any other of its name.
    pub fn verdict(&mut self, workload: &Workload) -> Option<Verdict> {
        let key = &workload.key;
        let there = self.index.get(key);
        if there.is_none_or(|known| known.workload != *workload) {
            self.index
                .apply(Fact::WorkloadGone(key.clone(), Version::MAX));
            let workload = Box::new(workload.clone());
            self.index.apply(Fact::Workload(workload, How::Listed));
        }
        // Of no interest here: nothing of theirs is recorded.
        let (restless, trains) = (Restless::default(), Trains::default());
        let mut evidence = Evidence::default();
        for _ in 0..ROUNDS {
            self.index.work_out(key);
            let moment = Moment {
                now: 0,
                evidence: &evidence,
                trains: &trains,
                unled_since: None,
                seed: 0,
                restless: &restless,
            };
            let verdict = decide(key, &self.index, None, moment, &self.rules)?;
            match &verdict.act {
                Act::Read(sources) => self.read(sources),
                Act::Ask(questions) => {
                    for question in questions {
                        evidence.add(question.clone(), Finding::NotTold);
                    }
                }
                _ => return Some(verdict),
            }
        }
        None
    }

    /// The keys of annotations.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.filter.vocabulary
    }

    /// A workload on which it has been decided.
    pub fn known(&self, key: &WorkloadRef) -> Option<&Known> {
        self.index.get(key)
    }

    /// The sources of a workload that may not be changed.
    pub fn immutable(&self, key: &WorkloadRef) -> impl Iterator<Item = SourceRef> {
        let known = self.index.get(key);
        let needs = known.map(|known| needs_of(known, &self.index, None).needs);
        let sources = needs.into_iter().flatten().map(|need| need.source);
        sources.filter(|source| {
            let content = self.index.view(source).current();
            content.is_some_and(Content::is_immutable)
        })
    }

    /// The names of the sources of a kind that a namespace has.
    pub fn names(&self, kind: SourceKind, namespace: &Name) -> impl Iterator<Item = &Name> {
        self.within(kind, namespace).map(|(source, _)| &source.name)
    }

    fn within(
        &self,
        kind: SourceKind,
        namespace: &Name,
    ) -> impl Iterator<Item = (&SourceRef, &Fetched)> {
        let first = SourceRef::new(kind, namespace.clone(), "");
        let there = move |source: &SourceRef| source.kind == kind && source.namespace == *namespace;
        let sources = self.sources.range(first..);
        sources.take_while(move |(source, _)| there(source))
    }

    /// Whether a problem is that of a source in the files, which says it itself.
    pub fn says_itself(&self, problem: &Problem) -> bool {
        self.complaints.contains(&problem.text)
    }

    fn read(&mut self, sources: &[SourceRef]) {
        for (kind, namespace) in self.index.take_listings() {
            let metas = self.within(kind, &namespace);
            let metas = metas.filter_map(|(_, fetched)| match fetched {
                Fetched::Present(meta, _) => Some(meta.clone()),
                _ => None,
            });
            let listed = Fact::Listed(kind, namespace.clone(), metas.collect());
            self.index.apply(listed);
        }
        for source in sources {
            let told = self.index.view(source).told;
            let fetched = self.sources.get(source).cloned();
            let fetched = fetched.unwrap_or(Fetched::Absent);
            self.index.apply(Fact::Read(source.clone(), told, fetched));
        }
    }
}

/// The same, where it is also read how pods see what they use, whatever is enabled.
fn seeing_pods(vocabulary: &Vocabulary) -> Vocabulary {
    let mut vocabulary = vocabulary.clone();
    vocabulary.sees_pods = true;
    vocabulary
}

impl Role {
    fn of(object: &Object, installation: &Installation) -> Result<Self, String> {
        let vocabulary = &installation.vocabulary;
        if let Some(kind) = installation.kinds.iter().find(|kind| object.is(kind)) {
            let json = object.json(kind.template).to_string();
            let workload = read_workload(kind, json.as_bytes(), &seeing_pods(vocabulary));
            let read = workload.ok().filter(|workload| !workload.unread);
            let mut workload = read.ok_or_else(|| misshapen(object))?;
            // It would be compared with the content of a cluster.
            workload.reloaded = Box::default();
            return Ok(Self::Workload(Box::new(workload)));
        }
        if let Some(kind) = source_kind(object) {
            let meta = meta(object)?.into_source(kind, vocabulary);
            return Ok(Self::Source(Box::new(meta.map_err(|_| misshapen(object))?)));
        }
        if object.group.is_empty() && object.kind == "Namespace" {
            let annotations = meta(object)?.annotations(vocabulary);
            return Ok(Self::Namespace(annotations.map_err(|_| misshapen(object))?));
        }
        Ok(Self::Other)
    }
}

fn source_kind(object: &Object) -> Option<SourceKind> {
    let mut kinds = SourceKind::all();
    kinds.find(|kind| object.kind == kind.row().api_kind)
}

fn misshapen(object: &Object) -> String {
    let Object { kind, name, .. } = object;
    format!("{kind} {name} has not the shape of a {kind}: compare `kubectl explain {kind}`")
}

fn meta(object: &Object) -> Result<Meta, String> {
    #[derive(Deserialize)]
    struct Only {
        metadata: Meta,
    }
    let only: Result<Only, _> = serde_json::from_value(object.json(&[]));
    only.map(|only| only.metadata)
        .map_err(|_| misshapen(object))
}

/// A source as a reading would show it. Its content is of no interest here.
fn fetched(object: &Object, meta: &SourceMeta, filter: &Filter) -> Fetched {
    let labels = object.tree.at(&["metadata", "labels"]);
    let labels = entries(labels);
    let labels = labels.filter_map(|(key, value)| Some((key.to_owned(), value.text()?.to_owned())));
    if !filter.admits(object.tree.word("type"), &labels.collect()) {
        return Fetched::NotWatched;
    }
    let content = Content::new(meta.version, []);
    let content = content.with(Rare {
        immutable: is_immutable(object),
        ..Rare::default()
    });
    Fetched::Present(meta.clone(), content)
}

fn is_immutable(object: &Object) -> bool {
    let field = object.tree.get("immutable").map(Tree::json);
    field == Some(serde_json::Value::Bool(true))
}
