//! What Tidings promises about pods, on a real node: kubelet, containerd, real servers.
//!
//! All share one cluster and its node, and run side by side in namespaces of their own.
//! Where the machine cannot have a node each test says that it is left out, and why
//! (`rig::node::lack`). Tests poke a pod to be quick: its kubelet then brings changed
//! files at once. Some wait for what comes by itself.

mod drop_ins;
mod evict;
mod examples;
mod hot;
mod in_place;
mod injected;
mod installed;
mod lab;
mod node;
mod pokes;
mod seed;
mod sidecars;
mod supervisors;
mod the_demo;
