//! A text of manifests, and the edits of the objects in it → the text with them.
//!
//! What comes out is read again, and is taken only if it says what was meant. Documents,
//! and items of a list, are gone through each in its own part of the text: so many of them
//! take no more time each than one.

use std::collections::BTreeMap;

use tidings_core::inject::{Path, PathStep, TreeEdit, keys};

use super::ToInject;
use super::locate;
use super::said::InjectSaid;
use super::sheet::Sheet;
use super::write;
use crate::cli::input::objects::Object;
use crate::cli::input::tree;

/// What some programs begin a text with that says nothing.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text with all edits that can be made in it.
pub(super) fn edited(text: &str, wanted: &[&ToInject<'_>], said: &mut InjectSaid) -> Sheet {
    let bare = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let changed = wanted.iter().filter(|(_, plan)| !plan.edits.is_empty());
    let changed: Vec<_> = changed.copied().collect();
    let mut can = Vec::new();
    let mut sheet = Sheet::new(bare);
    try_all(bare, &changed, &mut can, &mut sheet);
    for one in changed {
        if can.iter().any(|can| std::ptr::eq(*can, one)) {
            said.done(one.0, &one.1);
        } else {
            said.failed(one.0, "its text cannot be edited (an alias, or a form of YAML that is rare): take `-o kustomize`");
        }
    }
    sheet.begin_with(&text[..text.len() - bare.len()]);
    sheet
}

/// Texts one behind the other are one stream of documents.
pub(super) fn add_text(out: &mut String, text: &str) {
    if out.is_empty() {
        return out.push_str(text);
    }
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    if !text.starts_with("---") {
        out.push_str("---\n");
    }
    out.push_str(text);
}

/// Adds to what can be edited what of these can be, too: all of them, or else what each half
/// has.
fn try_all<'a>(
    text: &str,
    wanted: &[&'a ToInject<'a>],
    can: &mut Vec<&'a ToInject<'a>>,
    sheet: &mut Sheet,
) {
    let before = can.len();
    can.extend(wanted);
    if let Some(made) = made(text, can) {
        *sheet = made;
        return;
    }
    can.truncate(before);
    if let (former, latter @ [_, ..]) = wanted.split_at(wanted.len() / 2)
        && !former.is_empty()
    {
        try_all(text, former, can, sheet);
        try_all(text, latter, can, sheet);
    }
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
        match (by_item(edits), locate::item_lines(part.text())) {
            (Some(by_item), Some(items)) => write_items(&mut part, &by_item, &items)?,
            _ => write_all(&mut part, edits)?,
        }
        parts.push(part);
    }
    for part in parts.into_iter().rev() {
        sheet.append(part);
    }
    Some(sheet)
}

fn write_all(part: &mut Sheet, edits: &[TreeEdit]) -> Option<()> {
    edits.iter().try_for_each(|edit| write::write(part, edit))
}

/// The same for the items of a list, each on lines of its own.
fn write_items(
    list: &mut Sheet,
    edits: &BTreeMap<usize, Vec<TreeEdit>>,
    items: &locate::ItemLines,
) -> Option<()> {
    let mut parts = Vec::new();
    for (item, edits) in edits.iter().rev() {
        let mut part = list.split_off(*items.lines.get(*item)?);
        // In block style it begins with the dash of a list.
        let dash = items.are_dashed.then_some(PathStep::Item(0));
        for edit in edits {
            let at = dash.iter().chain(&edit.at).cloned().collect();
            let change = edit.change.clone();
            write::write(&mut part, &TreeEdit { at, change })?;
        }
        parts.push(part);
    }
    for part in parts.into_iter().rev() {
        list.append(part);
    }
    Some(())
}

/// The edits of each item of a list, as those of the item; none where they are of anything
/// else too.
fn by_item(edits: &[TreeEdit]) -> Option<BTreeMap<usize, Vec<TreeEdit>>> {
    let mut all: BTreeMap<usize, Vec<TreeEdit>> = BTreeMap::new();
    for edit in edits {
        let [PathStep::Key(items), PathStep::Item(item), at @ ..] = edit.at.as_slice() else {
            return None;
        };
        (items == "items").then_some(())?;
        all.entry(*item).or_default().push(TreeEdit {
            at: at.to_vec(),
            change: edit.change.clone(),
        });
    }
    Some(all)
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
