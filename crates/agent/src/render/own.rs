//! Renderings in the order in which one can be made of another.
//!
//! In: what was asked for. Out: the same, or one sentence: a file that is made of
//! itself, at once or by way of others, would destroy its source.

use super::Render;
use crate::files::location::{passed, written};

/// The same renderings, each after those that it is made of.
///
/// # Errors
/// One sentence, for a file that would be made of itself, or twice.
pub(crate) fn in_order(renders: &[Render]) -> Result<Vec<Render>, String> {
    let outputs: Vec<_> = renders.iter().map(|r| written(&r.output)).collect();
    let sources: Vec<_> = renders.iter().map(|r| passed(&r.input)).collect();
    for (index, output) in outputs.iter().enumerate() {
        if outputs[..index].contains(output) {
            return Err(format!(
                "{} would be rendered twice: name another file for one of them",
                renders[index].output.display()
            ));
        }
    }
    let is_made_of = |one: usize, other: usize| {
        let output = outputs[other].as_ref();
        output.is_some_and(|output| sources[one].contains(output))
    };
    let mut left: Vec<usize> = (0..renders.len()).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let is_ready = |one: &usize| !left.iter().any(|other| is_made_of(*one, *other));
        let Some(next) = left.iter().position(is_ready) else {
            return Err(made_of_itself(&renders[left[0]]));
        };
        order.push(renders[left.remove(next)].clone());
    }
    Ok(order)
}

fn made_of_itself(render: &Render) -> String {
    format!(
        "{} would be made of itself, from {}: name another file for what is rendered",
        render.output.display(),
        render.input.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn renders(root: &Path, pairs: &[(&str, &str)]) -> Vec<Render> {
        let render = |(input, output): &(&str, &str)| Render {
            input: root.join(input),
            output: root.join(output),
            variables: Vec::new(),
        };
        pairs.iter().map(render).collect()
    }

    fn scene() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for dir in ["d", "e"] {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        for file in ["d/f", "d/g"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        for (target, link) in [
            ("d", "linked"),
            ("d/f", "f"),
            ("f", "chain"),
            ("g", "d/link"),
            ("nowhere/f", "later"),
            ("round", "round"),
        ] {
            symlink(target, root.path().join(link)).unwrap();
        }
        root
    }

    #[test]
    fn what_is_made_of_itself_is_refused_whatever_way_leads_there() {
        let root = scene();
        for pairs in [
            &[("d/f", "d/f")][..],
            &[("d/f", "linked/f")],
            &[("d/f", "e/../d/./f")],
            &[("f", "d/f")],
            &[("chain", "d/f")],
            // The link itself would be replaced by what it leads to.
            &[("f", "f")],
            &[("chain", "f")],
            &[("linked/f", "linked")],
            &[("later", "nowhere/f")],
            &[("none/x", "none/x")],
            &[("a", "b"), ("b", "a")],
            &[("a", "b"), ("b", "c"), ("c", "a")],
            &[("a", "e/b"), ("d/f", "x"), ("e/../e/b", "a")],
        ] {
            let why = in_order(&renders(root.path(), pairs)).unwrap_err();
            assert!(why.contains("made of itself"), "{pairs:?}: {why}");
        }
    }

    #[test]
    fn what_is_rendered_twice_is_refused() {
        let root = scene();
        for output in ["d/x", "linked/x", "e/../d/x"] {
            let pairs = [("d/f", "d/x"), ("d/g", output)];
            let why = in_order(&renders(root.path(), &pairs)).unwrap_err();
            assert!(why.contains("rendered twice"), "{output}: {why}");
        }
    }

    #[test]
    fn one_is_rendered_after_what_it_is_made_of() {
        let root = scene();
        let pairs = [
            ("d/y", "z"),
            ("linked/x", "d/y"),
            ("d/f", "d/x"),
            ("g", "h"),
        ];
        let order = in_order(&renders(root.path(), &pairs)).unwrap();
        let names: Vec<_> = order.iter().filter_map(|r| r.output.file_name()).collect();
        assert_eq!(names, ["x", "y", "z", "h"]);
    }

    /// A link in the place of the output is replaced, and what it leads to stays.
    #[test]
    fn what_is_another_file_is_taken() {
        let root = scene();
        for pairs in [
            &[("d/f", "f")][..],
            &[("d/f", "e/f")],
            &[("d/f", "round")],
            &[("d/g", "linked/link")],
            &[("round", "d/x")],
            &[("d/f", "d/x"), ("d/f", "d/y")],
        ] {
            assert!(in_order(&renders(root.path(), pairs)).is_ok(), "{pairs:?}");
        }
    }
}
