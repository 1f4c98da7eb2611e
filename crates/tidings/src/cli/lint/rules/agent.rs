//! Sidecars that the agent stands in for: configmap-reload and
//! prometheus-config-reloader.

use tidings_core::annotations::millis;

use super::super::tree::Tree;
use super::case::{Case, Hit};
use super::words::{Word, image, options};
use super::{Level, Rule, Tool};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "configmap-reload",
        tool: Tool::ConfigmapReload,
        level: Level::Differs,
        finds: "A container with configmap-reload.",
        differs: "It calls before new files are linked, waits for an answer for ever, and forgets a change that its target refused. The agent calls when the files are whole, gives each call 10 s, tries until it is taken, and reports identical content as no change.",
        advice: "Take the agent's image: its own words are below; or leave the arguments as they are.",
        find: configmap_reload,
    },
    Rule {
        id: "configmap-reload-option",
        tool: Tool::ConfigmapReload,
        level: Level::Differs,
        finds: "An option of configmap-reload that means nothing to the agent, or that neither has.",
        differs: "The agent takes configmap-reload's options under its name and goes by all but these.",
        advice: "Remove it.",
        find: configmap_reload_option,
    },
    Rule {
        id: "prometheus-config-reloader",
        tool: Tool::PrometheusConfigReloader,
        level: Level::Differs,
        finds: "A container with prometheus-config-reloader.",
        differs: "It waits for 1 s of quiet, is blind to further changes of --config-file until --watch-interval, and recovers late from a broken file. The agent acts on the first change, sees each, and takes a mended file at once.",
        advice: "Take the agent's image: its own words are below; or leave the arguments as they are.",
        find: prometheus_config_reloader,
    },
    Rule {
        id: "prometheus-config-reloader-option",
        tool: Tool::PrometheusConfigReloader,
        level: Level::Differs,
        finds: "An option of prometheus-config-reloader that means nothing to the agent, or that neither has.",
        differs: "The agent takes prometheus-config-reloader's options under its name and goes by all but these.",
        advice: "Remove it.",
        find: prometheus_config_reloader_option,
    },
];

/// What an option of a sidecar is to the agent.
#[derive(Clone, Copy, Debug)]
enum Ours {
    /// It is this option.
    Is(&'static str),
    /// It is part of another.
    Part,
    /// It means nothing, and why.
    Nothing(&'static str),
}

use Ours::{Is, Nothing, Part};

const LOG: &str = "the agent has one form of log";

static CONFIGMAP_RELOAD: &[(&str, Ours)] = &[
    ("volume-dir", Is("--watch")),
    ("webhook-url", Is("--http")),
    ("webhook-method", Is("--method")),
    ("webhook-status-code", Is("--expect")),
    ("webhook-retries", Nothing("the agent never gives up")),
    ("web.listen-address", Is("--listen")),
    (
        "web.telemetry-path",
        Nothing(
            "the agent's own words have /metrics only; under configmap-reload's name it is heard",
        ),
    ),
];

static PROMETHEUS: &[(&str, Ours)] = &[
    ("config-file", Part),
    ("config-envsubst-file", Part),
    ("watched-dir", Is("--watch")),
    ("watch-interval", Part),
    ("delay-interval", Is("--quiet")),
    ("retry-interval", Is("--retry")),
    ("reload-timeout", Is("--http-timeout")),
    ("reload-method", Part),
    ("process-executable-name", Part),
    ("statefulset-ordinal-from-envvar", Part),
    ("listen-address", Is("--listen")),
    (
        "web-config-file",
        Nothing(
            "only one that asks for tls_server_config or basic_auth_users: the agent's own port then stays closed, since it has neither",
        ),
    ),
    ("log-format", Nothing(LOG)),
    ("log-level", Nothing(LOG)),
    ("reload-url", Part),
    ("runtimeinfo-url", Part),
    (
        "auto-gomemlimit-ratio",
        Nothing("the agent is no Go program"),
    ),
];

/// The options of both sidecars, without their dashes.
pub fn sidecar_options() -> impl Iterator<Item = &'static str> {
    CONFIGMAP_RELOAD
        .iter()
        .chain(PROMETHEUS)
        .map(|(name, _)| *name)
}

fn all_containers<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Tree> {
    case.pods().into_iter().flat_map(|spec| {
        let lists = ["initContainers", "containers"]
            .into_iter()
            .filter_map(|key| spec.get(key));
        lists.flat_map(Tree::items)
    })
}

/// Containers of a program: by the name of their image, or by an option that no
/// other has.
fn of<'a>(case: &Case<'a>, program: &'a str, option: &'a str) -> impl Iterator<Item = &'a Tree> {
    all_containers(case).filter(move |container| {
        let by_option = || options(container).iter().any(|word| word.name == option);
        let image = image(container);
        image == program || (!image.contains("tidings") && by_option())
    })
}

fn configmap_reloads<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Tree> {
    of(case, "configmap-reload", "volume-dir")
}

fn prometheus_config_reloaders<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Tree> {
    of(case, "prometheus-config-reloader", "config-envsubst-file")
}

fn configmap_reload(case: &Case<'_>) -> Vec<Hit> {
    let hit = |container: &Tree| {
        let said = options(container);
        let mut words = translated(&said, CONFIGMAP_RELOAD);
        or_default(&said, "webhook-status-code", "--expect=200", &mut words);
        or_default(&said, "web.listen-address", "--listen=:9533", &mut words);
        in_own_words(container, &words)
    };
    configmap_reloads(case).map(hit).collect()
}

fn prometheus_config_reloader(case: &Case<'_>) -> Vec<Hit> {
    let hit = |container: &Tree| {
        let said = options(container);
        let mut words = files(&said);
        words.extend(translated(&said, PROMETHEUS));
        let interval = value(&said, "watch-interval");
        match interval.and_then(|time| millis(time).ok()) {
            Some(0) => words.push("--once".to_owned()),
            _ => words.extend(way(&said)),
        }
        if !words.iter().any(|word| word.starts_with("--http=")) {
            // The agent refuses a limit of calls where none is made.
            words.retain(|word| !word.starts_with("--http-timeout="));
        }
        in_own_words(container, &words)
    };
    prometheus_config_reloaders(case).map(hit).collect()
}

fn in_own_words(container: &Tree, words: &[String]) -> Hit {
    let name = container.word("name");
    Hit::new(
        container.line,
        format!("{name}: tidings-agent watch {}", words.join(" ")),
    )
}

/// The options that have one of the agent's for themselves.
fn translated(said: &[Word], table: &[(&str, Ours)]) -> Vec<String> {
    let word = |word: &Word| match row(table, &word.name)? {
        Is(ours) => Some(format!(
            "{ours}={}",
            without_password(word.value.as_deref()?)
        )),
        _ => None,
    };
    said.iter().filter_map(word).collect()
}

fn row(table: &[(&str, Ours)], name: &str) -> Option<Ours> {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, ours)| *ours)
}

fn or_default(said: &[Word], name: &str, ours: &str, words: &mut Vec<String>) {
    if value(said, name).is_none() {
        words.push(ours.to_owned());
    }
}

fn value<'a>(said: &'a [Word], name: &str) -> Option<&'a str> {
    let word = said.iter().rev().find(|word| word.name == name)?;
    word.value.as_deref().filter(|value| !value.is_empty())
}

/// A URL may carry a user and a password; they go into a file.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{} --basic-file=FILE", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

fn files(said: &[Word]) -> Vec<String> {
    let file = value(said, "config-file");
    let word = match (file, value(said, "config-envsubst-file")) {
        (Some(file), Some(output)) => Some(format!("--render={file}={output}")),
        (Some(file), None) => Some(format!("--watch={file}")),
        _ => None,
    };
    word.into_iter().collect()
}

fn way(said: &[Word]) -> Vec<String> {
    if value(said, "reload-method") == Some("signal") {
        let process = value(said, "process-executable-name").unwrap_or("prometheus");
        let runtime = value(said, "runtimeinfo-url")
            .unwrap_or("http://127.0.0.1:9090/api/v1/status/runtimeinfo");
        return vec![
            format!("--signal=HUP --signal-is-handled --process={process}"),
            format!("--prove=moves={runtime}#data.lastConfigTime#data.reloadConfigSuccess"),
        ];
    }
    let url = value(said, "reload-url").unwrap_or("http://127.0.0.1:9090/-/reload");
    vec![format!("--http={}", without_password(url))]
}

fn configmap_reload_option(case: &Case<'_>) -> Vec<Hit> {
    configmap_reloads(case)
        .flat_map(|c| idle(c, CONFIGMAP_RELOAD))
        .collect()
}

fn prometheus_config_reloader_option(case: &Case<'_>) -> Vec<Hit> {
    prometheus_config_reloaders(case)
        .flat_map(|c| idle(c, PROMETHEUS))
        .collect()
}

fn idle(container: &Tree, table: &'static [(&str, Ours)]) -> Vec<Hit> {
    let hit = |word: Word| {
        let why = match row(table, &word.name) {
            Some(Is(_) | Part) => return None,
            Some(Nothing(why)) => why.to_owned(),
            None => {
                let names = table.iter().map(|(name, _)| *name);
                let near = names.min_by_key(|name| strsim::damerau_levenshtein(name, &word.name));
                format!(
                    "neither has it; did you mean --{}?",
                    near.unwrap_or_default()
                )
            }
        };
        Some(Hit::new(word.line, format!("--{}: {why}", word.name)))
    };
    options(container).into_iter().filter_map(hit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("http://u:p@h:1/x"),
            "http://h:1/x --basic-file=FILE"
        );
        assert_eq!(without_password("http://h/x@y"), "http://h/x@y");
        assert_eq!(without_password("/etc/config"), "/etc/config");
    }
}
