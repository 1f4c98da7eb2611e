//! `tidings lint`: reads manifests without a cluster, and says what is wrong with
//! their annotations, or what would be different under Tidings.
//!
//! [`input`] reads and makes objects of the texts; that is the only I/O. [`keys`] tells
//! renamed annotations, [`unseen`] those that stand where nothing reads them, [`cluster`]
//! puts the objects into the controller's own index, [`problems`] are what the controller
//! itself would complain of, [`rules`] what is a mistake whoever reads it, and what differs
//! from the tools that Tidings stands in for. [`report`] is what is said, the same for eyes
//! and for programs; [`table`] draws it.
//!
//! [`input`]: crate::cli::input

pub mod cluster;
pub mod keys;
pub mod problems;
pub mod report;
pub mod rules;
pub mod table;

use anyhow::Result;

use self::cluster::{Cluster, Role};
use self::problems::{Found, finding};
use self::report::{LintReport, Totals};
use self::rules::{Case, mistakes, rules};
use crate::cli::exit::Exit;
use crate::cli::input::files::{self, Text};
use crate::cli::input::objects::{Object, Objects};
use crate::cli::input::unseen;
use crate::cli::screen::Screen;
use crate::cli::yaml;
use crate::settings::LintSettings;
use crate::settings::values::Output;

/// Lints the files that were asked about.
pub fn lint(settings: &LintSettings) -> Result<(String, Exit)> {
    let report = report(&files::read(&settings.paths), settings);
    let text = match settings.output {
        Output::Table => table::report(&report, &Screen::of_stdout()),
        Output::Json => report.json()?,
        Output::Yaml => yaml::of(&report)?,
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
        if !settings.migrate {
            found.extend(problems::on(object, role, &mut cluster));
        }
        found.extend(by_rules(object, role, &mut cluster, settings));
    }
    let unseen = objects.all.iter().map(|object| unseen::on(object).len());
    let summary = Totals {
        files: texts.len() - objects.templates.len(),
        objects: objects.all.len(),
        skipped: objects.skipped,
        templates: objects.templates.len(),
        unseen: objects.unseen + unseen.sum::<usize>(),
        ..Totals::default()
    };
    LintReport {
        templates: objects.templates,
        ..LintReport::new(found, objects.unread, summary)
    }
}

/// What the rules find on an object: all of them, or those of which the finds are
/// mistakes for everybody.
fn by_rules(
    object: &Object,
    role: &Role,
    cluster: &mut Cluster,
    settings: &LintSettings,
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
        defaults: settings.installation.defaults,
        enabled: settings.installation.rules.enabled,
    };
    let rules: Vec<_> = if settings.migrate {
        rules().collect()
    } else {
        mistakes().collect()
    };
    let hits = rules.into_iter().flat_map(|rule| {
        let hits = rule.hits(&case).into_iter();
        hits.map(|hit| finding(rule.meaning(), object, hit.line, hit.text))
    });
    hits.collect()
}
