//! Trees that somebody may make of a watched place, drawn at random, and what an
//! agent before one has to see of it.

use proptest::collection::vec;
use proptest::prelude::*;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Larger files are not read.
const LARGE: u64 = 64 << 20;
/// Directories nested deeper are not looked into.
const DEEPEST: usize = 8;

#[derive(Debug, Clone)]
enum Kind {
    File(u64),
    Dir,
    Link(Target),
    Fifo,
    Socket,
    Device(u32),
}

#[derive(Debug, Clone)]
enum Target {
    /// Another entry, from the link's own directory or from the root.
    Entry(usize),
    Absolute(usize),
    Here,
    Up,
    Itself,
    Nothing,
    Outside(usize),
}

const OUTSIDE: [&str; 6] = [
    "/etc/shadow",
    "/proc/self/environ",
    "/dev/zero",
    "/etc",
    "/",
    "/proc/self/fd/0",
];

const DEVICES: [&str; 4] = ["c 1 5", "c 1 3", "c 5 0", "b 7 0"];

/// One entry; its directory is one of those before it.
#[derive(Debug, Clone)]
struct Item {
    parent: usize,
    name: usize,
    kind: Kind,
    mode: u32,
}

/// The entries of a place, the root being the first directory.
#[derive(Debug, Clone)]
pub struct Tree(Vec<Item>, usize);

/// What is done to it later.
#[derive(Debug, Clone)]
pub enum Change {
    /// An entry of the root is made, or becomes something else.
    Put(usize, Box<Tree>),
    /// One is taken away.
    Remove(usize),
    Mode(usize, u32),
}

fn kind() -> impl Strategy<Value = Kind> {
    let size = prop_oneof![
        5 => 0u64..5000,
        1 => Just(1 << 20),
        1 => Just(LARGE),
        1 => Just(LARGE + 1),
        1 => Just(1 << 40),
    ];
    let target = prop_oneof![
        6 => (0usize..20).prop_map(Target::Entry),
        2 => (0usize..20).prop_map(Target::Absolute),
        1 => Just(Target::Here),
        1 => Just(Target::Up),
        1 => Just(Target::Itself),
        1 => Just(Target::Nothing),
        3 => (0usize..OUTSIDE.len() + 1).prop_map(Target::Outside),
    ];
    prop_oneof![
        6 => size.prop_map(Kind::File),
        5 => Just(Kind::Dir),
        6 => target.prop_map(Kind::Link),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
        1 => (0u32..4).prop_map(Kind::Device),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let mode = prop_oneof![
        6 => Just(0o755), 1 => Just(0o700), 1 => Just(0), 1 => Just(0o744), 1 => Just(0o711),
        1 => Just(0o6755),
    ];
    // Often within the newest directory, so that trees become deep.
    let parent = prop_oneof![0usize..20, Just(usize::MAX)];
    (parent, 0usize..8, kind(), mode).prop_map(|(parent, name, kind, mode)| Item {
        parent,
        name,
        kind,
        mode,
    })
}

pub fn tree() -> impl Strategy<Value = Tree> {
    (vec(item(), 0..18), 0usize..18).prop_map(|(items, input)| Tree(items, input))
}

pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let small = (vec(item(), 1..5), Just(0)).prop_map(|(items, input)| Tree(items, input));
    let change = prop_oneof![
        3 => (0usize..20, small).prop_map(|(at, tree)| Change::Put(at, Box::new(tree))),
        1 => (0usize..20).prop_map(Change::Remove),
        1 => (0usize..20, Just(0o000)).prop_map(|(at, mode)| Change::Mode(at, mode)),
    ];
    vec(change, 0..3)
}

/// Not `a`, which is the file that is known to be good, and after it in any order.
fn name(item: &Item, number: usize) -> OsString {
    let name = match item.name {
        0 => format!("n\n{number}").into_bytes(),
        1 => [b"n\xff\xfe", number.to_string().as_bytes()].concat(),
        2 => format!("n{number:0254}").into_bytes(),
        3 => format!("..n{number}").into_bytes(),
        4 => format!("n %s ж{number}").into_bytes(),
        _ => format!("n{number}").into_bytes(),
    };
    OsString::from_vec(name)
}

impl Tree {
    /// Where each entry is.
    fn paths(&self, root: &Path) -> Vec<PathBuf> {
        let mut dirs = vec![root.to_path_buf()];
        let mut paths = Vec::new();
        for (number, item) in self.0.iter().enumerate() {
            let last = dirs.len() - 1;
            let parent = if item.parent == usize::MAX {
                last
            } else {
                item.parent % dirs.len()
            };
            let path = dirs[parent].join(name(item, number));
            if matches!(item.kind, Kind::Dir) {
                dirs.push(path.clone());
            }
            paths.push(path);
        }
        paths
    }

    /// Makes it. Devices only where that is allowed.
    pub fn build(&self, root: &Path, is_root: bool) {
        let paths = self.paths(root);
        for (path, item) in paths.iter().zip(&self.0) {
            make(path, &item.kind, root, &paths, is_root);
        }
        for (path, item) in paths.iter().zip(&self.0) {
            if !path.is_symlink() && path.exists() {
                fs::set_permissions(path, fs::Permissions::from_mode(item.mode)).unwrap();
            }
        }
    }

    /// One that can be named in an option, and is no directory. What people name
    /// and the agent may not reach ends it at its start.
    pub fn input(&self, root: &Path, is_root: bool) -> PathBuf {
        let fits = |path: &PathBuf| {
            let plain = path
                .to_str()
                .is_some_and(|path| !path.contains(['\n', '=']) && !path.contains("/.."));
            let end = path.canonicalize().unwrap_or_else(|_| path.clone());
            let is_reached = is_root || is_reached(path) && is_reached(&end);
            plain && path.symlink_metadata().is_ok() && !path.is_dir() && is_reached
        };
        let paths: Vec<PathBuf> = self.paths(root).into_iter().filter(fits).collect();
        let chosen = paths.get(self.1 % paths.len().max(1)).cloned();
        chosen.unwrap_or_else(|| root.join("a"))
    }
}

/// Whether a stranger may pass all directories that lead there.
fn is_reached(path: &Path) -> bool {
    let modes = path.ancestors().skip(1);
    let mut modes = modes.map(|dir| fs::metadata(dir).map_or(0, |meta| meta.permissions().mode()));
    modes.all(|mode| mode & 0o1 != 0)
}

fn make(path: &Path, kind: &Kind, root: &Path, all: &[PathBuf], is_root: bool) {
    let other = |number: usize| all.get(number % all.len()).cloned().unwrap();
    match kind {
        Kind::File(size) if *size < 5000 => {
            fs::write(path, vec![b'x'; usize::try_from(*size).unwrap()]).unwrap();
        }
        Kind::File(size) => fs::File::create(path).unwrap().set_len(*size).unwrap(),
        Kind::Dir => fs::create_dir(path).unwrap(),
        Kind::Fifo => run(Command::new("mkfifo").arg(path)),
        // Its path may be too long.
        Kind::Socket => drop(UnixListener::bind(path)),
        Kind::Device(which) if is_root => {
            let numbers = DEVICES[*which as usize].split(' ');
            run(Command::new("mknod").arg(path).args(numbers));
        }
        Kind::Device(_) => {}
        Kind::Link(target) => symlink(leads_to(target, path, root, &other), path).unwrap(),
    }
}

fn leads_to(
    target: &Target,
    path: &Path,
    root: &Path,
    other: &impl Fn(usize) -> PathBuf,
) -> PathBuf {
    match target {
        Target::Entry(number) => relative(path.parent().unwrap(), &other(*number), root),
        Target::Absolute(number) => other(*number),
        Target::Here => ".".into(),
        Target::Up => "..".into(),
        Target::Itself => path.file_name().unwrap().into(),
        Target::Nothing => "nothing".into(),
        Target::Outside(which) => OUTSIDE
            .get(*which)
            .map_or_else(|| root.join("../secret"), PathBuf::from),
    }
}

/// From a directory to an entry of the same place.
fn relative(from: &Path, to: &Path, root: &Path) -> PathBuf {
    let depth = from.strip_prefix(root).unwrap().components().count();
    let mut path: PathBuf = (0..depth).map(|_| "..").collect();
    path.push(to.strip_prefix(root).unwrap());
    path
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

impl Change {
    /// Does it to the entries of the root.
    pub fn play(&self, root: &Path, is_root: bool) {
        let entries = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut entries: Vec<PathBuf> = entries.filter(|path| *path != root.join("a")).collect();
        entries.sort();
        let chosen = |at: usize| entries.get(at % entries.len().max(1)).cloned();
        match self {
            Self::Put(at, tree) => {
                let place = chosen(*at).unwrap_or_else(|| root.join("new"));
                remove(&place);
                fs::create_dir(&place).unwrap();
                tree.build(&place, is_root);
            }
            Self::Remove(at) => chosen(*at).iter().for_each(|path| remove(path)),
            Self::Mode(at, mode) => {
                if let Some(path) = chosen(*at).filter(|path| !path.is_symlink()) {
                    fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
                }
            }
        }
    }
}

fn remove(path: &Path) {
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path).unwrap();
    } else if path.symlink_metadata().is_ok() {
        fs::remove_file(path).unwrap();
    }
}

/// What has to be listed, and what has to be named.
#[derive(Debug, Default)]
pub struct Expected {
    root: PathBuf,
    is_root: bool,
    files: Vec<OsString>,
    named: Vec<OsString>,
}

impl Expected {
    /// Found out by other means than the agent's.
    pub fn of(root: &Path, is_root: bool) -> Self {
        let mut expected = Self {
            root: root.canonicalize().unwrap(),
            is_root,
            ..Self::default()
        };
        expected.look(Path::new(""), 0);
        expected
    }

    /// Whether a user who is neither owner nor of the group may.
    fn may(&self, path: &Path, what: u32) -> bool {
        let mode = fs::symlink_metadata(path).unwrap().permissions().mode();
        self.is_root || mode & what == what
    }

    fn look(&mut self, relative: &Path, depth: usize) {
        let dir = self.root.join(relative);
        if depth > DEEPEST || !self.may(&dir, 0o5) {
            self.named.push(relative.into());
            return;
        }
        for entry in fs::read_dir(&dir).unwrap() {
            let name = entry.unwrap().file_name();
            if !name.as_bytes().starts_with(b"..") {
                self.entry(&relative.join(&name), depth);
            }
        }
    }

    fn entry(&mut self, relative: &Path, depth: usize) {
        let path = self.root.join(relative);
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            self.look(relative, depth + 1);
        } else if meta.is_symlink() {
            self.link(relative, &path);
        } else if meta.is_file() {
            self.files.push(relative.into());
            if meta.len() > LARGE || !self.may(&path, 0o4) {
                self.named.push(relative.into());
            }
        }
    }

    /// One that leads from within to a plain file, or out to something.
    fn link(&mut self, relative: &Path, path: &Path) {
        let Ok(end) = path.canonicalize() else {
            return;
        };
        if !end.starts_with(&self.root) {
            self.named.push(relative.into());
            return;
        }
        let target = fs::read_link(path).unwrap();
        let straight = path.parent().unwrap().join(target);
        let is_straight = end == normal(&straight) && end.is_file();
        if is_straight && self.is_root {
            self.files.push(relative.into());
        }
    }

    /// What is expected and not so.
    pub fn lacks(&self, mount: &serde_json::Value) -> Vec<String> {
        let texts = |key: &str| -> Vec<String> {
            let all = mount[key].as_array().unwrap().iter();
            all.map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let (files, unread) = (texts("files"), texts("unread"));
        let is_named = |name: &OsString| {
            let start = format!(
                "{} cannot be read: ",
                shown(self.root.join(name).as_os_str())
            );
            unread.iter().any(|said| said.starts_with(&start))
        };
        // More than twenty are counted.
        let is_full = unread
            .iter()
            .any(|said| said.contains(" more cannot be read"));
        let unlisted = self
            .files
            .iter()
            .filter(|name| !files.contains(&shown(name)));
        let unnamed = self.named.iter().filter(|name| !is_full && !is_named(name));
        unlisted.chain(unnamed).map(|name| shown(name)).collect()
    }

    /// Nothing is listed that lies elsewhere.
    pub fn is_within(&self, mount: &serde_json::Value) -> bool {
        let files = mount["files"].as_array().unwrap().iter();
        let mut names = files.map(|name| unshown(name.as_str().unwrap()));
        names.all(|name| {
            let end = self.root.join(name).canonicalize();
            // It may just have been taken away.
            end.is_err() || end.is_ok_and(|end| end.starts_with(&self.root))
        })
    }

    /// What has to be rendered of a file, where that is plain.
    pub fn content(file: &Path, is_root: bool) -> Option<Vec<u8>> {
        let meta = file.symlink_metadata().ok()?;
        let may = is_root || (meta.permissions().mode() & 0o4 != 0 && is_reached(file));
        let is_small = meta.is_file() && !meta.file_type().is_fifo() && meta.len() <= 1 << 20;
        (is_small && may).then(|| fs::read(file).unwrap())
    }
}

/// Without `.` and `..`, by the letters alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(normal.pop()),
            std::path::Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// As the agent shows names to people.
fn shown(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    if text.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return name.as_bytes().escape_ascii().to_string();
    }
    text.into_owned()
}

/// No name that is drawn has a backslash.
fn unshown(text: &str) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, length) = match (first, after) {
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b'x', digits @ ..]) => {
                let digits = std::str::from_utf8(&digits[..2]).unwrap();
                (u8::from_str_radix(digits, 16).unwrap(), 3)
            }
            (byte, _) => (*byte, 0),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    OsString::from_vec(bytes)
}
