//! The Grafana dashboard: one row a panel.

use serde_json::{Value, json};

use crate::File;

/// A panel.
struct Panel {
    title: &'static str,
    /// What a person sees in it.
    doc: &'static str,
    form: Form,
    /// Grafana's word for what is counted.
    unit: &'static str,
    /// Queries, each with the name of its lines. `$in` is the chosen installations.
    queries: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The value of now.
    Number,
    /// Lines over time.
    Lines,
}

const PANELS: &[Panel] = &[
    Panel {
        title: "Replicas that lead",
        doc: "One, unless a Lease has just changed hands. None: nothing is rolled.",
        form: Form::Number,
        unit: "short",
        queries: &[("sum(tidings_leader{$in})", "")],
    },
    Panel {
        title: "Rolls in the last day",
        doc: "Workloads that were rolled.",
        form: Form::Number,
        unit: "short",
        queries: &[(
            r#"sum(increase(tidings_rolls_total{result="done", $in}[1d]))"#,
            "",
        )],
    },
    Panel {
        title: "Problems now",
        doc: "What a person should mend; `tidings why -A` names the workloads.",
        form: Form::Number,
        unit: "short",
        queries: &[(
            "sum(max by (namespace, reason) (tidings_problems{$in}))",
            "",
        )],
    },
    Panel {
        title: "Version",
        doc: "What runs.",
        form: Form::Number,
        unit: "short",
        queries: &[("sum by (version) (tidings_build_info{$in})", "{{version}}")],
    },
    Panel {
        title: "Rolls",
        doc: "Attempts to roll a workload: done, refused by the API server, or taken without effect.",
        form: Form::Lines,
        unit: "short",
        queries: &[(
            "sum by (kind, result) (increase(tidings_rolls_total{$in}[$__rate_interval]))",
            "{{kind}} {{result}}",
        )],
    },
    Panel {
        title: "From a change to the roll",
        doc: "With the quiet time that changes are gathered in (`--settle`).",
        form: Form::Lines,
        unit: "s",
        queries: &[
            (
                "histogram_quantile(0.5, sum by (le) (rate(tidings_change_to_patch_seconds_bucket{$in}[$__rate_interval])))",
                "half",
            ),
            (
                "histogram_quantile(0.99, sum by (le) (rate(tidings_change_to_patch_seconds_bucket{$in}[$__rate_interval])))",
                "99 of 100",
            ),
        ],
    },
    Panel {
        title: "Decisions",
        doc: "By reason; docs/reasons.md says what each means.",
        form: Form::Lines,
        unit: "short",
        queries: &[(
            "sum by (reason) (increase(tidings_decisions_total{$in}[$__rate_interval]))",
            "{{reason}}",
        )],
    },
    Panel {
        title: "How workloads stand",
        doc: "Those that are opted in: in step, or by what keeps them from it.",
        form: Form::Lines,
        unit: "short",
        queries: &[(
            "max by (namespace, standing) (tidings_standing{$in})",
            "{{standing}}",
        )],
    },
    Panel {
        title: "Problems",
        doc: "As they were, by reason.",
        form: Form::Lines,
        unit: "short",
        queries: &[(
            "max by (namespace, reason) (tidings_problems{$in}) > 0",
            "{{reason}}",
        )],
    },
    Panel {
        title: "Workloads that wait to be decided",
        doc: "It returns to 0 when all is done.",
        form: Form::Lines,
        unit: "short",
        queries: &[("tidings_queue_depth{$in}", "{{pod}}")],
    },
    Panel {
        title: "Lists and watches that are not complete",
        doc: "What is missing here is not seen.",
        form: Form::Lines,
        unit: "short",
        queries: &[(
            "sum by (pod, stream) (tidings_streams_expected{$in} - tidings_streams_complete{$in})",
            "{{pod}} {{stream}}",
        )],
    },
    Panel {
        title: "Workloads and sources",
        doc: "How many are known; of sources, those that a workload uses or names.",
        form: Form::Lines,
        unit: "short",
        queries: &[
            ("max by (kind) (tidings_workloads{$in})", "{{kind}}"),
            ("max(tidings_sources{$in})", "sources"),
        ],
    },
    Panel {
        title: "Events",
        doc: "Attempts to send one, by the status of the answer (0: none), and those given up.",
        form: Form::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (code) (increase(tidings_event_requests_total{$in}[$__rate_interval]))",
                "{{code}}",
            ),
            (
                "sum(increase(tidings_events_dropped_total{$in}[$__rate_interval]))",
                "given up",
            ),
        ],
    },
    Panel {
        title: "Notifications",
        doc: "Attempts to send an alert or to call the webhook, by where to and by result, and alerts given up.",
        form: Form::Lines,
        unit: "short",
        queries: &[
            (
                "sum by (sink, result) (increase(tidings_notifications_total{$in}[$__rate_interval]))",
                "{{sink}} {{result}}",
            ),
            (
                "sum(increase(tidings_notifications_dropped_total{$in}[$__rate_interval]))",
                "given up",
            ),
        ],
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
    let all = PANELS.iter().flat_map(|panel| panel.queries);
    all.map(|(query, _)| query.replace(IN.0, IN.1))
}

fn page() -> Value {
    let mut place = Place::default();
    let panels = (1..).zip(PANELS).map(|(id, panel)| {
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

impl Panel {
    fn json(&self, place: &Value) -> Value {
        let targets = ('A'..).zip(self.queries).map(|(id, (query, name))| {
            json!({
                "refId": id.to_string(),
                "datasource": datasource(),
                "expr": query.replace(IN.0, IN.1),
                "legendFormat": name,
                "instant": self.form == Form::Number,
                "range": self.form == Form::Lines,
            })
        });
        let form = match self.form {
            Form::Number => "stat",
            Form::Lines => "timeseries",
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
            Form::Lines => json!({"legend": {"displayMode": "list", "placement": "bottom"}}),
            Form::Number => {
                // What the lines are called is what there is to see.
                let named = self.queries.iter().any(|(_, name)| !name.is_empty());
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
    fn next(&mut self, form: Form) -> Value {
        let (width, height) = match form {
            Form::Number => (6, 4),
            Form::Lines => (12, 8),
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
