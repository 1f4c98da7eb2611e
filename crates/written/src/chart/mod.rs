//! What of the chart follows from tables: its values with their schema and their
//! page, the controller's options, the rights.

mod approvers;
mod options;
mod page;
mod rules;
mod schema;
mod tree;
mod values;

use serde_json::Value;

use crate::{File, ORIGIN, read};
use values::Row;

pub(crate) fn files() -> Vec<File> {
    let file = |name: &str, text| File::new(format!("chart/tidings/{name}"), text);
    vec![
        file("values.yaml", tree::values()),
        file("values.schema.json", schema::schema()),
        file("README.md", page::page(&read("chart/tidings/README.md"))),
        file("templates/_options.tpl", options::template()),
        file("templates/_rules.tpl", rules::template()),
        file("templates/approvers.yaml", approvers::template()),
    ]
}

/// For the first line of templates.
fn origin() -> String {
    format!("{{{{/* {ORIGIN}. */}}}}\n")
}

impl Row {
    fn default(&self) -> Value {
        serde_json::from_str(self.default).unwrap_or_else(|e| panic!("{}: {e}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::values::{Does, ROWS};
    use super::*;
    use crate::{option, options};

    /// Options that are no value of the chart, and those that templates make of several
    /// or set as variables.
    const NOT_VALUES: [&str; 16] = [
        "kubeconfig",
        "context",
        "namespaces",
        "namespaces-to-ignore",
        "namespace-selector",
        "resources-to-ignore",
        "ignored-workload-types",
        "own-namespace",
        "custom-workloads",
        "custom-workloads-file",
        "alert-on-reload",
        "alert-sink",
        "alert-webhook-url",
        "alert-webhook-proxy",
        "enable-pprof",
        "pprof-addr",
    ];

    #[test]
    fn every_option_of_the_controller_is_a_value() {
        let is_value = |name: &str| {
            let mut rows = ROWS.iter();
            rows.any(|row| matches!(row.does, Does::Option(option) if option == name))
        };
        for arg in options() {
            let name = arg.get_long().unwrap();
            let known = is_value(name) || NOT_VALUES.contains(&name);
            assert!(known, "--{name} is no value of the chart");
        }
    }

    #[test]
    fn every_value_that_is_an_option_is_one_of_the_controllers() {
        for row in ROWS {
            if let Does::Option(name) = row.does {
                assert!(option(name).is_some(), "{}: no --{name}", row.path);
            }
        }
    }

    #[test]
    fn the_charts_version_is_the_programs() {
        let chart = read("chart/tidings/Chart.yaml");
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            format!("version: {version}"),
            format!("appVersion: \"{version}\""),
        ] {
            assert!(chart.lines().any(|l| l == line), "no {line:?} in {chart}");
        }
    }
}
