//! The images that tests and demos use: Debian's programs, Tidings' own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, anyhow};

use super::image::Image;
use super::lack;
use crate::assets::{prepared_by, tree};
use crate::process;

/// What holds a pod's namespaces.
pub const PAUSE: &str = "tidings.test/pause:1";
/// A shell and its tools.
pub const BUSYBOX: &str = "tidings.test/busybox:1";
/// nginx as root, on port 80 by default.
pub const NGINX: &str = "tidings.test/nginx:1";
/// nginx as anybody, on the ports of its `conf.d`.
pub const NGINX_UNPRIVILEGED: &str = "tidings.test/nginx-unprivileged:1";
/// HAProxy, without a configuration.
pub const HAPROXY: &str = "tidings.test/haproxy:1";
/// Prometheus, without a configuration.
pub const PROMETHEUS: &str = "tidings.test/prometheus:1";
/// The agent, `FROM scratch`.
pub const AGENT: &str = "tidings.test/tidings-agent:1";
/// The controller.
pub const CONTROLLER: &str = "tidings.test/tidings:1";

/// Names the static agent that is tested, which is built otherwise.
const AGENT_BINARY: &str = "TIDINGS_AGENT";

/// As the image that people know by this name has it, as far as tests need it.
const NGINX_AS_ANYBODY: &str = "pid /tmp/nginx.pid;
error_log /dev/stderr notice;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/client;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  include /etc/nginx/conf.d/*.conf;
}
";

/// What holds a pod's namespaces, and reaps where it is the pod's first process.
pub fn pause() -> Result<Image> {
    let stay = "trap 'exit 0' TERM INT; while :; do sleep 1000000 & wait; done";
    Ok(shell(PAUSE)?.entrypoint(&["/bin/sh", "-c", stay]))
}

/// A shell and its tools.
pub fn busybox() -> Result<Image> {
    Ok(shell(BUSYBOX)?.entrypoint(&["/bin/sh"]))
}

/// nginx, with the configuration that is mounted at `/etc/nginx`, or Debian's.
pub fn nginx() -> Result<Image> {
    Ok(debian(NGINX, "nginx")?.entrypoint(&["nginx", "-g", "daemon off;"]))
}

/// nginx, as anybody.
pub fn nginx_unprivileged() -> Result<Image> {
    let image = debian(NGINX_UNPRIVILEGED, "nginx")?
        .file("/etc/nginx/nginx.conf", NGINX_AS_ANYBODY)
        .user("101:101");
    Ok(image.entrypoint(&["nginx", "-g", "daemon off;"]))
}

/// HAProxy.
pub fn haproxy() -> Result<Image> {
    debian(HAPROXY, "haproxy")
}

/// Prometheus, to be given its flags.
pub fn prometheus() -> Result<Image> {
    Ok(debian(PROMETHEUS, "prometheus")?
        .user("65534:65534")
        .entrypoint(&["/usr/bin/prometheus"]))
}

/// The agent as `Dockerfile.agent` lays it out: the one that `TIDINGS_AGENT` names, else
/// the static one, built for it.
pub fn agent() -> Result<Image> {
    let binary = match std::env::var_os(AGENT_BINARY) {
        Some(path) => PathBuf::from(path),
        None => prepared_by("crates/agent/build-static")?,
    };
    let lay_out = tree("crates/agent/lay-out");
    let image = Image::named(AGENT).laid_out_by(&[&lay_out, &binary]);
    Ok(image.user("65534:65534").entrypoint(&["/tidings-agent"]))
}

/// The controller as `Dockerfile` lays it out: the program under test, with the
/// libraries that it needs if it is not static.
pub fn controller() -> Result<Image> {
    let image = Image::named(CONTROLLER).program(&process::binary()?, "/tidings");
    Ok(image.user("65534:65534").entrypoint(&["/tidings"]))
}

fn shell(name: &str) -> Result<Image> {
    let root = root_of("busybox")?;
    let tools = Command::new(root.join("bin/busybox"))
        .arg("--list")
        .output()?;
    let tools = String::from_utf8(tools.stdout)?;
    let others = tools.lines().filter(|name| *name != "busybox");
    let image = others.fold(people(Image::named(name)).folder(&root), |image, tool| {
        image.link(&format!("/bin/{tool}"), "busybox")
    });
    Ok(image.open_folder("/tmp"))
}

fn debian(name: &str, program: &str) -> Result<Image> {
    let image = Image::named(name).folder(&root_of(program)?);
    Ok(people(image).open_folder("/tmp").open_folder("/run"))
}

fn people(image: Image) -> Image {
    let passwd = "root:x:0:0:root:/:/bin/sh\nwww-data:x:33:33::/:\nnobody:x:65534:65534::/:\n";
    let group = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n";
    image.file("/etc/passwd", passwd).file("/etc/group", group)
}

fn root_of(program: &str) -> Result<PathBuf> {
    let programs = lack::programs().as_ref().map_err(|why| anyhow!("{why}"))?;
    Ok(Path::new(programs).join(program))
}
