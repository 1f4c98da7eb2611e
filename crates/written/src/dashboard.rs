//! The Grafana dashboard: one row a panel.

use serde_json::{Value, json};
use tidings::metrics::METRICS;
use tidings::metrics::table::MetricRow;

use crate::File;

use Queries::{Of, These};

/// A panel.
#[derive(Clone, Copy)]
struct Panel {
    title: &'static str,
    /// What a person sees in it.
    doc: &'static str,
    form: PanelForm,
    /// Grafana's word for what is counted.
    unit: &'static str,
    queries: Queries,
}

/// What a panel asks, and the name of the lines of each answer.
#[derive(Clone, Copy)]
enum Queries {
    /// These. `$in` is the chosen installations.
    These(&'static [(&'static str, &'static str)]),
    /// What there is to ask of a metric that no other panel shows.
    Of(&'static MetricRow),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PanelForm {
    /// The value of now.
    Number,
    /// Lines over time.
    Lines,
}

const PANELS: &[Panel] = &[
    Panel {
        title: "Replicas that lead",
        doc: "One, unless a Lease has just changed hands. None: nothing is rolled.",
        form: PanelForm::Number,
        unit: "short",
        queries: These(&[("sum(tidings_leader{$in})", "")]),
    },
    Panel {
        title: "Rolls in the last day",
        doc: "Workloads that were rolled.",
        form: PanelForm::Number,
        unit: "short",
        queries: These(&[(
            r#"sum(increase(tidings_rolls_total{result="done", $in}[1d]))"#,
            "",
        )]),
    },
    Panel {
        title: "Problems now",
        doc: "What a person should mend; `tidings why -A` names the workloads.",
        form: PanelForm::Number,
        unit: "short",
        queries: These(&[(
            "sum(max by (namespace, reason) (tidings_problems{$in}))",
            "",
        )]),
    },
    Panel {
        title: "Version",
        doc: "What runs.",
        form: PanelForm::Number,
        unit: "short",
        queries: These(&[("sum by (version) (tidings_build_info{$in})", "{{version}}")]),
    },
    Panel {
        title: "Rolls",
        doc: "Attempts to roll a workload: done, refused by the API server, or taken without effect.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            "sum by (kind, result) (increase(tidings_rolls_total{$in}[$__rate_interval]))",
            "{{kind}} {{result}}",
        )]),
    },
    Panel {
        title: "From a change to the roll",
        doc: "With the quiet time that changes are gathered in (`--settle`).",
        form: PanelForm::Lines,
        unit: "s",
        queries: These(&[
            (
                "histogram_quantile(0.5, sum by (le) (rate(tidings_change_to_patch_seconds_bucket{$in}[$__rate_interval])))",
                "half",
            ),
            (
                "histogram_quantile(0.99, sum by (le) (rate(tidings_change_to_patch_seconds_bucket{$in}[$__rate_interval])))",
                "99 of 100",
            ),
        ]),
    },
    Panel {
        title: "Methods",
        doc: "Ends of methods that go pod by pod: proven in every pod, unproven (`poke`), rejected, died, or not taken, so that the next one follows.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            "sum by (method, result) (increase(tidings_methods_total{$in}[$__rate_interval]))",
            "{{method}} {{result}}",
        )]),
    },
    Panel {
        title: "From a change to its proof",
        doc: "Until every pod has proven that it has the change, with the quiet time.",
        form: PanelForm::Lines,
        unit: "s",
        queries: These(&[
            (
                "histogram_quantile(0.5, sum by (le, method) (rate(tidings_change_to_proof_seconds_bucket{$in}[$__rate_interval])))",
                "{{method}} half",
            ),
            (
                "histogram_quantile(0.99, sum by (le, method) (rate(tidings_change_to_proof_seconds_bucket{$in}[$__rate_interval])))",
                "{{method}} 99 of 100",
            ),
        ]),
    },
    Panel {
        title: "Changes that do not reach their pods",
        doc: "Workloads, as they are now: what is there is refused (Rejected, Died), or no method that is allowed brings it (NotTaken, Notified).",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            r#"max by (namespace, reason) (tidings_problems{reason=~"Rejected|Died|NotTaken|Notified", $in}) > 0"#,
            "{{reason}}",
        )]),
    },
    Panel {
        title: "Decisions",
        doc: "By reason; docs/reasons.md says what each means.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            "sum by (reason) (increase(tidings_decisions_total{$in}[$__rate_interval]))",
            "{{reason}}",
        )]),
    },
    Panel {
        title: "How workloads stand",
        doc: "Those that are opted in: in step, or by what keeps them from it.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            "max by (namespace, standing) (tidings_standing{$in})",
            "{{standing}}",
        )]),
    },
    Panel {
        title: "Problems",
        doc: "As they were, by reason.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            "max by (namespace, reason) (tidings_problems{$in}) > 0",
            "{{reason}}",
        )]),
    },
    Panel {
        title: "Workloads that wait to be decided",
        doc: "It returns to 0 when all is done.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[("tidings_queue_depth{$in}", "{{pod}}")]),
    },
    Panel {
        title: "Lists and watches that are not complete",
        doc: "What is missing here is not seen.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[(
            "sum by (pod, stream) (tidings_streams_expected{$in} - tidings_streams_complete{$in})",
            "{{pod}} {{stream}}",
        )]),
    },
    Panel {
        title: "Workloads and sources",
        doc: "How many are known; of sources, those that a workload uses or names.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[
            ("max by (kind) (tidings_workloads{$in})", "{{kind}}"),
            ("max(tidings_sources{$in})", "sources"),
        ]),
    },
    Panel {
        title: "Events",
        doc: "Attempts to send one, by the status of the answer (0: none), and those given up.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[
            (
                "sum by (code) (increase(tidings_event_requests_total{$in}[$__rate_interval]))",
                "{{code}}",
            ),
            (
                "sum(increase(tidings_events_dropped_total{$in}[$__rate_interval]))",
                "given up",
            ),
        ]),
    },
    Panel {
        title: "Notifications",
        doc: "Attempts to send an alert or to call the webhook, by where to and by result, and alerts given up.",
        form: PanelForm::Lines,
        unit: "short",
        queries: These(&[
            (
                "sum by (sink, result) (increase(tidings_notifications_total{$in}[$__rate_interval]))",
                "{{sink}} {{result}}",
            ),
            (
                "sum(increase(tidings_notifications_dropped_total{$in}[$__rate_interval]))",
                "given up",
            ),
        ]),
    },
];

/// Which installations are shown: those in the namespaces that are chosen.
const IN: (&str, &str) = ("$in", r#"namespace=~"$namespace""#);

pub(crate) fn files() -> Vec<File> {
    let text = format!("{:#}\n", page());
    [
        "dashboards/tidings.json",
        "chart/tidings/files/dashboard.json",
    ]
    .map(|path| File::new(path, text.clone()))
    .into()
}

/// All queries, as Prometheus is asked.
pub(crate) fn queries() -> impl Iterator<Item = String> {
    let all = panels().flat_map(|panel| panel.queries.all());
    all.map(|(query, _)| query)
}

/// Those of the table, and one for each metric that none of them shows.
fn panels() -> impl Iterator<Item = Panel> {
    let is_shown = |row: &&MetricRow| {
        let mut queries = PANELS.iter().flat_map(|panel| panel.queries.all());
        queries.any(|(query, _)| query.contains(row.name))
    };
    let others = METRICS.iter().filter(move |row| !is_shown(row));
    PANELS.iter().copied().chain(others.map(Panel::of))
}

fn page() -> Value {
    let mut place = Place::default();
    let panels = (1..).zip(panels()).map(|(id, panel)| {
        let mut json = panel.json(&place.next(panel.form));
        json["id"] = id.into();
        json
    });
    json!({
        "uid": "tidings",
        "title": "Tidings",
        "description": "What is rolled when a ConfigMap or Secret changes, how soon, and what is in the way.",
        "tags": ["kubernetes", "tidings"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            {
                "name": "namespace",
                "label": "Installed in",
                "type": "query",
                "datasource": datasource(),
                "query": "label_values(tidings_build_info, namespace)",
                "refresh": 2,
                "includeAll": true,
                "multi": true,
                "allValue": ".*",
                "current": {"text": "All", "value": "$__all"},
            },
        ]},
        "panels": panels.collect::<Vec<_>>(),
    })
}

fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

impl Queries {
    /// Each query as Prometheus is asked, and the name of its lines.
    fn all(self) -> Vec<(String, String)> {
        let asked = |query: &str, name: &str| (query.replace(IN.0, IN.1), name.to_owned());
        match self {
            These(queries) => queries.iter().map(|(q, name)| asked(q, name)).collect(),
            Of(row) => {
                let names = row.labels.iter().map(|label| format!("{{{{{label}}}}}"));
                let names: Vec<_> = names.collect();
                vec![asked(&query(row), &names.join(" "))]
            }
        }
    }
}

fn query(row: &MetricRow) -> String {
    let MetricRow { name, labels, .. } = row;
    let by = match labels {
        [] => String::new(),
        labels => format!(" by ({})", labels.join(", ")),
    };
    match row.kind {
        "counter" => format!("sum{by} (increase({name}{{$in}}[$__rate_interval]))"),
        "histogram" => {
            let le = [&["le"], *labels].concat().join(", ");
            let rate = format!("rate({name}_bucket{{$in}}[$__rate_interval])");
            format!("histogram_quantile(0.99, sum by ({le}) ({rate}))")
        }
        _ => format!("max{by} ({name}{{$in}})"),
    }
}

impl Panel {
    fn of(row: &'static MetricRow) -> Self {
        Self {
            title: row.name,
            doc: row.doc,
            form: PanelForm::Lines,
            unit: if row.name.ends_with("_seconds") {
                "s"
            } else {
                "short"
            },
            queries: Of(row),
        }
    }

    fn json(&self, place: &Value) -> Value {
        let targets = ('A'..).zip(self.queries.all()).map(|(id, (query, name))| {
            json!({
                "refId": id.to_string(),
                "datasource": datasource(),
                "expr": query,
                "legendFormat": name,
                "instant": self.form == PanelForm::Number,
                "range": self.form == PanelForm::Lines,
            })
        });
        let form = match self.form {
            PanelForm::Number => "stat",
            PanelForm::Lines => "timeseries",
        };
        json!({
            "type": form,
            "title": self.title,
            "description": self.doc,
            "datasource": datasource(),
            "gridPos": place,
            "fieldConfig": {"defaults": {"unit": self.unit, "min": 0}, "overrides": []},
            "options": self.options(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }

    fn options(&self) -> Value {
        match self.form {
            PanelForm::Lines => json!({"legend": {"displayMode": "list", "placement": "bottom"}}),
            PanelForm::Number => {
                // What the lines are called is what there is to see.
                let named = self.queries.all().iter().any(|(_, name)| !name.is_empty());
                let shown = if named { "name" } else { "value" };
                json!({"textMode": shown, "reduceOptions": {"calcs": ["lastNotNull"]}})
            }
        }
    }
}

/// Grafana's grid is 24 wide.
#[derive(Default)]
struct Place {
    x: u32,
    y: u32,
    height: u32,
}

impl Place {
    fn next(&mut self, form: PanelForm) -> Value {
        let (width, height) = match form {
            PanelForm::Number => (6, 4),
            PanelForm::Lines => (12, 8),
        };
        if self.x + width > 24 || (self.x > 0 && height != self.height) {
            self.x = 0;
            self.y += self.height;
        }
        let place = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.x += width;
        self.height = height;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_on_the_dashboard() {
        for row in METRICS {
            assert!(
                queries().any(|query| query.contains(row.name)),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn a_metric_without_a_panel_gets_one_of_its_row() {
        let row = |kind, labels| MetricRow {
            name: "x",
            kind,
            labels,
            doc: "",
        };
        assert_eq!(
            query(&row("counter", &["a", "b"])),
            "sum by (a, b) (increase(x{$in}[$__rate_interval]))"
        );
        assert_eq!(query(&row("gauge", &[])), "max (x{$in})");
        assert_eq!(
            query(&row("histogram", &["a"])),
            "histogram_quantile(0.99, sum by (le, a) (rate(x_bucket{$in}[$__rate_interval])))"
        );
    }
}
