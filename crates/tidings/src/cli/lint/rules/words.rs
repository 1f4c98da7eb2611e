//! The command lines of containers.

use crate::cli::input::tree::Tree;

/// One option as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without its dashes.
    pub(super) name: String,
    /// Its value, where one follows.
    pub(super) value: Option<String>,
    pub(super) line: u64,
}

/// The options of a container, as Go programs read them: with one dash or two,
/// the value behind `=` or as the next word.
pub(super) fn options(container: &Tree) -> Vec<Word> {
    let mut options: Vec<Word> = Vec::new();
    for word in words(container) {
        let text = word.to_text();
        let bare = text.strip_prefix("--").or_else(|| text.strip_prefix('-'));
        match (bare, options.last_mut()) {
            (Some(bare), _) => options.push(Word::new(bare, word.line)),
            (None, Some(last)) if last.value.is_none() => last.value = Some(text),
            _ => {}
        }
    }
    options
}

/// The words after the program's name.
pub(super) fn arguments(container: &Tree) -> impl Iterator<Item = String> {
    let named = container.get("command").is_some();
    words(container).skip(usize::from(named)).map(Tree::to_text)
}

fn words(container: &Tree) -> impl Iterator<Item = &Tree> {
    let lists = ["command", "args"].into_iter();
    lists
        .filter_map(|key| container.get(key))
        .flat_map(Tree::items)
}

/// The name of the program that a container starts, where its command says so.
pub(super) fn program(container: &Tree) -> String {
    let command = container.get("command").map(Tree::items);
    let first = command.and_then(<[Tree]>::first).map(Tree::to_text);
    let path = first.unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The last part of a container's image, without its tag.
pub(super) fn image(container: &Tree) -> &str {
    let path = container
        .word("image")
        .split('@')
        .next()
        .unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

impl Word {
    fn new(bare: &str, line: u64) -> Self {
        let (name, value) = match bare.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (bare, None),
        };
        Self {
            name: name.to_owned(),
            value,
            line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::input::tree::documents;

    #[test]
    fn options_are_read_as_go_reads_them() {
        let text = "image: reg.example:5000/a/x:v1@sha256:ab\nargs: [stray, --a=1, -b, two, --c]\n";
        let tree = documents(text).remove(0).unwrap();
        let seen: Vec<_> = options(&tree)
            .into_iter()
            .map(|w| (w.name, w.value))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        let expected = [("a", some("1")), ("b", some("two")), ("c", None)];
        assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(image(&tree), "x");
    }
}
