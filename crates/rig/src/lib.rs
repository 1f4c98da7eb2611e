//! A real control plane for tests, the demo and the benchmarks.
//!
//! [`Cluster`] is etcd, kube-apiserver and kube-controller-manager as Kubernetes
//! ships them; [`kubelet`] plays the nodes, [`node`] is a real one; [`proxy`] stands between a program
//! under test and the API server to record and to disturb; [`process`] runs the
//! real `tidings`, [`installed`] with namespaces of its own; [`memory`] looks into
//! it; [`receiver`] is who is told elsewhere; [`manifests`] and [`fixtures`] make
//! objects.

pub mod answering;
mod assets;
pub mod browser;
pub mod certs;
pub mod chromium;
pub mod churn;
pub mod clock;
pub mod cluster;
pub mod crds;
pub mod daemon;
pub mod dashboard;
pub mod demo;
mod fetch;
pub mod fixtures;
pub mod installed;
mod keeper;
mod kubeconfig;
pub mod kubelet;
pub mod manifests;
pub mod memory;
pub mod node;
pub mod operator;
pub mod packages;
pub mod plane;
pub mod ports;
pub mod process;
mod programs;
pub mod proxy;
mod random;
pub mod receiver;
pub mod shop;
mod users;
pub mod wait;

pub use cluster::Cluster;
pub use installed::Installed;
pub use kubeconfig::client_of;
pub use node::Node;
pub use plane::Options;
pub use wait::{holds, secs, wait_until};

/// When this variable is set, what a test made is kept after it: namespaces,
/// logs, the folder of a cluster of its own.
pub const KEEP: &str = "TIDINGS_RIG_KEEP";
