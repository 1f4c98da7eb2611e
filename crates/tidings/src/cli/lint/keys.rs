//! Keys of annotations, where options of the controller have renamed them.

use tidings_core::vocabulary::{RENAMES, Vocabulary};

/// The keys of the table that a key on an object stands for: itself, unless an
/// option says otherwise. None where it is not read any more.
pub fn meant<'a>(vocabulary: &Vocabulary, written: &'a str) -> Vec<&'a str> {
    let renamed = RENAMES.iter().map(|rename| rename.key);
    let (moved, others): (Vec<_>, Vec<_>) = renamed
        .filter(|key| vocabulary.written(key) != *key)
        .partition(|key| *key == written);
    let others = others.into_iter();
    let meant: Vec<_> = others
        .filter(|key| vocabulary.written(key) == written)
        .collect();
    if meant.is_empty() && moved.is_empty() {
        return vec![written];
    }
    meant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_key_is_meant_by_its_other_name_only() {
        let (auto, search) = (RENAMES[0].key, RENAMES[5].key);
        let other = [(auto, "x/y".to_owned()), (search, "x/y".to_owned())];
        let vocabulary = Vocabulary::new(other).unwrap();
        assert_eq!(meant(&vocabulary, "x/y"), [auto, search]);
        assert_eq!(meant(&vocabulary, auto), [""; 0]);
        assert_eq!(meant(&vocabulary, RENAMES[1].key), [RENAMES[1].key]);
        assert_eq!(meant(&Vocabulary::default(), auto), [auto]);
    }
}
