//! A manifest's workload → the same with an agent, so that changes of its files go hot.
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
mod injection;
mod known;
mod pod;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use tidings_shared::preset::Preset;

use crate::annotations::{ANNOTATIONS, METHOD, RELOAD};
use crate::kinds::Kind;
use crate::uses::{Layout, PodTemplate};

use edit::Draft;
use injection::Injection;

pub use agent::Placement;
pub use edit::{Path, PathStep, TreeChange, TreeEdit, get, keys, patch};

/// What the annotation with the methods is to say.
const HOT: &str = "hot, rollout";

/// What people want to be done.
pub struct InjectWish<'a> {
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// It, as it is written.
    pub object: &'a Value,
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

/// What is to be edited so that changes of the workload's files go hot.
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
    let injection = Injection {
        wish,
        spec: &template["spec"],
        layout: &Layout::read(template.clone()),
    };
    let mut plan = InjectPlan::default();
    let mut draft = Draft::of(wish.object);
    if !injection.has_agent(&template)? {
        injection.add_agent(&mut draft, &mut plan)?;
    }
    annotate(wish, &template, &mut draft, &mut plan);
    plan.edits = draft.edits();
    Ok(plan)
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

/// Opts the workload in and lists `hot`, where nothing is said of either.
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
        annotations.insert(METHOD.to_owned(), HOT.into());
    }
    let method = places.iter().find_map(|place| place[METHOD].as_str());
    if let Some(method) = method.filter(|_| plan.done.is_some()) {
        let lists = method.split(',').any(|word| word.trim() == "hot");
        let note = || format!("{METHOD} is {method:?}: add hot to it");
        plan.notes.extend((!lists).then(note));
    }
    if !annotations.is_empty() {
        draft.put(&keys(&["metadata", "annotations"]), annotations);
    }
}
