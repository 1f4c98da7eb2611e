//! A manifest's workload → the same with an agent, so that changes of its files go hot, or
//! prepared for restarts in place.
//!
//! Goes in: an object as it is written, and what people say of it ([`InjectWish`]). Comes out:
//! what is to be edited ([`InjectPlan`]), or why it cannot be done, with what to write
//! ([`Cannot`]). What uses what is read as `decide` reads it ([`Layout`]), and whether
//! there is an agent already as [`crate::ladder`] does, so that what is written here is
//! what `hot` asks for, and a second time nothing is left to do. Nothing is guessed: what
//! the tables ([`known`]) do not say of a program is asked of people.

mod agent;
mod check;
mod edit;
mod in_place;
mod injection;
mod known;
mod pod;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use tidings_shared::preset::Preset;

use crate::annotations::{ANNOTATIONS, METHOD, RELOAD};
use crate::kinds::Kind;
use crate::method::{Method, Methods};
use crate::uses::{Layout, PodTemplate};

use edit::Draft;
use injection::Injection;

pub use agent::Placement;
pub use edit::{Path, PathStep, TreeChange, TreeEdit, get, keys, patch};
pub use in_place::CpuRequest;

/// What the annotation with the methods is to say.
const HOT: &str = "hot, rollout";

/// What people want to be done.
pub struct InjectWish<'a> {
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// It, as it is written.
    pub object: &'a Value,
    /// The methods that it is prepared for, where that is said; else those that it lists.
    pub methods: Option<Methods>,
    /// How much CPU a container asks for that asks for none, where that is said.
    pub cpu: Option<CpuRequest>,
    /// The image of the agent.
    pub image: &'a str,
    /// How its program takes a change, where that is said.
    pub preset: Option<&'static Preset>,
    /// The container with the program, where that is said.
    pub container: Option<&'a str>,
    /// How the agent comes to it, where that is said.
    pub way: Option<Placement>,
    /// Whether new files wait for a word.
    pub paced: bool,
    /// Whether its namespace enforces the Pod Security Standard "restricted".
    pub restricted: bool,
    /// The values of a ConfigMap of its namespace, where it is known.
    pub texts: &'a dyn Fn(&str) -> Option<Vec<String>>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InjectPlan {
    /// The edits of the object, each on what the ones before have made; none where all of
    /// it is there.
    pub edits: Vec<TreeEdit>,
    /// What comes of it, in a few words; none where an agent was there.
    pub done: Option<String>,
    /// What else to know.
    pub notes: Vec<String>,
}

impl InjectPlan {
    fn add_done(&mut self, done: &str) {
        let before = self.done.take();
        self.done =
            Some(before.map_or_else(|| done.to_owned(), |before| format!("{before}; {done}")));
    }
}

/// Why it cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cannot {
    /// In words, with what to write.
    pub why: String,
    /// Whose it is to change that.
    pub cause: CannotCause,
}

/// What keeps a workload from having an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotCause {
    /// Its nature: nobody need write anything.
    Nature,
    /// Something in the manifest, or something that it does not say.
    Manifest,
    /// It cannot be read, so that nothing is known of it.
    Unread,
}

impl From<String> for Cannot {
    fn from(why: String) -> Self {
        let cause = CannotCause::Manifest;
        Self { why, cause }
    }
}

impl Cannot {
    fn by_nature(why: String) -> Self {
        let cause = CannotCause::Nature;
        Self { why, cause }
    }
}

/// What is to be edited so that the workload can have what it lists.
pub fn plan(wish: &InjectWish<'_>) -> Result<InjectPlan, Cannot> {
    let kind = wish.kind;
    if kind.ends() {
        let why = format!("pods of a {} come and go by themselves", kind.api_kind);
        return Err(Cannot::by_nature(why));
    }
    let at = keys(kind.template);
    let template = get(wish.object, &at).cloned().unwrap_or_default();
    readable(&template).map_err(|why| Cannot {
        why,
        cause: CannotCause::Unread,
    })?;
    let methods = wish.methods.unwrap_or_else(|| listed(wish, &template));
    let injection = Injection {
        wish,
        spec: &template["spec"],
        layout: &Layout::read(template.clone()),
        methods,
    };
    let mut plan = InjectPlan::default();
    let mut draft = Draft::of(wish.object);
    let in_place = methods.contains(Method::RestartInPlace);
    if methods.contains(Method::Hot) && !injection.has_agent(&template)? {
        match injection.add_agent(&mut draft, &mut plan) {
            // What needs no agent can be done.
            Err(cannot) if in_place && cannot.cause == CannotCause::Nature => {
                plan.notes.push(format!("it has no agent: {}", cannot.why));
            }
            added => added?,
        }
    }
    if in_place {
        injection.prepare_in_place(&mut draft, &mut plan)?;
    }
    annotate(wish, &template, &mut draft, &mut plan);
    plan.edits = draft.edits();
    Ok(plan)
}

/// The methods that a workload lists. One that says nothing of `restart-in-place` is prepared
/// for `hot`, whatever else it says.
fn listed(wish: &InjectWish<'_>, template: &Value) -> Methods {
    let hot = Methods::from(Method::Hot);
    let listed = method_of(wish, template).map(|text| Methods::read(text).0);
    match listed {
        Some(listed) if listed.contains(Method::RestartInPlace) => listed,
        Some(listed) => listed | hot,
        None => hot,
    }
}

/// What is written of methods, on the workload or its pod template.
fn method_of<'a>(wish: &InjectWish<'a>, template: &'a Value) -> Option<&'a str> {
    let places = [wish.object, template].map(|of| &of["metadata"]["annotations"]);
    places.into_iter().find_map(|place| place[METHOD].as_str())
}

/// Whether a pod template is one that can be read; if not, which part of it is not.
fn readable(template: &Value) -> Result<(), String> {
    let Err(whole) = PodTemplate::read(template.clone()) else {
        return Ok(());
    };
    for key in ["initContainers", "containers", "volumes"] {
        for item in pod::list(&template["spec"], key) {
            let alone = json!({"spec": {key: [item]}});
            if let Err(why) = PodTemplate::read(alone) {
                let name = pod::word(item, "name");
                return Err(format!("{name} in its {key} cannot be read: {why}"));
            }
        }
    }
    Err(format!("its pod template cannot be read: {whole}"))
}

/// Opts the workload in and lists the methods, where nothing is said of either.
fn annotate(wish: &InjectWish<'_>, template: &Value, draft: &mut Draft, plan: &mut InjectPlan) {
    let places = [wish.object, template].map(|of| &of["metadata"]["annotations"]);
    let has = |key: &str| places.iter().any(|place| place.get(key).is_some());
    let opts_in =
        |key: &str| key == RELOAD || ANNOTATIONS.iter().any(|row| row.key == key && row.yields);
    let opted_in = ANNOTATIONS
        .iter()
        .any(|row| opts_in(row.key) && has(row.key));
    let mut annotations = Map::new();
    if !opted_in {
        annotations.insert(RELOAD.to_owned(), "auto".into());
    }
    if !has(METHOD) {
        let methods = wish.methods.map(|methods| methods.to_string());
        let methods = methods.unwrap_or_else(|| HOT.to_owned());
        annotations.insert(METHOD.to_owned(), methods.into());
    }
    let method = method_of(wish, template);
    if let Some(method) = method.filter(|_| plan.done.is_some()) {
        let wished = wish.methods.unwrap_or_else(|| listed(wish, template));
        let lacks = wished.iter().filter(|wished| {
            let mut words = method.split(',').map(str::trim);
            words.all(|word| word != wished.word())
        });
        let lacks: Vec<_> = lacks.map(Method::word).collect();
        let note = || format!("{METHOD} is {method:?}: add {} to it", lacks.join(", "));
        plan.notes.extend((!lacks.is_empty()).then(note));
    }
    if !annotations.is_empty() {
        draft.put(&keys(&["metadata", "annotations"]), annotations);
    }
}
