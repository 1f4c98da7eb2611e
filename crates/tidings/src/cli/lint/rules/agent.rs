//! Sidecars that the agent stands in for: configmap-reload and
//! prometheus-config-reloader.

use tidings_core::annotations::millis;
use tidings_shared::sidecars::{
    CONFIGMAP_RELOAD, ConfigmapReload as C, Flag, Ours, PROMETHEUS_CONFIG_RELOADER,
    PrometheusConfigReloader as P, Sidecar,
};

use super::case::{Case, Hit};
use super::words::{Word, image, options};
use super::{Level, Rule, Tool};
use crate::cli::input::tree::Tree;

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

/// The options of both sidecars, without their dashes.
pub fn sidecar_options() -> impl Iterator<Item = &'static str> {
    let first = CONFIGMAP_RELOAD.flags.iter().map(|flag| flag.name);
    let second = PROMETHEUS_CONFIG_RELOADER.flags.iter();
    first.chain(second.map(|flag| flag.name))
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
fn of<'a, F: Copy + PartialEq>(
    case: &Case<'a>,
    sidecar: &'static Sidecar<F>,
    own: F,
) -> impl Iterator<Item = &'a Tree> {
    let own = sidecar.flag(own).map(|flag| flag.name);
    all_containers(case).filter(move |container| {
        let by_option = || {
            options(container)
                .iter()
                .any(|word| own == Some(word.name.as_str()))
        };
        let image = image(container);
        image == sidecar.name || (!image.contains("tidings") && by_option())
    })
}

fn configmap_reloads<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Tree> {
    of(case, &CONFIGMAP_RELOAD, C::VolumeDir)
}

fn prometheus_config_reloaders<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Tree> {
    of(case, &PROMETHEUS_CONFIG_RELOADER, P::ConfigEnvsubstFile)
}

/// What a container says to its sidecar.
struct Said<F: 'static> {
    words: Vec<Word>,
    sidecar: &'static Sidecar<F>,
}

impl<F: Copy + PartialEq> Said<F> {
    fn to(sidecar: &'static Sidecar<F>, container: &Tree) -> Self {
        let words = options(container);
        Self { words, sidecar }
    }

    /// What is written, if anything is.
    fn written(&self, flag: &Flag<F>) -> Option<&str> {
        let word = self
            .words
            .iter()
            .rev()
            .find(|word| word.name == flag.name)?;
        word.value.as_deref().filter(|value| !value.is_empty())
    }

    /// What holds for a flag.
    fn value(&self, id: F) -> Option<&str> {
        let flag = self.sidecar.flag(id)?;
        self.written(flag).or(flag.default)
    }

    /// The options that have one of the agent's for themselves.
    fn translated(&self) -> Vec<String> {
        let word = |word: &Word| match self.sidecar.named(&word.name)?.ours {
            Ours::Is(ours) => Some(format!(
                "{ours}={}",
                without_password(word.value.as_deref()?)
            )),
            _ => None,
        };
        self.words.iter().filter_map(word).collect()
    }

    /// What the sidecar goes by where nothing is written, in the agent's words.
    fn unwritten(&self) -> impl Iterator<Item = String> {
        let flags = self.sidecar.flags.iter();
        flags.filter_map(|flag| match (flag.ours, flag.default) {
            (Ours::Is(ours), Some(default)) if self.written(flag).is_none() => {
                Some(format!("{ours}={default}"))
            }
            _ => None,
        })
    }
}

fn configmap_reload(case: &Case<'_>) -> Vec<Hit> {
    let hit = |container: &Tree| {
        let said = Said::to(&CONFIGMAP_RELOAD, container);
        let mut words = said.translated();
        words.extend(said.unwritten());
        in_own_words(container, &words)
    };
    configmap_reloads(case).map(hit).collect()
}

fn prometheus_config_reloader(case: &Case<'_>) -> Vec<Hit> {
    let hit = |container: &Tree| {
        let said = Said::to(&PROMETHEUS_CONFIG_RELOADER, container);
        let mut words = files(&said);
        words.extend(said.translated());
        let interval = said.value(P::WatchInterval);
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

fn files(said: &Said<P>) -> Vec<String> {
    let file = said.value(P::ConfigFile);
    let word = match (file, said.value(P::ConfigEnvsubstFile)) {
        (Some(file), Some(output)) => Some(format!("--render={file}={output}")),
        (Some(file), None) => Some(format!("--watch={file}")),
        _ => None,
    };
    word.into_iter().collect()
}

fn way(said: &Said<P>) -> Vec<String> {
    let value = |id| said.value(id).unwrap_or_default();
    if value(P::ReloadMethod) == "signal" {
        let process = value(P::ProcessExecutableName);
        let runtime = value(P::RuntimeinfoUrl);
        return vec![
            format!("--signal=HUP --signal-is-handled --process={process}"),
            format!("--prove=moves={runtime}#data.lastConfigTime#data.reloadConfigSuccess"),
        ];
    }
    let url = value(P::ReloadUrl);
    vec![format!("--http={}", without_password(url))]
}

fn configmap_reload_option(case: &Case<'_>) -> Vec<Hit> {
    configmap_reloads(case)
        .flat_map(|c| idle(c, &CONFIGMAP_RELOAD))
        .collect()
}

fn prometheus_config_reloader_option(case: &Case<'_>) -> Vec<Hit> {
    prometheus_config_reloaders(case)
        .flat_map(|c| idle(c, &PROMETHEUS_CONFIG_RELOADER))
        .collect()
}

fn idle<F: Copy + PartialEq>(container: &Tree, sidecar: &'static Sidecar<F>) -> Vec<Hit> {
    let hit = |word: Word| {
        let why = match sidecar.named(&word.name).map(|flag| flag.ours) {
            Some(Ours::Is(_) | Ours::Part) => return None,
            Some(Ours::Nothing(why)) => why.to_owned(),
            None => {
                let names = sidecar.flags.iter().map(|flag| flag.name);
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
