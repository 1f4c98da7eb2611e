//! Expands a configuration before the application reads it.
//!
//! In: a file, plain or gzipped, that may name environment variables as
//! `$(NAME)`. Out: another file, replaced atomically, with the permissions of the
//! first. Until the check has passed the file that was there before is kept,
//! and put back if it does not pass. Nothing else is expanded: `${NAME}` and
//! `$NAME` belong to the application (prometheus-operator has the same rule).
//!
//! All of it in one pass through small buffers: a ConfigMap holds 1 MiB, which
//! can unpack, and expand, to anything.

#[cfg(test)]
mod broken;
mod copy;
pub(crate) mod expand;
#[cfg(test)]
mod left;
mod mode;
mod output;
mod own;

use crate::files::read::{self, LARGE, Opened, Unread};
use crate::text::quoted::{is_address, quoted};
pub(crate) use copy::install;
use expand::Expander;
pub(crate) use expand::Unset;
use flate2::read::MultiGzDecoder;
pub(crate) use mode::Modes;
use output::{Draft, Output, Placed};
pub(crate) use own::in_order;
use std::ffi::OsString;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first bytes of a gzip file (RFC 1952).
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
/// How often a file that is written meanwhile is read again.
const READINGS: usize = 3;
/// How much is held at once.
const PIECE: usize = 16 * 1024;

/// One `--render IN=OUT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Render {
    /// What the kubelet writes.
    pub(crate) input: PathBuf,
    /// What the application reads.
    pub(crate) output: PathBuf,
    /// Variables beside those of the environment, which they overrule.
    pub(crate) variables: Vec<(String, String)>,
}

/// A rendering that is done again and again.
#[derive(Clone)]
pub(crate) struct Rendering {
    render: Render,
    output: Arc<Output>,
    /// The link that is the input may lead anywhere.
    follow: bool,
}

/// A new output in place, and the one before it, if there was one.
pub(crate) struct Rendered {
    /// `None`: it was there already.
    placed: Option<Placed>,
    /// Variables that are named and not set; they are left as they stand.
    pub(crate) unset: Unset,
}

impl Render {
    /// Reads `IN=OUT`.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            _ if is_address(text) => Err("an address is not IN=OUT, two file names".into()),
            Some((input, output)) if is_file_name(input) && is_file_name(output) => Ok(Self {
                input: input.into(),
                output: output.into(),
                variables: Vec::new(),
            }),
            _ => Err(format!("{} is not IN=OUT, two file names", quoted(text))),
        }
    }

    /// Any bytes: a Secret's key may be such a variable.
    fn lookup(&self, name: &str) -> Option<OsString> {
        let own = self.variables.iter().find(|(known, _)| known == name);
        own.map(|(_, value)| value.into())
            .or_else(|| std::env::var_os(name))
    }
}

pub(crate) fn is_file_name(text: &str) -> bool {
    !text.ends_with('/') && Path::new(text).file_name().is_some()
}

impl Rendering {
    /// Nothing is opened yet. `follow`: links may lead out of the input's directory.
    pub(crate) fn of(render: &Render, follow: bool) -> Self {
        Self {
            render: render.clone(),
            output: Arc::new(Output::new(&render.output)),
            follow,
        }
    }

    /// What was asked for.
    pub(crate) fn render(&self) -> &Render {
        &self.render
    }

    /// Where the result is.
    pub(crate) fn output(&self) -> &Path {
        &self.render.output
    }

    /// Whether what is written would be read: the output's directory is where it was
    /// when it was opened.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn is_at_its_place(&self) -> Result<(), String> {
        let place = self.output.is_at_its_place();
        place.map_err(|error| said(&self.render.output, &error))
    }

    /// Puts the new output in place.
    ///
    /// # Errors
    /// One sentence; the output is as it was.
    pub(crate) fn run(&self) -> Result<Rendered, String> {
        let of_input = |why: Unread| said(&self.render.input, &why.into());
        for _ in 0..READINGS {
            let mut input =
                read::named(&self.render.input, LARGE, self.follow).map_err(of_input)?;
            let draft = self.output.draft();
            let mut draft = draft.map_err(|error| said(&self.render.output, &error))?;
            let unset = self
                .expand(&mut input, &mut draft)
                .map_err(|error| said(&self.render.input, &error))?;
            if !input.has_changed().map_err(of_input)? {
                // No setuid: what is rendered is read, by whoever may read the input.
                let mode = input.stat.st_mode & 0o777;
                let placed = place(draft, mode);
                let placed = placed.map_err(|error| said(&self.render.output, &error))?;
                return Ok(Rendered { placed, unset });
            }
        }
        Err(said(
            &self.render.input,
            &io::Error::other("it is being written again and again"),
        ))
    }

    fn expand(&self, input: &mut Opened, draft: &mut Draft) -> io::Result<Unset> {
        let mut start = Vec::new();
        input
            .by_ref()
            .take(GZIP.len() as u64)
            .read_to_end(&mut start)?;
        let whole = start.as_slice().chain(input);
        let lookup = |name: &str| self.render.lookup(name);
        let out = Bounded {
            out: BufWriter::with_capacity(PIECE, draft),
            left: LARGE,
        };
        let mut expander = Expander::new(out, lookup);
        if start == GZIP {
            pour(MultiGzDecoder::new(whole), &mut expander)?;
        } else {
            pour(whole, &mut expander)?;
        }
        let (mut out, unset) = expander.finish()?;
        out.flush()?;
        Ok(unset)
    }
}

fn said(file: &Path, error: &io::Error) -> String {
    format!("{} cannot be rendered: {error}", file.display())
}

/// `None`: it is there already.
fn place(mut draft: Draft, mode: u32) -> io::Result<Option<Placed>> {
    if draft.is_in_place(mode)? {
        return Ok(None);
    }
    draft.place(mode).map(Some)
}

fn pour<W: Write, L: Fn(&str) -> Option<OsString>>(
    from: impl Read,
    to: &mut Expander<W, L>,
) -> io::Result<()> {
    let mut from = from.take(LARGE + 1);
    let mut piece = [0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) if from.limit() == 0 => return Err(Unread::TooLarge(LARGE).into()),
            Ok(0) => return Ok(()),
            Ok(length) => to.push(&piece[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A writer that takes no more than so many bytes.
struct Bounded<W> {
    out: W,
    left: u64,
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        let too_large = || io::Error::other("it becomes larger than 64 MiB");
        self.left = left.ok_or_else(too_large)?;
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Rendered {
    /// The output is another one than before.
    pub(crate) fn changed(&self) -> bool {
        self.placed.is_some()
    }

    /// The check has passed.
    pub(crate) fn keep(self) {
        if let Some(placed) = self.placed {
            placed.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn render(dir: &Path, input: &[u8], mode: u32) -> Rendering {
        let render = Render {
            input: dir.join("in"),
            output: dir.join("out"),
            variables: Vec::new(),
        };
        fs::write(&render.input, input).unwrap();
        fs::set_permissions(&render.input, Permissions::from_mode(mode)).unwrap();
        Rendering::of(&render, false)
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn names(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn the_mode_is_kept_and_gzip_is_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let render = render(dir.path(), &packed(b"plain"), 0o4640);
        render.run().unwrap().keep();
        assert_eq!(fs::read(render.output()).unwrap(), b"plain");
        assert_eq!(
            fs::metadata(render.output()).unwrap().permissions().mode() & 0o7777,
            0o640
        );
    }

    #[test]
    fn what_was_there_comes_back_unless_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let render = render(dir.path(), b"good", 0o644);
        render.run().unwrap().keep();
        fs::write(&render.render.input, "bad").unwrap();
        let refused = render.run().unwrap();
        assert_eq!(fs::read(render.output()).unwrap(), b"bad");
        drop(refused);
        assert_eq!(fs::read(render.output()).unwrap(), b"good");
        assert_eq!(names(dir.path()), 2, "nothing is left lying about");
    }

    #[test]
    fn a_missing_input_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let render = Render::parse(&format!("{0}/no={0}/out", dir.path().display())).unwrap();
        let run = Rendering::of(&render, false).run();
        assert!(run.err().unwrap().contains("cannot be rendered"));
        assert!(Render::parse("nothing").is_err());
    }

    #[test]
    fn what_becomes_too_large_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let bomb = packed(&vec![0; usize::try_from(LARGE).unwrap() + 1]);
        let vanishing = packed(b"$(NONE)".repeat(10 << 20).as_slice());
        let growing = b"$(MUCH)".repeat(1024);
        for input in [bomb, vanishing, packed(&growing), growing] {
            let mut render = render(dir.path(), &input, 0o644);
            let variable = |name: &str, length| (name.to_owned(), "x".repeat(length));
            let variables = vec![variable("MUCH", 1 << 17), variable("NONE", 0)];
            render.render.variables = variables;
            let why = render.run().err().unwrap();
            assert!(why.contains("larger than 64 MiB"), "{why}");
            assert_eq!(names(dir.path()), 1, "only the input is there");
        }
        let honest = packed(&vec![b'x'; usize::try_from(LARGE).unwrap()]);
        let render = render(dir.path(), &honest, 0o644);
        render.run().unwrap().keep();
        assert_eq!(fs::metadata(render.output()).unwrap().len(), LARGE);
    }

    #[test]
    fn what_is_no_file_is_neither_rendered_nor_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let render = render(dir.path(), b"x", 0o644);
        fs::create_dir(render.output()).unwrap();
        fs::write(render.output().join("precious"), "").unwrap();
        let why = render.run().err().unwrap();
        assert!(why.contains("it is a directory"), "{why}");
        assert!(render.output().join("precious").exists());
        fs::remove_dir_all(render.output()).unwrap();
        for target in ["/dev/zero", "/proc/self/environ", "/etc/shadow"] {
            fs::remove_file(&render.render.input).unwrap();
            symlink(target, &render.render.input).unwrap();
            let why = render.run().err().unwrap();
            assert!(why.contains("a link leads out"), "{why}");
        }
        assert_eq!(names(dir.path()), 1);
    }

    #[test]
    fn an_agent_that_was_killed_during_the_check_has_not_changed_the_output() {
        let dir = tempfile::tempdir().unwrap();
        let first = render(dir.path(), b"good", 0o644);
        first.run().unwrap().keep();
        fs::write(&first.render.input, "bad").unwrap();
        std::mem::forget(first.run().unwrap());
        assert_eq!(fs::read(first.output()).unwrap(), b"bad");
        // One that was killed while it wrote, and a name that is not ours.
        fs::write(dir.path().join(".out.tidings-draft-77"), "half").unwrap();
        fs::write(dir.path().join(".out.tidings"), "theirs").unwrap();
        let next = render(dir.path(), b"", 0o644);
        fs::remove_file(&next.render.input).unwrap();
        assert!(next.run().is_err());
        drop(next.output.draft().unwrap());
        assert_eq!(fs::read(next.output()).unwrap(), b"good");
        assert_eq!(names(dir.path()), 2);
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_leads_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let (conf, victim) = (root.path().join("conf"), root.path().join("victim"));
        fs::create_dir(&conf).unwrap();
        fs::create_dir(&victim).unwrap();
        let render = render(&conf, b"one", 0o644);
        render.run().unwrap().keep();
        let moved = root.path().join("moved");
        fs::rename(&conf, &moved).unwrap();
        fs::write(moved.join("in"), "two").unwrap();
        fs::write(victim.join("in"), "three").unwrap();
        for (target, ends) in [
            ("victim", "is another directory now"),
            ("nothing", "is not there any more"),
        ] {
            symlink(target, &conf).unwrap();
            let why = render.is_at_its_place().unwrap_err();
            assert!(why.contains(ends), "{why}");
            assert!(render.run().is_err());
            fs::remove_file(&conf).unwrap();
        }
        // A way that leads to the same directory is as good as the one before.
        symlink("moved", &conf).unwrap();
        assert_eq!(fs::read(moved.join("out")).unwrap(), b"one");
        render.run().unwrap().keep();
        assert_eq!(fs::read(moved.join("out")).unwrap(), b"two");
        assert_eq!((names(&victim), names(&moved)), (1, 2));
    }

    #[test]
    fn a_directory_that_is_gone_is_said_and_its_successor_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (conf, input) = (dir.path().join("conf"), dir.path().join("in"));
        fs::create_dir(&conf).unwrap();
        let text = format!("{}={}", input.display(), conf.join("out").display());
        let rendering = Rendering::of(&Render::parse(&text).unwrap(), false);
        for word in ["one", "two"] {
            fs::write(&input, word).unwrap();
            let run = rendering.run().map(Rendered::keep);
            assert_eq!(run.is_ok(), word == "one");
            let why = run.err().unwrap_or_default();
            assert!(
                why.is_empty() || why.contains("start the agent anew"),
                "{why}"
            );
            fs::remove_dir_all(&conf).unwrap();
            fs::create_dir(&conf).unwrap();
        }
        assert_eq!(names(&conf), 0);
    }

    /// That directory is there, and was never removed.
    #[test]
    fn where_no_file_can_be_made_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut render = render(dir.path(), b"x", 0o644).render;
        render.output = "/proc/self/comm".into();
        let why = Rendering::of(&render, false).run().err().unwrap();
        assert!(why.contains("no file can be made"), "{why}");
    }

    #[test]
    fn an_output_that_is_as_it_would_be_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let render = render(dir.path(), b"same", 0o644);
        render.run().unwrap().keep();
        let inode = fs::metadata(render.output()).unwrap().ino();
        let again = render.run().unwrap();
        assert!(!again.changed());
        again.keep();
        assert_eq!(fs::metadata(render.output()).unwrap().ino(), inode);
        assert_eq!(names(dir.path()), 2);
    }
}
