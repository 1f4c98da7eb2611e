//! Expands a configuration before the application reads it.
//!
//! In: a file, plain or gzipped, that may name environment variables as
//! `$(NAME)`. Out: another file, replaced atomically, with the mode of the
//! first. Until the check has passed the file that was there before is kept,
//! and put back if it does not pass. Nothing else is expanded: `${NAME}` and
//! `$NAME` belong to the application (prometheus-operator has the same rule).

use flate2::read::MultiGzDecoder;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The first bytes of a gzip file (RFC 1952).
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
/// Nothing larger is unpacked: a ConfigMap holds 1 MiB, which can be a bomb.
const LARGEST: u64 = 64 << 20;

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

/// A new output in place, and the one before it, if there was one.
pub(crate) struct Rendered {
    output: PathBuf,
    aside: PathBuf,
    had_before: bool,
    kept: bool,
    /// The output is another one than before.
    pub(crate) changed: bool,
    /// Variables that are named and not set; they are left as they stand.
    pub(crate) unset: Vec<String>,
}

impl Render {
    /// Reads `IN=OUT`.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((input, output)) if !input.is_empty() && !output.is_empty() => Ok(Self {
                input: input.into(),
                output: output.into(),
                variables: Vec::new(),
            }),
            _ => Err(format!("{text:?} is not IN=OUT, two file names")),
        }
    }

    /// Puts the new output in place.
    ///
    /// # Errors
    /// One sentence; the output is as it was.
    pub(crate) fn run(&self) -> Result<Rendered, String> {
        let said = |file: &Path, error: std::io::Error| {
            format!("{} cannot be rendered: {error}", file.display())
        };
        let (bytes, mode) = read(&self.input).map_err(|error| said(&self.input, error))?;
        let mut unset = Vec::new();
        let bytes = expand(&bytes, |name| self.lookup(name), &mut unset);
        let aside = aside(&self.output);
        let mut rendered = Rendered {
            output: self.output.clone(),
            aside: aside.clone(),
            had_before: false,
            kept: false,
            changed: false,
            unset,
        };
        if is_already(&self.output, &bytes, mode) {
            return Ok(rendered);
        }
        write(&aside, &bytes, mode).map_err(|error| said(&self.output, error))?;
        rendered.had_before =
            swap(&aside, &self.output).map_err(|error| said(&self.output, error))?;
        rendered.changed = true;
        Ok(rendered)
    }

    fn lookup(&self, name: &str) -> Option<String> {
        let own = self.variables.iter().find(|(known, _)| known == name);
        own.map(|(_, value)| value.clone())
            .or_else(|| std::env::var(name).ok())
    }
}

impl Rendered {
    /// The check has passed.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Rendered {
    /// A very first output stays even if it is refused: nothing better is there.
    fn drop(&mut self) {
        if !self.had_before {
            return;
        }
        // What fails here is replaced at the next change.
        let _ = if self.kept {
            fs::remove_file(&self.aside)
        } else {
            fs::rename(&self.aside, &self.output)
        };
    }
}

fn aside(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.tidings"))
}

fn read(input: &Path) -> std::io::Result<(Vec<u8>, u32)> {
    let mut file = File::open(input)?;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if bytes.starts_with(&GZIP) {
        bytes = unpack(&bytes)?;
    }
    Ok((bytes, mode))
}

fn unpack(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed)
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it unpacks to more than 64 MiB"));
    }
    Ok(bytes)
}

fn is_already(output: &Path, bytes: &[u8], mode: u32) -> bool {
    let same_mode =
        fs::metadata(output).is_ok_and(|meta| meta.permissions().mode() & 0o7777 == mode);
    same_mode && fs::read(output).is_ok_and(|there| there == bytes)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    // A leftover of a killed agent may be there, with whatever mode.
    let _ = fs::remove_file(path);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Exchanges the two, or moves the first where there is no second. True: there was one.
fn swap(new: &Path, output: &Path) -> std::io::Result<bool> {
    if renameat_with(CWD, new, CWD, output, RenameFlags::EXCHANGE).is_ok() {
        return Ok(true);
    }
    // No output yet, or a file system that cannot exchange: then nothing is kept.
    fs::rename(new, output)?;
    Ok(false)
}

/// Replaces `$(NAME)`; names that are not set are left and noted.
fn expand(
    text: &[u8],
    lookup: impl Fn(&str) -> Option<String>,
    unset: &mut Vec<String>,
) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = find(rest, b"$(") {
        let (before, from) = rest.split_at(start);
        expanded.extend_from_slice(before);
        let Some(name) = variable(&from[2..]) else {
            expanded.extend_from_slice(&from[..2]);
            rest = &from[2..];
            continue;
        };
        let whole = &from[..name.len() + 3];
        if let Some(value) = lookup(name) {
            expanded.extend_from_slice(value.as_bytes());
        } else {
            expanded.extend_from_slice(whole);
            if !unset.iter().any(|known| known == name) {
                unset.push(name.to_owned());
            }
        }
        rest = &from[whole.len()..];
    }
    expanded.extend_from_slice(rest);
    expanded
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The name before the next `)`, if it is one.
fn variable(text: &[u8]) -> Option<&str> {
    let end = text.iter().position(|byte| *byte == b')')?;
    let name = std::str::from_utf8(&text[..end]).ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_round_brackets_are_expanded() {
        let lookup = |name: &str| (name == "A").then(|| "x$(A)".to_owned());
        for (text, expected) in [
            ("a $(A) b", "a x$(A) b"),
            ("$(A)$(A)", "x$(A)x$(A)"),
            ("${A} $A $() $(A B) $(", "${A} $A $() $(A B) $("),
            ("$(B)", "$(B)"),
            ("$($(A))", "$(x$(A))"),
        ] {
            let mut unset = Vec::new();
            let got = expand(text.as_bytes(), lookup, &mut unset);
            assert_eq!(String::from_utf8(got).unwrap(), expected, "{text}");
            assert_eq!(unset, if text == "$(B)" { vec!["B"] } else { vec![] });
        }
    }

    fn render(dir: &Path, input: &[u8], mode: u32) -> Render {
        let render = Render {
            input: dir.join("in"),
            output: dir.join("out"),
            variables: Vec::new(),
        };
        fs::write(&render.input, input).unwrap();
        fs::set_permissions(&render.input, Permissions::from_mode(mode)).unwrap();
        render
    }

    #[test]
    fn the_mode_is_kept_and_gzip_is_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"plain").unwrap();
        let render = render(dir.path(), &packed.finish().unwrap(), 0o640);
        render.run().unwrap().keep();
        assert_eq!(fs::read(&render.output).unwrap(), b"plain");
        assert_eq!(
            fs::metadata(&render.output).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }

    #[test]
    fn what_was_there_comes_back_unless_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let render = render(dir.path(), b"good", 0o644);
        render.run().unwrap().keep();
        fs::write(&render.input, "bad").unwrap();
        let refused = render.run().unwrap();
        assert_eq!(fs::read(&render.output).unwrap(), b"bad");
        drop(refused);
        assert_eq!(fs::read(&render.output).unwrap(), b"good");
        let names = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 2, "nothing is left lying about");
    }

    #[test]
    fn a_missing_input_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let render = Render::parse(&format!("{0}/no={0}/out", dir.path().display())).unwrap();
        assert!(render.run().err().unwrap().contains("cannot be rendered"));
        assert!(Render::parse("nothing").is_err());
    }
}
