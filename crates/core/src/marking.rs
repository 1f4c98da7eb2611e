//! What a roll writes on a pod template.
//!
//! Goes in: the roll, and where a kind has its template. Comes out: the marks, as
//! a merge patch or on a template that is at hand. Nothing here fails.

use serde_json::{Value, json};

use crate::annotations::{BECAUSE, CONFIG};

/// Bytes of `because` that go on a template; the whole is in the Event.
const BECAUSE_MAX: usize = 1_024;

/// One roll, as the pod template is told.
#[derive(Clone, Copy, Debug)]
pub struct RollAnnotations<'a> {
    /// The installation.
    pub instance: &'a str,
    /// Its number of the roll.
    pub n: u64,
    /// What changed.
    pub because: &'a str,
}

impl RollAnnotations<'_> {
    /// Marks a template.
    pub fn write(&self, template: &mut Value) {
        let annotations = entry(entry(template, "metadata"), "annotations");
        for (key, value) in self.annotations() {
            *entry(annotations, key) = value.into();
        }
    }

    /// The marks, by their keys.
    pub fn annotations(&self) -> Vec<(&'static str, String)> {
        vec![
            (CONFIG, format!("{}/{}", self.instance, self.n)),
            (BECAUSE, cut(self.because).to_owned()),
        ]
    }
}

/// The merge patch that writes annotations on the template of an object, where
/// that template is.
pub fn annotate(template: &[&str], annotations: &[(&str, String)]) -> Value {
    let annotations: Value = annotations.iter().cloned().collect();
    let marks = json!({ "metadata": { "annotations": annotations } });
    let path = template.iter().rev();
    path.fold(marks, |inner, field| json!({ *field: inner }))
}

/// A field of an object, made where there is none, as a merge patch does.
pub(crate) fn entry<'a>(value: &'a mut Value, field: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    &mut value[field]
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(BECAUSE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: RollAnnotations<'_> = RollAnnotations {
        instance: "tidings",
        n: 3,
        because: "configmap/app (key)",
    };

    #[test]
    fn a_template_and_a_patch_are_marked_alike() {
        let annotations = json!({"tidings.dev/config": "tidings/3",
            "tidings.dev/because": "configmap/app (key)"});
        let marked = json!({"metadata": {"annotations": annotations}});
        let patch = annotate(&["spec", "template"], &MARKS.annotations());
        assert_eq!(patch, json!({"spec": {"template": marked}}));
        for mut template in [json!({}), json!({"metadata": {"annotations": null}})] {
            MARKS.write(&mut template);
            assert_eq!(template, marked);
        }
        let mut other = json!({"metadata": {"annotations": {"a": "b"}}, "spec": {}});
        MARKS.write(&mut other);
        assert_eq!(other["metadata"]["annotations"]["a"], "b");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let because = "ä".repeat(BECAUSE_MAX);
        let marks = RollAnnotations {
            because: &because,
            ..MARKS
        };
        let mut template = json!({});
        marks.write(&mut template);
        let written = &template["metadata"]["annotations"][BECAUSE];
        assert_eq!(written.as_str().map(str::len), Some(BECAUSE_MAX));
    }
}
