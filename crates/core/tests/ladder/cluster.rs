//! Pods, their nodes, kubelets, agents and processes.

use std::collections::BTreeMap;

use tidings_core::ladder::{
    AgentAnswer, PokeMark, RestartMark, RestartStage, SeenPod as Listed, Taken,
};
use tidings_core::object::Seconds;
use tidings_core::refs::Name;
use tidings_core::settle::Millis;

/// After so long a node that is gone is not Ready.
const GRACE: Millis = 45_000;
/// A token answers so many questions, so long.
const QUESTIONS: u32 = 100;
const TOKEN_LASTS: Millis = 300_000;

/// Times of objects are whole seconds.
pub(crate) fn seconds(at: Millis) -> Seconds {
    Seconds::try_from(at / 1_000).unwrap()
}

/// What stands in the source: which write it is, and what it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileContent {
    pub(crate) write: u32,
    pub(crate) value: u8,
}

impl FileContent {
    /// A check refuses it.
    pub(crate) fn is_broken(self) -> bool {
        self.value % 7 == 3
    }

    /// A process dies of it.
    pub(crate) fn is_deadly(self) -> bool {
        self.value % 7 == 5
    }
}

/// How the agents of this pod are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    Well,
    /// It never answers.
    Mute,
    /// It answers one question of three.
    Flaky,
    /// Nothing proves what it brought.
    Unsure,
    /// It is of a version that knows no questions.
    Old,
}

/// What the node of this pod, or the API server, makes of a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resizes {
    Well,
    /// Nothing comes of it.
    Ignored,
    /// The node says that it has to wait.
    Deferred,
    /// The API server does not take it.
    Refused,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub(crate) struct SeenPod {
    pub(crate) uid: Name,
    /// When it was made.
    pub(crate) made: Millis,
    pub(crate) node: usize,
    pub(crate) generation: u32,
    pub(crate) agent: Agent,
    pub(crate) mark: Option<PokeMark>,
    pub(crate) resizes: Resizes,
    pub(crate) restart: Option<RestartMark>,
    /// The numbers for which the kubelet has started it again.
    pub(crate) restarted: Vec<u64>,
    /// What its poke file holds, since when, and how many questions were answered.
    token: Option<(PokeMark, Millis, u32)>,
    /// Whether it is being deleted.
    pub(crate) going: bool,
    /// Whether its containers have ever run.
    pub(crate) ran: bool,
    pub(crate) started: bool,
    pub(crate) ready: bool,
    pub(crate) deaths: u32,
    /// What its files hold.
    pub(crate) disk: FileContent,
    /// What its process has.
    pub(crate) has: FileContent,
    /// What its check refused.
    refused: Option<u8>,
    /// What is being brought, and whether a poke brought the files.
    pub(crate) bringing: Option<FileContent>,
    pub(crate) poked: bool,
    pub(crate) held: bool,
    /// Whether it is down because it took what a poke had brought, was started again, or is
    /// there for one that was evicted.
    pub(crate) down_by_us: bool,
}

impl SeenPod {
    pub(crate) fn new(
        uid: Name,
        made: Millis,
        (node, generation): (usize, u32),
        content: FileContent,
    ) -> Self {
        Self {
            uid,
            made,
            node,
            generation,
            agent: Agent::Well,
            mark: None,
            resizes: Resizes::Well,
            restart: None,
            restarted: Vec::new(),
            token: None,
            going: false,
            ran: false,
            started: false,
            ready: false,
            deaths: 0,
            disk: content,
            has: content,
            refused: None,
            bringing: None,
            poked: false,
            held: false,
            down_by_us: false,
        }
    }

    /// Whether a resize of it is asked for, and nothing has come of it.
    pub(crate) fn is_asked(&self) -> bool {
        let mark = self.restart.as_ref();
        mark.is_some_and(|mark| mark.stage == RestartStage::Asked)
    }

    /// Its process has started. One that does so after it was noted has what is there.
    pub(crate) fn starts(&mut self, content: FileContent) {
        let open = [RestartStage::Noted, RestartStage::Asked];
        let noted = self
            .restart
            .as_mut()
            .filter(|mark| open.contains(&mark.stage));
        if self.deaths == 0 || noted.is_some() {
            self.disk = content;
        }
        if let Some(mark) = noted {
            mark.stage = RestartStage::Restarted;
        }
        self.ran = true;
        (self.started, self.has, self.held, self.bringing) = (true, self.disk, false, None);
    }

    /// The kubelet writes the files. Returns whether there is something to be brought.
    pub(crate) fn sync(&mut self, content: FileContent, now: Millis, paced: bool) -> bool {
        let known = self.token.as_ref().map(|(mark, ..)| mark);
        if known != self.mark.as_ref() {
            self.token = self.mark.clone().map(|mark| (mark, now, 0));
        }
        if content.write < self.disk.write {
            return false;
        }
        self.disk = content;
        if !self.started {
            self.has = content;
        }
        let is_new = self.has.value != content.value && self.refused != Some(content.value);
        if !is_new {
            self.held = false;
            if self.has.value == content.value && self.bringing.is_none() {
                self.has = content;
            }
            return false;
        }
        self.held = paced && self.bringing.is_none();
        is_new && !paced
    }

    /// What was being brought has been. Returns whether the process took it.
    pub(crate) fn brought(&mut self, breaks: bool) -> bool {
        let Some(content) = self.bringing.take() else {
            return false;
        };
        if breaks && content.is_broken() {
            self.refused = Some(content.value);
            return false;
        }
        self.refused = None;
        self.has = content;
        true
    }

    /// What its agent says to a question, and whether that releases what it held.
    pub(crate) fn answer(
        &mut self,
        token: &Name,
        value: u8,
        restarts: bool,
        now: Millis,
    ) -> (AgentAnswer, bool) {
        if self.agent == Agent::Old {
            return (AgentAnswer::Cannot("knows no questions".into()), false);
        }
        match &mut self.token {
            Some((mark, since, asked))
                if mark.token == *token && *asked < QUESTIONS && now < *since + TOKEN_LASTS =>
            {
                *asked += 1;
            }
            _ => return (AgentAnswer::NoToken, false),
        }
        if self.disk.value != value {
            return (AgentAnswer::Other, false);
        }
        let outcome = if self.bringing.is_some() {
            Taken::Pending
        } else if self.refused == Some(value) {
            Taken::Rejected
        } else if self.held {
            Taken::Held
        } else if self.agent == Agent::Unsure {
            Taken::Unverified
        } else if self.has.value == value {
            Taken::Applied
        } else {
            Taken::Pending
        };
        let text = "line 3: unexpected }".to_owned();
        let releases = std::mem::take(&mut self.held);
        let holds = AgentAnswer::Holds {
            outcome,
            restarts,
            text,
        };
        (holds, releases)
    }
}

/// All pods, and since when nodes are gone.
pub(crate) struct Cluster {
    pub(crate) pods: BTreeMap<Name, SeenPod>,
    pub(crate) gone: Vec<Option<Millis>>,
}

impl Cluster {
    pub(crate) fn is_there(&self, node: usize) -> bool {
        self.gone[node].is_none()
    }

    /// As the API server shows its pods.
    pub(crate) fn list(&self, now: Millis) -> Vec<Listed> {
        let shown = self.pods.values().map(|pod| {
            let node_ready = self.gone[pod.node].is_none_or(|since| now < since + GRACE);
            Listed {
                uid: pod.uid.clone(),
                name: format!("web-{}", pod.uid).into(),
                made: Some(seconds(pod.made)),
                mark: pod.mark.clone(),
                restart: pod.restart.clone(),
                ready: pod.ready && node_ready,
                started: pod.started,
                pending: !pod.ran,
                going: pod.going,
                node_ready,
                deaths: pod.deaths,
            }
        });
        shown.collect()
    }

    /// The pods that are not being deleted.
    pub(crate) fn staying(&self) -> impl Iterator<Item = &SeenPod> + Clone {
        self.pods.values().filter(|pod| !pod.going)
    }

    /// A pod whose process runs and whose node is there.
    pub(crate) fn running(&self) -> impl Iterator<Item = &SeenPod> {
        let pods = self.pods.values();
        pods.filter(|pod| pod.started && self.is_there(pod.node))
    }
}
