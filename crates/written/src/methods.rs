//! The table of `docs/methods.md`: what each method asks for, is proven by, and costs.

use tidings_core::method::{METHODS, MethodRow, Requires, Right};

use crate::markdown::{cell, table};
use crate::marks::renewed;
use crate::{File, read};

const PAGE: &str = "docs/methods.md";
const MARK: &str = "methods";

pub(crate) fn files() -> Vec<File> {
    let part = |mark: &str| (mark == MARK).then(markdown);
    vec![File::new(PAGE, renewed(&read(PAGE), part))]
}

fn markdown() -> String {
    const HEADER: [&str; 6] = [
        "method",
        "what it does",
        "it can serve",
        "proven by",
        "pods at once",
        "rights besides",
    ];
    let mut text = String::from("\n");
    table(&mut text, HEADER, METHODS.iter().map(cells));
    text + "\n"
}

fn cells(row: &MethodRow) -> Vec<String> {
    let cells = [
        format!("`{}`", row.word),
        format!("{}.", row.tells),
        serves(row.requires),
        row.proven.unwrap_or("nothing").to_owned(),
        at_once(row),
        rights(row.rights),
    ];
    cells.iter().map(|text| cell(text)).collect()
}

fn at_once(row: &MethodRow) -> String {
    match (row.at_once, row.restarts) {
        (None, _) => "–".to_owned(),
        (Some(1), _) => "1".to_owned(),
        (Some(pods), false) => format!("1, then {pods}"),
        (Some(pods), true) => format!("1, then as `maxUnavailable` says, {pods} at most"),
    }
}

fn serves(requires: &[Requires]) -> String {
    let each: Vec<_> = requires.iter().map(|of| required(*of)).collect();
    if each.is_empty() {
        return "every change".to_owned();
    }
    each.join("; ")
}

fn required(of: Requires) -> &'static str {
    match of {
        Requires::StandingPods => "pods that stand: no Job, no CronJob",
        Requires::OwnTemplate => "from its own template: no Rollout with a `workloadRef`",
        Requires::Files => "mounted files of ConfigMaps and Secrets, without subPath",
        Requires::Agents => "that an agent in the pod mounts too",
        Requires::Resizing => {
            "whatever containers use, no init container that ends, whose `resizePolicy` restarts them for cpu, and that ask for CPU"
        }
    }
}

fn rights(rights: &[Right]) -> String {
    let each = rights
        .iter()
        .map(|right| format!("`{}`: {}", right.resource, right.verbs.join(", ")));
    let each: Vec<_> = each.collect();
    if each.is_empty() {
        return "–".to_owned();
    }
    each.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_the_table_and_names_every_method() {
        let page = read(PAGE);
        assert!(page.contains(&format!("<!-- {MARK} -->\n")));
        for row in METHODS {
            assert!(
                page.contains(&format!("| **`{}`**", row.word)),
                "{}",
                row.word
            );
        }
    }
}
