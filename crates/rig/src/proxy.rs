//! A proxy between a program under test and the API server: records what passes
//! and disturbs it as a test wishes.
//!
//! In: the requests of a client with one of the proxy's kubeconfigs. Out: the same
//! requests to the API server, with the client's own token, and the answers,
//! watches too, as they come. Tests read [`Proxy::requests`], and call for trouble
//! by [`Proxy::inject`] (single requests) or the door ([`Proxy::refuse`],
//! [`Proxy::freeze`], [`Proxy::cut`]). What goes wrong on a connection closes it,
//! as it would anywhere.

mod body;
mod door;
pub mod fault;
mod memory;
mod record;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http::{Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use kube::Client;
use kube::client::Body;
use kube::config::AuthInfo;
use regex::Regex;
use tokio::task::JoinHandle;

use self::body::AnswerBody;
use self::door::Door;
use self::fault::{Effect, Fault, Faults, Injected};
use self::record::Record;
pub use self::record::Seen;
use crate::certs::Authority;
use crate::cluster::Cluster;
use crate::kubeconfig;
use crate::ports::free_port;

/// The proxy; it ends when dropped.
pub struct Proxy<'c> {
    cluster: &'c Cluster,
    authority: Authority,
    wire: Arc<Wire>,
    door: Arc<Door>,
    port: u16,
    task: JoinHandle<()>,
}

/// A kubeconfig, and the files that it names.
pub struct Files {
    /// The kubeconfig.
    pub kubeconfig: PathBuf,
    /// The token.
    pub token: PathBuf,
    /// The certificate of the authority.
    pub authority: PathBuf,
}

/// What every connection shares.
struct Wire {
    upstream: Client,
    record: Record,
    faults: Faults,
}

impl<'c> Proxy<'c> {
    /// Starts a proxy to the cluster, on a port of its own, with nothing in the way.
    pub async fn start(cluster: &'c Cluster) -> Result<Self> {
        let authority = Authority::new()?;
        let port = free_port()?;
        let wire = Arc::new(Wire {
            upstream: upstream(cluster).await?,
            record: Record::default(),
            faults: Faults::default(),
        });
        let door = Arc::new(Door::new(port, &authority)?);
        let listener = door.listen().await.context("listen")?;
        let task = tokio::spawn(door::serve(door.clone(), listener, wire.clone()));
        Ok(Self {
            cluster,
            authority,
            wire,
            door,
            port,
            task,
        })
    }

    /// The proxy's address.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// As [`Cluster::kubeconfig_for`], by way of the proxy.
    pub async fn kubeconfig_for(&self, user: &str) -> Result<PathBuf> {
        let direct = self.cluster.kubeconfig_for(user).await?;
        let file = self.cluster.new_file("proxy");
        kubeconfig::redirect(&direct, &file, &self.url(), self.authority.pem())?;
        Ok(file)
    }

    /// As [`Proxy::kubeconfig_for`], with the credentials in files beside it.
    pub async fn files_for(&self, user: &str) -> Result<Files> {
        let inline = self.kubeconfig_for(user).await?;
        let files = Files {
            kubeconfig: self.cluster.new_file("files"),
            token: self.cluster.new_file("token"),
            authority: self.cluster.new_file("authority"),
        };
        std::fs::write(&files.token, kubeconfig::token(&inline)?)?;
        std::fs::write(&files.authority, self.authority.pem())?;
        kubeconfig::with_files(&inline, &files.kubeconfig, &files.token, &files.authority)?;
        Ok(files)
    }

    /// A new token of a user.
    pub async fn token_for(&self, user: &str) -> Result<String> {
        kubeconfig::token(&self.cluster.kubeconfig_for(user).await?)
    }

    /// Shows a certificate of another authority from now on, whose own it returns, and
    /// closes all connections.
    pub fn renew_authority(&self) -> Result<String> {
        let authority = Authority::new()?;
        self.door.be_of(&authority)?;
        self.door.cut();
        Ok(authority.pem().to_owned())
    }

    /// All requests since the start or the last [`Proxy::forget`].
    pub fn requests(&self) -> Vec<Seen> {
        self.wire.record.all()
    }

    /// The requests with this method (`*`: any) whose path, alone or with its query,
    /// matches this regular expression.
    pub fn matching(&self, method: &str, path: &str) -> Result<Vec<Seen>> {
        let pattern = Regex::new(path)?;
        let mut seen = self.requests();
        seen.retain(|one| one.is(method, &pattern));
        Ok(seen)
    }

    /// How many there are of them.
    pub fn count(&self, method: &str, path: &str) -> Result<usize> {
        Ok(self.matching(method, path)?.len())
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.wire.record.clear();
    }

    /// Disturbs the requests that match the fault, from now on.
    pub fn inject(&self, fault: Fault) -> Result<Injected> {
        self.wire.faults.add(fault)
    }

    /// Closes all connections and refuses new ones.
    pub fn refuse(&self) {
        self.door.refuse();
    }

    /// Lets no byte through, with all connections left open.
    pub fn freeze(&self) {
        self.door.freeze();
    }

    /// Ends [`Proxy::refuse`] and [`Proxy::freeze`].
    pub fn restore(&self) {
        self.door.open();
    }

    /// Closes all connections that are open now; new ones are welcome.
    pub fn cut(&self) {
        self.door.cut();
    }
}

impl Drop for Proxy<'_> {
    fn drop(&mut self) {
        self.task.abort();
        self.door.cut();
    }
}

/// A client without an identity (each request brings its own), without a timeout
/// and without retries: those are the client's to have.
fn is_watch<B>(request: &http::Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.contains("watch=true")
}

async fn upstream(cluster: &Cluster) -> Result<Client> {
    let mut config = cluster.config().await?;
    config.auth_info = AuthInfo::default();
    config.read_timeout = None;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

impl Wire {
    /// Answers one request; an error closes its connection without an answer.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let seen = self.record.add(&parts, &body);
        parts.headers.remove(header::HOST);
        let effect = self.faults.strike(&seen);
        let request = Request::from_parts(parts, Body::from(body.to_vec()));
        let answer = self.disturbed(request, effect).await?;
        Ok(seen.answered(answer))
    }

    async fn disturbed(
        &self,
        request: Request<Body>,
        effect: Option<Effect>,
    ) -> Result<Response<AnswerBody>> {
        let (before, after) = match effect {
            Some(Effect::Answer(status, wait)) => {
                return Ok(fault::answer(status, wait)?.map(body::whole));
            }
            Some(Effect::Delay(time)) => (time, Duration::ZERO),
            Some(Effect::AnswerLate(time)) => (Duration::ZERO, time),
            Some(Effect::LoseAnswer) => {
                self.upstream.send(request).await?;
                anyhow::bail!("the answer is lost");
            }
            Some(Effect::Say(text)) => return Ok(Response::new(body::text(text))),
            Some(Effect::Flood(code)) => {
                return Ok(Response::builder().status(code).body(body::flood())?);
            }
            Some(Effect::Silence) => return Ok(Response::new(body::silence())),
            Some(Effect::Cut(at)) => {
                let answer = self.upstream.send(request).await?;
                return Ok(answer.map(|whole| body::cut(whole, at)));
            }
            Some(Effect::Without(name)) => {
                let is_watch = is_watch(&request);
                let answer = self.upstream.send(request).await?;
                return body::without(answer, name, is_watch).await;
            }
            Some(Effect::Bare) => {
                let is_watch = is_watch(&request);
                let answer = self.upstream.send(request).await?;
                return body::bare(answer, is_watch).await;
            }
            Some(Effect::Older(memory)) => {
                let question = request.uri().to_string();
                let answer = self.upstream.send(request).await?;
                return memory.first(question, answer).await;
            }
            None => (Duration::ZERO, Duration::ZERO),
        };
        tokio::time::sleep(before).await;
        let answer = self.upstream.send(request).await?;
        tokio::time::sleep(after).await;
        Ok(answer.map(body::whole))
    }
}
