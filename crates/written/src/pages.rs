//! The reference pages: the tables of the code, for people.
//!
//! Goes in: the tables. Comes out: Markdown, one page a table.

use std::fmt::Write;

use clap::{Command, CommandFactory};
use tidings_core::annotations::{ANNOTATIONS, Place};
use tidings_core::kinds::{KINDS, Watched};
use tidings_core::reason::REASONS;
use tidings_core::refs::SOURCES;

use tidings::cli::lint;
use tidings::cli::why::report::FIELDS;
use tidings::metrics::METRICS;
use tidings::metrics::reloader::OBSERVABLES;
use tidings::metrics::table::MetricRow;
use tidings::settings::args::Cli;
use tidings::settings::surroundings::VARIABLES;

use crate::guides::{FIELD_HEADER, field_rows, rule_cells};
use crate::markdown::{cell, code, section, table};
use crate::{File, ORIGIN};

/// All pages.
pub(crate) fn files() -> Vec<File> {
    let page = |file: &str, text| File::new(format!("docs/{file}"), text);
    vec![
        page("annotations.md", annotations()),
        page("flags.md", flags()),
        page("kinds.md", kinds()),
        page("lint.md", lint()),
        page("metrics.md", metrics()),
        page("reasons.md", reasons()),
        page("why.md", why()),
    ]
}

fn annotations() -> String {
    let mut text = head(
        "Annotations",
        "Every annotation that Tidings reads or writes. What cannot be read is shown as a \
         Warning Event on the workload and in `tidings why`; the rest holds. With \
         `--namespaces` those of a namespace are read every ten seconds: there it may take so \
         long until one counts.",
    );
    for (place, title) in PLACES {
        let rows = ANNOTATIONS.iter().filter(|row| row.place == place);
        let rows = rows.map(|row| {
            [
                code(row.key),
                cell(row.value),
                code(row.example),
                cell(row.doc),
            ]
        });
        section(
            &mut text,
            title,
            ["Key", "Value", "Example", "Meaning"],
            rows,
        );
    }
    text
}

const PLACES: [(Place, &str); 9] = [
    (
        Place::WorkloadOrNamespace,
        "On the workload, else on its pod template, else on its namespace",
    ),
    (
        Place::WorkloadAndNamespace,
        "On the workload, else on its pod template, and on its namespace: both hold",
    ),
    (Place::Namespace, "On the namespace"),
    (Place::Workload, "On the workload, else on its pod template"),
    (Place::WorkloadOnly, "On the workload only"),
    (
        Place::WorkloadOnlyAndNamespace,
        "On the workload only, and on its namespace: both hold",
    ),
    (Place::Source, "On the source"),
    (Place::Written, "Written on the pod template at a roll"),
    (
        Place::WrittenOnWorkload,
        "Written on the workload at a roll",
    ),
];

/// Kinds that only one cluster has.
const CUSTOM: &str = "\
Any other kind that has a pod template is a row of text, given by `--custom-workloads` or \
in the file of `--custom-workloads-file`: `group/version/Kind:path.to.template`, such as \
`example.org/v1/Worker:spec.workers.template`, or with the plural of its resource, where it \
is not the usual one, `example.org/v1/Index=indices:spec.template`. Its CRD may come later \
and may go. Where a CRD keeps no annotations of its template (`NoEffect`), \
`--reload-strategy=env-vars` rolls it all the same.\n\n";

fn kinds() -> String {
    let mut text = head(
        "Kinds",
        "What Tidings rolls, and for changes of what. Each may be written in any of its forms.",
    );
    let forms = |words: &[&str]| words.iter().map(|w| code(w)).collect::<Vec<_>>().join(" ");
    let rows = KINDS.iter().map(|kind| {
        let words = forms(&[kind.word, kind.short, kind.plural]);
        let watched = match kind.watched {
            Watched::Always => String::new(),
            Watched::OnDemand(demand) => format!("Only with `--{}`. ", demand.option),
            Watched::Told => "Only with `--custom-workloads`. ".to_owned(),
        };
        let how = format!("{watched}{}", kind.renewal.doc());
        let api = code(&kind.api_version());
        [kind.api_kind.to_owned(), api, words, cell(&how)]
    });
    let titles = ["Kind", "API", "Forms", "How it is rolled"];
    section(&mut text, "Workloads", titles, rows);
    text.push_str(CUSTOM);
    let rows = SOURCES.iter().map(|row| {
        let words = forms(&[row.word, row.short, row.plural]);
        [
            row.api_kind.to_owned(),
            code(&row.kind.api_version()),
            words,
        ]
    });
    section(&mut text, "Sources", ["Kind", "API", "Forms"], rows);
    text
}

fn metrics() -> String {
    let mut text = head(
        "Metrics",
        "What `/metrics` serves: in OpenMetrics for who asks for it, as Prometheus does, else in \
         the text format before it. Labels never hold names, so their number does not grow with \
         the cluster, with the one exception that says so.",
    );
    let header = ["Metric", "Type", "Labels", "Meaning"];
    table(&mut text, header, METRICS.iter().map(metric));
    text.push_str(
        "\n## Reloader's, with `--reloader-observables`\n\nUnder its names, labels and types. \
         `result`, `event_type` and `reason` are counted once for each thing that happened. What \
         Reloader shows of Go and its process has no counterpart.\n\n",
    );
    table(&mut text, header, OBSERVABLES.iter().map(metric));
    text
}

fn metric(row: &MetricRow) -> [String; 4] {
    let labels = match row.labels {
        [] => String::new(),
        labels => code(&labels.join(", ")),
    };
    [code(row.name), row.kind.to_owned(), labels, cell(row.doc)]
}

fn reasons() -> String {
    let mut text = head(
        "Reasons",
        "Why Tidings did what it did: the reason of Events, the label of metrics, the message of \
         the log and the decision of `tidings why`.",
    );
    let rows = REASONS.iter().map(|row| {
        let event = if row.warning { "Warning" } else { "Normal" };
        [code(row.word), event.to_owned(), cell(row.doc)]
    });
    table(&mut text, ["Reason", "Event", "Meaning"], rows);
    text
}

fn why() -> String {
    let mut text = head(
        "The JSON of `tidings why -o json`",
        "Its fields keep their names and meanings; as a JSON Schema: [schema/why.json](schema/why.json). \
         Content is never in it, only digests.",
    );
    table(&mut text, FIELD_HEADER, field_rows(FIELDS));
    text
}

fn lint() -> String {
    let mut text = head(
        "What `tidings lint` finds",
        "Without `--migrate`: what the controller itself would complain of, by its \
         [reasons](reasons.md), what only files can show, and what is a mistake for everybody. \
         What it finds with `--migrate` besides is in the guides [from Reloader](migrating-from-reloader.md), \
         [from wave and configmapcontroller](migrating-from-wave.md) and [from \
         configmap-reload and prometheus-config-reloader](migrating-from-configmap-reload.md).",
    );
    let rows = lint::problems::CHECKS.iter();
    let rows = rows.map(|check| {
        let level = check.level.word().to_owned();
        [
            code(check.id),
            level,
            cell(check.meaning),
            cell(check.advice),
        ]
    });
    section(
        &mut text,
        "Only in files",
        ["Rule", "", "Meaning", "What to do"],
        rows,
    );
    let rows = lint::rules::mistakes().map(rule_cells);
    section(
        &mut text,
        "Whoever reads it",
        ["Rule", "", "Finds", "Meaning", "What to do"],
        rows,
    );
    section(
        &mut text,
        "The JSON of `-o json`",
        FIELD_HEADER,
        field_rows(lint::report::FIELDS),
    );
    text.push_str("As a JSON Schema: [schema/lint.json](schema/lint.json).\n");
    text
}

fn flags() -> String {
    let mut text = head(
        "Commands and their options",
        "What `--help` says. Every option of the controller can also be set by its variable; an \
         option on the command line goes first. The same under the name of kubectl, and \
         completed: [kubectl.md](kubectl.md).",
    );
    let cli = Cli::command();
    for command in cli.get_subcommands().filter(|c| !c.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string);
        let _ = writeln!(
            text,
            "## `tidings {}`\n\n{}.",
            command.get_name(),
            cell(&about.unwrap_or_default())
        );
        text.push('\n');
        table(
            &mut text,
            ["Option", "Variable", "Default", "Meaning"],
            options(command),
        );
        if let Some(examples) = command.get_after_help() {
            let _ = writeln!(text, "\n```text\n{examples}\n```\n");
        }
    }
    text.push_str(
        "## Without a command\n\nStarted with options alone, or in a pod without any, it is \
         `tidings controller`, as Reloader is started. These of its variables are read too; an \
         option goes first.\n\n",
    );
    let rows = VARIABLES.iter().map(|row| {
        let option = match row.option {
            "" => String::new(),
            option => code(option),
        };
        [code(row.name), option, cell(row.doc)]
    });
    table(&mut text, ["Variable", "Option", "Meaning"], rows);
    text
}

fn options(command: &Command) -> impl Iterator<Item = [String; 4]> {
    command.get_arguments().map(|arg| {
        let values = arg.get_value_names().unwrap_or_default();
        let value = values
            .first()
            .map(clap::builder::Str::as_str)
            .unwrap_or_default();
        let takes = arg.get_action().takes_values();
        let is_optional = arg
            .get_num_args()
            .is_some_and(|n| takes && n.min_values() == 0);
        let name = match arg.get_long() {
            Some(long) if is_optional => format!("--{long}[={value}]"),
            Some(long) if takes => format!("--{long} {value}"),
            Some(long) => format!("--{long}"),
            None => value.to_owned(),
        };
        let short = arg.get_short().map_or(String::new(), |s| format!("-{s}, "));
        let defaults = arg.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|v| code(&v.to_string_lossy())).collect();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let variable = arg.get_env().map(|v| code(&v.to_string_lossy()));
        [
            code(&format!("{short}{name}")),
            variable.unwrap_or_default(),
            defaults.join(" "),
            cell(&help),
        ]
    })
}

fn head(title: &str, what: &str) -> String {
    format!("# {title}\n\n<!-- {ORIGIN}. -->\n\n{what}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_table_is_on_its_page() {
        let [annotations, flags, kinds, lint, metrics, reasons, why] = files().try_into().unwrap();
        let check = |page: &File, words: &mut dyn Iterator<Item = &'static str>| {
            words.for_each(|word| assert!(page.text.contains(&code(word)), "{word}"));
        };
        check(&annotations, &mut ANNOTATIONS.iter().map(|row| row.key));
        check(&kinds, &mut KINDS.iter().map(|row| row.word));
        check(&metrics, &mut METRICS.iter().map(|row| row.name));
        check(&metrics, &mut OBSERVABLES.iter().map(|row| row.name));
        check(&reasons, &mut REASONS.iter().map(|row| row.word));
        check(
            &lint,
            &mut super::lint::report::FIELDS.iter().map(|row| row.path),
        );
        check(&why, &mut FIELDS.iter().map(|row| row.path));
        assert!(flags.text.contains("`TIDINGS_NAMESPACES_TO_IGNORE`"));
    }
}
