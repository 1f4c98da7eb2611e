//! Which mounts of this container carry configuration, and which can never
//! change, from `/proc/self/mountinfo` (proc(5)).
//!
//! In: the text of mountinfo, and a way to ask whether a directory holds a
//! `..data` link. Out: [`Mounts`]. The root of a ConfigMap's or a Secret's mount
//! contains `/volumes/kubernetes.io~configmap/NAME` (Kubernetes,
//! pkg/volume/configmap/configmap.go); tmpfs volumes are known by `..data`
//! alone; the root of a subPath mount lies inside a timestamp directory.

use std::path::{Path, PathBuf};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    /// Mount points that the kubelet updates.
    pub(crate) volumes: Vec<PathBuf>,
    /// Mount points of the downward API, where that can be seen.
    pub(crate) left_out: Vec<PathBuf>,
    /// Mount points of a subPath, which never follow a change.
    pub(crate) frozen: Vec<PathBuf>,
}

/// The token that the kubelet rotates for the API server is nobody's configuration.
const TOKENS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Volume plugins whose volumes carry configuration.
const PLUGINS: [&str; 3] = [
    "/volumes/kubernetes.io~configmap/",
    "/volumes/kubernetes.io~secret/",
    "/volumes/kubernetes.io~projected/",
];

/// Its annotations change with everything, its other fields never.
const DOWNWARD: &str = "/volumes/kubernetes.io~downward-api/";

/// Sorts the mounts of one mountinfo text.
pub(crate) fn find(mountinfo: &str, is_volume: impl Fn(&Path) -> bool) -> Mounts {
    let mut found = Mounts::default();
    for line in mountinfo.lines() {
        let Some((root, point)) = root_and_point(line) else {
            continue;
        };
        if point.starts_with(TOKENS) || point.starts_with(&TOKENS["/var".len()..]) {
            continue;
        }
        let path = PathBuf::from(&point);
        if in_generation(&root) {
            found.frozen.push(path);
        } else if root.contains(DOWNWARD) {
            found.left_out.push(path);
        } else if PLUGINS.iter().any(|part| root.contains(part)) || is_volume(&path) {
            found.volumes.push(path);
        }
    }
    found.volumes.sort();
    found.volumes.dedup();
    found
}

/// Fields 4 and 5 of a line, with `\040` and the like read back.
fn root_and_point(line: &str) -> Option<(String, String)> {
    let mut fields = line.split(' ').skip(3);
    Some((unescape(fields.next()?), unescape(fields.next()?)))
}

/// Whether a path passes through a directory like `..2026_11_23_09_09_50.3459266319`.
fn in_generation(root: &str) -> bool {
    root.split('/').any(|part| {
        part.strip_prefix("..")
            .is_some_and(|rest| rest.len() > 20 && rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

fn unescape(field: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(field.to_owned(), |text, (code, plain)| {
        text.replace(code, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "\
611 600 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~configmap/web /etc/web ro,relatime - ext4 /dev/sda1 rw
612 600 0:52 / /etc/certs ro,relatime - tmpfs tmpfs rw
613 600 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~configmap/web/..2026_11_23_09_09_50.3459266319/one /etc/one.conf ro - ext4 /dev/sda1 rw
614 600 0:53 /..2026_11_23_09_09_50.3459266319/key//deleted /etc/key ro - tmpfs tmpfs rw
615 600 0:54 / /run/secrets/kubernetes.io/serviceaccount ro - tmpfs tmpfs rw
616 600 0:55 / /tmp/with\\040space rw - tmpfs tmpfs rw
618 600 8:1 /var/lib/kubelet/pods/u/volumes/kubernetes.io~downward-api/podinfo /etc/podinfo ro - ext4 /dev/sda1 rw
617 600 0:5 / /dev/shm rw - tmpfs shm rw
broken";

    #[test]
    fn volumes_and_frozen_mounts_are_told_apart() {
        let found = find(POD, |path| {
            path == Path::new("/etc/certs")
                || path == Path::new("/tmp/with space")
                || path.starts_with("/run/secrets")
        });
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(
            found,
            Mounts {
                volumes: paths(&["/etc/certs", "/etc/web", "/tmp/with space"]),
                left_out: paths(&["/etc/podinfo"]),
                frozen: paths(&["/etc/one.conf", "/etc/key"]),
            }
        );
    }

    #[test]
    fn dots_in_other_names_are_no_generation() {
        assert!(!in_generation("/a/..data/b"));
        assert!(!in_generation("/a/..x"));
        assert!(in_generation("/a/..2026_11_23_09_09_50.123/b"));
    }
}
