//! What `tidings manifests` and others print, sent to the API server as it is.
//!
//! The API server reads the YAML; here only the lines are looked at that say what
//! a document is.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::{Method, Request, header};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta};
use kube::{Client, Resource};
use serde_json::{Value, json};

use crate::installed::text_of;
use crate::process;

/// One document.
#[derive(Clone, Debug)]
pub struct Document {
    /// `ClusterRole`
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, if it is in one.
    pub namespace: Option<String>,
    resource: ApiResource,
    yaml: String,
}

/// Runs `tidings manifests` with these options.
pub async fn printed(kubeconfig: &Path, options: &[&str]) -> Result<Vec<Document>> {
    let mut args = vec!["manifests"];
    args.extend(options);
    let output = process::run(kubeconfig, &args).await?;
    ensure!(output.status.success(), "{}", text_of(&output));
    read(&String::from_utf8(output.stdout)?)
}

/// Reads documents that somebody printed.
pub fn read(text: &str) -> Result<Vec<Document>> {
    let documents = format!("\n{text}");
    let documents = documents.split("\n---\n").map(str::trim_end);
    let documents = documents.filter(|part| part.lines().any(|line| !line.starts_with('#')));
    documents.map(Document::read).collect()
}

impl Document {
    fn read(yaml: &str) -> Result<Self> {
        let top = |start| field(yaml.lines(), start);
        let metadata = yaml.lines().skip_while(|line| *line != "metadata:").skip(1);
        let metadata = metadata.take_while(|line| line.starts_with("  "));
        let kind = top("kind:").context("no kind")?;
        let types = TypeMeta {
            api_version: top("apiVersion:").context("no apiVersion")?,
            kind: kind.clone(),
        };
        let gvk = GroupVersionKind::try_from(&types)?;
        let name = field(metadata.clone(), "  name:");
        Ok(Self {
            kind,
            name: name.with_context(|| format!("no name in {yaml}"))?,
            namespace: field(metadata, "  namespace:"),
            resource: ApiResource::from_gvk(&gvk),
            // Of a text at the end of a document (`|`) the last line has an end too.
            yaml: format!("{yaml}\n"),
        })
    }

    /// Whether it grants rights, or is the account that has them.
    pub fn is_about_rights(&self) -> bool {
        self.kind == "ServiceAccount" || self.kind.contains("Role")
    }

    /// Whether it holds rules, and not who has them.
    pub fn is_role(&self) -> bool {
        matches!(self.kind.as_str(), "Role" | "ClusterRole")
    }

    /// Applies it as `kubectl apply --server-side` does.
    pub async fn apply(&self, client: &Client) -> Result<Value> {
        self.patch(
            client,
            "fieldManager=rig&force=true",
            "apply-patch+yaml",
            &self.yaml,
        )
        .await
    }

    /// Has the API server check it, with nothing written: what it would make of it.
    /// A field that it does not know is an error.
    pub async fn dry_run(&self, client: &Client) -> Result<Value> {
        let query = "fieldManager=rig&force=true&dryRun=All&fieldValidation=Strict";
        self.patch(client, query, "apply-patch+yaml", &self.yaml)
            .await
    }

    /// Replaces the rules of the role that was applied.
    pub async fn set_rules(&self, client: &Client, rules: &[Value]) -> Result<()> {
        let rules = json!({"rules": rules}).to_string();
        self.patch(client, "fieldManager=rig", "merge-patch+json", &rules)
            .await?;
        Ok(())
    }

    async fn patch(&self, client: &Client, query: &str, form: &str, body: &str) -> Result<Value> {
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(format!("{}?{query}", self.path()))
            .header(header::CONTENT_TYPE, format!("application/{form}"))
            .body(body.as_bytes().to_vec())?;
        let answer = client.request(request).await;
        answer.with_context(|| format!("{} {}", self.kind, self.name))
    }

    /// Takes it away again; for what is in no namespace that a test deletes.
    pub async fn delete(&self, client: &Client) -> Result<()> {
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(self.path())
            .body(Vec::new())?;
        client.request::<Value>(request).await?;
        Ok(())
    }

    fn path(&self) -> String {
        let all = DynamicObject::url_path(&self.resource, self.namespace.as_deref());
        format!("{all}/{}", self.name)
    }
}

/// The value behind a key that stands at the start of a line.
fn field<'a>(mut lines: impl Iterator<Item = &'a str>, start: &str) -> Option<String> {
    let found = lines.find_map(|line| line.strip_prefix(start));
    found.map(|value| value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn a_document_says_what_it_is() {
        let yaml = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  labels:\n    name: no\n  name: tidings\n  namespace: own\n";
        let document = Document::read(yaml).unwrap();
        assert_eq!(document.name, "tidings");
        assert!(document.is_about_rights() && !document.is_role());
        let path = "/api/v1/namespaces/own/serviceaccounts/tidings";
        assert_eq!(document.path(), path);
    }
}
