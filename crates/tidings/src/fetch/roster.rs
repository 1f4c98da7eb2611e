//! The pods of a workload: by its selector, and by the chain of their owners' uids.
//!
//! Labels are anybody's: a pod counts if the workload itself made it, or a ReplicaSet that
//! the workload made. What does not change is kept from one list to the next
//! ([`Whereabouts`]), so that a further list is one request. Whether a node is there is asked anew each time, and only
//! of pods that are not Ready: the node's controller says of those of a node that is gone
//! that they are not. Of a pod at a loopback address its node is asked where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use serde::Deserialize;
use tidings_core::ladder::{LivePod, read_live};
use tidings_core::refs::{Name, WorkloadRef};

use super::pods_since::Made;
use crate::api::page::{self, ListStep, METADATA_LIST, Pages};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};

/// So many pods make a page: they are some 10 KB each.
const PAGE: u32 = 250;
/// So many nodes are asked for at once.
const NODES: usize = 8;
/// A selector of so many bytes is kept.
const SELECTOR: usize = 1_024;
/// So many ReplicaSets are kept: a Deployment has pods of few.
const REPLICA_SETS: usize = 16;
/// No workload has more pods that are gone through one by one.
pub const MOST_PODS: usize = 10_000;

/// Whose pods are listed, and what was found out for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// The workload's uid.
    uid: Name,
    /// The object that has the selector: the workload, or whose pod template it uses.
    selects: WorkloadRef,
    /// The containers whose deaths count.
    users: Arc<[Name]>,
    found: Whereabouts,
}

/// Where the pods of a workload are, as far as that was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// The selector of the workload's pods.
    pub selector: Option<String>,
    /// ReplicaSets, and whether the workload has made them.
    pub replica_sets: BTreeMap<Name, bool>,
}

impl Whereabouts {
    /// What is still so while the workload's spec is as it is, if it is not too much to be
    /// kept: a ReplicaSet that was not the workload's may be adopted.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.replica_sets.retain(|_, is_ours| *is_ours);
        let selector = self.selector.as_ref().map_or(0, String::len);
        if selector > SELECTOR || self.replica_sets.len() > REPLICA_SETS {
            return Self::default();
        }
        self
    }
}

impl Roster {
    /// Of a workload of this uid, whose selector stands there. Deaths count of the containers
    /// of these names.
    pub fn new(uid: Name, selects: WorkloadRef, users: Arc<[Name]>) -> Self {
        Self {
            uid,
            selects,
            users,
            found: Whereabouts::default(),
        }
    }

    /// The same, with what was found out before.
    #[must_use]
    pub fn knowing(self, found: Whereabouts) -> Self {
        Self { found, ..self }
    }

    /// What was found out.
    pub fn found(&self) -> &Whereabouts {
        &self.found
    }

    /// The containers whose deaths count.
    pub fn users(&self) -> &Arc<[Name]> {
        &self.users
    }

    /// Lists the pods that have not ended.
    pub async fn list(&mut self, api: &ApiClient) -> Result<Vec<LivePod>, ApiError> {
        let selector = self.selector(api).await?;
        let mut pods = self.selected(api, &selector).await?;
        if pods.iter().any(|pod| self.is_ours(pod).is_none()) {
            self.learn_replica_sets(api, &selector, &pods).await?;
        }
        pods.retain(|pod| self.is_ours(pod) == Some(true));
        self.look_at_nodes(api, &mut pods).await?;
        Ok(pods)
    }

    async fn selector(&mut self, api: &ApiClient) -> Result<String, ApiError> {
        if let Some(selector) = &self.found.selector {
            return Ok(selector.clone());
        }
        let object: Selecting = api::read(&api.get(Place::workload(&self.selects)).await?)?;
        let selector = Selector::try_from(object.spec.selector);
        let selector = selector.map_err(|_| ApiError::Unreadable)?.to_string();
        if selector.is_empty() {
            // It would be every pod of the namespace.
            return Err(ApiError::Unreadable);
        }
        Ok(self.found.selector.insert(selector).clone())
    }

    async fn selected(&self, api: &ApiClient, selector: &str) -> Result<Vec<LivePod>, ApiError> {
        let pods = Place::core("pods").within(self.selects.namespace.clone());
        let list = Call::new(Verb::List, pods).with("labelSelector", selector);
        let mut all = Vec::new();
        let read = |step: ListStep<'_>| {
            match step {
                ListStep::Begin => all.clear(),
                ListStep::Item(item) => all.extend(read_live(item.get().as_bytes(), &self.users)?),
            }
            if all.len() > MOST_PODS {
                return Err(ApiError::Endless);
            }
            Ok(())
        };
        page::anew(api, || Pages::sized(list.clone(), PAGE), read).await?;
        Ok(all)
    }

    /// Whether the workload made it, directly or not; none where that is to be found out.
    fn is_ours(&self, pod: &LivePod) -> Option<bool> {
        match &pod.maker {
            Some(maker) if maker.uid == self.uid => Some(true),
            Some(maker) if maker.is_replica_set => self.found.replica_sets.get(&maker.uid).copied(),
            Some(_) | None => Some(false),
        }
    }

    async fn learn_replica_sets(
        &mut self,
        api: &ApiClient,
        selector: &str,
        pods: &[LivePod],
    ) -> Result<(), ApiError> {
        let sets = Place::new("apps", "v1", "replicasets").within(self.selects.namespace.clone());
        let list = Call::new(Verb::List, sets).with("labelSelector", selector);
        let list = list.accept(METADATA_LIST);
        let (uid, mut ours) = (&self.uid, BTreeSet::new());
        let read = |step: ListStep<'_>| {
            match step {
                ListStep::Begin => ours.clear(),
                ListStep::Item(item) => {
                    let made: Made = api::read(item.get().as_bytes())?;
                    ours.extend(made.uid_if_of(uid));
                }
            }
            Ok(())
        };
        page::anew(api, || Pages::sized(list.clone(), PAGE), read).await?;
        let makers = pods.iter().filter_map(|pod| pod.maker.as_ref());
        let sets = makers.filter(|maker| maker.is_replica_set);
        self.found.replica_sets = sets
            .map(|maker| (maker.uid.clone(), ours.contains(&maker.uid)))
            .collect();
        Ok(())
    }

    async fn look_at_nodes(&self, api: &ApiClient, pods: &mut [LivePod]) -> Result<(), ApiError> {
        let looked_at = pods.iter().filter(|live| asks_for_node(live));
        let nodes: BTreeSet<_> = looked_at.filter_map(|live| live.node.clone()).collect();
        let asked = nodes.into_iter().map(|node| self.look_at(api, node));
        let asked = stream::iter(asked).buffer_unordered(NODES);
        let nodes: BTreeMap<Name, NodeRead> = asked.try_collect().await?;
        for live in pods.iter_mut().filter(|live| asks_for_node(live)) {
            let node = live.node.as_ref().and_then(|node| nodes.get(node));
            live.on_this_machine = node.is_some_and(NodeRead::is_here);
            live.pod.node_ready = live.pod.ready || node.is_some_and(NodeRead::is_ready);
        }
        Ok(())
    }

    async fn look_at(&self, api: &ApiClient, node: Name) -> Result<(Name, NodeRead), ApiError> {
        let place = Place::core("nodes").named(node.clone());
        let place = place.on_behalf_of(self.selects.namespace.clone());
        let read = match api.get(place).await {
            Ok(json) => api::read(&json)?,
            Err(ApiError::Gone) => NodeRead::default(),
            Err(error) => return Err(error),
        };
        Ok((node, read))
    }
}

/// Whether its node tells more of it: that it is there, or where.
fn asks_for_node(live: &LivePod) -> bool {
    let address = live.address.map(|address| address.to_canonical());
    !live.pod.ready || address.is_some_and(|address| address.is_loopback())
}

/// What has a selector.
#[derive(Deserialize)]
struct Selecting {
    spec: SelectingSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SelectingSpec {
    selector: LabelSelector,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeRead {
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    conditions: Vec<NodeCondition>,
    addresses: Vec<NodeAddress>,
}

#[derive(Deserialize)]
struct NodeAddress {
    address: String,
}

#[derive(Deserialize)]
struct NodeCondition {
    #[serde(rename = "type")]
    of: String,
    status: String,
}

impl NodeRead {
    /// Whether it is where we are, and nowhere else: all its addresses are loopback ones.
    fn is_here(&self) -> bool {
        let addresses = &self.status.addresses;
        let is_here = |of: &NodeAddress| {
            let address = of.address.parse::<IpAddr>();
            address.is_ok_and(|address| address.to_canonical().is_loopback())
        };
        !addresses.is_empty() && addresses.iter().all(is_here)
    }

    fn is_ready(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|is| is.of == "Ready" && is.status == "True")
    }
}
