//! `tidings inject`: manifests in, the same manifests with the agent out.
//!
//! [`input`] reads them; that is the only I/O. What is to be edited is decided by
//! [`tidings_core::inject`]; here it is made in the text, so that everything else keeps its
//! bytes: [`locate`] finds where things are written, [`write`] puts new ones there, and
//! what came out is read again and compared with what was meant. What cannot be edited in
//! its text can be patched (`-o kustomize`).
//!
//! [`input`]: crate::cli::input

mod locate;
mod said;
mod sheet;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, bail};
use tidings_core::inject::{
    Cannot, CannotCause, InjectPlan, InjectWish, Path, PathStep, TreeEdit, keys, patch, plan,
};
use tidings_core::kinds::{KINDS, Kind};

use self::said::InjectSaid;
use self::sheet::Sheet;
use crate::cli::exit::Printed;
use crate::cli::input::files::{self, Reached, Text};
use crate::cli::input::objects::{Object, Objects, entries};
use crate::cli::input::tree::{self, Tree};
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
    !object.is_owned() && (is_workload || is_bare(object))
}

fn is_bare(object: &Object) -> bool {
    object.group.is_empty() && object.kind == "Pod"
}

fn without_owner(object: &Object) -> Cannot {
    Cannot {
        why: format!(
            "a {} alone is brought to no change: it is of no workload",
            object.kind
        ),
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

/// Texts one behind the other are one stream of documents.
fn add_text(out: &mut String, text: &str) {
    if !out.is_empty() {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        if !text.starts_with("---") {
            out.push_str("---\n");
        }
    }
    out.push_str(text);
}

/// A text with all edits that can be made in it.
fn edited(text: &str, wanted: &[&ToInject<'_>], said: &mut InjectSaid) -> Sheet {
    let changed = wanted.iter().filter(|(_, plan)| !plan.edits.is_empty());
    let changed: Vec<_> = changed.copied().collect();
    let all = made(text, &changed);
    let mut can = Vec::new();
    for one in changed {
        can.push(one);
        if all.is_some() || made(text, &can).is_some() {
            said.done(one.0, &one.1);
        } else {
            can.pop();
            said.failed(one.0, "its text cannot be edited (an alias, or a form of YAML that is rare): take `-o kustomize`");
        }
    }
    all.or_else(|| made(text, &can))
        .unwrap_or_else(|| Sheet::new(text))
}

/// A text with these edits, if it then says what is meant.
fn made(text: &str, wanted: &[&ToInject<'_>]) -> Option<Sheet> {
    if wanted.is_empty() {
        return Some(Sheet::new(text));
    }
    let mut edits: BTreeMap<u64, Vec<TreeEdit>> = BTreeMap::new();
    for (object, plan) in wanted {
        let of_document = edits.entry(object.root).or_default();
        of_document.extend(plan.edits.iter().map(|edit| in_document(object, edit)));
    }
    let sheet = written(text, &edits)?;
    let meant = tree::documents(text).into_iter().map(|document| {
        let document = document.ok()?;
        let mut json = document.json();
        for edit in edits.get(&document.line).into_iter().flatten() {
            edit.apply(&mut json);
        }
        Some(json)
    });
    let says = tree::documents(sheet.text()).into_iter();
    let says = says.map(|document| document.ok().map(|document| document.json()));
    meant.eq(says).then_some(sheet)
}

/// The edits of each document, by the line on which it begins, made in its own part of the
/// text.
fn written(text: &str, edits: &BTreeMap<u64, Vec<TreeEdit>>) -> Option<Sheet> {
    let (mut sheet, mut parts) = (Sheet::new(text), Vec::new());
    for (root, edits) in edits.iter().rev() {
        let mut part = sheet.split_off(usize::try_from(root.saturating_sub(1)).ok()?);
        for edit in edits {
            write::write(&mut part, edit)?;
        }
        parts.push(part);
    }
    for part in parts.into_iter().rev() {
        sheet.append(part);
    }
    Some(sheet)
}

/// The edit of an object as one of the document that it is in.
fn in_document(object: &Object, edit: &TreeEdit) -> TreeEdit {
    let mut at = Path::new();
    for item in &object.items {
        at.extend(keys(&["items"]));
        at.push(PathStep::Item(*item));
    }
    at.extend(edit.at.iter().cloned());
    TreeEdit {
        at,
        change: edit.change.clone(),
    }
}
