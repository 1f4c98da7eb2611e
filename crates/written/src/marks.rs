//! Parts of pages that are written by hand otherwise: between a mark
//! `<!-- options -->` and `<!-- end of options -->`.
//!
//! Goes in: the text of a page, and what belongs below its marks. Comes out: the text
//! with these parts written anew. A mark that says nothing known stays as it is. Pure.

const OPEN: &str = "<!-- ";
const CLOSE: &str = " -->";
const END: &str = "<!-- end of ";

/// The page, its parts written anew.
pub(crate) fn renewed(text: &str, part: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut skipping = false;
    for line in text.split_inclusive('\n') {
        if line.starts_with(END) {
            skipping = false;
        }
        if !skipping {
            out.push_str(line);
        }
        let mark = line
            .trim_end()
            .strip_prefix(OPEN)
            .and_then(|l| l.strip_suffix(CLOSE));
        if let Some(part) = mark.and_then(&part) {
            out.push_str(&part);
            skipping = true;
        }
    }
    out
}
