//! `tidings inject`: manifests in, the same manifests with the agent out.
//!
//! [`input`] reads them; that is the only I/O. What is to be edited is decided by
//! [`tidings_core::inject`]; here it is made in the text, so that everything else keeps its
//! bytes: [`locate`] finds where things are written, [`write`] puts new ones there, and
//! what came out is read again and compared with what was meant ([`mod@edited`]). What
//! cannot be edited in its text can be patched (`-o kustomize`).
//!
//! [`input`]: crate::cli::input

mod edited;
mod locate;
mod said;
mod sheet;
mod write;

use std::sync::Arc;

use anyhow::{Result, bail};
use tidings_core::inject::{Cannot, CannotCause, InjectPlan, InjectWish, patch, plan};
use tidings_core::kinds::{KINDS, Kind};

use self::edited::{add_text, edited};
use self::said::InjectSaid;
use crate::cli::exit::Printed;
use crate::cli::input::files::{self, Reached, Text};
use crate::cli::input::objects::{Object, Objects, entries};
use crate::cli::input::tree::Tree;
use crate::settings::InjectSettings;
use crate::settings::values::InjectForm;

/// Injects into the files that were asked about.
pub fn inject(settings: &InjectSettings) -> Result<Printed> {
    injected(&files::read(&settings.paths), settings)
}

/// What comes of these texts, and what there is to say.
pub fn injected(texts: &[Text], settings: &InjectSettings) -> Result<Printed> {
    let objects = Objects::read(texts, &"default".into());
    let mut said = InjectSaid::of(&objects);
    let mut wanted = Vec::new();
    for object in objects
        .all
        .iter()
        .filter(|object| is_meant(object, settings))
    {
        let kind = KINDS.iter().find(|kind| object.is(kind));
        let plan = match kind {
            Some(kind) => planned(object, kind, &objects, settings),
            None => Err(without_owner(object)),
        };
        match plan {
            Ok(plan) => wanted.push((object, plan)),
            Err(cannot) => said.cannot(object, &cannot, settings.workload.is_some()),
        }
    }
    if let (Some((kind, name)), true) = (
        &settings.workload,
        wanted.is_empty() && !said.met && objects.unread.is_empty(),
    ) {
        bail!("there is no {}/{name} in these files", kind.word);
    }
    let out = match settings.output {
        InjectForm::Yaml => manifests(texts, &objects, &wanted, settings.diff, &mut said),
        InjectForm::Kustomize => patches(&wanted, &mut said),
    };
    Ok(said.printed(out))
}

/// Workloads, those that are asked for, and pods that nobody makes again.
fn is_meant(object: &Object, settings: &InjectSettings) -> bool {
    if let Some((kind, name)) = &settings.workload {
        return object.is(kind) && object.name == *name;
    }
    let is_workload = KINDS.iter().any(|kind| object.is(kind));
    !object.is_owned() && (is_workload || is_bare(object) || has_template(object))
}

fn is_bare(object: &Object) -> bool {
    object.group.is_empty() && object.kind == "Pod"
}

/// Whether it makes pods, as far as its shape tells.
fn has_template(object: &Object) -> bool {
    const CONTAINERS: [&str; 4] = ["spec", "template", "spec", "containers"];
    object.tree.at(&CONTAINERS).is_some()
}

fn without_owner(object: &Object) -> Cannot {
    let kind = &object.kind;
    let why = if is_bare(object) {
        format!("a {kind} alone is brought to no change: it is of no workload")
    } else {
        format!("{kind} is none of the kinds that are brought to changes (docs/kinds.md)")
    };
    Cannot {
        why,
        cause: CannotCause::Nature,
    }
}

fn planned(
    object: &Object,
    kind: &'static Kind,
    objects: &Objects,
    settings: &InjectSettings,
) -> Result<InjectPlan, Cannot> {
    let neighbours = || {
        let all = objects.all.iter();
        all.filter(|other| other.group.is_empty() && other.namespace == object.namespace)
    };
    let texts = |name: &str| {
        let found = neighbours().find(|o| o.kind == "ConfigMap" && *o.name == *name)?;
        let values = entries(found.tree.get("data")).map(|(_, value)| value.to_text());
        Some(values.collect())
    };
    let is_restricted = |other: &Object| {
        const LEVEL: &str = "pod-security.kubernetes.io/enforce";
        let level = other.tree.at(&["metadata", "labels", LEVEL]);
        other.kind == "Namespace"
            && other.name == object.namespace
            && level.and_then(Tree::text) == Some("restricted")
    };
    plan(&InjectWish {
        kind,
        object: &object.tree.json(),
        methods: settings.methods,
        cpu: settings.cpu.clone(),
        image: &settings.image,
        preset: settings.preset,
        container: settings.container.as_deref(),
        way: settings.way,
        paced: settings.paced,
        restricted: objects.all.iter().any(is_restricted),
        texts: &texts,
    })
}

type ToInject<'a> = (&'a Object, InjectPlan);

fn patches(wanted: &[ToInject<'_>], said: &mut InjectSaid) -> String {
    let mut out = String::new();
    for (object, plan) in wanted {
        if object.is_custom() {
            said.failed(
                object,
                "kustomize merges no lists of a kind that it does not know: take the manifests",
            );
        } else if !plan.edits.is_empty() {
            said.done(object, plan);
            out.push_str(&write::document(&patch(&object.tree.json(), &plan.edits)));
        }
    }
    out
}

fn manifests(
    texts: &[Text],
    objects: &Objects,
    wanted: &[ToInject<'_>],
    diff: bool,
    said: &mut InjectSaid,
) -> String {
    let mut out = String::new();
    for text in texts {
        let Ok(before) = &text.text else { continue };
        let is_of = |object: &Object| Arc::ptr_eq(&object.file, &text.file);
        let has_objects = objects.all.iter().any(is_of);
        if text.reached != Reached::ByName && !has_objects {
            continue;
        }
        let wanted = wanted.iter().filter(|(object, _)| is_of(object));
        let sheet = edited(before, &wanted.collect::<Vec<_>>(), said);
        if diff {
            out.push_str(&sheet.diff(before, &text.file));
        } else {
            add_text(&mut out, sheet.text());
        }
    }
    out
}
