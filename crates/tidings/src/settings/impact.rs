//! What `tidings impact` was told, validated.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tidings_core::refs::{Name, SourceKind};

use super::args::ImpactArgs;
use super::values::ImpactForm;
use super::{Installation, Misuse, Surroundings};

/// All that `tidings impact` needs to know.
#[derive(Clone, Debug)]
pub struct ImpactSettings {
    /// On which terms Tidings runs there, or would.
    pub installation: Installation,
    /// What is supposed.
    pub supposed: Supposed,
    /// The namespace of what names none; `None` is that of the kubeconfig's context.
    pub namespace: Option<Name>,
    /// The form of the answer.
    pub output: ImpactForm,
}

/// What is supposed to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Supposed {
    /// The manifests of these files, directories, or `-`.
    Files(Vec<PathBuf>),
    /// Other content of these sources.
    Sources(Vec<SupposedSource>),
}

/// A source of which it is supposed that its content is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupposedSource {
    /// Its kind.
    pub kind: SourceKind,
    /// Its name.
    pub name: Name,
    /// In these keys; none: in all that it has.
    pub keys: BTreeSet<Name>,
}

impl ImpactSettings {
    /// Checks the options of `tidings impact` together.
    pub fn new(args: &ImpactArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let sources = args.sources.iter().map(|text| SupposedSource::parse(text));
        let supposed = if args.sources.is_empty() {
            Supposed::Files(args.files.clone())
        } else {
            Supposed::Sources(sources.collect::<Result<_, _>>()?)
        };
        Ok(Self {
            installation: Installation::asked(&args.installation, around)?,
            supposed,
            namespace: args.namespace.as_deref().map(Name::from),
            output: args.output,
        })
    }
}

impl SupposedSource {
    fn parse(text: &str) -> Result<Self, Misuse> {
        let (source, keys) = text.split_once('=').unwrap_or((text, ""));
        let found = source.split_once('/').and_then(|(kind, name)| {
            let kind = SourceKind::parse(kind)?;
            let is_read = kind != SourceKind::SecretProviderClass && !name.is_empty();
            is_read.then(|| (kind, Name::from(name)))
        });
        let wrong = || {
            Misuse(format!(
                "{text:?} is not a source such as configmap/app, secret/db or \
                 configmap/app=LOG_LEVEL,PORT"
            ))
        };
        let (kind, name) = found.ok_or_else(wrong)?;
        let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
        let keys: BTreeSet<_> = keys.map(Name::from).collect();
        if text.contains('=') && keys.is_empty() {
            return Err(wrong());
        }
        Ok(Self { kind, name, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_written_as_for_kubectl() {
        let parsed = SupposedSource::parse("cm/app=LOG_LEVEL,PORT").unwrap();
        assert_eq!((parsed.kind, &*parsed.name), (SourceKind::ConfigMap, "app"));
        assert_eq!(parsed.keys, ["LOG_LEVEL", "PORT"].map(Name::from).into());
        assert!(SupposedSource::parse("secrets/db").unwrap().keys.is_empty());
        for wrong in ["app", "deploy/web", "cm/", "cm/app=", "spc/vault"] {
            assert!(SupposedSource::parse(wrong).is_err(), "{wrong}");
        }
    }
}
