//! Starts a cluster of the rig and keeps it: for a command, or until it is ended.
//!
//! `rig-cluster -- cargo test -p rig` gives all test programs one cluster, with
//! `--node` one in which pods run. Without a command it prints what to export, and
//! stays until SIGINT or SIGTERM.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use rig::cluster::{Cluster, SHARED};
use rig::node::{self, Node};
use rig::plane::Options;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A Kubernetes cluster for tests, on this machine, without containers.
#[derive(Parser)]
struct Args {
    /// Nodes that the fake kubelet plays; with 0, pods stay pending.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// A real node instead, where pods run; as root. Where it cannot be, it is said and
    /// the command is run without a cluster.
    #[arg(long)]
    node: bool,
    /// The controller-manager's request rate; 20 is Kubernetes' default.
    #[arg(long, default_value_t = Options::default().controller_qps)]
    controller_qps: u32,
    /// Also writes the administrator's kubeconfig to this file.
    #[arg(long, value_name = "FILE")]
    kubeconfig_to: Option<PathBuf>,
    /// Ends when standard input does.
    #[arg(long)]
    until_input_ends: bool,
    /// A command to run with the cluster in its environment.
    #[arg(last = true)]
    command: Vec<String>,
}

// One thread: the kernel ends our children when the thread that started them ends.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if args.node {
        return with_a_node(&args).await;
    }
    let options = Options {
        nodes: args.nodes,
        controller_qps: args.controller_qps,
        ..Options::default()
    };
    let cluster = Cluster::start(options).await?;
    keep(&args, &cluster).await
}

#[expect(clippy::print_stderr, reason = "what the tests lack")]
async fn with_a_node(args: &Args) -> Result<ExitCode> {
    let (Some(why), Some(command)) = (node::lack(), args.command.split_first()) else {
        return tokio::select! {
            node = Node::start() => keep(args, node?.cluster()).await,
            () = told_to_end() => Ok(ExitCode::FAILURE),
        };
    };
    eprintln!("no real node on this machine: {why}");
    run(command, None).await
}

/// Keeps the cluster for the command, or until it is ended.
async fn keep(args: &Args, cluster: &Cluster) -> Result<ExitCode> {
    if let Some(file) = &args.kubeconfig_to {
        std::fs::copy(cluster.kubeconfig(), file)?;
    }
    match args.command.split_first() {
        Some(command) => run(command, Some(cluster.folder())).await,
        None => stay(cluster, args.until_input_ends).await,
    }
}

/// Runs the command; its exit code is ours.
async fn run((program, args): (&String, &[String]), folder: Option<&Path>) -> Result<ExitCode> {
    let mut child = Command::new(program)
        .args(args)
        .envs(folder.map(|folder| (SHARED, folder)))
        .kill_on_drop(true)
        .spawn()?;
    let status = tokio::select! {
        status = child.wait() => status?,
        () = told_to_end() => return Ok(ExitCode::FAILURE),
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[expect(clippy::print_stdout, reason = "what the shell that started us reads")]
async fn stay(cluster: &Cluster, until_input_ends: bool) -> Result<ExitCode> {
    println!("export KUBECONFIG={}", cluster.kubeconfig().display());
    println!("export {SHARED}={}", cluster.folder().display());
    if until_input_ends {
        tokio::select! {
            result = input_end() => result?,
            () = told_to_end() => (),
        }
    } else {
        told_to_end().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// A thread, since a runtime cannot end while it reads standard input.
async fn input_end() -> Result<()> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        // An error is an end, too.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        ended.send(()).ok();
    })?;
    Ok(end.await?)
}

async fn told_to_end() {
    let ends = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt)] = ends else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}
