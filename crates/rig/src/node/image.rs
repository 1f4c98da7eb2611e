//! Images made of folders and programs: archives as `docker save` writes them.
//!
//! In: what is to be in it. Out: a file that `ctr images import` takes. Paths in the
//! image begin with `/`; all belongs to root.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::{NamedTempFile, TempDir};

/// Where programs are looked for in a container, as Docker has it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image to be made.
#[derive(Clone, Debug)]
pub struct Image {
    name: String,
    parts: Vec<Part>,
    entrypoint: Vec<String>,
    user: String,
}

#[derive(Clone, Debug)]
enum Part {
    /// A root directory.
    Folder(PathBuf),
    /// A command that lays out the root directory which is its last word.
    LayOut(Vec<PathBuf>),
    /// A program of this machine, and where it is in the image.
    Program(PathBuf, String),
    File(String, String),
    /// Where it is, and to what it leads.
    Link(String, String),
    /// A folder in which everybody may write.
    Open(String),
}

impl Image {
    /// An empty image, with a host before its name as for the runtime
    /// (`tidings.test/nginx:1`).
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parts: Vec::new(),
            entrypoint: Vec::new(),
            user: String::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds all that is in this root directory.
    #[must_use]
    pub fn folder(self, root: &Path) -> Self {
        self.with(Part::Folder(root.to_owned()))
    }

    /// Adds what a command lays out in the root directory that is its last word.
    #[must_use]
    pub fn laid_out_by(self, command: &[&Path]) -> Self {
        let words = command.iter().map(|word| (*word).to_owned()).collect();
        self.with(Part::LayOut(words))
    }

    /// Adds a program of this machine with the libraries that it needs.
    #[must_use]
    pub fn program(self, program: &Path, at: &str) -> Self {
        self.with(Part::Program(program.to_owned(), at.to_owned()))
    }

    /// Adds a file with this text.
    #[must_use]
    pub fn file(self, at: &str, text: &str) -> Self {
        self.with(Part::File(at.to_owned(), text.to_owned()))
    }

    /// Adds a link.
    #[must_use]
    pub fn link(self, at: &str, to: &str) -> Self {
        self.with(Part::Link(at.to_owned(), to.to_owned()))
    }

    /// Adds a folder in which everybody may write.
    #[must_use]
    pub fn open_folder(self, at: &str) -> Self {
        self.with(Part::Open(at.to_owned()))
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// What is run where a manifest names no `command`.
    #[must_use]
    pub fn entrypoint(mut self, words: &[&str]) -> Self {
        self.entrypoint = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// As whom (`UID:GID`); else as root.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// Makes the archive; it is deleted with the value.
    pub(super) fn archive(&self) -> Result<NamedTempFile> {
        let folder = TempDir::new()?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755))?;
        for part in &self.parts {
            part.put(&root)
                .with_context(|| format!("{part:?} of {}", self.name))?;
        }
        let layer = folder.path().join("layer.tar");
        tar(&layer, &root, ".")?;
        let write = |name: &str, value: serde_json::Value| {
            std::fs::write(folder.path().join(name), value.to_string())
        };
        write("config.json", self.config(&digest(&layer)?))?;
        write("manifest.json", self.manifest())?;
        std::fs::remove_dir_all(&root)?;
        let archive = NamedTempFile::new()?;
        tar(archive.path(), folder.path(), ".")?;
        Ok(archive)
    }

    fn config(&self, layer: &str) -> serde_json::Value {
        let run = json!({"Env": [PATH], "Entrypoint": self.entrypoint, "User": self.user});
        json!({
            "os": "linux",
            "architecture": architecture(),
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
        })
    }

    fn manifest(&self) -> serde_json::Value {
        json!([{"Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"]}])
    }
}

impl Part {
    fn put(&self, root: &Path) -> Result<()> {
        match self {
            Self::Folder(from) => {
                run(Command::new("cp").arg("-a").arg(from.join(".")).arg(root))?;
            }
            Self::LayOut(words) => {
                run(Command::new("env").args(words).arg(root))?;
            }
            Self::Program(program, at) => put_program(root, program, at)?,
            Self::File(at, text) => std::fs::write(place_for(root, at)?, text)?,
            Self::Link(at, to) => std::os::unix::fs::symlink(to, place_for(root, at)?)?,
            Self::Open(at) => {
                let folder = inside(root, at);
                std::fs::create_dir_all(&folder)?;
                let open = std::fs::Permissions::from_mode(0o1777);
                std::fs::set_permissions(folder, open)?;
            }
        }
        Ok(())
    }
}

fn put_program(root: &Path, program: &Path, at: &str) -> Result<()> {
    std::fs::copy(program, place_for(root, at)?)?;
    for library in libraries(program)? {
        let at = library.to_str().context("a path that is not UTF-8")?;
        std::fs::copy(&library, place_for(root, at)?)?;
    }
    Ok(())
}

/// As ldd(1) tells them; a static program has none, which it says with an error.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(!text.contains("not found"), "{text}");
    let words = text.lines().filter_map(|line| {
        let path = line.split("=> ").last()?.split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    Ok(words.collect())
}

fn inside(root: &Path, at: &str) -> PathBuf {
    root.join(at.trim_start_matches('/'))
}

fn place_for(root: &Path, at: &str) -> Result<PathBuf> {
    let path = inside(root, at);
    let folder = path.parent().context("a path without a folder")?;
    std::fs::create_dir_all(folder)?;
    Ok(path)
}

fn tar(archive: &Path, folder: &Path, what: &str) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(["--owner=0", "--group=0", "--numeric-owner", "-C"]);
    run(command.arg(folder).arg("-cf").arg(archive).arg(what))?;
    Ok(())
}

fn digest(file: &Path) -> Result<String> {
    let text = run(Command::new("sha256sum").arg(file))?;
    let word = text.split_whitespace().next();
    Ok(word.context("sha256sum said nothing")?.to_owned())
}

fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

/// As images have it (GOARCH).
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
