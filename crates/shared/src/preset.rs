//! How known programs take a change of their configuration: one row each.
//!
//! In: nothing. Out: [`PRESETS`], which the agent follows under `--preset`, by which
//! `tidings inject` knows programs, and from which `docs/presets.md` is made. Each row
//! names where its facts are written; those marked *tested* run against the real server
//! in CI.

/// How a program is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// By this signal, which it certainly handles.
    Signal(&'static str),
    /// By a call of this method and address.
    Http(&'static str, &'static str),
    /// By being started again: it reads its configuration only then.
    Restart,
    /// Not at all: it looks at its files by itself.
    ByItself,
}

/// What shows that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing does; the outcome is `unverified`.
    None,
    /// The answer to the call itself.
    Answer,
    /// The master has new children.
    Children,
    /// At this address, this changes and this says success: a metric's name, one with
    /// a label in braces, or a dotted path of a JSON document; after `!` a counter of
    /// failures.
    Moves(&'static str, &'static str, Option<&'static str>),
}

/// One program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The name after `--preset`.
    pub name: &'static str,
    /// Names of its process, for `watch`; tried in order.
    pub process: &'static [&'static str],
    /// How it is told.
    pub reload: Reload,
    /// A command that refuses a broken configuration; empty: it has none, or
    /// the command needs to know a file name and is for `--check` to give.
    pub check: &'static str,
    /// What shows that it took.
    pub proof: Proof,
    /// Where this is written.
    pub source: &'static str,
    /// What else to know; may be empty.
    pub note: &'static str,
    /// Whether the row runs against the real server in the tests.
    pub tested: bool,
}

/// The row of this name.
pub fn named(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// All rows, by name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "alertmanager",
        process: &["alertmanager", "prometheus-alertmanager"],
        reload: Reload::Http("POST", "http://127.0.0.1:9093/-/reload"),
        check: "",
        proof: Proof::Answer,
        source: "github.com/prometheus/alertmanager docs/management_api.md",
        note: "Check with `amtool check-config FILE`. Answers 500 and keeps the old configuration if the new one is broken.",
        tested: true,
    },
    Preset {
        name: "alloy",
        process: &["alloy"],
        reload: Reload::Http("POST", "http://127.0.0.1:12345/-/reload"),
        check: "",
        proof: Proof::Answer,
        source: "github.com/grafana/alloy docs/sources/reference/http",
        note: "Answers 400 with the error if the new configuration is broken.",
        tested: false,
    },
    Preset {
        name: "apache",
        process: &["apache2", "httpd"],
        reload: Reload::Signal("USR1"),
        check: "apachectl -t",
        proof: Proof::Children,
        source: "httpd.apache.org docs/manual/stopping.html, \"Graceful Restart\"",
        note: "A broken configuration ends httpd at USR1, so never leave the check out.",
        tested: true,
    },
    Preset {
        name: "bind",
        process: &["named"],
        reload: Reload::Signal("HUP"),
        check: "named-checkconf",
        proof: Proof::None,
        source: "github.com/isc-projects/bind9 bin/named/named.rst, \"Signals\"",
        note: "named-checkconf looks at the syntax; `-z` also loads the zones. Where rndc is set up, `--prove 'prints-anew=rndc status'` proves it.",
        tested: true,
    },
    Preset {
        name: "blackbox-exporter",
        process: &["blackbox_exporter", "prometheus-blackbox-exporter"],
        reload: Reload::Http("POST", "http://127.0.0.1:9115/-/reload"),
        check: "",
        proof: Proof::Answer,
        source: "github.com/prometheus/blackbox_exporter README.md, \"Configuration\"",
        note: "",
        tested: true,
    },
    Preset {
        name: "caddy",
        process: &["caddy"],
        reload: Reload::Signal("USR1"),
        check: "",
        proof: Proof::Moves(
            "http://127.0.0.1:2019/metrics",
            "caddy_config_last_reload_success_timestamp_seconds",
            Some("caddy_config_last_reload_successful"),
        ),
        source: "github.com/caddyserver/caddy sigtrap_posix.go, metrics.go",
        note: "Check with `caddy validate --config FILE`: its metrics say nothing of a file that it cannot read. Since 2.11, and only for `caddy run --config FILE`; older ones need `--exec 'caddy reload --config FILE'`.",
        tested: true,
    },
    Preset {
        name: "coredns",
        process: &["coredns"],
        reload: Reload::Signal("USR1"),
        check: "",
        proof: Proof::None,
        source: "github.com/coredns/coredns man/coredns.1, plugin/reload/README.md",
        note: "Without the plugin `reload` only, whose own reloads fail for good after a signal (1.13.2); with it, `coredns-reload`. A broken Corefile is kept out and `unverified`: no metric tells of a reload by signal.",
        tested: true,
    },
    Preset {
        name: "coredns-reload",
        process: &["coredns"],
        reload: Reload::ByItself,
        check: "",
        proof: Proof::Moves(
            "http://127.0.0.1:9153/metrics",
            "coredns_reload_version_info{value}",
            Some("!coredns_reload_failed_total"),
        ),
        source: "github.com/coredns/coredns plugin/reload/README.md",
        note: "With the plugins `reload` and `prometheus` in the Corefile. It looks each 30 s or so: give `--prove-timeout 45s`, or write `reload 2s 1s`. A Corefile that cannot even be parsed moves no metric: `unverified`.",
        tested: true,
    },
    Preset {
        name: "dnsmasq",
        process: &["dnsmasq"],
        reload: Reload::Restart,
        check: "dnsmasq --test",
        proof: Proof::None,
        source: "dnsmasq(8), \"NOTES\"",
        note: "HUP reads hosts and ethers again and never the configuration file. For those two only: `--signal HUP`.",
        tested: true,
    },
    Preset {
        name: "fluent-bit",
        process: &["fluent-bit"],
        reload: Reload::Http("POST", "http://127.0.0.1:2020/api/v2/reload"),
        check: "",
        proof: Proof::Moves(
            "http://127.0.0.1:2020/api/v2/reload",
            "hot_reload_count",
            None,
        ),
        source: "github.com/fluent/fluent-bit-docs administration/hot-reload.md",
        note: "Needs `hot_reload: on` (-Y) and the HTTP server.",
        tested: false,
    },
    Preset {
        name: "fluentd",
        process: &["fluentd"],
        reload: Reload::Signal("USR2"),
        check: "",
        proof: Proof::None,
        source: "github.com/fluent/fluentd-docs-gitbook deployment/signals.md",
        note: "Since 1.9, to the supervisor.",
        tested: false,
    },
    Preset {
        name: "gunicorn",
        process: &["gunicorn"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::Children,
        source: "github.com/benoitc/gunicorn docs, signals",
        note: "A broken file ends gunicorn at HUP: check with `gunicorn --check-config -c FILE MODULE:APP`.",
        tested: true,
    },
    Preset {
        name: "haproxy",
        process: &["haproxy"],
        reload: Reload::Signal("USR2"),
        check: "haproxy -c -f /etc/haproxy/haproxy.cfg",
        proof: Proof::Children,
        source: "haproxy.org doc/management.txt, section 4",
        note: "Only in master-worker mode (-W or -Ws). With another file, give --check.",
        tested: true,
    },
    Preset {
        name: "mosquitto",
        process: &["mosquitto"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "mosquitto(8), \"SIGNALS\"",
        note: "Takes part of the settings, and certificates; listeners need a restart. Checking needs 2.1: `mosquitto -c FILE --test-config`.",
        tested: true,
    },
    Preset {
        name: "nats",
        process: &["nats-server"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::Moves("http://127.0.0.1:8222/varz", "config_load_time", None),
        source: "github.com/nats-io/nats.docs running-a-nats-service/nats_admin/signals.md",
        note: "Check with `nats-server -t -c FILE`.",
        tested: true,
    },
    Preset {
        name: "nginx",
        process: &["nginx"],
        reload: Reload::Signal("HUP"),
        check: "nginx -t",
        proof: Proof::Children,
        source: "nginx.org/en/docs/control.html, \"Changing Configuration\"",
        note: "OpenResty too: its process is called nginx.",
        tested: true,
    },
    Preset {
        name: "otel-collector",
        process: &["otelcol", "otelcol-contrib", "otelcol-k8s"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "github.com/open-telemetry/opentelemetry-collector otelcol/collector.go",
        note: "Check with `otelcol validate --config FILE`.",
        tested: false,
    },
    Preset {
        name: "pgbouncer",
        process: &["pgbouncer"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "pgbouncer.org/usage.html, \"Signals\"",
        note: "A faulty file is logged, and what was there stays. Where an admin may log in and settings change (not databases): `--prove 'prints-anew=psql -U ADMIN pgbouncer -Atc \"show config\"'`.",
        tested: true,
    },
    Preset {
        name: "php-fpm",
        process: &["php-fpm", "php-fpm8.2", "php-fpm8.3", "php-fpm8.4"],
        reload: Reload::Signal("USR2"),
        check: "php-fpm -t",
        proof: Proof::Children,
        source: "php-fpm(8), \"SIGNALS\"",
        note: "",
        tested: true,
    },
    Preset {
        name: "postgresql",
        process: &["postgres"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "postgresql.org/docs/current/app-postgres.html, \"Notes\"",
        note: "A faulty line is skipped and logged. With a user that may log in: `--prove 'prints-anew=psql -Atc \"select pg_conf_load_time()\"'`.",
        tested: true,
    },
    Preset {
        name: "prometheus",
        process: &["prometheus"],
        reload: Reload::Http("POST", "http://127.0.0.1:9090/-/reload"),
        check: "",
        proof: Proof::Answer,
        source: "github.com/prometheus/prometheus docs/management_api.md",
        note: "Needs --web.enable-lifecycle; without it use `prometheus-signal`. Check with `promtool check config FILE`.",
        tested: true,
    },
    Preset {
        name: "prometheus-signal",
        process: &["prometheus"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::Moves(
            "http://127.0.0.1:9090/metrics",
            "prometheus_config_last_reload_success_timestamp_seconds",
            Some("prometheus_config_last_reload_successful"),
        ),
        source: "github.com/prometheus/prometheus docs/configuration/configuration.md",
        note: "Check with `promtool check config FILE`.",
        tested: true,
    },
    Preset {
        name: "rsyslog",
        process: &["rsyslogd"],
        reload: Reload::Restart,
        check: "rsyslogd -N1",
        proof: Proof::None,
        source: "rsyslogd(8), \"SIGNALS\"",
        note: "HUP only opens its files anew; the configuration is read at start.",
        tested: true,
    },
    Preset {
        name: "squid",
        process: &["squid"],
        reload: Reload::Signal("HUP"),
        check: "squid -k parse",
        proof: Proof::None,
        source: "squid(8), \"OPTIONS\", -k reconfigure",
        note: "",
        tested: true,
    },
    Preset {
        name: "telegraf",
        process: &["telegraf"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "github.com/influxdata/telegraf cmd/telegraf/telegraf.go",
        note: "Check with `telegraf config check`.",
        tested: false,
    },
    Preset {
        name: "traefik",
        process: &["traefik"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "github.com/traefik/traefik pkg/provider/file/file.go",
        note: "The files of the file provider; it also watches them by itself.",
        tested: false,
    },
    Preset {
        name: "unbound",
        process: &["unbound"],
        reload: Reload::Signal("HUP"),
        check: "unbound-checkconf",
        proof: Proof::None,
        source: "github.com/NLnetLabs/unbound daemon/worker.c; unbound(8)",
        note: "Empties the cache; `--exec 'unbound-control reload_keep_cache'` does not.",
        tested: true,
    },
    Preset {
        name: "uwsgi",
        process: &["uwsgi"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::Children,
        source: "github.com/unbit/uwsgi-docs Management.rst",
        note: "Only with `master = true`. HUP has it start itself anew in its place: a file that it refuses ends it, and no check of one is known. TERM does the same unless `die-on-term = true`, so set that.",
        tested: true,
    },
    Preset {
        name: "vector",
        process: &["vector"],
        reload: Reload::Signal("HUP"),
        check: "",
        proof: Proof::None,
        source: "github.com/vectordotdev/vector website/content/en/docs/administration/management.md",
        note: "Check with `vector validate FILE`.",
        tested: false,
    },
];

/// How programs that go to the background by themselves are kept in the foreground,
/// by the name of their executable; from their manual pages.
const FOREGROUND: &[(&str, &str)] = &[
    ("apache2", "apache2 -DFOREGROUND"),
    ("dnsmasq", "dnsmasq --keep-in-foreground"),
    ("gunicorn", "gunicorn without --daemon"),
    ("haproxy", "haproxy -W -db, without -D"),
    ("httpd", "httpd -DFOREGROUND"),
    ("keepalived", "keepalived --dont-fork"),
    ("mosquitto", "mosquitto without -d"),
    ("named", "named -f"),
    ("nginx", "nginx -g 'daemon off;'"),
    ("openresty", "openresty -g 'daemon off;'"),
    ("pgbouncer", "pgbouncer without -d"),
    ("php-fpm", "php-fpm -F"),
    ("rsyslogd", "rsyslogd -n"),
    ("squid", "squid --foreground"),
    ("sshd", "sshd -D"),
    ("unbound", "unbound -d"),
    ("uwsgi", "uwsgi without --daemonize"),
];

/// What to write so that the program of this name stays in the foreground.
pub fn in_foreground(program: &str) -> Option<&'static str> {
    // Debian's carry their version: php-fpm8.2.
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is = |row: &&(&str, &str)| row.0 == program || row.0 == name;
    FOREGROUND.iter().find(is).map(|row| row.1)
}

/// The reference page, from the rows.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for preset in PRESETS {
        page.push_str(&row(preset));
    }
    page
}

const HEAD: &str = "# Presets

Made from the table in `crates/shared/src/preset.rs`; `make docs` writes it anew.
Options that are given overrule the preset. A row marked ✓ runs against the real
server in the tests.

| `--preset` | tested | reload | check | proof | note | source |
|---|---|---|---|---|---|---|
";

fn row(preset: &Preset) -> String {
    let reload = match preset.reload {
        Reload::Signal(signal) => format!("{signal} to `{}`", preset.process[0]),
        Reload::Http(method, url) => format!("{method} `{url}`"),
        Reload::Restart => "restart".to_owned(),
        Reload::ByItself => "by itself".to_owned(),
    };
    let proof = match preset.proof {
        Proof::None => "–".to_owned(),
        Proof::Answer => "the answer".to_owned(),
        Proof::Children => "new children".to_owned(),
        Proof::Moves(url, stamp, _) => format!("`{stamp}` at `{url}` changes"),
    };
    let check = if preset.check.is_empty() {
        "–".to_owned()
    } else {
        format!("`{}`", preset.check)
    };
    let tested = if preset.tested { "✓" } else { "" };
    let note = preset.note.replace('|', "\\|");
    format!(
        "| {} | {tested} | {reload} | {check} | {proof} | {note} | {} |\n",
        preset.name, preset.source
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_sourced_and_make_sense() {
        assert!(PRESETS.len() >= 15);
        assert!(PRESETS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for preset in PRESETS {
            assert!(!preset.source.is_empty() && !preset.process.is_empty());
            let by_call = matches!(preset.reload, Reload::Http(..));
            assert!(by_call || preset.proof != Proof::Answer, "{}", preset.name);
        }
    }

    #[test]
    fn who_goes_to_the_background_is_told_what_to_write() {
        assert!(FOREGROUND.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(in_foreground("php-fpm8.2"), Some("php-fpm -F"));
        assert_eq!(in_foreground("apache2"), Some("apache2 -DFOREGROUND"));
        assert_eq!(in_foreground("prometheus"), None);
    }

    #[test]
    fn names_are_found() {
        assert_eq!(named("nginx").map(|preset| preset.check), Some("nginx -t"));
        assert_eq!(named("nothing"), None);
    }

    #[test]
    fn the_page_has_a_row_for_each() {
        assert_eq!(
            reference().lines().count(),
            HEAD.lines().count() + PRESETS.len()
        );
    }
}
