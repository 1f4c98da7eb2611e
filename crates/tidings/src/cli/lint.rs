//! `tidings lint`: reads manifests without a cluster, and says what is wrong with
//! their annotations, or what would be different under Tidings.
//!
//! [`files`] reads; that is the only I/O. [`tree`] and [`objects`] make objects of
//! the texts, [`keys`] tells renamed annotations, [`cluster`] puts them into the controller's own index, [`problems`]
//! are what the controller itself would complain of, [`rules`] compare with the
//! tools that Tidings stands in for. [`report`] is what is said, the same for
//! eyes and for programs; [`table`] draws it.

pub mod cluster;
pub mod files;
pub mod keys;
pub mod objects;
pub mod problems;
pub mod report;
pub mod rules;
pub mod table;
pub mod tree;

use anyhow::Result;
use tidings_core::policy::Defaults;

use self::cluster::{Cluster, Role};
use self::files::Text;
use self::objects::{Object, Objects};
use self::problems::{Found, finding};
use self::report::{LintReport, Totals};
use self::rules::{Case, rules};
use crate::cli::exit::Exit;
use crate::settings::LintSettings;
use crate::settings::values::Output;

/// Lints the files that were asked about.
pub fn lint(settings: &LintSettings) -> Result<(String, Exit)> {
    let report = report(&files::read(&settings.paths), settings);
    let text = match settings.output {
        Output::Table => table::report(&report),
        Output::Json => report.json()?,
    };
    Ok((text, report.exit()))
}

/// What there is to say about these texts.
pub fn report(texts: &[Text], settings: &LintSettings) -> LintReport {
    let mut objects = Objects::read(texts, &settings.namespace);
    let (mut cluster, roles, misshapen) = Cluster::of(&objects.all, &settings.installation);
    objects.unread.extend(misshapen);
    let mut found = Vec::new();
    for (object, role) in objects.all.iter().zip(&roles) {
        found.extend(if settings.migrate {
            differences(object, role, &mut cluster, settings.installation.defaults)
        } else {
            problems::on(object, role, &mut cluster)
        });
    }
    let summary = Totals {
        files: texts.len(),
        objects: objects.all.len(),
        skipped: objects.skipped,
        ..Totals::default()
    };
    LintReport::new(found, objects.unread, summary)
}

fn differences(
    object: &Object,
    role: &Role,
    cluster: &mut Cluster,
    defaults: Defaults,
) -> Vec<Found> {
    let key = match role {
        Role::Workload(workload) => {
            cluster.verdict(workload);
            Some(&workload.key)
        }
        _ => None,
    };
    let case = Case {
        object,
        known: key.and_then(|key| cluster.known(key)),
        is_source: matches!(role, Role::Source(_)),
        index: &cluster.index,
        vocabulary: cluster.vocabulary(),
        defaults,
    };
    let hits = rules().flat_map(|rule| {
        let hits = rule.hits(&case).into_iter();
        hits.map(|hit| finding(rule.meaning(), object, hit.line, hit.text))
    });
    hits.collect()
}
