//! Folders that are moved, removed and replaced while the agent runs.

use super::tests::{SHOWN, mark, memory};
use super::*;
use std::os::unix::fs::symlink;

#[test]
fn what_comes_to_the_place_of_the_folder_later_is_not_written_to() {
    let root = tempfile::tempdir().unwrap();
    let (folder, moved) = (root.path().join("m"), root.path().join("moved"));
    let victim = root.path().join("victim");
    for dir in [&folder, &victim] {
        std::fs::create_dir(dir).unwrap();
    }
    let first = memory(&folder);
    first.keep(&mark(1), SHOWN).unwrap();
    std::fs::rename(&folder, &moved).unwrap();
    symlink("victim", &folder).unwrap();
    let refused = |ends: &str| {
        for error in [
            first.keep(&mark(2), SHOWN),
            first.doubt(None),
            first.reserve(&mark(2)),
        ] {
            let sentence = error.unwrap_err().to_string();
            assert!(sentence.contains(ends), "{sentence}");
        }
    };
    refused("m is another one now; put back");
    assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 0);
    std::fs::remove_file(&folder).unwrap();
    refused("m is not there any more; put back");
    // Another agent may have one of this name by now.
    std::fs::create_dir(&folder).unwrap();
    let second = memory(&folder);
    assert!(second.is_ours());
    second.keep(&mark(3), SHOWN).unwrap();
    refused("m is another one now; put back");
    assert_eq!(second.recall().0, Kept::Taken(mark(3), SHOWN));
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::rename(&moved, &folder).unwrap();
    first.keep(&mark(4), SHOWN).unwrap();
    assert_eq!(memory(&folder).recall().0, Kept::Taken(mark(4), SHOWN));
}
