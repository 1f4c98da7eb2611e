//! The permissions of a rendered file, which follow those of its source at once.
//!
//! In: renderings. Out: whether a source has other permissions than before, and outputs
//! that have those of their sources. The content stays as it was accepted, so nobody has
//! to be told; and a new file takes the place of the old one, as at each rendering.

use super::{Rendering, said};
use crate::files::read::{self, LARGE};

/// The permissions that the sources had when they were looked at last.
#[derive(Default)]
pub(crate) struct Modes(Vec<Option<u32>>);

impl Modes {
    /// Whether any are others than before.
    pub(crate) fn have_changed(&mut self, renders: &[Rendering]) -> bool {
        let now: Vec<_> = renders.iter().map(Rendering::mode).collect();
        let before = std::mem::replace(&mut self.0, now);
        before != self.0
    }
}

impl Rendering {
    /// `None`: the source cannot be read, which is said when it is rendered.
    fn mode(&self) -> Option<u32> {
        let input = read::named(&self.render.input, LARGE, self.follow).ok()?;
        Some(input.stat.st_mode & 0o777)
    }

    /// Gives the output that is there the permissions of the source.
    ///
    /// # Errors
    /// One sentence; the output is as it was.
    pub(crate) fn follow_mode(&self) -> Result<(), String> {
        let followed = self.mode().map(|mode| self.output.take_mode(mode));
        followed
            .unwrap_or(Ok(()))
            .map_err(|error| said(&self.render.output, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Render;
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn the_output_that_was_accepted_takes_the_mode_of_its_source_as_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        fs::write(&input, "accepted").unwrap();
        let text = format!("{}={}", input.display(), output.display());
        let renders = [Rendering::of(&Render::parse(&text).unwrap(), false)];
        let mut modes = Modes::default();
        assert!(modes.have_changed(&renders));
        renders[0].follow_mode().unwrap();
        assert!(
            !output.exists(),
            "nothing is made where nothing was rendered"
        );
        renders[0].run().unwrap().keep();
        let before = fs::metadata(&output).unwrap();

        fs::write(&input, "not yet").unwrap();
        renders[0].follow_mode().unwrap();
        assert_eq!(fs::metadata(&output).unwrap().ino(), before.ino());
        assert!(!modes.have_changed(&renders));
        fs::set_permissions(&input, Permissions::from_mode(0o4600)).unwrap();
        assert!(modes.have_changed(&renders));
        renders[0].follow_mode().unwrap();
        let now = fs::metadata(&output).unwrap();
        assert_eq!(now.mode() & 0o7777, 0o600);
        assert_ne!(now.ino(), before.ino());
        assert_eq!(fs::read(&output).unwrap(), b"accepted");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_somebody_laid_there_takes_no_mode() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        fs::write(&input, "x").unwrap();
        fs::set_permissions(&input, Permissions::from_mode(0o600)).unwrap();
        symlink("in", &output).unwrap();
        let text = format!("{}={}", input.display(), output.display());
        let rendering = Rendering::of(&Render::parse(&text).unwrap(), false);
        rendering.follow_mode().unwrap();
        assert!(output.is_symlink());
    }
}
