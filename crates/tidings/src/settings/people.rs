//! What `tidings approve`, `reject`, `resume`, `pause` and `unpause` were told, validated.

use tidings_core::kinds::Kind;
use tidings_core::number::Number;
use tidings_core::refs::Name;
use tidings_core::word::Say;

use super::args::{ApproveArgs, MannerArgs, PauseArgs, PausedArgs, WordArgs};
use super::values::Output;
use super::{Installation, Misuse, Surroundings, rolled};

/// By which words a whole namespace is named.
const NAMESPACE_WORDS: [&str; 3] = ["namespace", "ns", "namespaces"];

/// All that a word about what waits needs to know.
#[derive(Clone, Debug)]
pub struct WordSettings {
    /// The installation whose number it is.
    pub installation: Installation,
    /// What is said.
    pub word: Say,
    /// The kind of the workload.
    pub kind: &'static Kind,
    /// Its name.
    pub name: Name,
    /// Its namespace; `None` is that of the kubeconfig's context.
    pub namespace: Option<Name>,
    /// The number that is meant; `None`: the one that waits.
    pub number: Option<Number>,
    /// How it is asked and told.
    pub manner: Manner,
}

/// How it is asked and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Whether nobody is asked.
    pub yes: bool,
    /// The form of the answer.
    pub output: Output,
}

impl From<MannerArgs> for Manner {
    fn from(MannerArgs { yes, output }: MannerArgs) -> Self {
        Self { yes, output }
    }
}

/// What is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseExtent {
    /// One workload.
    Workload {
        /// Its kind.
        kind: &'static Kind,
        /// Its name.
        name: Name,
        /// Its namespace; `None` is that of the kubeconfig's context.
        namespace: Option<Name>,
    },
    /// All of a namespace.
    Namespace(Name),
    /// All that the installation rolls.
    Everything,
}

/// For how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Until somebody ends it.
    Open,
    /// Until this time, in seconds since 1970.
    Until(i64),
    /// For so many seconds from now.
    For(i64),
}

/// All that a pause, or its end, needs to know.
#[derive(Clone, Debug)]
pub struct PauseSettings {
    /// The installation that is paused.
    pub installation: Installation,
    /// What of it.
    pub what: PauseExtent,
    /// For how long; `None` ends it.
    pub span: Option<Span>,
    /// How it is asked and told.
    pub manner: Manner,
}

impl WordSettings {
    /// Checks the options of `tidings approve` together.
    pub fn approve(args: &ApproveArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Self::new(Say::Approve { at_once: args.now }, &args.word, around)
    }

    /// The same of a word that has no options of its own.
    pub fn new(word: Say, args: &WordArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let installation = Installation::asked(&args.installation, around)?;
        let (kind, name) = rolled(&installation.kinds, &args.workload)?;
        Ok(Self {
            installation,
            word,
            kind,
            name,
            namespace: args.namespace.as_deref().map(Name::from),
            number: args.number.as_deref().and_then(Number::parse),
            manner: Manner::from(args.manner),
        })
    }
}

impl PauseSettings {
    /// Checks the options of `tidings pause` together.
    pub fn pause(args: &PauseArgs, around: &Surroundings) -> Result<Self, Misuse> {
        let length = args.r#for.map(|time| time.as_secs());
        let length = length.map(|seconds| Span::For(i64::try_from(seconds).unwrap_or(i64::MAX)));
        let span = length.or(args.until.map(Span::Until));
        Self::new(&args.what, Some(span.unwrap_or(Span::Open)), around)
    }

    /// The same of `tidings unpause`.
    pub fn unpause(args: &PausedArgs, around: &Surroundings) -> Result<Self, Misuse> {
        Self::new(args, None, around)
    }

    fn new(args: &PausedArgs, span: Option<Span>, around: &Surroundings) -> Result<Self, Misuse> {
        let installation = Installation::asked(&args.installation, around)?;
        let what = extent(args, &installation)?;
        Ok(Self {
            installation,
            what,
            span,
            manner: Manner::from(args.manner),
        })
    }
}

fn extent(args: &PausedArgs, installation: &Installation) -> Result<PauseExtent, Misuse> {
    let Some(text) = &args.workload else {
        return Ok(PauseExtent::Everything);
    };
    let namespace = args.namespace.as_deref();
    match text.split_once('/') {
        Some((word, name)) if NAMESPACE_WORDS.contains(&word) => match namespace {
            Some(other) if other != name => Err(Misuse::new(format!(
                "{text} is paused as a whole: leave out -n {other}"
            ))),
            _ => Ok(PauseExtent::Namespace(name.into())),
        },
        _ => {
            let (kind, name) = rolled(&installation.kinds, text)?;
            let namespace = namespace.map(Name::from);
            Ok(PauseExtent::Workload {
                kind,
                name,
                namespace,
            })
        }
    }
}
