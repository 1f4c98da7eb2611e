//! What an agent is asked, as it is sent.

use tidings_core::ladder::{Agent, AgentQuestion};
use tidings_core::refs::{Name, SourceRef};
use tidings_wire::digest::Source;
use tidings_wire::holds::{FileAsked, LONGEST_QUESTION, MOST_FILES, Question};

/// The question, in JSON; or why it cannot be asked.
pub(super) fn written(namespace: &Name, agent: &Agent) -> Result<Vec<u8>, String> {
    if agent.questions.len() > MOST_FILES {
        let many = agent.questions.len();
        return Err(format!(
            "{} mounts {many} files, and an agent is asked about {MOST_FILES} at most",
            agent.container
        ));
    }
    let files = agent.questions.iter();
    let files = files.map(|asked| file(namespace, asked)).collect();
    let json = serde_json::to_vec(&Question { files }).unwrap_or_default();
    if json.len() > LONGEST_QUESTION {
        return Err(format!(
            "the paths that {} mounts are too long to be asked about",
            agent.container
        ));
    }
    Ok(json)
}

/// One without a key stands for a folder, whatever is in it.
fn file(namespace: &Name, asked: &AgentQuestion) -> FileAsked {
    let of = &asked.file;
    let source = SourceRef::new(of.kind, namespace.clone(), of.source.clone());
    FileAsked {
        path: asked.path.clone(),
        source: Source::from(&source).to_string(),
        key: of.key.as_deref().unwrap_or_default().to_owned(),
        digest: asked.wanted,
    }
}
