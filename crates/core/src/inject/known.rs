//! What is known of programs beside how they take a change: by which images and commands
//! they are recognised, what a preset rests on, and how images start them.
//!
//! Goes in: a container, and the texts of the ConfigMaps that it mounts, as far as they are
//! known. Comes out: its preset, or what is to be written. Nothing is guessed: what is not
//! in these tables is asked of people.

use serde_json::Value;
use tidings_shared::preset::{PRESETS, Preset, Proof, Reload, named};

use super::pod::{command_line, list, word};

/// Names of images that are neither their program's nor its preset's.
const ALIASES: [(&str, &str); 9] = [
    ("bind9", "bind"),
    ("eclipse-mosquitto", "mosquitto"),
    ("haproxy-alpine", "haproxy"),
    ("nginx-unprivileged", "nginx"),
    ("openresty", "nginx"),
    ("opentelemetry-collector", "otel-collector"),
    ("opentelemetry-collector-contrib", "otel-collector"),
    ("opentelemetry-collector-k8s", "otel-collector"),
    ("postgres", "postgresql"),
];

/// What starts a program as a process beside its own: a signal to it is none to the
/// program.
const STARTERS: [&str; 3] = ["catatonit", "dumb-init", "tini"];

/// What reads a text for commands: a signal to it is none to the program.
const SHELLS: [&str; 7] = ["ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"];

/// How an image starts its program where the manifest does not say it.
#[derive(Debug)]
pub(super) struct Image {
    /// As it is written, without registry and tag.
    repository: &'static str,
    /// Its ENTRYPOINT, which ends in an `exec` of its arguments.
    pub(super) entrypoint: &'static [&'static str],
    /// Its CMD.
    pub(super) command: &'static [&'static str],
    /// Options that the entry point puts behind the program.
    adds: &'static [&'static str],
}

/// From their Dockerfiles: github.com/nginx/docker-nginx,
/// github.com/nginx/docker-nginx-unprivileged, github.com/docker-library/haproxy,
/// github.com/haproxytech/haproxy-docker-alpine.
const IMAGES: [Image; 4] = [
    Image {
        repository: "library/nginx",
        entrypoint: &["/docker-entrypoint.sh"],
        command: &["nginx", "-g", "daemon off;"],
        adds: &[],
    },
    Image {
        repository: "nginxinc/nginx-unprivileged",
        entrypoint: &["/docker-entrypoint.sh"],
        command: &["nginx", "-g", "daemon off;"],
        adds: &[],
    },
    Image {
        repository: "library/haproxy",
        entrypoint: &["docker-entrypoint.sh"],
        command: &["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
        adds: &["-W", "-db"],
    },
    Image {
        repository: "haproxytech/haproxy-alpine",
        entrypoint: &["/docker-entrypoint.sh"],
        command: &["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
        adds: &["-W", "-db"],
    },
];

/// One of these must be in the command line, or in a file that the program reads.
#[derive(Debug)]
struct Prerequisite {
    one_of: &'static [&'static str],
    /// What to write where none is.
    write: &'static str,
}

/// What a preset rests on that a manifest can say otherwise.
#[derive(Debug)]
struct Ground {
    preset: &'static str,
    needs: &'static [Prerequisite],
    /// The option with the address on which the agent calls it, or looks.
    listens: &'static str,
    /// Options by which that is another path, or asks for TLS or a password.
    moves: &'static [&'static str],
    /// Settings of its files with the port of that address.
    settings: &'static [&'static str],
}

const WEB: &str = "web.listen-address";
const WEB_MOVES: &[&str] = &["web.config.file", "web.external-url", "web.route-prefix"];

const GROUNDS: [Ground; 8] = [
    Ground {
        preset: "alertmanager",
        needs: &[],
        listens: WEB,
        moves: WEB_MOVES,
        settings: &[],
    },
    Ground {
        preset: "alloy",
        needs: &[],
        listens: "server.http.listen-addr",
        moves: &[],
        settings: &[],
    },
    Ground {
        preset: "blackbox-exporter",
        needs: &[],
        listens: WEB,
        moves: WEB_MOVES,
        settings: &[],
    },
    Ground {
        preset: "fluent-bit",
        needs: &[
            Prerequisite {
                one_of: &["-Y", "--enable-hot-reload", "hot_reload on"],
                write: "Hot_Reload On in its [SERVICE]",
            },
            Prerequisite {
                one_of: &["-H", "--http", "http_server on"],
                write: "HTTP_Server On in its [SERVICE]",
            },
        ],
        listens: "",
        moves: &["-P", "--port"],
        settings: &["http_port"],
    },
    Ground {
        preset: "haproxy",
        needs: &[Prerequisite {
            one_of: &["-W", "-Ws", "master-worker"],
            write: "-W in its command",
        }],
        listens: "",
        moves: &[],
        settings: &[],
    },
    Ground {
        preset: "nats",
        needs: &[Prerequisite {
            one_of: &["-m", "--http_port", "http", "http_port", "monitor_port"],
            write: "http_port: 8222 in its configuration, or -m 8222 in its command",
        }],
        listens: "",
        moves: &["-m", "--http_port"],
        settings: &["http", "http_port", "monitor_port"],
    },
    Ground {
        preset: "prometheus",
        needs: &[Prerequisite {
            one_of: &["--web.enable-lifecycle"],
            write: "--web.enable-lifecycle in its args, or take --preset prometheus-signal",
        }],
        listens: WEB,
        moves: WEB_MOVES,
        settings: &[],
    },
    Ground {
        preset: "prometheus-signal",
        needs: &[],
        listens: WEB,
        moves: WEB_MOVES,
        settings: &[],
    },
];

/// Programs that go on with what they have where the new files are broken, so that they
/// can be told by an agent without their own checker. From nginx' "Controlling nginx" and
/// HAProxy's management guide, section 4.
const GOES_ON: [&str; 2] = ["haproxy", "nginx"];

/// Programs without a checker in their preset that a broken file ends.
const ENDS: [&str; 2] = ["gunicorn", "uwsgi"];

/// Presets whose note is heeded by what is written, or looked at before.
const HEEDED: [&str; 7] = [
    "coredns",
    "coredns-reload",
    "fluent-bit",
    "gunicorn",
    "haproxy",
    "nginx",
    "prometheus",
];

/// What else to know of a preset.
pub(super) fn note_of(preset: &Preset) -> Option<&'static str> {
    let is_heeded = preset.note.is_empty() || HEEDED.contains(&preset.name);
    (!is_heeded).then_some(preset.note)
}

/// Whether a program can be told by an agent in another container, which has none of its
/// commands.
pub(super) fn can_be_told_from_beside(preset: &Preset) -> bool {
    let checks = !preset.check.is_empty() && !GOES_ON.contains(&preset.name);
    !checks && !ENDS.contains(&preset.name)
}

/// The preset of what a container runs: by its command, and only where that is not known,
/// by its image.
pub(super) fn recognise(container: &Value) -> Option<&'static Preset> {
    let by_command = program(container).map(|name| by_name(&name));
    let of_image = || by_name(image_name(word(container, "image")));
    match by_command {
        Some(known) if says_program(container) || known.is_some() || is_shell(container) => known,
        None if says_program(container) => None,
        // Words for an entry point that is not known.
        _ => of_image(),
    }
}

fn by_name(name: &str) -> Option<&'static Preset> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, preset)| preset);
    let is_its = |preset: &&Preset| preset.name == name || preset.process.contains(&name);
    PRESETS.iter().find(is_its)
}

/// The file name of what is started, as far as the manifest or a known image says it;
/// none where there are only options for what the image has.
pub(super) fn program(container: &Value) -> Option<String> {
    let words = started(container).into_iter();
    let words = words.map(|word| file_name(&word).to_owned());
    let mut words = words.skip_while(|word| word == "--" || STARTERS.contains(&word.as_str()));
    words.next().filter(|word| !word.starts_with('-'))
}

/// Whether the manifest, or a known image, says what is started: else its words are for an
/// entry point that nobody knows.
pub(super) fn says_program(container: &Value) -> bool {
    !list(container, "command").is_empty() || image_of(container).is_some()
}

/// What starts the program as a process beside its own, if something does.
pub(super) fn starter(container: &Value) -> Option<&'static str> {
    let words = started(container);
    let first = file_name(words.first()?);
    STARTERS.into_iter().find(|name| *name == first)
}

/// Whether what is started is a shell, with a text.
pub(super) fn is_shell(container: &Value) -> bool {
    program(container).is_some_and(|name| SHELLS.contains(&name.as_str()))
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The last part of an image, without tag and digest.
pub(super) fn image_name(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    file_name(image).split(':').next().unwrap_or_default()
}

/// What is known of how an image starts its program.
pub(super) fn image_of(container: &Value) -> Option<&'static Image> {
    let image = word(container, "image");
    let path = image.strip_suffix(image_tail(image)).unwrap_or(image);
    let path = path.strip_prefix("docker.io/").unwrap_or(path);
    let whole = if path.contains('/') {
        path.to_owned()
    } else {
        format!("library/{path}")
    };
    let is_it = |known: &&Image| {
        let before = whole.strip_suffix(known.repository);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    IMAGES.iter().find(is_it)
}

/// Tag and digest.
fn image_tail(image: &str) -> &str {
    let name = image_name(image);
    let at = image.rfind('/').map_or(0, |slash| slash + 1) + name.len();
    image.get(at..).unwrap_or_default()
}

/// All that is started, word by word; with what the image has, where the manifest does not
/// say it.
pub(super) fn started(container: &Value) -> Vec<String> {
    let mut words: Vec<_> = command_line(container).map(str::to_owned).collect();
    let own = |list: &[&str]| {
        list.iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let Some(image) = image_of(container) else {
        return words;
    };
    let command = list(container, "command");
    let first = words.first().map_or("", |word| file_name(word));
    if !command.is_empty() && first == file_name(image.entrypoint[0]) {
        words.remove(0);
    } else if !command.is_empty() {
        return words;
    }
    if words.is_empty() && command.is_empty() {
        words = own(image.command);
    } else if words.first().is_some_and(|word| word.starts_with('-')) {
        words.splice(0..0, own(&image.command[..1]));
    }
    let behind = words.len().min(1);
    words.splice(behind..behind, own(image.adds));
    words
}

/// Of CoreDNS' two presets the one that its Corefile asks for.
pub(super) fn by_corefile(texts: Option<&[String]>) -> Result<&'static Preset, String> {
    let texts = texts.ok_or(
        "whether its Corefile has the plugin reload is not known here: add its ConfigMap (-f), \
         or say --preset coredns-reload (it has) or --preset coredns (it has not)",
    )?;
    let lines = texts.iter().flat_map(|text| text.lines().map(str::trim));
    let plugin = |name: &str| {
        let mut lines = lines.clone();
        lines.find(|line| line.split_whitespace().next() == Some(name))
    };
    let preset = match (plugin("reload"), plugin("prometheus")) {
        (None, _) => "coredns",
        (Some(_), Some(line)) if is_at_its_port(line) => "coredns-reload",
        (Some(_), _) => {
            return Err(
                "its Corefile has the plugin reload, and nothing shows that it took: write \
                 `prometheus :9153` beside it"
                    .to_owned(),
            );
        }
    };
    named(preset).ok_or_else(|| format!("there is no preset {preset}"))
}

fn is_at_its_port(line: &str) -> bool {
    let address = line.split_whitespace().nth(1);
    address.is_none_or(|address| address == "{" || address.ends_with(":9153"))
}

/// Whether what a preset rests on is so; or what to write.
pub(super) fn rests(
    preset: &Preset,
    container: &Value,
    texts: Option<&[String]>,
) -> Result<(), String> {
    let Some(ground) = GROUNDS.iter().find(|ground| ground.preset == preset.name) else {
        return Ok(());
    };
    let words = started(container);
    for need in ground.needs {
        let in_words = need.one_of.iter().any(|one| option(&words, one).is_some());
        if !in_words && !is_in(need.one_of, texts.unwrap_or_default()) {
            let unseen = if texts.is_none() && need.one_of.iter().any(|one| !one.starts_with('-')) {
                ", or add the ConfigMap that says it (-f)"
            } else {
                ""
            };
            return Err(format!("{} needs {}{unseen}", preset.name, need.write));
        }
    }
    let moved = ground.moves.iter().find(|name| moves(preset, &words, name));
    let set = ground.settings.iter().find(|name| {
        let port = setting(texts.unwrap_or_default(), name);
        port.is_some_and(|port| Some(port) != port_of(preset))
    });
    let listens = option(&words, ground.listens).filter(|address| !address.is_empty());
    let elsewhere = moved.or(set).copied().or_else(|| {
        let is_there = listens.is_none_or(|address| is_where(preset, address));
        (!is_there).then_some(ground.listens)
    });
    elsewhere.map_or(Ok(()), |name| {
        Err(format!(
            "{name} has it listen elsewhere than where --preset {} finds it: write the agent by hand (docs/agent.md)",
            preset.name
        ))
    })
}

/// What follows an option that is there, perhaps nothing: with one dash or two, behind `=`
/// or as the next word.
fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let bare = name.trim_start_matches('-');
    let is_short = name.len() == 2 && name.starts_with('-');
    let at = words.iter().position(|word| {
        let head = word.split('=').next().unwrap_or_default();
        let dashes = head.len() - head.trim_start_matches('-').len();
        (if is_short {
            head == name
        } else {
            (1..=2).contains(&dashes)
        }) && !bare.is_empty()
            && head.trim_start_matches('-') == bare
    })?;
    let behind = words[at].split_once('=').map(|(_, value)| value);
    let next = words.get(at + 1).map(String::as_str);
    let next = next.filter(|next| !next.starts_with('-'));
    Some(behind.or(next).unwrap_or_default())
}

/// Whether an option moves a port, or a path: an address alone, or `/`, does not.
fn moves(preset: &Preset, words: &[String], name: &str) -> bool {
    let Some(value) = option(words, name) else {
        return false;
    };
    if name.starts_with('-') {
        return !value.is_empty() && Some(value) != port_of(preset).as_deref();
    }
    let path = match value.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => value.trim_start_matches('/'),
    };
    !path.is_empty()
}

/// Whether an address is one at which a preset finds its program from within the pod.
fn is_where(preset: &Preset, address: &str) -> bool {
    let Some(ours) = port_of(preset) else {
        return true;
    };
    let host = address.strip_suffix(&ours).unwrap_or("elsewhere");
    ["", ":", "0.0.0.0:", "[::]:", "127.0.0.1:", "localhost:"].contains(&host)
}

/// The port at which a preset calls its program, or looks.
fn port_of(preset: &Preset) -> Option<String> {
    let ((Reload::Http(_, url), _) | (_, Proof::Moves(url, ..))) = (preset.reload, preset.proof)
    else {
        return None;
    };
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    host.rsplit(':').next().map(str::to_owned)
}

/// Whether one of these is in one of the texts, as a setting of any form: a name alone
/// with whatever value, or both.
fn is_in(one_of: &[&str], texts: &[String]) -> bool {
    settings(texts).any(|words| {
        one_of.contains(&words.join(" ").as_str()) || one_of.contains(&words[0].as_str())
    })
}

/// The last word of what a setting of this name says.
fn setting(texts: &[String], name: &str) -> Option<String> {
    let mut all = settings(texts);
    let found = all.find(|words| words[0] == name && words.len() > 1);
    found.and_then(|mut words| words.pop())
}

/// The words of each line that has any.
fn settings(texts: &[String]) -> impl Iterator<Item = Vec<String>> {
    let lines = texts.iter().flat_map(|text| text.lines());
    let words = lines.map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let line = line.to_lowercase().replace([':', '"', '\'', '=', ','], " ");
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    words.filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_tables_name_presets_that_are_there() {
        let aliased = ALIASES.iter().map(|(_, preset)| *preset);
        let grounds = GROUNDS.iter().map(|ground| ground.preset);
        let others = GOES_ON.into_iter().chain(ENDS).chain(HEEDED);
        for name in aliased.chain(grounds).chain(others) {
            assert!(named(name).is_some(), "{name}");
        }
    }

    #[rstest]
    #[case(json!({"image": "nginx:1.28"}), Some("nginx"))]
    #[case(json!({"image": "reg.example:5000/x/nginx-unprivileged@sha256:ab"}), Some("nginx"))]
    #[case(json!({"image": "own/image", "command": ["/usr/sbin/nginx", "-g", "daemon off;"]}), Some("nginx"))]
    #[case(json!({"image": "own/image", "command": ["/sbin/tini", "--", "haproxy", "-W"]}), Some("haproxy"))]
    #[case(json!({"image": "quay.io/prometheus/prometheus:v3", "args": ["--config.file=/x"]}), Some("prometheus"))]
    #[case(json!({"image": "fluent/fluent-bit", "command": ["/fluent-bit/bin/fluent-bit"]}), Some("fluent-bit"))]
    #[case(json!({"image": "nginx", "args": ["nginx", "-q"]}), Some("nginx"))]
    #[case(json!({"image": "nginx", "command": ["/docker-entrypoint.sh", "nginx"]}), Some("nginx"))]
    #[case(json!({"image": "nginx", "command": ["sh", "-c", "exec nginx"]}), None)]
    #[case(json!({"image": "nginx", "args": ["/bin/sh", "-c", "nginx"]}), None)]
    #[case(json!({"image": "nginx", "command": ["tail", "-f", "/dev/null"]}), None)]
    #[case(json!({"image": "nginx", "command": ["exec", "nginx"]}), None)]
    #[case(json!({"image": "nginx", "command": ["/start.sh"]}), None)]
    #[case(json!({"image": "nginx", "command": ["$(BIN)"]}), None)]
    #[case(json!({"image": "own/nginx", "args": ["sh", "-c", "nginx"]}), None)]
    #[case(json!({"image": "grafana/alloy", "args": ["run", "/etc/alloy"]}), Some("alloy"))]
    #[case(json!({"image": "registry.k8s.io/ingress-nginx/controller:v1", "args": ["/nginx-ingress-controller"]}), None)]
    #[case(json!({"image": "nginx-prometheus-exporter"}), None)]
    #[case(json!({}), None)]
    fn programs_are_recognised(#[case] container: Value, #[case] expect: Option<&str>) {
        assert_eq!(recognise(&container).map(|preset| preset.name), expect);
    }

    #[rstest]
    #[case("nginx", true)]
    #[case("nginx:1.28-alpine", true)]
    #[case("docker.io/library/nginx", true)]
    #[case("mirror.example:5000/library/nginx:1", true)]
    #[case("nginxinc/nginx-unprivileged:1.28", true)]
    #[case("haproxy@sha256:ab", true)]
    #[case("bitnami/nginx", false)]
    #[case("example.test/own/nginx:1", false)]
    #[case("my-library/nginx", false)]
    fn only_known_images_say_how_they_start(#[case] image: &str, #[case] known: bool) {
        assert_eq!(image_of(&json!({ "image": image })).is_some(), known);
    }

    #[rstest]
    #[case("prometheus", json!({"args": ["--web.enable-lifecycle"]}), "")]
    #[case("prometheus", json!({"args": ["-web.enable-lifecycle", "--web.listen-address=0.0.0.0:9090"]}), "")]
    #[case("prometheus", json!({"args": ["--web.enable-lifecycle", "--web.external-url=https://a.example/"]}), "")]
    #[case("prometheus", json!({"args": ["--config.file=a"]}), "needs --web.enable-lifecycle")]
    #[case("prometheus", json!({"args": ["--web.enable-lifecycle", "--web.external-url", "https://a.example/prom"]}), "web.external-url has it listen elsewhere")]
    #[case("prometheus", json!({"args": ["--web.enable-lifecycle", "--web.listen-address=:9091"]}), "web.listen-address has it listen elsewhere")]
    #[case("prometheus", json!({"args": ["--web.enable-lifecycle", "--web.config.file=/web.yml"]}), "web.config.file")]
    #[case("alloy", json!({"args": ["run", "--server.http.listen-addr=0.0.0.0:12345"]}), "")]
    #[case("haproxy", json!({"image": "haproxy:3.2"}), "")]
    #[case("haproxy", json!({"image": "own", "command": ["haproxy", "-f", "/a"]}), "needs -W")]
    #[case("fluent-bit", json!({"args": ["-Y", "-H"]}), "")]
    #[case("fluent-bit", json!({"args": ["-H"]}), "needs Hot_Reload On")]
    #[case("nginx", json!({}), "")]
    fn what_a_preset_rests_on_is_looked_at(
        #[case] preset: &str,
        #[case] container: Value,
        #[case] said: &str,
    ) {
        let rests = rests(named(preset).unwrap(), &container, None);
        assert_eq!(rests.is_ok(), said.is_empty(), "{rests:?}");
        assert!(rests.err().unwrap_or_default().contains(said));
    }

    #[test]
    fn files_say_it_too() {
        let fluent_bit = named("fluent-bit").unwrap();
        let both = "[SERVICE]\n    Flush 1\n    Hot_Reload   On\n    HTTP_Server  On\n";
        let rests = |text: &str| rests(fluent_bit, &json!({}), Some(&[text.to_owned()]));
        assert_eq!(rests(both), Ok(()));
        assert_eq!(
            rests("service:\n  hot_reload: on\n  http_server: \"on\"\n"),
            Ok(())
        );
        assert!(rests("[SERVICE]\n    HTTP_Server  On\n").is_err());
    }

    #[rstest]
    #[case(
        Some(".:53 {\n  errors\n  prometheus :9153\n  reload 2s 1s\n}"),
        Ok("coredns-reload")
    )]
    #[case(Some(".:53 {\n  forward . /etc/resolv.conf\n}"), Ok("coredns"))]
    #[case(Some(".:53 {\n  prometheus :9253\n  reload\n}"), Err("nothing shows"))]
    #[case(None, Err("not known here"))]
    fn a_corefile_says_which_preset(
        #[case] text: Option<&str>,
        #[case] expect: Result<&str, &str>,
    ) {
        let texts = text.map(|text| vec![text.to_owned()]);
        match (by_corefile(texts.as_deref()), expect) {
            (Ok(preset), Ok(name)) => assert_eq!(preset.name, name),
            (Err(why), Err(said)) => assert!(why.contains(said), "{why}"),
            (read, _) => unreachable!("{read:?}"),
        }
    }
}
