//! Where the parts of a YAML text are written.
//!
//! Goes in: a text that the parser has read, and a path. Comes out: offsets. The parser
//! tells what is there, and this where, by indentation in block style and by brackets in
//! flow style; it need not understand all that YAML allows, since whoever edits by it reads
//! the result again and compares.

use tidings_core::inject::{PathStep, keys};

/// How something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeShape {
    Map,
    List,
    FlowMap,
    FlowList,
    /// Anything else, in one line or more.
    Word,
}

/// A line, and what is on it.
struct TextLine {
    start: usize,
    indent: usize,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Blank,
    Comment,
    /// `---` or `...`
    Mark,
    Item,
    Text,
}

/// Where the document begins with which a text does.
pub(super) fn root(text: &str) -> usize {
    let marked = text.strip_prefix("---").unwrap_or(text);
    text.len() - marked.trim_start_matches([' ', '\u{feff}']).len()
}

/// Where a value begins; none where nothing is written there.
pub(super) fn find(text: &str, root: usize, path: &[PathStep]) -> Option<usize> {
    path.iter().try_fold(root, |at, step| match step {
        PathStep::Key(key) => {
            let (_, after) = entry(text, at, key)?;
            value(text, after, at)
        }
        PathStep::Item(item) => match shape(text, at) {
            NodeShape::List => {
                let dash = *items(text, at).get(*item)?;
                after(text, dash + 1, column(text, dash), false)
            }
            NodeShape::FlowList => Some(flow(text, at)?.parts.get(*item)?.at),
            _ => None,
        },
    })
}

/// The items of the list with which a text begins.
pub(super) struct ItemLines {
    /// The line on which each begins, from 0.
    pub(super) lines: Vec<usize>,
    /// Whether they are written in block style.
    pub(super) are_dashed: bool,
}

/// Where the items of a `kind: List` begin; none where they do not each begin a line.
pub(super) fn item_lines(text: &str) -> Option<ItemLines> {
    let list = find(text, root(text), &keys(&["items"]))?;
    let are_dashed = shape(text, list) == NodeShape::List;
    let starts: Vec<_> = if are_dashed {
        items(text, list)
    } else {
        flow(text, list)?.parts.iter().map(|part| part.at).collect()
    };
    let (mut lines, mut line, mut from) = (Vec::new(), 0, 0);
    for at in starts {
        let begins = text[line_start(text, at)..at].trim().is_empty();
        let next = line + text[from..at].matches('\n').count();
        (begins && lines.last() != Some(&next)).then_some(())?;
        lines.push(next);
        (line, from) = (next, at);
    }
    Some(ItemLines { lines, are_dashed })
}

/// The entry of a key in a map: where it begins, and where its value may.
pub(super) fn entry(text: &str, at: usize, key: &str) -> Option<(usize, usize)> {
    match shape(text, at) {
        NodeShape::Map => entries(text, at).into_iter().find_map(|begin| {
            let (name, after) = key_at(text, begin)?;
            (name == key).then_some((begin, after))
        }),
        NodeShape::FlowMap => {
            let mut parts = flow(text, at)?.parts.into_iter();
            let part = parts.find(|part| part.key.as_deref() == Some(key))?;
            Some((part.at, part.at))
        }
        _ => None,
    }
}

/// The value after a key of the map that is at this place.
pub(super) fn value(text: &str, after_key: usize, map: usize) -> Option<usize> {
    match shape(text, map) {
        NodeShape::FlowMap => Some(after_key),
        _ => after(text, after_key, column(text, map), true),
    }
}

/// How something is written that begins here.
pub(super) fn shape(text: &str, at: usize) -> NodeShape {
    match text.as_bytes().get(at) {
        Some(b'{') => NodeShape::FlowMap,
        Some(b'[') => NodeShape::FlowList,
        Some(b'-') if is_item(&text[at..]) => NodeShape::List,
        _ if key_at(text, at).is_some() => NodeShape::Map,
        _ => NodeShape::Word,
    }
}

/// The end of what is written in block style from here on: behind its last line, and
/// before comments that stand no deeper than it.
pub(super) fn block_end(text: &str, at: usize) -> usize {
    let (column, is_list) = (column(text, at), shape(text, at) == NodeShape::List);
    let mut end = line_end(text, at);
    for line in lines_after(text, at) {
        let is_deeper = line.indent > column;
        let goes_on = match line.what {
            What::Mark => false,
            What::Comment if is_deeper => true,
            What::Blank | What::Comment => continue,
            What::Item => line.indent >= column,
            What::Text => is_deeper || (line.indent == column && !is_list),
        };
        if !goes_on {
            break;
        }
        end = line_end(text, line.start);
    }
    end
}

/// The end of what is written in flow style here.
pub(super) fn flow_end(text: &str, at: usize) -> Option<usize> {
    flow(text, at).map(|flow| flow.end)
}

/// The end of a word in one line, before a comment.
pub(super) fn word_end(text: &str, at: usize) -> usize {
    let line = text[at..line_end(text, at)].trim_end();
    let word = line.split(" #").next().unwrap_or_default();
    at + word.trim_end().len()
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

pub(super) fn column(text: &str, at: usize) -> usize {
    at - line_start(text, at)
}

/// Behind the line end, or the end of the text.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

fn lines_after(text: &str, at: usize) -> impl Iterator<Item = TextLine> {
    let mut start = line_end(text, at);
    std::iter::from_fn(move || {
        let line = text[start..].split_inclusive('\n').next()?;
        let content = line.trim_start_matches(' ');
        let found = TextLine {
            start,
            indent: line.len() - content.len(),
            what: what(line, content),
        };
        start += line.len();
        Some(found)
    })
}

fn what(line: &str, content: &str) -> What {
    let is_mark = |mark: &str| {
        line.strip_prefix(mark)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']))
    };
    match content {
        _ if content.trim().is_empty() => What::Blank,
        _ if is_mark("---") || is_mark("...") => What::Mark,
        _ if content.starts_with('#') => What::Comment,
        _ if is_item(content) => What::Item,
        _ => What::Text,
    }
}

fn is_item(content: &str) -> bool {
    let rest = content.strip_prefix('-');
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']))
}

/// Where the entries of a map in block style begin.
fn entries(text: &str, at: usize) -> Vec<usize> {
    of_column(text, at, What::Text)
}

/// Where the items of a list in block style begin, with their dashes.
fn items(text: &str, at: usize) -> Vec<usize> {
    of_column(text, at, What::Item)
}

/// What begins in the same column as this, until something begins before it.
fn of_column(text: &str, at: usize, what: What) -> Vec<usize> {
    let column = column(text, at);
    let written =
        lines_after(text, at).filter(|line| !matches!(line.what, What::Blank | What::Comment));
    let ends = |line: &TextLine| {
        let is_shallower = line.indent < column;
        let is_other = line.indent == column && what == What::Item && line.what == What::Text;
        line.what == What::Mark || is_shallower || is_other
    };
    let within = written.take_while(|line| !ends(line));
    let same = within.filter(|line| line.indent == column && line.what == what);
    let more = same.map(|line| line.start + line.indent);
    [at].into_iter().chain(more).collect()
}

/// The key that is written here, and where its colon ends.
fn key_at(text: &str, at: usize) -> Option<(String, usize)> {
    let rest = text[at..].lines().next().unwrap_or_default();
    let (key, len) = if let quote @ ('"' | '\'') = rest.chars().next()? {
        let end = rest[1..].find(quote)? + 2;
        (&rest[1..end - 1], end)
    } else {
        let last = || rest.ends_with(':').then(|| rest.len() - 1);
        let colon = rest.find(": ").or_else(last)?;
        (rest[..colon].trim_end(), colon)
    };
    let colon = rest[len..].len() - rest[len..].trim_start().len() + len;
    let after = rest[colon..].strip_prefix(':')?;
    let ends = after.is_empty() || after.starts_with([' ', '\t']);
    ends.then(|| (key.to_owned(), at + colon + 1))
}

/// What is written behind a key or a dash, on its line or below; its anchor and tag are
/// passed over.
fn after(text: &str, mut at: usize, column: usize, same_column: bool) -> Option<usize> {
    loop {
        let line = &text[at..line_end(text, at)];
        let word = line.trim_start_matches([' ', '\t']);
        at += line.len() - word.len();
        if !word.starts_with(['&', '!']) {
            break;
        }
        at += word.find(char::is_whitespace).unwrap_or(word.len());
    }
    let word = text[at..line_end(text, at)].trim_end();
    if !word.is_empty() && !word.starts_with('#') {
        return Some(at);
    }
    let mut below =
        lines_after(text, at).filter(|line| !matches!(line.what, What::Blank | What::Comment));
    let next = below.next()?;
    let is_its = next.what != What::Mark
        && (next.indent > column
            || (same_column && next.indent == column && next.what == What::Item));
    is_its.then_some(next.start + next.indent)
}

/// Something in flow style.
struct Flow {
    parts: Vec<Part>,
    /// Behind its last bracket.
    end: usize,
}

/// An entry or an item of it.
struct Part {
    key: Option<String>,
    /// Where its value begins.
    at: usize,
}

fn flow(text: &str, at: usize) -> Option<Flow> {
    let close = match text.as_bytes().get(at)? {
        b'{' => b'}',
        b'[' => b']',
        _ => return None,
    };
    let (mut parts, mut at) = (Vec::new(), at + 1);
    loop {
        at = skip_blank(text, at);
        match *text.as_bytes().get(at)? {
            byte if byte == close => return Some(Flow { parts, end: at + 1 }),
            b',' => at += 1,
            b'&' | b'!' => at += text[at..].find(char::is_whitespace)?,
            _ => {
                let (part, end) = part(text, at, close == b'}')?;
                parts.push(part);
                at = end;
            }
        }
    }
}

/// The entry or item that begins here, and its end.
fn part(text: &str, at: usize, in_map: bool) -> Option<(Part, usize)> {
    let end = flow_word_end(text, at)?;
    let colon = skip_blank(text, end);
    if !in_map || !text[colon..].starts_with(':') {
        return Some((Part { key: None, at }, end));
    }
    let key = text[at..end].trim_matches(['"', '\'']).to_owned();
    let value = skip_blank(text, colon + 1);
    let part = Part {
        key: Some(key),
        at: value,
    };
    Some((part, flow_word_end(text, value)?))
}

fn skip_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        if !rest.starts_with('#') {
            return at;
        }
        at = line_end(text, at);
    }
}

/// The end of a word, or of something in brackets, in flow style.
fn flow_word_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.get(at)? {
        b'{' | b'[' => flow_end(text, at),
        b'"' => quoted_end(text, at, true),
        b'\'' => quoted_end(text, at, false),
        _ => {
            let ends = |(offset, c): &(usize, char)| {
                let next = text[at + offset + c.len_utf8()..].chars().next();
                let is_colon =
                    *c == ':' && next.is_none_or(|c| c.is_whitespace() || ",]}".contains(c));
                let is_comment = c.is_whitespace() && next == Some('#');
                ",]}\n".contains(*c) || is_colon || is_comment
            };
            let len = text[at..].char_indices().find(ends)?.0;
            Some(at + text[at..at + len].trim_end().len())
        }
    }
}

fn quoted_end(text: &str, at: usize, escapes: bool) -> Option<usize> {
    let quote = text.as_bytes()[at];
    let mut rest = text.bytes().enumerate().skip(at + 1);
    while let Some((here, byte)) = rest.next() {
        if escapes && byte == b'\\' {
            rest.next();
        } else if byte == quote {
            return Some(here + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use tidings_core::inject::keys;

    use super::*;

    const TEXT: &str = "\
# about
a:
  b: &x
    # deeper
    c: 1   # one
  list:
  - name: p
    args: |
      # no comment
      - text

    \"q\": {r: [1, 'it''s', \"a\\\"]\"], s: {t: u}}
  # before d
  d:
    - - deep
e:
";

    /// Where its first line ends.
    const ROOT: usize = "# about\n".len();

    fn found(path: &[&str], items: &[usize]) -> Option<&'static str> {
        let mut path = keys(path);
        path.extend(items.iter().map(|item| PathStep::Item(*item)));
        let at = find(TEXT, ROOT, &path)?;
        TEXT[at..].lines().next()
    }

    #[test]
    fn values_are_found_in_block_and_flow_style() {
        assert_eq!(found(&["a", "b", "c"], &[]), Some("1   # one"));
        assert_eq!(found(&["a", "list"], &[0]), Some("name: p"));
        assert_eq!(found(&["a", "d"], &[0, 0]), Some("deep"));
        assert_eq!(found(&["a", "list"], &[1]), None);
        assert_eq!(found(&["e"], &[]), None);
        let mut path = keys(&["a", "list"]);
        path.push(PathStep::Item(0));
        path.extend(keys(&["q", "s", "t"]));
        let at = find(TEXT, ROOT, &path).unwrap();
        assert!(TEXT[at..].starts_with("u}}"));
    }

    #[test]
    fn a_block_ends_before_comments_of_what_follows() {
        let end = |path: &[&str]| {
            let at = find(TEXT, ROOT, &keys(path)).unwrap();
            TEXT[block_end(TEXT, at)..].lines().next().unwrap()
        };
        assert_eq!(end(&["a", "list"]), "  # before d");
        assert_eq!(end(&["a", "b"]), "  list:");
        assert_eq!(end(&["a"]), "e:");
    }
}
